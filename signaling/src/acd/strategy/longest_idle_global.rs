//! The agent whose last conversation ended longest ago, whichever queue or number it came from. Who
//! was on a break meanwhile does not stand behind those who stayed.

use super::{Candidate, Rule, earliest, millis};

pub(super) const RULE: Rule = Rule {
    rank: |candidate: &Candidate| earliest(candidate.tally.served_until),
    measure: |candidate, now| millis(now - candidate.tally.served_until),
};

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use std::time::Duration;
    use terms::Moment;

    #[test]
    fn a_break_does_not_set_an_agent_back() {
        let mut stayed = candidate(1, 10);
        stayed.tally.served(Moment::from_secs(20), Duration::ZERO, false);
        let mut had_tea = candidate(2, 10);
        had_tea.tally.served(Moment::from_secs(15), Duration::ZERO, true);
        had_tea.idle_since = Moment::from_secs(60);
        assert!((RULE.rank)(&had_tea) < (RULE.rank)(&stayed));
        assert_eq!((RULE.measure)(&had_tea, Moment::from_secs(60)), 45_000);
    }
}
