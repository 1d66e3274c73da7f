//! Messages that callers leave for one agent, and whether that agent drives.

use crate::id::{AgentId, RecordingId, UserId};
use serde::{Deserialize, Serialize};

/// Something about the mailbox of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Whose.
    pub agent: AgentId,
    /// What.
    pub what: InMailbox,
}

/// What happened to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InMailbox {
    /// A caller left a message.
    Left {
        /// The message.
        recording: RecordingId,
    },
    /// Somebody has heard a message. Of no call: that one has ended long ago.
    Heard {
        /// The message.
        recording: RecordingId,
        /// Who.
        by: UserId,
    },
    /// The agent drives, or no longer.
    Driving {
        /// From now on every call to them is asked for a message at once.
        on: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_message_is_written_with_whose_it_is() {
        let what = InMailbox::Left { recording: RecordingId(5) };
        let kind = Kind::Mailbox(Mailbox { agent: AgentId(7), what });
        let written = serde_json::to_value(&kind).unwrap();
        let expected =
            json!({"type": "mailbox", "agent": "7", "what": {"left": {"recording": "5"}}});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
