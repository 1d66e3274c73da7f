//! The agent who had the fewest conversations from queues since they signed in.

use super::{Candidate, Rule};

pub(super) const RULE: Rule = Rule {
    rank: |candidate: &Candidate| i64::from(candidate.tally.calls),
    measure: |candidate, _| i64::from(candidate.tally.calls),
};

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use std::time::Duration;
    use terms::Moment;

    #[test]
    fn who_had_fewer_conversations_has_the_lower_rank_however_long_they_were() {
        let [mut few, mut many] = [candidate(1, 10), candidate(2, 10)];
        few.tally.served(Moment::from_secs(900), Duration::from_secs(800), true);
        for second in [20, 30] {
            many.tally.served(Moment::from_secs(second), Duration::from_secs(5), true);
        }
        assert!((RULE.rank)(&few) < (RULE.rank)(&many));
        assert_eq!((RULE.measure)(&many, Moment::from_secs(40)), 2);
    }
}
