//! The agent idle longest: since the end of their last call or wrap-up, or since they became ready.
//! An offer that the caller withdrew does not set the clock back.

use super::{Candidate, Rule, earliest, millis};

pub(super) const RULE: Rule = Rule {
    rank: |candidate: &Candidate| earliest(candidate.idle_since),
    measure: |candidate, now| millis(now - candidate.idle_since),
};

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use terms::Moment;

    #[test]
    fn the_agent_idle_longest_has_the_lowest_rank() {
        let [first, second] = [candidate(1, 30), candidate(2, 10)];
        assert!((RULE.rank)(&second) < (RULE.rank)(&first));
        assert_eq!((RULE.measure)(&second, Moment::from_secs(12)), 2_000);
    }
}
