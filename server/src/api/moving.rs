//! Moves finished recordings to the second tier, the oldest first, one at a time. The worker sends
//! and removes files; the index is written here, between its jobs:
//!
//! ```text
//!  note_moving ─► Send (sent, read back) ─► note_moved ─► Free (local files go) ─► note_freed
//! ```
//!
//! A process that dies anywhere in between leaves the recording readable, and the next round goes
//! on: before `note_moved` it is sent again (what lies there is only read back), after it the local
//! files are looked for again. What is deleted meanwhile is left to [`super::deletion`], which knows
//! from the index that objects may exist.
//!
//! An index that was made anew knows of no object. What is not here is looked for there, where its
//! object says what it holds, and noted as it was.

use super::links::WorkLink;
use crate::tier::{Figures, Tier, count, point};
use crate::work::jobs::{Done, Job, Problem};
use crate::work::moving::{Freed, Sent};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use terms::{RecordingId, Timestamp};
use tokio::sync::Mutex;
use warehouse::Warehouse;
use warehouse::recordings::{Indexed, Repair, Stored};

/// Pause after a start: calls come first.
const AFTER_START: Duration = Duration::from_secs(10);
/// How often is looked for recordings that are old enough.
const EVERY: Duration = Duration::from_secs(20);
/// Pause after the object store, the worker or the index did not answer.
const RETRY: Duration = Duration::from_secs(60);
/// How long a recording that cannot move is left alone.
const GIVEN_UP: Duration = Duration::from_secs(3_600);
/// Rows read at a time.
const PAGE: u32 = 100;

/// Who moves, and when.
pub struct Moving {
    warehouse: Arc<Warehouse>,
    work: Arc<dyn WorkLink>,
    tier: Arc<Tier>,
    after: Duration,
    /// Recordings that could not move, until the list is thrown away.
    given_up: Mutex<BTreeSet<RecordingId>>,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Recordings that lie in the second tier since this round.
    pub moved: u64,
    /// Recordings of which is known again, since this round, that they lie there.
    pub learned: u64,
    /// Files of them and of earlier ones that went from here.
    pub freed: u64,
    /// Recordings that somebody worked on.
    pub busy: u64,
    /// Recordings that cannot move.
    pub failed: u64,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] warehouse::Error),
    /// The object store or the worker.
    #[error("{0}")]
    Work(#[from] Problem),
}

impl Moving {
    /// A mover of what began `after` ago.
    pub fn new(
        warehouse: Arc<Warehouse>,
        work: Arc<dyn WorkLink>,
        tier: Arc<Tier>,
        after: Duration,
    ) -> Moving {
        Moving { warehouse, work, tier, after, given_up: Mutex::default() }
    }

    fn figures(&self) -> &Figures {
        self.tier.figures()
    }

