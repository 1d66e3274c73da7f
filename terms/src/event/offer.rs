//! Offers of the distributor: why one went where it did, and how it ended.

use crate::id::{AgentId, QueueId, VisitId};
use crate::routing::Strategy;
use serde::{Deserialize, Serialize};

/// Why an offer ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// Rang to the end.
    NoAnswer,
    /// The agent declined.
    Declined,
    /// The phone was busy, unreachable or broken.
    Unreachable,
    /// The caller left, or somebody else took it.
    Withdrawn,
    /// A colleague picked it up.
    PickedUp,
}

/// By what an agent was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// The queue's strategy, among those who were free.
    Strategy,
    /// The customer has an agent of their own.
    OwnAgent,
    /// The caller talked with them last.
    LastAgent,
    /// A program of the tenant named them.
    Decision,
}

/// A program of the tenant was asked about a contact that came into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// This stay.
    pub visit: VisitId,
    /// The queue.
    pub queue: QueueId,
    /// How it ended.
    pub end: DecisionEnd,
    /// Whom it named; an agent who is not there is not waited for.
    pub agent: Option<AgentId>,
    /// The queue's priority and the contact's own, from now on.
    pub priority: i32,
}

/// How a question to a program of the tenant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionEnd {
    /// With an answer.
    Answered,
    /// It could not be asked, or what it said is no answer: as if nobody had been asked.
    Failed,
    /// Not in time: the same.
    Late,
}

/// Why this contact was offered to this agent, as of the moment of the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// By what the agent was chosen.
    pub by: ChosenBy,
    /// How the queue chooses among free agents.
    pub strategy: Strategy,
    /// Which ring of the queue's agents was asked, 1 is the nearest.
    pub ring: u32,
    /// Free agents of that ring among whom it chose, this one included.
    pub candidates: u32,
    /// The figure that put this agent first: ms idle ([`Strategy::LongestIdle`] and its kin),
    /// conversations, ms talked, thousandths of busy time, the place in the queue's list, the
    /// weight, or thousandths of the score. None by lot, and for who had no conversation from the queue yet.
    pub measure: Option<i64>,
    /// The queue's priority and the contact's own.
    pub priority: i32,
    /// How long the contact had waited, time before a transfer or a hang-up included, in ms.
    pub waited_ms: u64,
    /// Contacts that waited in the queue, this one included.
    pub waiting: u32,
    /// Agents who counted as 0 because their score could not be computed, with
    /// [`Strategy::Expression`]; none where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscored: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    #[test]
    fn a_decision_is_written_with_its_end() {
        let (visit, queue, agent) = (VisitId(1), QueueId(2), Some(AgentId(3)));
        let end = DecisionEnd::Answered;
        let kind = Kind::Decided(Decision { visit, queue, end, agent, priority: 5 });
        let written = serde_json::to_string(&kind).unwrap();
        let expected = r#"{"type":"decided","visit":"1","queue":"2","end":"answered","agent":"3","priority":5}"#;
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_str::<Kind>(&written).unwrap(), kind);
    }

    #[test]
    fn an_offer_of_an_older_program_is_read_without_its_reason() {
        let old = r#"{"type":"offered","visit":"1","queue":"2","agent":"3"}"#;
        let kind: Kind = serde_json::from_str(old).unwrap();
        let (visit, queue, agent) = (VisitId(1), QueueId(2), AgentId(3));
        assert_eq!(kind, Kind::Offered { visit, queue, agent, choice: None });
        assert_eq!(serde_json::to_string(&kind).unwrap(), old);
    }
}
