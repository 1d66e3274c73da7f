//! An agent asks somebody else while the customer waits.

use crate::id::AgentId;
use serde::{Deserialize, Serialize};

/// A step of a consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// Who consults.
    pub agent: AgentId,
    /// What happened.
    pub what: InConsultation,
}

/// What happened in a consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InConsultation {
    /// The agent wants to talk with somebody; the customer is held from here on.
    Asked {
        /// What they dialled.
        target: String,
    },
    /// Who is consulted answered; the two talk.
    Answered,
    /// It is over.
    Ended {
        /// How.
        end: ConsultationEnd,
    },
}

/// How a consultation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsultationEnd {
    /// The customer was passed on to who was consulted.
    Transferred,
    /// All three talk.
    Conference,
    /// The agent let go who was consulted.
    Returned,
    /// Nobody answered.
    Unanswered,
    /// Who was consulted hung up.
    Left,
    /// The customer hung up.
    CustomerLeft,
    /// The conversation ended, or was taken from the agent.
    Over,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_step_is_written_with_who_consults_and_how_it_ended() {
        let what = InConsultation::Ended { end: ConsultationEnd::CustomerLeft };
        let kind = Kind::Consultation(Consultation { agent: AgentId(7), what });
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "consultation", "agent": "7",
            "what": {"ended": {"end": "customer_left"}}});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
