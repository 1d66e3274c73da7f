//! The agent whose share of busy time was lowest lately, so that who signs in late is not flooded and
//! who had a long call rests. How the share is kept stands in `acd/tally.rs`.

use super::{Candidate, Rule};

pub(super) const RULE: Rule = Rule {
    rank: |candidate: &Candidate| candidate.tally.busy_rank(),
    measure: |candidate, now| candidate.tally.busy_permille(now),
};

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use terms::Moment;
    use terms::event::Activity;

    #[test]
    fn who_was_less_busy_lately_has_the_lower_rank() {
        let [mut busy, mut rested] = [candidate(1, 0), candidate(2, 0)];
        busy.tally.spend(Moment::from_secs(600), Activity::Talking);
        rested.tally.spend(Moment::from_secs(60), Activity::Talking);
        assert!((RULE.rank)(&rested) < (RULE.rank)(&busy));
        assert_eq!((RULE.measure)(&busy, Moment::from_secs(600)), 154);
    }
}
