//! The sixty calls and twelve orders of the demonstration, and what must come of them.

use crate::field::Order;
use crate::script::{Handling, Step, Then};
use std::time::Duration;

/// Agents' orders: 12, of which 5 become overdue while the demonstration runs.
pub const ORDERS: usize = 12;
/// Orders whose deadline is a few seconds away.
pub const ORDERS_OVERDUE: usize = 5;

/// The welcome is over and the menu listens.
const UNTIL_MENU: Duration = Duration::from_millis(6_500);
const TALK: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(90);

/// What a caller comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Leaves the queue before anybody answers.
    Abandons,
    /// Leaves a message.
    LeavesMessage,
    /// Hears the opening hours.
    AsksHours,
    /// Talks; the agent releases; the caller rates with this key.
    Rates(char),
    /// Talks; the agent releases after a hold; the caller rates with this key.
    IsHeldAndRates(char),
    /// Talks; the agent releases; the caller says nothing more.
    RatesNot,
    /// Talks and hangs up first.
    HangsUpFirst,
    /// Is passed on to the other agent, who releases; rates with this key.
    IsPassedOn(char),
}

/// Everybody, in the order of their calls.
pub const CALLS: &[(usize, Kind)] = &[
    (10, Kind::Abandons),
    (8, Kind::LeavesMessage),
    (6, Kind::AsksHours),
    (10, Kind::Rates('1')),
    (5, Kind::Rates('2')),
    (3, Kind::Rates('3')),
    (2, Kind::IsHeldAndRates('1')),
    (4, Kind::RatesNot),
    (6, Kind::HangsUpFirst),
    (6, Kind::IsPassedOn('1')),
];

impl Kind {
    /// Waits for an agent.
    pub fn wants_agent(self) -> bool {
        !matches!(self, Kind::Abandons | Kind::LeavesMessage | Kind::AsksHours)
    }

    /// The warehouse's word for it.
    pub fn outcome(self) -> &'static str {
        match self {
            Kind::Abandons => "abandoned",
            Kind::LeavesMessage => "voicemail",
            Kind::AsksHours => "ivr_only",
            _ => "answered",
        }
    }

    /// The key that the survey hears.
    pub fn rating(self) -> Option<char> {
        match self {
            Kind::Rates(key) | Kind::IsHeldAndRates(key) | Kind::IsPassedOn(key) => Some(key),
            _ => None,
        }
    }

    fn steps(self) -> Vec<Step> {
        let press = |key: char| vec![Step::Wait(UNTIL_MENU), Step::Press(key.to_string())];
        let pause = |ms: u64| Step::Wait(Duration::from_millis(ms));
        let rate = |key: char| {
            vec![
                Step::HearAgentLeave(Duration::from_secs(30)),
                pause(1_500),
                Step::Press(key.to_string()),
                Step::Stay(Duration::from_secs(20)),
            ]
        };
        let mut steps = match self {
            Kind::Abandons => press('0'),
            Kind::LeavesMessage => press('3'),
            Kind::AsksHours => press('2'),
            _ => press('0'),
        };
        if self.wants_agent() {
            steps.push(Step::HearAgent(PATIENCE));
        }
        match self {
            Kind::Abandons => steps.extend([pause(3_000), Step::HangUp]),
            Kind::LeavesMessage => {
                steps.extend([Step::HearBeep(Duration::from_secs(20)), pause(3_000), Step::HangUp]);
            }
            Kind::AsksHours => steps.extend([pause(2_500), Step::HangUp]),
            Kind::Rates(key) | Kind::IsHeldAndRates(key) => steps.extend(rate(key)),
            Kind::RatesNot => {
                steps.extend([Step::HearAgentLeave(Duration::from_secs(30)), pause(2_000)]);
                steps.push(Step::HangUp);
            }
            Kind::HangsUpFirst => steps.extend([pause(1_500), Step::HangUp]),
            Kind::IsPassedOn(key) => {
                steps.push(Step::HearAnotherAgent(Duration::from_secs(20)));
                steps.extend(rate(key));
            }
        }
        steps
    }

    fn handling(self) -> Vec<Handling> {
        let then = |then: Then| Handling { talk: TALK, then };
        match self {
            Kind::Abandons | Kind::LeavesMessage | Kind::AsksHours => Vec::new(),
            Kind::Rates(_) | Kind::RatesNot => vec![then(Then::Release)],
            Kind::IsHeldAndRates(_) => {
                vec![then(Then::HoldAndRelease(Duration::from_millis(1_000)))]
            }
            Kind::HangsUpFirst => vec![then(Then::Stay)],
            Kind::IsPassedOn(_) => vec![then(Then::TransferToColleague), then(Then::Release)],
        }
    }
}

/// The calls with their numbers. The number's last digits are the caller's id.
pub fn calls(hotline: &str) -> Vec<(Kind, Order)> {
    let kinds = CALLS.iter().flat_map(|(count, kind)| std::iter::repeat_n(*kind, *count));
    let order = |(id, kind): (u32, Kind)| {
        let order = Order {
            id,
            from: format!("1380013{id:04}"),
            to: hotline.to_owned(),
            steps: kind.steps(),
            handling: kind.handling(),
        };
        (kind, order)
    };
    (1..).zip(kinds).map(order).collect()
}

/// How many calls fulfil something.
pub fn count(what: impl Fn(Kind) -> bool) -> i64 {
    CALLS.iter().filter(|(_, kind)| what(*kind)).map(|(count, _)| *count as i64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_calls_end_as_promised() {
        let ended = |outcome: &str| count(|kind| kind.outcome() == outcome);
        assert_eq!(count(|_| true), 60);
        assert_eq!(["answered", "abandoned", "voicemail", "ivr_only"].map(ended), [36, 10, 8, 6]);
        assert_eq!(count(|kind| matches!(kind, Kind::IsPassedOn(_))), 6);
        assert_eq!(['1', '2', '3'].map(|key| count(|kind| kind.rating() == Some(key))), [18, 5, 3]);
    }

    #[test]
    fn every_caller_has_a_number_and_enough_agents() {
        let calls = calls("95105688");
        let numbers: std::collections::BTreeSet<_> =
            calls.iter().map(|(_, order)| order.from.clone()).collect();
        assert_eq!(numbers.len(), 60);
        for (kind, order) in calls {
            let agents = match kind {
                Kind::IsPassedOn(_) => 2,
                other => usize::from(other.wants_agent()),
            };
            assert_eq!(order.handling.len(), agents, "{kind:?}");
            assert!(matches!(order.steps.last(), Some(Step::HangUp | Step::Stay(_))));
        }
    }
}
