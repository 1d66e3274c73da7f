//! How many of these tests begin: a store that has its first tenant since noon of some day, and entries
//! of the event log from there on.

use super::place;
use desk::Store;
use desk::bootstrap::{Defaults, First};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::{TenantId, Timestamp};

/// When its tenant begins.
pub const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

/// So many seconds after that.
pub fn at(secs: u64) -> Timestamp {
    NOON + Duration::from_secs(secs)
}

/// The store, and all that it was given at first.
pub async fn begun(folder: &Path) -> (Store, First) {
    let store = place::open(folder).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (store, first)
}

/// The store and its tenant.
pub async fn filled(folder: &Path) -> (Store, TenantId) {
    let (store, first) = begun(folder).await;
    (store, first.tenant)
}

/// The entry `seq` of the log, of so many seconds after noon, at no call.
pub fn entry(seq: u64, tenant: TenantId, kind: Kind) -> Arc<Entry> {
    let (contact, call, leg) = (None, None, None);
    Arc::new(Entry { v: ENTRY_VERSION, seq, at: at(seq), tenant, contact, call, leg, kind })
}