    /// Rounds until the process ends.
    pub async fn keep_on(&self, wall: impl Fn() -> Timestamp) {
        tokio::time::sleep(AFTER_START).await;
        let mut forget_at = tokio::time::Instant::now() + GIVEN_UP;
        loop {
            if tokio::time::Instant::now() >= forget_at {
                self.given_up.lock().await.clear();
                forget_at = tokio::time::Instant::now() + GIVEN_UP;
            }
            let pause = match self.round(wall()).await {
                Ok(round) if round == Round::default() => EVERY,
                Ok(Round { moved, learned, freed, busy, failed }) => {
                    tracing::info!(
                        moved,
                        learned,
                        freed,
                        busy,
                        failed,
                        "recordings to the object store"
                    );
                    EVERY
                }
                Err(error) => {
                    count(&self.figures().move_errors);
                    tracing::error!(%error, "recordings stay here until the object store answers");
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Moves what is old enough at `now`, after what an earlier round left half done.
    ///
    /// # Errors
    /// See [`Error`]; what was done stays done.
    pub async fn round(&self, now: Timestamp) -> Result<Round, Error> {
        let mut round = Round::default();
        self.finish(&mut round).await?;
        let after = i64::try_from(self.after.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp(now.0.saturating_sub(after));
        let waiting = self.warehouse.recordings_to_move_count(before).await?;
        self.figures().backlog.store(waiting, Ordering::Relaxed);
        let mut cursor = (Timestamp(i64::MIN), RecordingId(0));
        loop {
            let due = self.warehouse.recordings_to_move(before, cursor, PAGE).await?;
            let Some(last) = due.last() else { return Ok(round) };
            cursor = (last.recording.started_at, last.recording.recording_id);
            for found in &due {
                self.one(found, &mut round).await?;
            }
        }
    }

    /// Local files of recordings that lie in the second tier.
    async fn finish(&self, round: &mut Round) -> Result<(), Error> {
        let mut after = RecordingId(0);
        loop {
            let left = self.warehouse.recordings_to_free(after, PAGE).await?;
            let Some(last) = left.last() else { return Ok(()) };
            after = last.recording.recording_id;
            for found in &left {
                let id = found.recording.recording_id;
                let stored = found.moved.as_ref().map_or(&[][..], |moved| moved.files.as_slice());
                if let Some(wav) = &found.recording.path {
                    self.free(id, wav, stored, round).await?;
                }
            }
        }
    }

    async fn one(&self, found: &Indexed, round: &mut Round) -> Result<(), Error> {
        let recording = &found.recording;
        let id = recording.recording_id;
        let (bytes, sha256) = match &found.repair {
            Some(Repair::Shortened { bytes, sha256, .. }) => (*bytes, Some(sha256.clone())),
            // There is no file any more.
            Some(Repair::Quarantined { .. } | Repair::Lost) => return Ok(()),
            None => (recording.bytes.unsigned_abs(), recording.sha256.clone()),
        };
        let Some(wav) = &recording.path else { return Ok(()) };
        if self.given_up.lock().await.contains(&id) {
            return Ok(());
        }
        // It may have been deleted since it was read.
        if !self.warehouse.note_moving(id).await? {
            return Ok(());
        }
        let sent = self.work.run(Job::Send { wav: wav.clone(), bytes, sha256 }).await;
        let stored = match sent.and_then(|done| outcome(&done)) {
            Ok(Sent::Stored(stored)) => stored,
            Ok(Sent::There(stored)) => {
                if !self.warehouse.note_moved(id, &stored).await? {
                    return Ok(());
                }
                round.learned += 1;
                return self.free(id, wav, &stored, round).await;
            }
            Ok(Sent::Busy) => {
                round.busy += 1;
                return Ok(());
            }
            Ok(Sent::Unfit(why)) => return self.give_up(id, &why, round).await,
            Err(problem) if problem.status == 503 => return Err(problem.into()),
            Err(problem) => return self.give_up(id, &problem.detail, round).await,
        };
        point("move.note").await.map_err(|error| Problem::unavailable(&error.to_string()))?;
        if !self.warehouse.note_moved(id, &stored).await? {
            return Ok(());
        }
        round.moved += 1;
        let figures = self.figures();
        count(&figures.moved);
        figures.files.fetch_add(stored.len() as u64, Ordering::Relaxed);
        figures.bytes.fetch_add(stored.iter().map(|file| file.bytes).sum(), Ordering::Relaxed);
        let waiting = figures.backlog.load(Ordering::Relaxed);
        figures.backlog.store(waiting.saturating_sub(1), Ordering::Relaxed);
        self.free(id, wav, &stored, round).await
    }

    async fn free(
        &self,
        id: RecordingId,
        wav: &str,
        stored: &[Stored],
        round: &mut Round,
    ) -> Result<(), Error> {
        point("move.free").await.map_err(|error| Problem::unavailable(&error.to_string()))?;
        let job = Job::Free { wav: wav.to_owned(), stored: stored.to_vec() };
        match self.work.run(job).await.and_then(|done| outcome(&done)) {
            Ok(Freed::Gone(files)) => {
                point("move.done").await.map_err(|e| Problem::unavailable(&e.to_string()))?;
                self.warehouse.note_freed(id).await?;
                round.freed += files;
            }
            Ok(Freed::Busy) => round.busy += 1,
            // A form was made meanwhile, or what was sent is gone: all of it is sent again.
            Ok(Freed::Changed) => {
                self.warehouse.note_here(id).await?;
                round.busy += 1;
            }
            Err(problem) if problem.status == 503 => return Err(problem.into()),
            Err(problem) => self.give_up(id, &problem.detail, round).await?,
        }
        Ok(())
    }

    async fn give_up(&self, id: RecordingId, why: &str, round: &mut Round) -> Result<(), Error> {
        tracing::warn!(recording = %id, why, "does not move; `recording verify` looks at its file");
        count(&self.figures().move_errors);
        self.given_up.lock().await.insert(id);
        round.failed += 1;
        Ok(())
    }
}

fn outcome<T: serde::de::DeserializeOwned>(done: &Done) -> Result<T, Problem> {
    serde_json::from_slice(&done.body)
        .map_err(|error| Problem::new(500, "tier", "", error.to_string()))
}
