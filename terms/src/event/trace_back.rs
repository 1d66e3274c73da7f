//! Callers who call back.

use crate::id::{AgentId, CallId};
use serde::{Deserialize, Serialize};

/// Somebody calls back the number that an agent's call showed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedBack {
    /// The agent who called them,
    pub agent: AgentId,
    /// by this call,
    pub called_by: CallId,
    /// which ended so, or goes on.
    pub found: Found,
    /// What.
    pub what: InTraceBack,
}

/// How a call to somebody outside was, as far as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It rings, or they talk.
    Open,
    /// They talked.
    Answered,
    /// They were busy, or refused it.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// They could not be reached.
    Unreachable,
}

/// What becomes of who calls back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InTraceBack {
    /// The agent is busy and is waited for.
    Waits,
    /// The agent's phone is to ring; `Answered` follows where they take it.
    Rings,
    /// The agent was not there, not free in time, or did not answer: what answers the number does.
    Missed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn who_calls_back_is_written_with_the_call_that_they_call_back_for() {
        let what = InTraceBack::Waits;
        let of = TracedBack { agent: AgentId(7), called_by: CallId(9), found: Found::Busy, what };
        let kind = Kind::TracedBack(of);
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "traced_back", "agent": "7", "called_by": "9",
            "found": "busy", "what": "waits"});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
