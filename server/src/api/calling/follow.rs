//! Carries bars, what agents set for their phones, messages, callers whom nobody of an area answered,
//! pauses of leased numbers, what flows have faxed, and texts, from the event log into the business store,
//! so that they last. The store notes how far it was followed in the same transaction; what is older than
//! what it knows changes nothing.

use crate::api::live::feed::Feed;
use desk::Store;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{Entry, InCalling, InHunt, InLease, Kind, Outcome};
use terms::media::RecordingState;

/// Pause after the log or the store did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Entries after which the place in the log is noted although none of them was to be kept.
const PASSED_MAX: usize = 50_000;

/// Follows the log until the process ends; a store that never did begins with entry `from`.
pub async fn run(store: Store, events: Arc<Feed>, from: u64) {
    let from = begin(&store, &events, from).await;
    let mut subscription = events.subscribe(Some(from));
    let mut passed = 0;
    // What was written while nobody followed: the switch may have begun anew since.
    let mut missed = true;
    loop {
        let entries = match missed {
            true => subscription.catch_up().await,
            false => subscription.next().await,
        };
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, "what agents set is not kept: the log cannot be read");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            missed = false;
            continue;
        };
        passed += entries.len();
        if passed >= PASSED_MAX || entries.iter().any(|entry| is_kept(entry)) {
            keep(&store, &entries, last, missed).await;
            passed = 0;
        }
    }
}

/// The first entry that was not kept and that the log still has. Where the store never followed the
/// log, it notes that it begins here.
async fn begin(store: &Store, events: &Feed, from: u64) -> u64 {
    let kept = loop {
        match store.calling_kept().await {
            Ok(kept) => break kept,
            Err(error) => {
                tracing::error!(%error, "what agents set is not kept");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    if kept.is_none() {
        keep(store, &[], from.saturating_sub(1), false).await;
    }
    events.left_from(kept.map_or(from, |seq| seq + 1))
}

async fn keep(store: &Store, entries: &[Arc<Entry>], through: u64, missed: bool) {
    while let Err(error) = store.keep_calling(entries, through, missed).await {
        tracing::error!(%error, "what agents set is not kept");
        tokio::time::sleep(RETRY).await;
    }
}

/// What a thief tries in vain does not cost a write each.
fn is_kept(entry: &Entry) -> bool {
    match &entry.kind {
        Kind::Calling(calling) => !matches!(calling.what, InCalling::Refused { .. }),
        Kind::VoicemailLeft { .. } | Kind::VoicemailHeard { .. } | Kind::Mailbox(_) => true,
        Kind::Leased(leased) => leased.what == InLease::Paused,
        Kind::Hunt(hunt) => matches!(hunt.what, InHunt::Lost { .. }),
        Kind::TextReceived(_) | Kind::TextAsked(_) | Kind::TextSent(_) | Kind::MailAsked(_) => true,
        // What is to be sent, how it went with that, what came for a queue, and that nobody will
        // ever say.
        Kind::FaxAsked { .. }
        | Kind::FaxDone { document: Some(_), .. }
        | Kind::FaxDone { work: Some(_), .. }
        | Kind::CallEnded { outcome: Outcome::Interrupted, .. }
        | Kind::Started { .. } => true,
        // A queue may hand its messages out once they can be heard.
        Kind::Recorded { agent: None, queue: Some(_), .. } => true,
        // Of a message there is nothing to be heard then.
        Kind::Recorded { ledger, message: true, .. } => {
            matches!(ledger.state, RecordingState::Refused)
        }
        _ => false,
    }
}
