//! What happens in a conference.

use crate::id::{ConferenceId, MeetingId, UserId};
use serde::{Deserialize, Serialize};

/// Which meeting it happened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// The room.
    pub conference: ConferenceId,
    /// The meeting in it.
    pub meeting: MeetingId,
}

/// What happened there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InConference {
    /// Somebody came.
    Joined {
        /// As a chairperson.
        chair: bool,
        /// Nobody hears them.
        muted: bool,
    },
    /// Somebody is not there any more.
    Left {
        /// Why.
        end: ConferenceEnd,
    },
    /// Somebody is heard no more, or again.
    Muted {
        /// Nobody hears them.
        muted: bool,
        /// Who did it.
        by: ConferenceBy,
    },
    /// Nobody else gets in, or they do again. `contact` is the meeting's.
    Locked {
        /// Nobody else gets in.
        locked: bool,
        /// Who did it.
        by: ConferenceBy,
    },
    /// Somebody is called to come. `call` is the one to them.
    Invited {
        /// What was dialled.
        target: String,
        /// Who asked for it.
        by: ConferenceBy,
    },
}

/// Why somebody is not in a conference any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConferenceEnd {
    /// Hung up, or their line died.
    Left,
    /// Was taken out.
    Removed,
    /// The meeting was ended, or its chairperson left.
    Over,
}

/// Who did something in a conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConferenceBy {
    /// The member themselves, with a key.
    Member,
    /// A chairperson, with a key.
    Chair,
    /// Somebody at a screen.
    User(UserId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    #[test]
    fn an_entry_about_a_conference_is_read_as_it_was_written() {
        let of = Meeting { conference: ConferenceId(3), meeting: MeetingId(7) };
        let by = ConferenceBy::User(UserId(9));
        for what in [
            InConference::Joined { chair: true, muted: false },
            InConference::Left { end: ConferenceEnd::Removed },
            InConference::Muted { muted: true, by: ConferenceBy::Chair },
            InConference::Locked { locked: true, by },
            InConference::Invited { target: "1003".into(), by },
        ] {
            let kind = Kind::Conference { of, what };
            let text = serde_json::to_string(&kind).expect("it is JSON");
            assert!(
                text.starts_with(r#"{"type":"conference","conference":"3","meeting":"7""#),
                "{text}"
            );
            assert_eq!(serde_json::from_str::<Kind>(&text).expect("it is read"), kind);
        }
    }
}
