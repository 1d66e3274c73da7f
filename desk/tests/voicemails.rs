//! Messages that callers left, on a real file: they wait until somebody has heard them.

use super::place;
use desk::Store;
use desk::bootstrap::{Defaults, FIRST_QUEUE};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::media::Ledger;
use terms::routing::QueueMessages;
use terms::{CallId, ContactId, RecordingId, TenantId, Timestamp, UserId};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
const ONE: RecordingId = RecordingId(70);
const TWO: RecordingId = RecordingId(71);

fn entry(secs: u64, tenant: TenantId, kind: Kind) -> Arc<Entry> {
    Arc::new(Entry {
        v: ENTRY_VERSION,
        seq: secs,
        at: NOON + Duration::from_secs(secs),
        tenant,
        contact: None,
        call: None,
        leg: None,
        kind,
    })
}

fn left(secs: u64, tenant: TenantId, recording: RecordingId) -> Arc<Entry> {
    entry(secs, tenant, Kind::VoicemailLeft { queue: FIRST_QUEUE, recording })
}

fn heard(secs: u64, tenant: TenantId, recording: RecordingId, by: UserId) -> Arc<Entry> {
    entry(secs, tenant, Kind::VoicemailHeard { queue: FIRST_QUEUE, recording, by })
}

fn refused(secs: u64, tenant: TenantId, recording: RecordingId) -> Arc<Entry> {
    let of = (tenant, ContactId(1), CallId(1));
    let ledger = Ledger::refused(of, recording, NOON, "too short");
    let (agent, queue, meeting) = (None, Some(FIRST_QUEUE), None);
    entry(secs, tenant, Kind::Recorded { ledger, agent, queue, meeting, message: false })
}

async fn filled(folder: &Path) -> (Store, TenantId) {
    let store = place::open(folder).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (store, first.tenant)
}

/// The plan's version, and what it says of messages.
async fn planned(store: &Store, tenant: TenantId) -> (u64, Vec<(u32, u32)>) {
    let plan = store.compile_plan(tenant).await.unwrap();
    let count = |of: &QueueMessages| {
        assert_eq!(of.queue, FIRST_QUEUE);
        (of.waiting, of.heard)
    };
    (plan.version, plan.messages.iter().map(count).collect())
}

#[tokio::test]
async fn a_message_waits_over_a_start_until_somebody_has_heard_it_and_once_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let (before, none) = planned(&store, tenant).await;
    assert_eq!(none, []);
    let nobodys = TenantId(tenant.0 + 1);
    let entries = [left(1, tenant, ONE), left(2, tenant, TWO), left(3, nobodys, ONE)];
    store.keep_calling(&entries, 3, false).await.unwrap();
    let (version, waiting) = planned(&store, tenant).await;
    assert_eq!(waiting, [(2, 0)]);
    assert!(version > before, "phones are told");
    store.keep_calling(&entries, 3, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await, (version, waiting), "said again it is nothing new");
    store.close().await;

    let store = place::open(folder.path()).await;
    let first = [heard(9, tenant, ONE, UserId(5)), heard(10, tenant, ONE, UserId(6))];
    store.keep_calling(&first, 10, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await.1, [(1, 1)]);
    let listed = store.voicemails(tenant).await.unwrap();
    let of = |index: usize| (listed[index].recording, listed[index].heard_by);
    assert_eq!((of(0), of(1)), ((TWO, None), (ONE, Some(UserId(5)))), "the latest first");
    let known = store.voicemail(tenant, ONE).await.unwrap().expect("a message");
    assert_eq!(known.heard_at, Some(NOON + Duration::from_secs(9)), "the first one counts");
    assert_eq!(store.voicemail(nobodys, ONE).await.unwrap(), None);
}

#[tokio::test]
async fn a_message_goes_with_its_recording_and_one_that_was_not_recorded_never_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [left(1, tenant, ONE), left(2, tenant, TWO), refused(3, tenant, TWO)];
    store.keep_calling(&entries, 3, false).await.unwrap();
    let (version, waiting) = planned(&store, tenant).await;
    assert_eq!(waiting, [(1, 0)]);
    store.forget_voicemails(tenant, &[RecordingId(99)]).await.unwrap();
    assert_eq!(planned(&store, tenant).await, (version, waiting), "that was no message");
    store.forget_voicemails(tenant, &[ONE, TWO]).await.unwrap();
    let (after, none) = planned(&store, tenant).await;
    assert_eq!((after > version, none), (true, vec![]));
}
