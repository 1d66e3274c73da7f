//! What a caller said of being recorded.

use crate::derive::ended::signed;
use crate::derive::entry::word;
use terms::event::{self, Entry};
use terms::record::Consent;
use terms::{CallId, ContactId, Timestamp};

/// The row of what the caller of a call that began at `call_started_at` said.
pub fn consent(
    entry: &Entry,
    said: &event::Consent,
    (call_id, contact_id): (CallId, ContactId),
    call_started_at: Timestamp,
    caller: String,
) -> Consent {
    Consent {
        tenant_id: entry.tenant,
        seq: signed(entry.seq),
        call_id,
        contact_id,
        call_started_at,
        said_at: entry.at,
        caller,
        given: said.given,
        way: word(said.way),
        flow_id: said.flow,
        step: said.step.clone(),
        user_id: said.by,
    }
}
