//! Messages for one agent: who is asked for one, and how many wait.

use crate::event::ForwardWhen;
use crate::id::AgentId;
use serde::{Deserialize, Serialize};

/// Which callers of an agent are asked for a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailboxTakes {
    /// None.
    #[default]
    Off,
    /// Those who find them in another call, not to be disturbed or signed out, or declined.
    Busy,
    /// Those whom nobody answers.
    NoAnswer,
    /// Both.
    Missed,
    /// All; no phone rings.
    Always,
}

/// The mailbox of an agent; one who is not listed has none and no messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Whose.
    pub agent: AgentId,
    /// Who is asked for a message.
    pub takes: MailboxTakes,
    /// The prompt that they hear, without its language; empty is the box's.
    pub greeting: String,
    /// The agent drives: whoever calls is asked for a message at once.
    pub driving: bool,
    /// Messages that nobody has heard.
    pub waiting: u32,
    /// Those that somebody has.
    pub heard: u32,
}

impl Mailbox {
    /// A mailbox that asks nobody and is empty.
    pub fn of(agent: AgentId) -> Self {
        let (takes, greeting) = (MailboxTakes::Off, String::new());
        Mailbox { agent, takes, greeting, driving: false, waiting: 0, heard: 0 }
    }

    /// Whether a caller is asked for a message who did not reach the agent for this reason.
    pub fn asks(&self, when: ForwardWhen) -> bool {
        use MailboxTakes::{Always, Busy, Missed, NoAnswer, Off};
        self.driving
            || match self.takes {
                Off => false,
                Busy => when == ForwardWhen::Busy,
                NoAnswer => when == ForwardWhen::NoAnswer,
                Missed => when != ForwardWhen::Always,
                Always => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_asks_whom_it_is_set_to_and_everybody_while_its_agent_drives() {
        use ForwardWhen::{Always, Busy, NoAnswer};
        let asked = |mailbox: &Mailbox| [Always, Busy, NoAnswer].map(|when| mailbox.asks(when));
        let mut mailbox = Mailbox::of(AgentId(7));
        for (takes, expected) in [
            (MailboxTakes::Off, [false, false, false]),
            (MailboxTakes::Busy, [false, true, false]),
            (MailboxTakes::NoAnswer, [false, false, true]),
            (MailboxTakes::Missed, [false, true, true]),
            (MailboxTakes::Always, [true, true, true]),
        ] {
            mailbox.takes = takes;
            assert_eq!(asked(&mailbox), expected, "{takes:?}");
        }
        (mailbox.takes, mailbox.driving) = (MailboxTakes::Off, true);
        assert_eq!(asked(&mailbox), [true; 3]);
    }
}
