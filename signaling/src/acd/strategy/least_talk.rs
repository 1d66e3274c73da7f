//! The agent who talked least in conversations from queues since they signed in. Hold counts as
//! talk, wrap-up does not.

use super::{Candidate, Rule, millis};

pub(super) const RULE: Rule = Rule {
    rank: |candidate: &Candidate| millis(candidate.tally.talked),
    measure: |candidate, _| millis(candidate.tally.talked),
};

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use std::time::Duration;
    use terms::Moment;

    #[test]
    fn who_talked_less_has_the_lower_rank_however_many_they_were() {
        let [mut long, mut short] = [candidate(1, 10), candidate(2, 10)];
        long.tally.served(Moment::from_secs(900), Duration::from_secs(800), true);
        for second in [20, 30] {
            short.tally.served(Moment::from_secs(second), Duration::from_secs(5), true);
        }
        assert!((RULE.rank)(&short) < (RULE.rank)(&long));
        assert_eq!((RULE.measure)(&short, Moment::from_secs(40)), 10_000);
    }
}
