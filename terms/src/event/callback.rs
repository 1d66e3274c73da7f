//! What becomes of a caller's wish to be called back.

use crate::id::{CallId, QueueId, UserId};
use crate::routing::CallFirst;
use serde::{Deserialize, Serialize};

/// Something about one callback. The entry has its contact and no call: the call that bears its id
/// begins when somebody is called for it the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Which; the call that is made for it has this id.
    pub callback: CallId,
    /// The queue in which the customer keeps their place.
    pub queue: QueueId,
    /// What.
    pub what: InCallback,
}

/// What happened to a callback, in the order of its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InCallback {
    /// The customer asked for it, and hung up.
    Asked {
        /// The number to be dialled, normalised.
        number: String,
        /// Who is called first.
        first: CallFirst,
    },
    /// The customer is dialled.
    Tried {
        /// 1 is the first time.
        attempt: u32,
    },
    /// They were not reached; their place is kept.
    Unreached {
        /// Which time it was.
        attempt: u32,
        /// Hangup cause, ITU-T Q.850 §2.2.7.
        cause: u8,
    },
    /// It is over.
    Ended {
        /// How.
        end: CallbackEnd,
        /// Who cancelled it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
}

/// How a callback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackEnd {
    /// The customer answered.
    Reached,
    /// The customer rang again and has the place.
    CameBack,
    /// The customer was not reached in as many tries as the queue makes.
    GivenUp,
    /// It became older than the queue lets it.
    TooOld,
    /// The queue is gone.
    QueueGone,
    /// Somebody cancelled it.
    Cancelled,
    /// The box stopped, or a fault ended it.
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_names_who_cancelled_and_nobody_else() {
        let told = |end, by| serde_json::to_value(InCallback::Ended { end, by }).expect("JSON");
        let cancelled = told(CallbackEnd::Cancelled, Some(UserId(3)));
        assert_eq!(cancelled["ended"]["by"], "3");
        let reached = told(CallbackEnd::Reached, None);
        assert_eq!(reached, serde_json::json!({"ended": {"end": "reached"}}));
    }
}
