//! What an agent may not call outside, and what they set for calls to their phone.

use super::Forwarding;
use crate::id::AgentId;
use crate::routing::NumberClass;
use serde::{Deserialize, Serialize};

/// Something about the calls of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// Whose.
    pub agent: AgentId,
    /// What.
    pub what: InCalling,
}

/// What happened to an agent's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InCalling {
    /// They set this for their phone, from the phone itself or from a screen.
    Set {
        /// Nobody may ring there.
        do_not_disturb: bool,
        /// Where calls to their extension go.
        forwarding: Forwarding,
    },
    /// A number outside was not called.
    Refused {
        /// As dialled, or as forwarded to.
        number: String,
        /// What it is.
        class: NumberClass,
        /// What they wanted.
        way: CallingWay,
        /// Why not.
        why: CallingRefusal,
    },
    /// They signed in at the phone of this agent by number and PIN, and are there until they sign out or
    /// sign in elsewhere.
    Moved {
        /// Whose phone.
        to: AgentId,
    },
    /// Somebody typed their number and a wrong PIN.
    PinRefused {
        /// At whose phone.
        at: AgentId,
    },
    /// They are kept from calling out until an administrator lifts it.
    Barred {
        /// What was too much.
        limit: CallingLimit,
    },
}

/// How somebody outside is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallingWay {
    /// Dialled.
    Dial,
    /// A caller is passed on.
    Transfer,
    /// One more party is asked in.
    Invite,
    /// Calls to their extension go there.
    Forward,
}

/// Why a number outside is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallingRefusal {
    /// It is of a class that they have no right to.
    NoRight,
    /// They are kept from calling out.
    Barred,
    /// Their right does not reach other sites.
    NoSites,
}

/// What is too much of calls out, for one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallingLimit {
    /// Calls in a minute.
    PerMinute,
    /// Calls at a time.
    AtOnce,
    /// Different numbers in an hour.
    Destinations,
    /// Length of all calls in an hour.
    Length,
    /// Calls in an hour that they have no right to.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_bar_is_written_with_whose_it_is_and_what_was_too_much() {
        let what = InCalling::Barred { limit: CallingLimit::PerMinute };
        let kind = Kind::Calling(Calling { agent: AgentId(7), what });
        let written = serde_json::to_value(&kind).unwrap();
        let expected =
            json!({"type": "calling", "agent": "7", "what": {"barred": {"limit": "per_minute"}}});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
