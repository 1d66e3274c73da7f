//! Deleting recordings and faxes: by retention, on the hour, and one at a time when somebody asks.
//! Rows of the warehouse go by retention too (`rows`).
//! Both go the same way: what is held is left out, the deletion is decided and told (a row of the
//! warehouse), then the worker removes the files.
//!
//! One gate stands before the decision and before a new hold: a hold that was answered is respected
//! by every deletion that is decided later, and one that comes too late finds the recording
//! deleted.

mod faxes;
pub mod persons;
mod reports;
mod rounds;
mod rows;

pub use rounds::{RetentionRound, Step};
pub use rows::tables_over;

use super::links::WorkLink;
use crate::schedules::files::Files;
use crate::work::jobs::{Job, Problem};
use crate::work::remove::{BATCH_MAX, Removed};
use desk::hold::Held;
use desk::retention::over_before;
use desk::{By, Store};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use terms::record::Recording;
use terms::{QueueId, RecordingId, TenantId, Timestamp};
use tokio::sync::{Mutex, MutexGuard, Notify};
use warehouse::Warehouse;
use warehouse::recordings::{Doomed, OfQueues, Reason};

/// How often is looked for recordings and faxes whose time is over.
const EVERY: Duration = Duration::from_secs(3600);
/// Pause after a start: calls come first.
const AFTER_START: Duration = Duration::from_secs(60);

/// Who deletes, and where.
pub struct Deletion {
    store: Store,
    warehouse: Arc<Warehouse>,
    work: Arc<dyn WorkLink>,
    /// Where received faxes lie.
    faxes: PathBuf,
    /// Files of scheduled reports.
    reports: Files,
    gate: Mutex<()>,
    /// What became of retention.
    rounds: rounds::Rounds,
    /// An erasure was asked for.
    wish: Notify,
}

/// What a round of retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Recordings and faxes that were deleted.
    pub deleted: u64,
    /// Those whose time is over and that a hold keeps.
    pub held: u64,
    /// Files that went.
    pub files: u64,
    /// Recordings and faxes of which files are left; they are tried again in the next round.
    pub failed: u64,
    /// Tenants, or kinds of what earlier rounds had left, for which the round stopped half-way.
    pub stopped: u64,
}

impl Swept {
    /// Both rounds together.
    fn and(self, other: Swept) -> Swept {
        Swept {
            deleted: self.deleted + other.deleted,
            held: self.held + other.held,
            files: self.files + other.files,
            failed: self.failed + other.failed,
            stopped: self.stopped + other.stopped,
        }
    }

    /// Counts what the worker removed of all that was to go, each with its path; gives back those of
    /// which nothing is left.
    fn count<'a, T>(
        &mut self,
        removed: &Removed,
        all: impl ExactSizeIterator<Item = (&'a str, T)>,
    ) -> Vec<T> {
        let failed: BTreeSet<&str> = removed.failed.iter().map(|(path, _)| path.as_str()).collect();
        let is_gone = |path: &str| {
            // A folder that could not be synced may come back with all that was in it.
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            !failed.contains(path) && !failed.contains(folder)
        };
        let decided = all.len();
        let gone: Vec<T> = all.filter(|(path, _)| is_gone(path)).map(|(_, of)| of).collect();
        self.files += removed.files;
        self.failed += (decided - gone.len()) as u64;
        gone
    }

    /// What became of one that somebody asked to have deleted, after its files were to go.
    fn erased(&self, removed: Result<(), Error>) -> Erased {
        match removed {
            Ok(()) if self.failed == 0 => Erased::Done,
            Ok(()) => Erased::Later,
            Err(error) => {
                tracing::error!(%error, "files of what was deleted go in the next round");
                Erased::Later
            }
        }
    }
}

/// A reason why deleting stopped half-way; the next round goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The business store.
    #[error(transparent)]
    Store(#[from] desk::Error),
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] warehouse::Error),
    /// The worker.
    #[error("remove files: {0}")]
    Work(#[from] Problem),
    /// The folder of faxes.
    #[error("list faxes: {0}")]
    Faxes(#[from] std::io::Error),
    /// The folder of reports.
    #[error("remove a file of a report: {0}")]
    Reports(std::io::Error),
    /// The plans that the switch kept.
    #[error("look into kept plans: {0}")]
    Plans(std::io::Error),
    /// What calls left of callers at an orderly stop.
    #[error("remove what was remembered of callers: {0}")]
    Callers(std::io::Error),
}

/// What became of the wish to delete one recording or fax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// It is deleted, now or before.
    Done,
    /// It is deleted; its files go in the next round.
    Later,
    /// A hold keeps it.
    Held,
}

impl Deletion {
    /// A deleter over the parts of a box.
    pub fn new(
        store: Store,
        warehouse: Arc<Warehouse>,
        work: Arc<dyn WorkLink>,
        faxes: PathBuf,
        reports: Files,
    ) -> Deletion {
        let (gate, wish, rounds) = (Mutex::new(()), Notify::new(), rounds::Rounds::default());
        Deletion { store, warehouse, work, faxes, reports, gate, rounds, wish }
    }

