//! Who of an area was tried for a caller, and how that ended.

use crate::derive::ended::signed;
use terms::event::{Entry, Hop, HopEnd, Hunt};
use terms::record::AreaTry;
use terms::{CallId, ContactId, Timestamp};

/// The row of a try that is over, in a call that began at `call_started_at`.
pub fn area_try(
    entry: &Entry,
    hunt: &Hunt,
    end: HopEnd,
    (call_id, contact_id): (CallId, ContactId),
    call_started_at: Timestamp,
) -> AreaTry {
    let (hop, worker_id, stands_in_id, queue_id) = match hunt.hop {
        Hop::Worker { worker, stands_in } => ("worker", Some(worker), stands_in, None),
        Hop::Team { queue } => ("team", None, None, Some(queue)),
        Hop::Queue { queue } => ("queue", None, None, Some(queue)),
        Hop::Voicemail { queue } => ("voicemail", None, None, Some(queue)),
    };
    AreaTry {
        tenant_id: entry.tenant,
        seq: signed(entry.seq),
        call_id,
        contact_id,
        call_started_at,
        ended_at: entry.at.max(call_started_at),
        area_id: hunt.area,
        hop: hop.to_owned(),
        worker_id,
        stands_in_id,
        queue_id,
        outcome: end.as_str().to_owned(),
    }
}
