//! Deleting recordings. A deletion is decided first, in one transaction with the row that tells the
//! world of it; then the files go; then it is noted that they are gone. A process that dies in
//! between takes up the rest at its next start, and what is decided is not given out meanwhile.

use super::{Indexed, indexed};
use crate::db::{self, DbRow, Text};
use crate::store::now;
use crate::{Error, Warehouse, stage};
use sqlx::Row as _;
use terms::record::{Recording, RecordingDeletion, Row};
use terms::{QueueId, RecordingId, TenantId, Timestamp};

/// Why a recording was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its time was over.
    Retention,
    /// Somebody asked for it.
    Erasure,
}

impl Reason {
    /// Its text in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Retention => "retention",
            Reason::Erasure => "erasure",
        }
    }

    /// The other direction.
    pub fn from_text(text: &str) -> Option<Reason> {
        match text {
            "retention" => Some(Reason::Retention),
            "erasure" => Some(Reason::Erasure),
            _ => None,
        }
    }
}

/// That something was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Which rule, or what the person said who asked for it.
    pub detail: String,
}

impl Deleted {
    /// What a row of an index says; a reason that nobody knows comes back as it stands there.
    pub(crate) fn of_row(row: &DbRow) -> Result<Option<Deleted>, String> {
        let Some(at) = row.get::<Option<i64>, _>("deleted_at") else { return Ok(None) };
        let reason: String = row.get("deleted_reason");
        let reason = Reason::from_text(&reason).ok_or(reason)?;
        Ok(Some(Deleted { at: Timestamp(at), reason, detail: row.get("deleted_detail") }))
    }
}

/// Whose recordings a rule is about.
#[derive(Clone, Copy, Debug)]
pub enum OfQueues<'a> {
    /// Those of one queue.
    One(QueueId),
    /// Those of all queues but these, and of none.
    AllBut(&'a [QueueId]),
}

/// A recording whose deletion is decided and whose files may still be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub recording: RecordingId,
    /// Its WAV, relative to the recordings folder; the other renderings lie beside it.
    pub path: String,
    /// Some of its files may lie in the object store.
    pub moved: bool,
}

impl Doomed {
    fn of(Indexed { recording, moved, .. }: &Indexed) -> Option<Doomed> {
        Some(Doomed {
            tenant: recording.tenant_id,
            recording: recording.recording_id,
            path: recording.path.clone()?,
            moved: moved.is_some(),
        })
    }
}