    /// Keeps deletions from being decided while the guard lives.
    pub async fn pause(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().await
    }

    /// Rounds until the process ends.
    pub async fn keep_on(&self, wall: impl Fn() -> Timestamp) {
        tokio::time::sleep(AFTER_START).await;
        loop {
            match self.round(wall()).await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(Swept { deleted, held, files, failed, stopped }) => {
                    tracing::info!(
                        deleted,
                        held,
                        files,
                        failed,
                        stopped,
                        "recordings and faxes whose time is over"
                    );
                }
                Err(error) => tracing::error!(%error, "retention goes on in the next round"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Deletes the recordings of a tenant whose time is over.
    async fn recordings_of(
        &self,
        tenant: TenantId,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        let retention = self.store.retention(tenant).await?;
        let own: Vec<QueueId> = retention.queues.iter().map(|of| of.queue).collect();
        let rules = retention.queues.iter().map(|of| (OfQueues::One(of.queue), of.days));
        for (of, days) in rules.chain([(OfQueues::AllBut(&own), retention.days)]) {
            let Some(until) = over_before(days, now) else { continue };
            let mut after = (Timestamp(i64::MIN), RecordingId(0));
            loop {
                let limit = BATCH_MAX as u32;
                let due = self.warehouse.recordings_due(tenant, of, until, after, limit).await?;
                let Some(last) = due.last() else { break };
                after = (last.started_at, last.recording_id);
                let detail = format!("kept for {days} days");
                let why = (Reason::Retention, detail.as_str());
                let doomed = self.decide(tenant, &due, why, now, swept).await?;
                if !doomed.is_empty() {
                    let by = By::system("retention", now);
                    let subject = format!("{} recordings {detail}", doomed.len());
                    self.store.note(tenant, &by, "recording.retention", &subject).await?;
                }
                self.remove(&doomed, swept).await?;
            }
        }
        Ok(())
    }

    /// Decides on those that nothing holds.
    async fn decide(
        &self,
        tenant: TenantId,
        due: &[Recording],
        why: (Reason, &str),
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<Vec<Doomed>, Error> {
        let _gate = self.gate.lock().await;
        let held = self.store.held(tenant).await?;
        let (keep, go): (Vec<&Recording>, Vec<&Recording>) =
            due.iter().partition(|recording| is_held(&held, recording));
        swept.held += keep.len() as u64;
        let ids: Vec<RecordingId> = go.iter().map(|recording| recording.recording_id).collect();
        let doomed = self.warehouse.delete_recordings(tenant, &ids, why, now).await?;
        self.store.forget_voicemails(tenant, &ids).await?;
        swept.deleted += doomed.len() as u64;
        Ok(doomed)
    }

    /// Deletes one recording because somebody asked for it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn erase(
        &self,
        recording: &Recording,
        detail: &str,
        now: Timestamp,
    ) -> Result<Erased, Error> {
        let mut swept = Swept::default();
        let tenant = recording.tenant_id;
        let why = (Reason::Erasure, detail);
        let one = std::slice::from_ref(recording);
        let doomed = self.decide(tenant, one, why, now, &mut swept).await?;
        if swept.held > 0 {
            return Ok(Erased::Held);
        }
        let removed = self.remove(&doomed, &mut swept).await;
        Ok(swept.erased(removed))
    }

    /// Removes what was decided earlier and is still there.
    async fn finish(&self, swept: &mut Swept) -> Result<(), Error> {
        let mut tried = BTreeSet::new();
        loop {
            let mut left = self.warehouse.recordings_to_remove(BATCH_MAX as u32).await?;
            left.retain(|of| tried.insert(of.recording));
            // What fails stays at the head of the list until the next round.
            if left.is_empty() {
                return Ok(());
            }
            self.remove(&left, swept).await?;
        }
    }

    async fn remove(&self, doomed: &[Doomed], swept: &mut Swept) -> Result<(), Error> {
        if doomed.is_empty() {
            return Ok(());
        }
        let wavs = doomed.iter().map(|of| of.path.clone()).collect();
        let moved = doomed.iter().filter(|of| of.moved).map(|of| of.path.clone()).collect();
        let removed = self.ask(Job::Remove { wavs, moved }).await?;
        let all = doomed.iter().map(|of| (of.path.as_str(), of.recording));
        let gone = swept.count(&removed, all);
        self.warehouse.recordings_removed(&gone).await?;
        Ok(())
    }

    /// Has the worker remove files.
    async fn ask(&self, job: Job) -> Result<Removed, Error> {
        let done = self.work.run(job).await?;
        let removed: Removed = serde_json::from_slice(&done.body)
            .map_err(|error| Problem::new(500, "remove", "", error.to_string()))?;
        for (path, error) in removed.failed.iter().take(10) {
            tracing::error!(path, error, "a file of what was deleted is left");
        }
        Ok(removed)
    }
}

/// Whether a hold keeps it.
pub fn is_held(held: &Held, recording: &Recording) -> bool {
    held.covers(recording.recording_id, recording.contact_id, &recording.caller)
}
