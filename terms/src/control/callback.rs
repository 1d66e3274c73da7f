//! A callback as people see it while it waits.

use crate::id::{CallId, ContactId, QueueId};
use crate::routing::CallFirst;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A customer who waits to be called back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCallback {
    /// Which: the id of the call that is made for it.
    pub callback: CallId,
    /// Of which contact.
    pub contact: ContactId,
    /// Where they keep their place.
    pub queue: QueueId,
    /// The number to be dialled, as shown.
    pub number: String,
    /// They asked for it then.
    pub asked_at: Timestamp,
    /// Who is called first.
    pub first: CallFirst,
    /// How often they were dialled.
    pub tries: u32,
    /// Their place, 1 is next; none while somebody is being called for it.
    pub position: Option<u32>,
    /// They are not dialled before; none where it is only a matter of their turn.
    pub not_before: Option<Timestamp>,
}
