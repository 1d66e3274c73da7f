//! Recordings in the second tier. Promise: the index says that a file lies in the object store only
//! after it was read back from there, and that it lies there alone only after the local one has
//! gone; a deletion that is decided knows whether an object may exist.
//!
//! ```text
//!  (here) ──note_moving──► Begun ──note_moved──► Stored ──note_freed──► Alone
//!                            ▲                      │                     │
//!                            └────── note_here ─────┴─────────────────────┘
//! ```
//!
//! `Begun` is written before the first byte leaves, and only for what is not deleted. So an upload
//! never starts after a deletion was decided without the deletion knowing of it.

use super::{Indexed, indexed};
use crate::db::{self, Db, DbRow};
use crate::{Error, Warehouse};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use terms::{RecordingId, Timestamp};

/// Columns and indexes that an index from before the second tier lacks.
const COLUMNS: &[&str] = &[
    "ALTER TABLE recording ADD COLUMN moved INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE recording ADD COLUMN moved_files TEXT",
];
const INDEXES: &[&str] = &[
    "CREATE INDEX IF NOT EXISTS recording_to_move
        ON recording (started_at, id) WHERE kept = 1 AND moved < 2",
    "CREATE INDEX IF NOT EXISTS recording_to_free ON recording (id) WHERE moved = 2",
];

/// How far the move of a recording has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Some of it may lie in the object store; the local files are what counts.
    Begun,
    /// All of it lies there and was read back; the local files may still be here.
    Stored,
    /// It lies there alone.
    Alone,
}

/// A file in the object store, as it was read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Where it was, relative to the recordings folder; its object's name ends in it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// A recording on its way or in the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How far.
    pub stage: Stage,
    /// What lies there; empty at first.
    pub files: Vec<Stored>,
}

impl Moved {
    /// A reader may come before the writer of this version: then the columns are missing.
    pub(super) fn of_row(row: &DbRow) -> Result<Option<Moved>, String> {
        let stage = match row.try_get::<i64, _>("moved").unwrap_or(0) {
            0 => return Ok(None),
            1 => Stage::Begun,
            2 => Stage::Stored,
            3 => Stage::Alone,
            other => return Err(format!("its move is at {other}")),
        };
        let files: Option<String> = row.try_get("moved_files").unwrap_or(None);
        let files = files.as_deref().map_or(Ok(Vec::new()), serde_json::from_str);
        Ok(Some(Moved { stage, files: files.map_err(|error| error.to_string())? }))
    }

    /// The file of this path, when it lies in the object store.
    pub fn file(&self, path: &str) -> Option<&Stored> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Brings an index from before up to date.
pub(crate) async fn prepare(db: &mut Db) -> Result<(), Error> {
    let prepare = || Error::database("prepare the index of recordings");
    let known = db::has_column(db, "recording", "moved").await?;
    let columns: &'static [&'static str] = if known { &[] } else { COLUMNS };
    for statement in columns.iter().chain(INDEXES) {
        let statement = db::table(db, statement);
        sqlx::query(statement).execute(&mut *db).await.map_err(prepare())?;
    }
    Ok(())
}

/// Says in `meta` that the database was made anew: where recordings lie is forgotten.
const FORGOTTEN: &str = "recording_places";

/// Notes that where recordings lie is forgotten.
pub(crate) async fn forget_places(db: &mut Db) -> Result<(), Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, 1) ON CONFLICT DO NOTHING")
        .bind(FORGOTTEN)
        .execute(db)
        .await
        .map_err(Error::database("note what is forgotten"))?;
    Ok(())
}

impl Warehouse {
    /// After the database was made anew any recording may have objects: a deletion takes them too, and
    /// [`Warehouse::recordings_to_move`] gives them all, so that it is found out. For a box with an
    /// object store, before it deletes. Returns of how many recordings that was noted.
    ///
    /// # Errors
    /// See [`Error`]; nothing is noted then.
    pub async fn doubt_places(&self) -> Result<u64, Error> {
        const ACTION: &str = "note what is forgotten";
        let mut tx = self.write(ACTION).await?;
        let forgotten = sqlx::query("DELETE FROM meta WHERE name = $1")
            .bind(FORGOTTEN)
            .execute(&mut *tx)
            .await
            .map_err(Error::database(ACTION))?;
        if forgotten.rows_affected() == 0 {
            return Ok(0);
        }
        let doubted = sqlx::query("UPDATE recording SET moved = 1 WHERE moved = 0 AND removed = 0")
            .execute(&mut *tx)
            .await
            .map_err(Error::database(ACTION))?;
        db::commit(tx, ACTION).await?;
        Ok(doubted.rows_affected())
    }

