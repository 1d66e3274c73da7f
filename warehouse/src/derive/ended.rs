//! A bounded memory of calls that ended: a recording is on disk some time after its call, and its
//! row needs the call's start and caller.

use crate::derive::entry::word;
use std::collections::{BTreeMap, VecDeque};
use terms::event::{Entry, Kind};
use terms::media::{FaxOutcome, Ledger};
use terms::record::{Fax, Recording};
use terms::{AgentId, CallId, ContactId, QueueId, TenantId, Timestamp, id};

/// Calls remembered; the oldest goes first. At 20 calls a second, two hours of them.
pub const REMEMBERED_MAX: usize = 150_000;
/// A call is forgotten this long after its end, by the clock of the log.
pub const REMEMBERED_MS_MAX: i64 = 48 * 3_600_000;
/// An id is believed to hold its call's start when it is at most this much older than the sound.
const ID_AGE_MS_MAX: i64 = 24 * 3_600_000;

/// What is remembered of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// Whose it was.
    pub tenant: TenantId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The customer's number, normalised.
    pub caller: String,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Remembered {
    calls: BTreeMap<CallId, Ended>,
    order: VecDeque<CallId>,
}

impl Remembered {
    pub fn insert(&mut self, ended: Ended) {
        let now = ended.ended_at;
        if self.calls.insert(ended.call, ended.clone()).is_none() {
            self.order.push_back(ended.call);
        }
        while self.order.len() > REMEMBERED_MAX || self.oldest_is_stale(now) {
            let oldest = self.order.pop_front().expect("the loop's condition saw one");
            self.calls.remove(&oldest);
        }
    }

    pub fn get(&self, call: CallId) -> Option<&Ended> {
        self.calls.get(&call)
    }

    fn oldest_is_stale(&self, now: Timestamp) -> bool {
        self.order
            .front()
            .and_then(|call| self.calls.get(call))
            .is_some_and(|ended| now.millis_since(ended.ended_at) > REMEMBERED_MS_MAX)
    }
}

/// The row of a recording whose call has ended, or was forgotten.
pub fn recording_row(
    entry: &Entry,
    ledger: &Ledger,
    agent: Option<AgentId>,
    queue: Option<QueueId>,
    ended: Option<&Ended>,
) -> Recording {
    let ended = ended.filter(|ended| ended.tenant == entry.tenant);
    let by_id = || started_by_id(ledger.call, ledger.started_at);
    let call_started_at = ended.map_or_else(by_id, |ended| ended.started_at);
    let caller = ended.map(|ended| ended.caller.clone()).unwrap_or_default();
    recording(entry, ledger, agent, queue, call_started_at, caller)
}

/// The row of a recording.
pub fn recording(
    entry: &Entry,
    ledger: &Ledger,
    agent: Option<AgentId>,
    queue: Option<QueueId>,
    call_started_at: Timestamp,
    caller: String,
) -> Recording {
    let of_meeting = matches!(entry.kind, Kind::Recorded { meeting: Some(_), .. });
    let is_message = matches!(entry.kind, Kind::Recorded { message: true, .. });
    // But for strangers in a conference, only a message begins with no agent on it.
    let talked = !is_message && (agent.is_some() || of_meeting);
    Recording {
        tenant_id: entry.tenant,
        recording_id: ledger.recording,
        call_id: ledger.call,
        contact_id: ledger.contact,
        call_started_at,
        started_at: ledger.started_at,
        duration_ms: i32::try_from(ledger.duration_ms).unwrap_or(i32::MAX),
        kind: if talked { "conversation" } else { "voicemail" }.to_owned(),
        agent_id: agent,
        queue_id: queue,
        caller,
        state: word(ledger.state),
        frames_expected: signed(ledger.frames_expected),
        frames_missing: signed(ledger.frames_missing),
        path: ledger.path.clone(),
        bytes: signed(ledger.bytes),
        sha256: ledger.sha256.clone(),
        reason: ledger.reason.clone(),
        paused_ms: Some(i32::try_from(ledger.paused_ms).unwrap_or(i32::MAX)),
        marks: Some(serde_json::to_string(&ledger.marks).expect("marks are always valid JSON")),
        format: Some(word(ledger.format)),
    }
}

/// The row of a fax. `of_call` is when its call began and the customer's number, while it is known.
pub fn fax(
    entry: &Entry,
    document: Option<&str>,
    outcome: &FaxOutcome,
    of_call: Option<(Timestamp, String)>,
) -> Fax {
    let call = entry.call.unwrap_or_default();
    let by_id = || (started_by_id(call, entry.at), String::new());
    let (call_started_at, caller) = of_call.unwrap_or_else(by_id);
    Fax {
        tenant_id: entry.tenant,
        fax_id: outcome.fax,
        call_id: call,
        contact_id: entry.contact.unwrap_or(ContactId(call.0)),
        call_started_at,
        ended_at: entry.at,
        caller,
        document: document.map(str::to_owned),
        complete: outcome.complete,
        pages: i32::try_from(outcome.pages).unwrap_or(i32::MAX),
        ecm: outcome.ecm,
        bit_rate: i32::try_from(outcome.bit_rate).unwrap_or(i32::MAX),
        station: outcome.station.clone(),
        text: outcome.text.clone(),
        path: outcome.path.clone(),
        bytes: signed(outcome.bytes),
        sha256: outcome.sha256.clone(),
    }
}

/// A call's id holds the moment of its first INVITE.
fn started_by_id(call: CallId, at: Timestamp) -> Timestamp {
    let by_id = id::created_at(call.0);
    let age = at.millis_since(by_id);
    if (0..ID_AGE_MS_MAX).contains(&age) { by_id } else { at }
}

/// A counter as the column holds it.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