impl Warehouse {
    /// Recordings with a file that began before `until`, the oldest first, from `after` on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_due(
        &self,
        tenant: TenantId,
        of: OfQueues<'_>,
        until: Timestamp,
        after: (Timestamp, RecordingId),
        limit: u32,
    ) -> Result<Vec<Recording>, Error> {
        let mut query = Text::new(
            "SELECT * FROM recording INDEXED BY recording_kept WHERE kept = 1 AND tenant = ",
        );
        query.push_bind(tenant.0 as i64);
        query.push(" AND started_at < ").push_bind(until.0);
        query.push(" AND (started_at, id) > (").push_bind(after.0.0);
        query.push(", ").push_bind(after.1.0 as i64).push(")");
        match of {
            OfQueues::One(queue) => {
                query.push(" AND queue = ").push_bind(queue.0 as i64);
            }
            OfQueues::AllBut([]) => {}
            OfQueues::AllBut(others) => {
                query.push(" AND (queue IS NULL OR queue NOT IN (");
                for (at, queue) in others.iter().enumerate() {
                    query.push(if at == 0 { "" } else { ", " }).push_bind(queue.0 as i64);
                }
                query.push("))");
            }
        }
        query.push(" ORDER BY started_at, id LIMIT ").push_bind(i64::from(limit));
        let mut tx = self.read("find recordings to delete").await?;
        let rows = query.query(&tx).fetch_all(&mut *tx).await;
        let rows = rows.map_err(Error::database("find recordings to delete"))?;
        rows.iter().map(|row| indexed(row).map(|found| found.recording)).collect()
    }

    /// Decides that recordings of a tenant are deleted, and stages the rows that say so. Gives back
    /// those whose files have to go; one that was deleted before is not among them.
    ///
    /// # Errors
    /// See [`Error`]; nothing is decided then.
    pub async fn delete_recordings(
        &self,
        tenant: TenantId,
        recordings: &[RecordingId],
        (reason, detail): (Reason, &str),
        at: Timestamp,
    ) -> Result<Vec<Doomed>, Error> {
        let mut tx = self.write("delete recordings").await?;
        let (mut doomed, mut rows) = (Vec::new(), Vec::new());
        for recording in recordings {
            let row = sqlx::query(
                // Without a file there is nothing to remove.
                "UPDATE recording SET removed = 1 - kept, kept = 0, deleted_at = $3, \
                 deleted_reason = $4, deleted_detail = $5 WHERE id = $1 AND tenant = $2 AND deleted_at IS NULL \
                 RETURNING *",
            )
            .bind(recording.0 as i64)
            .bind(tenant.0 as i64)
            .bind(at.0)
            .bind(reason.as_str())
            .bind(detail)
            .fetch_optional(&mut *tx)
            .await
            .map_err(Error::database("delete recordings"))?;
            let Some(row) = row else { continue };
            let found = indexed(&row)?;
            doomed.extend(Doomed::of(&found));
            rows.push(deletion(&found.recording, reason, detail, at));
        }
        stage::insert(&mut tx, &rows, now()).await?;
        db::commit(tx, "delete recordings").await?;
        Ok(doomed)
    }

    /// Deletions that were decided and whose files may still be there, the oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_to_remove(&self, limit: u32) -> Result<Vec<Doomed>, Error> {
        let mut tx = self.read("find deleted recordings").await?;
        let rows = sqlx::query(db::sql(
            &tx,
            "SELECT * FROM recording INDEXED BY recording_to_remove \
             WHERE deleted_at IS NOT NULL AND removed = 0 ORDER BY deleted_at LIMIT $1",
        ))
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find deleted recordings"))?;
        let found: Result<Vec<Indexed>, Error> = rows.iter().map(indexed).collect();
        Ok(found?.iter().filter_map(Doomed::of).collect())
    }

    /// Notes that the files of deleted recordings are gone.
    ///
    /// # Errors
    /// See [`Error`]; they are looked for again then.
    pub async fn recordings_removed(&self, recordings: &[RecordingId]) -> Result<(), Error> {
        let ids: Vec<i64> = recordings.iter().map(|recording| recording.0 as i64).collect();
        let sql = "UPDATE recording SET removed = 1, moved = 0, moved_files = NULL \
                   WHERE id = $1 AND deleted_at IS NOT NULL";
        self.step("note removed files", sql, &ids).await?;
        Ok(())
    }

    /// Takes a statement over each of some ids of an index, all or none. Says how many rows that
    /// changed.
    pub(crate) async fn step(
        &self,
        doing: &'static str,
        sql: &'static str,
        ids: &[i64],
    ) -> Result<u64, Error> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut tx = self.write(doing).await?;
        let mut changed = 0;
        for id in ids {
            let done = sqlx::query(sql).bind(*id).execute(&mut *tx).await;
            changed += done.map_err(Error::database(doing))?.rows_affected();
        }
        db::commit(tx, doing).await?;
        Ok(changed)
    }
}

fn deletion(of: &Recording, reason: Reason, detail: &str, at: Timestamp) -> Row {
    Row::RecordingDeletion(RecordingDeletion {
        tenant_id: of.tenant_id,
        recording_id: of.recording_id,
        call_id: of.call_id,
        contact_id: of.contact_id,
        call_started_at: of.call_started_at,
        agent_id: of.agent_id,
        queue_id: of.queue_id,
        deleted_at: at,
        reason: reason.as_str().to_owned(),
        detail: detail.to_owned(),
    })
}
