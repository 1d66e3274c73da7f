//! A caller is parked until somebody takes them.

use crate::id::{AgentId, FlowId, QueueId};
use serde::{Deserialize, Serialize};

/// Something about a parked caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parking {
    /// Where.
    pub slot: u8,
    /// What happened.
    pub what: InParking,
}

/// What happened to a parked caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InParking {
    /// An agent parked them.
    Parked {
        /// Who.
        by: AgentId,
    },
    /// An agent took them; `Answered` follows.
    Taken {
        /// Who.
        by: AgentId,
    },
    /// Nobody took them in time: they ring at who parked them, and the slot is free.
    RingsBack {
        /// Who.
        at: AgentId,
    },
    /// Nobody took them in time: they wait in this queue, and the slot is free.
    Queued {
        /// Which.
        queue: QueueId,
    },
    /// Nobody took them in time: they go into this flow, and the slot is free.
    SentOn {
        /// Which.
        flow: FlowId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_slot_is_written_with_who_parked_there() {
        let what = InParking::Parked { by: AgentId(7) };
        let kind = Kind::Parking(Parking { slot: 3, what });
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "parking", "slot": 3, "what": {"parked": {"by": "7"}}});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
