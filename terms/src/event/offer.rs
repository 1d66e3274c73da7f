//! Offers of the distributor: why one went where it did, and how it ended.

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
    /// conversations, ms talked, thousandths of busy time, the place in the queue's list, or the
    /// weight. None by lot, and for who had no conversation from the queue yet.
    pub measure: Option<i64>,
    /// The queue's priority and the contact's own.
    pub priority: i32,
    /// How long the contact had waited, time before a transfer or a hang-up included, in ms.
    pub waited_ms: u64,
    /// Contacts that waited in the queue, this one included.
    pub waiting: u32,
}

#[cfg(test)]
mod tests {
    use crate::event::Kind;
    use crate::id::{AgentId, QueueId, VisitId};

    #[test]
    fn an_offer_of_an_older_program_is_read_without_its_reason() {
        let old = r#"{"type":"offered","visit":"1","queue":"2","agent":"3"}"#;
        let kind: Kind = serde_json::from_str(old).unwrap();
        let (visit, queue, agent) = (VisitId(1), QueueId(2), AgentId(3));
        assert_eq!(kind, Kind::Offered { visit, queue, agent, choice: None });
        assert_eq!(serde_json::to_string(&kind).unwrap(), old);
    }
}
