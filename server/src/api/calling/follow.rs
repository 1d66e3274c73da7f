//! Carries bars and what agents set for their phones from the event log into the business store, so
//! that both last. The store notes how far it was followed in the same transaction; what is older
//! than what it knows changes nothing.

use crate::api::live::feed::Feed;
use desk::Store;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{Entry, InCalling, Kind};

/// Pause after the log or the store did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Entries after which the place in the log is noted although none of them was to be kept.
const PASSED_MAX: usize = 50_000;

/// Follows the log until the process ends; a store that never did begins with entry `from`.
pub async fn run(store: Store, events: Arc<Feed>, from: u64) {
    let from = begin(&store, &events, from).await;
    let mut subscription = events.subscribe(Some(from));
    let mut passed = 0;
    loop {
        let entries = match subscription.next().await {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, "what agents set is not kept: the log cannot be read");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        passed += entries.len();
        let Some(last) = entries.last().map(|entry| entry.seq) else { continue };
        if passed < PASSED_MAX && !entries.iter().any(|entry| is_kept(entry)) {
            continue;
        }
        while let Err(error) = store.keep_calling(&entries, last).await {
            tracing::error!(%error, "what agents set is not kept");
            tokio::time::sleep(RETRY).await;
        }
        passed = 0;
    }
}

/// The first entry that was not kept and that the log still has.
async fn begin(store: &Store, events: &Feed, from: u64) -> u64 {
    let from = loop {
        match store.calling_kept().await {
            Ok(kept) => break kept.map_or(from, |seq| seq + 1),
            Err(error) => {
                tracing::error!(%error, "what agents set is not kept");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    let first = events.first().ok().flatten();
    first.map_or(from, |first| from.max(first))
}

/// What a thief tries in vain does not cost a write each.
fn is_kept(entry: &Entry) -> bool {
    match &entry.kind {
        Kind::Calling(calling) => !matches!(calling.what, InCalling::Refused { .. }),
        _ => false,
    }
}
