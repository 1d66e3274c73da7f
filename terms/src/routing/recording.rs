//! Which conversations are recorded: ordered rules, of which the first that matches decides, and
//! the lists of whom, which lines and which numbers are never recorded, whatever a rule says.
//!
//! The lists have no limit of their own; a look-up is O(log n).

use crate::event::Direction;
use crate::id::{AgentId, QueueId, RecordingRuleId};
use crate::media::RecordFormat;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Seconds between two consent beeps, where a rule does not say.
pub const BEEP_EVERY_S: u32 = 15;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingRule {
    /// Its id.
    pub id: RecordingRuleId,
    /// Its name, for people.
    pub name: String,
    /// What it is about.
    pub when: RecordingWhen,
    /// What happens to it.
    pub then: RecordingThen,
}

/// What a rule is about. Conditions combine; an empty one asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingWhen {
    /// Came through one of these queues.
    pub queues: Vec<QueueId>,
    /// One of these was dialled, as dialled or normalised.
    pub numbers: Vec<String>,
    /// One of these ways.
    pub directions: Vec<Direction>,
    /// One of these agents talks.
    pub agents: Vec<AgentId>,
    /// The caller's number begins with one of these, as received or normalised.
    pub caller_prefixes: Vec<String>,
    /// One of these opening hours is open, holidays and make-up days included.
    pub hours: Vec<String>,
}

/// What happens to a conversation that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingThen {
    /// Record it.
    pub record: bool,
    /// Drop a recording that is shorter, in seconds; 0 keeps all.
    pub min_s: u32,
    /// Cut a longer one there, in seconds; 0 is no limit.
    pub max_s: u32,
    /// Its forms.
    pub format: RecordFormat,
    /// How much of the call.
    pub scope: RecordingScope,
    /// A prompt that both hear before the recording begins; empty is none.
    pub announce: String,
    /// All hear a short beep now and then while it is recorded.
    pub beep: bool,
    /// Seconds between two of them.
    pub beep_every_s: u32,
    /// Agents may start, stop, pause and resume it in their own conversations.
    pub agents_control: bool,
}

impl Default for RecordingThen {
    fn default() -> Self {
        RecordingThen {
            record: true,
            min_s: 0,
            max_s: 0,
            format: RecordFormat::Both,
            scope: RecordingScope::Conversation,
            announce: String::new(),
            beep: false,
            beep_every_s: BEEP_EVERY_S,
            agents_control: false,
        }
    }
}

/// How much of a call is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingScope {
    /// From the moment both hear each other.
    #[default]
    Conversation,
    /// From the answer on: what the caller says in the flow and in the queue too.
    Call,
}

/// Somebody or something that is never recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Exclusion {
    /// A person who answers calls.
    Agent(AgentId),
    /// A line: the SIP user of a phone, or the name of a trunk.
    Line(String),
    /// A telephone number, normalised.
    Number(String),
}

/// All that is never recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exclusions {
    /// Persons.
    pub agents: BTreeSet<AgentId>,
    /// Lines.
    pub lines: BTreeSet<String>,
    /// Numbers.
    pub numbers: BTreeSet<String>,
}

impl Exclusions {
    /// Adds one. False when it stood there.
    pub fn insert(&mut self, exclusion: Exclusion) -> bool {
        match exclusion {
            Exclusion::Agent(agent) => self.agents.insert(agent),
            Exclusion::Line(line) => self.lines.insert(line),
            Exclusion::Number(number) => self.numbers.insert(number),
        }
    }

    /// Takes one away. False when it did not stand there.
    pub fn remove(&mut self, exclusion: &Exclusion) -> bool {
        match exclusion {
            Exclusion::Agent(agent) => self.agents.remove(agent),
            Exclusion::Line(line) => self.lines.remove(line),
            Exclusion::Number(number) => self.numbers.remove(number),
        }
    }

    /// How many stand there.
    pub fn len(&self) -> usize {
        self.agents.len() + self.lines.len() + self.numbers.len()
    }

    /// None stands there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_entries_come_and_go_one_by_one() {
        let number = |n: u32| Exclusion::Number(format!("+86138{n:08}"));
        let mut all = Exclusions::default();
        (0..100_000).for_each(|n| assert!(all.insert(number(n))));
        assert!(!all.insert(number(7)), "it stands there");
        assert!(all.insert(Exclusion::Agent(AgentId(7))));
        assert!(all.insert(Exclusion::Line("1001".into())));
        assert_eq!(all.len(), 100_002);
        assert!(all.remove(&number(99_999)) && !all.remove(&number(99_999)));
        assert_eq!(all.len(), 100_001);
    }

    #[test]
    fn a_rule_of_a_name_alone_records_the_conversation() {
        let rule = r#"{"id":"3","name":"all","when":{},"then":{}}"#;
        let rule: RecordingRule = serde_json::from_str(rule).unwrap();
        assert_eq!(rule.then, RecordingThen::default());
        assert!(rule.then.record && rule.when == RecordingWhen::default());
    }
}
