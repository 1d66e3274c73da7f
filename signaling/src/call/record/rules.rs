//! Whether a conversation is recorded, and how: a pure function of the tenant's rules, the facts of
//! the conversation and the wall clock.
//!
//! Who or what is excluded comes first: no rule and no person brings it back. Then the first rule
//! that matches; where none does, the queue's own setting, or the box's for calls without a queue.

use crate::ivr::hours;
use chrono_tz::Tz;
use terms::event::Direction;
use terms::routing::{Exclusion, Hours, Plan, RecordingThen, RecordingWhen};
use terms::{AgentId, PhoneNumber, QueueId, Timestamp};

/// What is known of a conversation when it begins.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub direction: Direction,
    pub caller: &'a PhoneNumber,
    pub dialled: &'a PhoneNumber,
    pub queue: Option<QueueId>,
    pub parties: Parties,
    /// What happens where no rule matches.
    pub otherwise: bool,
}

/// Who takes part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parties {
    pub agents: Vec<AgentId>,
    /// SIP users of phones and names of trunks.
    pub lines: Vec<String>,
    /// Normalised.
    pub numbers: Vec<String>,
}

/// When it begins, by whose clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub zone: Tz,
    pub at: Timestamp,
}

/// What happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub why: Why,
    /// `record` says whether; the rest says how.
    pub then: RecordingThen,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Excluded(Exclusion),
    /// The rule of this name.
    Rule(String),
    /// The queue's own setting.
    Queue,
    /// The box's setting, or that of a lease.
    Direct,
    /// It goes by a lease that is not recorded.
    Lease,
    /// The caller does not agree.
    NotAgreed,
}

impl Decision {
    /// It goes by a lease that is never recorded.
    pub fn by_lease() -> Self {
        let then = RecordingThen { record: false, ..RecordingThen::default() };
        Decision { why: Why::Lease, then }
    }

    /// The caller does not agree to it.
    pub fn not_agreed() -> Self {
        let then = RecordingThen { record: false, ..RecordingThen::default() };
        Decision { why: Why::NotAgreed, then }
    }

    pub fn is_excluded(&self) -> bool {
        matches!(self.why, Why::Excluded(_) | Why::Lease | Why::NotAgreed)
    }

    /// Why it is not recorded, for people.
    pub fn refusal(&self) -> String {
        match &self.why {
            Why::Excluded(Exclusion::Agent(agent)) => format!("agent {agent} is never recorded"),
            Why::Excluded(Exclusion::Line(line)) => format!("line {line} is never recorded"),
            Why::Excluded(Exclusion::Number(number)) => format!("{number} is never recorded"),
            Why::Rule(name) => format!("not recorded by the rule \"{name}\""),
            Why::Queue => "this queue is not recorded".to_owned(),
            Why::Direct => "calls without a queue are not recorded".to_owned(),
            Why::Lease => "this lease of a number is not recorded".to_owned(),
            Why::NotAgreed => "the caller does not agree to be recorded".to_owned(),
        }
    }
}

/// Decides.
pub(crate) fn decide(plan: &Plan, facts: &Facts, clock: Clock) -> Decision {
    if let Some(exclusion) = excluded(plan, &facts.parties) {
        let then = RecordingThen { record: false, ..RecordingThen::default() };
        return Decision { why: Why::Excluded(exclusion), then };
    }
    let mut rules = plan.recording_rules.iter();
    match rules.find(|rule| matches(&rule.when, facts, &plan.hours, clock)) {
        Some(rule) => Decision { why: Why::Rule(rule.name.clone()), then: rule.then.clone() },
        None => {
            let why = if facts.queue.is_some() { Why::Queue } else { Why::Direct };
            let then = RecordingThen { record: facts.otherwise, ..RecordingThen::default() };
            Decision { why, then }
        }
    }
}

/// The first of them that is never recorded; each is one look-up.
pub(crate) fn excluded(plan: &Plan, parties: &Parties) -> Option<Exclusion> {
    let all = &plan.recording_exclusions;
    let agent = parties.agents.iter().find(|&agent| all.agents.contains(agent));
    let line = || parties.lines.iter().find(|&line| all.lines.contains(line));
    let number = || parties.numbers.iter().find(|&number| all.numbers.contains(number));
    agent
        .map(|&agent| Exclusion::Agent(agent))
        .or_else(|| line().map(|line| Exclusion::Line(line.clone())))
        .or_else(|| number().map(|number| Exclusion::Number(number.clone())))
}