    /// Recordings of all tenants that began before `before` and whose files lie here, the oldest
    /// first, from `after` on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_to_move(
        &self,
        before: Timestamp,
        after: (Timestamp, RecordingId),
        limit: u32,
    ) -> Result<Vec<Indexed>, Error> {
        let mut tx = self.read("find recordings to move").await?;
        let rows = sqlx::query(db::sql(
            &tx,
            "SELECT * FROM recording INDEXED BY recording_to_move \
             WHERE kept = 1 AND moved < 2 AND started_at < $1 AND (started_at, id) > ($2, $3) \
             ORDER BY started_at, id LIMIT $4",
        ))
        .bind(before.0)
        .bind(after.0.0)
        .bind(after.1.0 as i64)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find recordings to move"))?;
        rows.iter().map(indexed).collect()
    }

    /// How many of them there are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_to_move_count(&self, before: Timestamp) -> Result<u64, Error> {
        let mut tx = self.read("count recordings to move").await?;
        let count: i64 = sqlx::query_scalar(db::sql(
            &tx,
            "SELECT COUNT(*) FROM recording INDEXED BY recording_to_move \
             WHERE kept = 1 AND moved < 2 AND started_at < $1",
        ))
        .bind(before.0)
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::database("count recordings to move"))?;
        Ok(count as u64)
    }

    /// Recordings that lie in the object store and whose local files may still be here, from
    /// `after` on. A deleted one is none of them: its files go another way.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_to_free(
        &self,
        after: RecordingId,
        limit: u32,
    ) -> Result<Vec<Indexed>, Error> {
        let mut tx = self.read("find moved recordings").await?;
        let rows = sqlx::query(db::sql(
            &tx,
            "SELECT * FROM recording INDEXED BY recording_to_free \
             WHERE moved = 2 AND kept = 1 AND id > $1 ORDER BY id LIMIT $2",
        ))
        .bind(after.0 as i64)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find moved recordings"))?;
        rows.iter().map(indexed).collect()
    }

    /// Notes that objects of a recording may come to be. False, and nothing may be sent, when it
    /// was deleted or lies in the object store already.
    ///
    /// # Errors
    /// See [`Error`]; nothing may be sent then.
    pub async fn note_moving(&self, recording: RecordingId) -> Result<bool, Error> {
        self.step_move(
            recording,
            "UPDATE recording SET moved = 1, moved_files = NULL \
             WHERE id = $1 AND kept = 1 AND moved < 2",
        )
        .await
    }

    /// Notes that these files of a recording lie in the object store and were read back. False when
    /// it was deleted meanwhile: its local files are not ours to remove, and its objects go with it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn note_moved(
        &self,
        recording: RecordingId,
        files: &[Stored],
    ) -> Result<bool, Error> {
        let mut tx = self.write("note a moved recording").await?;
        let done = sqlx::query(
            "UPDATE recording SET moved = 2, moved_files = $2 \
             WHERE id = $1 AND kept = 1 AND moved = 1",
        )
        .bind(recording.0 as i64)
        .bind(serde_json::to_string(files).expect("paths and hashes are always valid JSON"))
        .execute(&mut *tx)
        .await
        .map_err(Error::database("note a moved recording"))?;
        db::commit(tx, "note a moved recording").await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes that a recording lies in the object store alone.
    ///
    /// # Errors
    /// See [`Error`]; its local files are looked for again then.
    pub async fn note_freed(&self, recording: RecordingId) -> Result<bool, Error> {
        self.step_move(recording, "UPDATE recording SET moved = 3 WHERE id = $1 AND moved = 2")
            .await
    }

    /// Notes that the local files of a recording count again: another form of it was made, or it
    /// was rendered again. What lies in the object store is replaced by the next move.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn note_here(&self, recording: RecordingId) -> Result<bool, Error> {
        self.step_move(
            recording,
            "UPDATE recording SET moved = 1, moved_files = NULL WHERE id = $1 AND moved > 1",
        )
        .await
    }

    async fn step_move(&self, recording: RecordingId, sql: &'static str) -> Result<bool, Error> {
        Ok(self.step("note a move", sql, &[recording.0 as i64]).await? > 0)
    }
}
