//! The people of an area are called, one after the other.

use crate::id::{AreaId, QueueId, WorkerId};
use serde::{Deserialize, Serialize};

/// Something about one of those whom the hunt through an area tries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunt {
    /// Which area.
    pub area: AreaId,
    /// Who is tried.
    pub hop: Hop,
    /// What happened.
    pub what: InHunt,
}

/// Who is tried in a hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hop {
    /// A field worker, at their own phone.
    Worker {
        /// Who.
        worker: WorkerId,
        /// For whom they stand in; none for who is called first. Written always, because live calls
        /// keep it in a form that has no names.
        #[serde(default)]
        stands_in: Option<WorkerId>,
    },
    /// The team, where the area has one.
    Team {
        /// Its queue.
        queue: QueueId,
    },
    /// The queue that stands behind the area.
    Queue {
        /// Which.
        queue: QueueId,
    },
    /// A message.
    Voicemail {
        /// For whose people.
        queue: QueueId,
    },
}

/// What happened in a hunt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InHunt {
    /// They are tried: a phone is to ring, or the caller waits.
    Began,
    /// That is over. Without `began` before it nobody was tried.
    Ended {
        /// How.
        end: HopEnd,
    },
    /// Nobody of the area was to be had: the caller is asked for a message, and somebody has to call
    /// them back.
    Lost {
        /// Who called, normalised.
        caller: String,
    },
}

/// How it ended that somebody was tried. All but the first and the last three lead on to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopEnd {
    /// They talk with the caller.
    Answered,
    /// They are on leave.
    Absent,
    /// No phone is bound to them.
    Unbound,
    /// It is they who call.
    Caller,
    /// Their phone rang in this hunt already.
    CalledAlready,
    /// A number of this class may not be called.
    NoRight,
    /// Neither a trunk nor an extension leads to their phone.
    NoWay,
    /// They talk already.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// They declined.
    Refused,
    /// The trunks could not.
    Failed,
    /// The queue sent the caller on.
    FlowedOut,
    /// There is no such queue any more.
    Gone,
    /// The caller is asked for a message.
    Message,
    /// The caller hung up.
    CallerLeft,
    /// The call ended, or was taken elsewhere.
    Over,
}

impl HopEnd {
    /// Its word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            HopEnd::Answered => "answered",
            HopEnd::Absent => "absent",
            HopEnd::Unbound => "unbound",
            HopEnd::Caller => "caller",
            HopEnd::CalledAlready => "called_already",
            HopEnd::NoRight => "no_right",
            HopEnd::NoWay => "no_way",
            HopEnd::Busy => "busy",
            HopEnd::NoAnswer => "no_answer",
            HopEnd::Refused => "refused",
            HopEnd::Failed => "failed",
            HopEnd::FlowedOut => "flowed_out",
            HopEnd::Gone => "gone",
            HopEnd::Message => "message",
            HopEnd::CallerLeft => "caller_left",
            HopEnd::Over => "over",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_hop_is_written_with_who_was_tried_and_how_it_ended() {
        let hop = Hop::Worker { worker: WorkerId(3), stands_in: Some(WorkerId(2)) };
        let what = InHunt::Ended { end: HopEnd::NoAnswer };
        let kind = Kind::Hunt(Hunt { area: AreaId(7), hop, what });
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "hunt", "area": "7",
            "hop": {"worker": {"worker": "3", "stands_in": "2"}},
            "what": {"ended": {"end": "no_answer"}}});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }

    #[test]
    fn an_end_has_one_word() {
        for end in [HopEnd::CalledAlready, HopEnd::NoRight, HopEnd::CallerLeft, HopEnd::Over] {
            assert_eq!(serde_json::to_value(end).unwrap(), end.as_str());
        }
    }
}