fn matches(when: &RecordingWhen, facts: &Facts, hours: &[Hours], clock: Clock) -> bool {
    let RecordingWhen { queues, numbers, directions, agents, caller_prefixes, hours: open } = when;
    let dialled = |number: &String| is_number(facts.dialled, |text| text == number);
    let called_from = |prefix: &String| is_number(facts.caller, |text| text.starts_with(prefix));
    let is_open = |name: &String| {
        hours.iter().any(|h| h.name == *name && hours::is_open(h, clock.zone, clock.at))
    };
    any(queues, |queue| facts.queue == Some(*queue))
        && any(numbers, dialled)
        && any(directions, |direction| facts.direction == *direction)
        && any(agents, |agent| facts.parties.agents.contains(agent))
        && any(caller_prefixes, called_from)
        && any(open, is_open)
}

/// A condition that names nothing asks nothing.
fn any<T>(named: &[T], is: impl Fn(&T) -> bool) -> bool {
    named.is_empty() || named.iter().any(is)
}

fn is_number(number: &PhoneNumber, is: impl Fn(&str) -> bool) -> bool {
    is(&number.received) || is(&number.normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use terms::event::Direction::{Inbound, Internal, Outbound};
    use terms::routing::{Exclusions, RecordingRule, Window};
    use terms::{RecordingRuleId, TenantId};

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text, "86")
    }

    fn rule(name: &str, record: bool, when: RecordingWhen) -> RecordingRule {
        let then = RecordingThen { record, ..RecordingThen::default() };
        RecordingRule { id: RecordingRuleId(1), name: name.into(), when, then }
    }

    fn plan(rules: Vec<RecordingRule>) -> Plan {
        let mut plan = Plan::empty(TenantId(1), "t");
        let window = |weekday, from, to| Window { weekday, from_minute: from, to_minute: to };
        plan.hours = vec![Hours {
            name: "office".into(),
            windows: (1..=5)
                .flat_map(|day| [window(day, 540, 720), window(day, 840, 1_080)])
                .collect(),
            closed: vec!["2026-10-01".into()],
            open: vec!["2026-10-10".into()],
        }];
        plan.recording_rules = rules;
        plan
    }

    fn at(local: &str) -> Clock {
        let at = chrono::DateTime::parse_from_rfc3339(&format!("{local}:00+08:00")).unwrap();
        Clock { zone: hours::zone("Asia/Shanghai"), at: Timestamp(at.timestamp_micros()) }
    }

    /// A Monday morning.
    fn monday() -> Clock {
        at("2026-11-23T10:00")
    }

    fn decided(plan: &Plan, change: impl Fn(&mut Facts), clock: Clock) -> (bool, Why) {
        let (caller, dialled) = (number("013800138000"), number("95105688"));
        let mut facts = Facts {
            direction: Inbound,
            caller: &caller,
            dialled: &dialled,
            queue: Some(QueueId(1)),
            parties: Parties {
                agents: vec![AgentId(7)],
                lines: vec!["1007".into(), "city".into()],
                numbers: vec![caller.normal.clone(), dialled.normal.clone()],
            },
            otherwise: true,
        };
        change(&mut facts);
        let decision = decide(plan, &facts, clock);
        (decision.then.record, decision.why)
    }

    #[test]
    fn each_condition_matches_what_it_names_and_nothing_else() {
        let no = || Why::Rule("no".into());
        let when = RecordingWhen::default;
        let table: Vec<(RecordingWhen, bool)> = vec![
            (when(), true),
            (RecordingWhen { queues: vec![QueueId(2), QueueId(1)], ..when() }, true),
            (RecordingWhen { queues: vec![QueueId(2)], ..when() }, false),
            (RecordingWhen { numbers: vec!["95105688".into()], ..when() }, true),
            (RecordingWhen { numbers: vec!["9510568".into()], ..when() }, false),
            (RecordingWhen { directions: vec![Outbound, Inbound], ..when() }, true),
            (RecordingWhen { directions: vec![Internal], ..when() }, false),
            (RecordingWhen { agents: vec![AgentId(7)], ..when() }, true),
            (RecordingWhen { agents: vec![AgentId(8)], ..when() }, false),
            (RecordingWhen { caller_prefixes: vec!["+86138".into()], ..when() }, true),
            (RecordingWhen { caller_prefixes: vec!["0138".into()], ..when() }, true),
            (RecordingWhen { caller_prefixes: vec!["139".into()], ..when() }, false),
            (RecordingWhen { hours: vec!["office".into()], ..when() }, true),
            (RecordingWhen { hours: vec!["gone".into()], ..when() }, false),
            // All that is named must fit.
            (RecordingWhen { queues: vec![QueueId(1)], agents: vec![AgentId(8)], ..when() }, false),
        ];
        for (when, fits) in table {
            let plan = plan(vec![rule("no", false, when.clone())]);
            let expected = if fits { (false, no()) } else { (true, Why::Queue) };
            assert_eq!(decided(&plan, |_| {}, monday()), expected, "{when:?}");
        }
    }

    #[test]
    fn windows_open_and_close_by_the_tenants_clock_with_its_holidays() {
        let office = RecordingWhen { hours: vec!["office".into()], ..RecordingWhen::default() };
        let night = rule("night", false, RecordingWhen::default());
        let plan = plan(vec![rule("office", true, office), night]);
        for (local, records) in [
            ("2026-11-23T08:59", false),
            ("2026-11-23T09:00", true),
            ("2026-11-23T11:59", true),
            ("2026-11-23T12:00", false),
            ("2026-11-23T14:00", true),
            ("2026-11-23T18:00", false),
            ("2026-11-22T10:00", false),
            ("2026-10-01T10:00", false),
            ("2026-10-10T10:00", true),
        ] {
            assert_eq!(decided(&plan, |_| {}, at(local)).0, records, "{local}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides_and_without_one_it_is_as_before() {
        let one = rule("one", false, RecordingWhen::default());
        let two = rule("two", true, RecordingWhen::default());
        let order = |rules| decided(&plan(rules), |_| {}, monday());
        assert_eq!(order(vec![one.clone(), two.clone()]), (false, Why::Rule("one".into())));
        assert_eq!(order(vec![two, one]), (true, Why::Rule("two".into())));
        let none = plan(vec![]);
        assert_eq!(decided(&none, |facts| facts.otherwise = false, monday()), (false, Why::Queue));
        assert_eq!(decided(&none, |facts| facts.queue = None, monday()), (true, Why::Direct));
    }

    #[test]
    fn whom_a_list_names_is_not_recorded_whatever_a_rule_says() {
        let always = rule("always", true, RecordingWhen::default());
        let lists: [fn(&mut Exclusions) -> bool; 4] = [
            |all| all.insert(Exclusion::Agent(AgentId(7))),
            |all| all.insert(Exclusion::Line("1007".into())),
            |all| all.insert(Exclusion::Line("city".into())),
            |all| all.insert(Exclusion::Number("+8613800138000".into())),
        ];
        for insert in lists {
            let mut plan = plan(vec![always.clone()]);
            insert(Arc::make_mut(&mut plan.recording_exclusions));
            let (record, why) = decided(&plan, |_| {}, monday());
            assert!(!record && matches!(why, Why::Excluded(_)), "{why:?}");
            let others = decided(&plan, |facts| facts.parties = Parties::default(), monday());
            assert_eq!(others, (true, Why::Rule("always".into())));
        }
    }

    #[test]
    fn one_of_a_hundred_thousand_is_found_and_their_neighbours_are_not() {
        let mut plan = plan(vec![]);
        let all = Arc::make_mut(&mut plan.recording_exclusions);
        for n in 0..100_000_u32 {
            all.insert(Exclusion::Number(format!("+86138{:08}", n * 2)));
        }
        for n in [0_u32, 1, 2, 77_777, 99_999, 199_998, 199_999, 200_000] {
            let parties = Parties { numbers: vec![format!("+86138{n:08}")], ..Parties::default() };
            let named = n.is_multiple_of(2) && n < 200_000;
            assert_eq!(excluded(&plan, &parties).is_some(), named, "{n}");
        }
    }
}
