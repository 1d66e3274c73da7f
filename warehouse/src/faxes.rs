//! The index of received faxes: one row of `warehouse.db` for each that lies as a file, beside the
//! table `faxes` that holds all of them for everybody. It knows what the table cannot say: that a
//! fax was deleted, and how far its deletion has come.
//!
//! A row enters in the transaction that stages the fax. Between the file and its entry in the event
//! log the box may be killed: such a file is adopted, without anything that says whose call it was.
//!
//! A deletion is decided first, in one transaction with the row that tells the world of it; then it
//! is told to the audit table, then the file goes, then it is noted that it is gone. A process that
//! dies in between takes up the rest at its next start.

use crate::db::{self, Db, DbRow};
use crate::recordings::{Deleted, Reason};
use crate::store::now;
use crate::{Error, Warehouse, stage};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};
use terms::record::{Fax, RecordingDeletion, Row};
use terms::{CallId, ContactId, FaxId, Person, RecordingId, TenantId, Timestamp, id};

/// Ids of one question.
const IDS: usize = 500;

/// `row` is NULL for a file that was adopted; `told` is 1 once the deletion stands in the audit
/// table, `removed` when the file is gone.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS fax (
        id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, started_at INTEGER NOT NULL,
        deleted_at INTEGER, deleted_reason TEXT, deleted_detail TEXT,
        told INTEGER NOT NULL DEFAULT 0, removed INTEGER NOT NULL DEFAULT 0, row BLOB) STRICT",
    "CREATE INDEX IF NOT EXISTS fax_kept ON fax (tenant, started_at, id) WHERE deleted_at IS NULL",
    "CREATE INDEX IF NOT EXISTS fax_to_remove
        ON fax (deleted_at) WHERE deleted_at IS NOT NULL AND removed = 0",
];

/// What is known of a received fax.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub fax: FaxId,
    /// When it began.
    pub started_at: Timestamp,
    /// Its row; none of a file that was adopted.
    pub row: Option<Fax>,
    /// It was deleted.
    pub deleted: Option<Deleted>,
}

/// A fax whose deletion is decided and whose file may still be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedFax {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub fax: FaxId,
    /// Which rule, or what the person said who asked for it.
    pub detail: String,
    /// The audit table knows of it.
    pub told: bool,
}

impl DoomedFax {
    /// Its file, relative to the folder of faxes.
    pub fn path(&self) -> String {
        format!("{}/{}.tif", self.tenant, self.fax)
    }
}

impl Warehouse {
    /// One received fax of a tenant.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fax(&self, tenant: TenantId, fax: FaxId) -> Result<Option<Received>, Error> {
        let mut tx = self.read("find a fax").await?;
        let row = sqlx::query("SELECT * FROM fax WHERE id = $1 AND tenant = $2")
            .bind(fax.0 as i64)
            .bind(tenant.0 as i64)
            .fetch_optional(&mut *tx)
            .await
            .map_err(Error::database("find a fax"))?;
        row.as_ref().map(received).transpose()
    }

    /// Faxes that are not deleted and began before `until`, the oldest first, from `after` on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn faxes_due(
        &self,
        tenant: TenantId,
        until: Timestamp,
        after: (Timestamp, FaxId),
        limit: u32,
    ) -> Result<Vec<Received>, Error> {
        let mut tx = self.read("find faxes to delete").await?;
        let rows = sqlx::query(db::sql(
            &tx,
            "SELECT * FROM fax INDEXED BY fax_kept WHERE deleted_at IS NULL AND tenant = $1 \
             AND started_at < $2 AND (started_at, id) > ($3, $4) ORDER BY started_at, id LIMIT $5",
        ))
        .bind(tenant.0 as i64)
        .bind(until.0)
        .bind(after.0.0)
        .bind(after.1.0 as i64)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find faxes to delete"))?;
        rows.iter().map(received).collect()
    }

    /// Faxes of a tenant that are not deleted and came from the person's number, or were sent by a machine
    /// that names them: they are to be deleted before the person is erased.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn faxes_of(
        &self,
        tenant: TenantId,
        person: &Person,
    ) -> Result<Vec<Received>, Error> {
        let mut tx = self.read("find faxes of a person").await?;
        let mut faxes: BTreeMap<FaxId, Received> = BTreeMap::new();
        for pattern in person.byte_patterns() {
            let rows = sqlx::query(db::sql(
                &tx,
                "SELECT * FROM fax WHERE deleted_at IS NULL AND tenant = $1 AND row IS NOT NULL \
                 AND CAST(row AS TEXT) LIKE $2 ORDER BY id",
            ))
            .bind(tenant.0 as i64)
            .bind(pattern)
            .fetch_all(&mut *tx)
            .await
            .map_err(Error::database("find faxes of a person"))?;
            for row in &rows {
                let found = received(row)?;
                faxes.insert(found.fax, found);
            }
        }
        let texts = |row: &Fax| [row.caller.clone(), row.station.clone(), row.text.clone()];
        faxes.retain(|_, fax| {
            let named = fax.row.as_ref().map(texts);
            named.is_some_and(|texts| texts.iter().any(|text| person.is_in(text)))
        });
        Ok(faxes.into_values().collect())
    }

    /// Takes in those of a tenant's files that no row speaks of; says how many. One that was
    /// deleted and lies there all the same goes again.
    ///
    /// # Errors
    /// See [`Error`]; the rest is taken in the next time.
    pub async fn adopt_faxes(&self, tenant: TenantId, there: &[FaxId]) -> Result<u64, Error> {
        let mut adopted = 0;
        for some in there.chunks(IDS) {
            let known = self.known_faxes(some).await?;
            let new: Vec<FaxId> = some.iter().copied().filter(|fax| !known.contains(fax)).collect();
            if new.is_empty() {
                continue;
            }
            let mut tx = self.write("adopt faxes").await?;
            for fax in new {
                let done = sqlx::query(
                    "INSERT INTO fax (id, tenant, started_at) VALUES ($1, $2, $3) \
                     ON CONFLICT (id) DO UPDATE SET removed = 0 \
                     WHERE fax.removed = 1 AND fax.tenant = excluded.tenant",
                )
                .bind(fax.0 as i64)
                .bind(tenant.0 as i64)
                .bind(id::created_at(fax.0).0)
                .execute(&mut *tx)
                .await
                .map_err(Error::database("adopt faxes"))?;
                adopted += done.rows_affected();
            }
            db::commit(tx, "adopt faxes").await?;
        }
        Ok(adopted)
    }

    async fn known_faxes(&self, some: &[FaxId]) -> Result<BTreeSet<FaxId>, Error> {
        let ids: Vec<i64> = some.iter().map(|fax| fax.0 as i64).collect();
        let mut tx = self.read("find faxes").await?;
        let known: Vec<i64> = sqlx::query_scalar(db::sql(
            &tx,
            "SELECT id FROM fax WHERE removed = 0 AND id IN (SELECT value FROM json_each($1))",
        ))
        .bind(serde_json::to_string(&ids).expect("numbers are valid JSON"))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find faxes"))?;
        Ok(known.into_iter().map(|id| FaxId(id as u64)).collect())
    }

    /// Decides that faxes of a tenant are deleted, and stages the rows that say so. Gives back
    /// those whose files have to go; one that was deleted before is not among them. Who asks for an
    /// erasure has noted it in the audit table before.
    ///
    /// # Errors
    /// See [`Error`]; nothing is decided then.
    pub async fn delete_faxes(
        &self,
        tenant: TenantId,
        faxes: &[FaxId],
        (reason, detail): (Reason, &str),
        at: Timestamp,
    ) -> Result<Vec<DoomedFax>, Error> {
        let mut tx = self.write("delete faxes").await?;
        let (mut going, mut rows) = (Vec::new(), Vec::new());
        for fax in faxes {
            let row = sqlx::query(
                "UPDATE fax SET deleted_at = $3, deleted_reason = $4, deleted_detail = $5, \
                 told = $6 WHERE id = $1 AND tenant = $2 AND deleted_at IS NULL RETURNING *",
            )
            .bind(fax.0 as i64)
            .bind(tenant.0 as i64)
            .bind(at.0)
            .bind(reason.as_str())
            .bind(detail)
            .bind(i64::from(reason == Reason::Erasure))
            .fetch_optional(&mut *tx)
            .await
            .map_err(Error::database("delete faxes"))?;
            let Some(row) = row else { continue };
            going.push(doomed(&row));
            rows.push(deletion(&received(&row)?, reason, detail, at));
        }
        stage::insert(&mut tx, &rows, now()).await?;
        db::commit(tx, "delete faxes").await?;
        Ok(going)
    }

    /// Deletions that were decided and whose files may still be there, the oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn faxes_to_remove(&self, limit: u32) -> Result<Vec<DoomedFax>, Error> {
        let mut tx = self.read("find deleted faxes").await?;
        let rows = sqlx::query(db::sql(
            &tx,
            "SELECT * FROM fax INDEXED BY fax_to_remove \
             WHERE deleted_at IS NOT NULL AND removed = 0 ORDER BY deleted_at LIMIT $1",
        ))
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find deleted faxes"))?;
        Ok(rows.iter().map(doomed).collect())
    }

    /// Deleted faxes of a tenant whose files may still be there: nobody is given them any more.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn faxes_leaving(&self, tenant: TenantId) -> Result<BTreeSet<FaxId>, Error> {
        let mut tx = self.read("find deleted faxes").await?;
        let ids: Vec<i64> = sqlx::query_scalar(db::sql(
            &tx,
            "SELECT id FROM fax INDEXED BY fax_to_remove \
             WHERE deleted_at IS NOT NULL AND removed = 0 AND tenant = $1",
        ))
        .bind(tenant.0 as i64)
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find deleted faxes"))?;
        Ok(ids.into_iter().map(|id| FaxId(id as u64)).collect())
    }

    /// Notes that the audit table knows of these deletions.
    ///
    /// # Errors
    /// See [`Error`]; they are told once more then.
    pub async fn faxes_told(&self, faxes: &[FaxId]) -> Result<(), Error> {
        self.step_faxes(faxes, "UPDATE fax SET told = 1 WHERE id = $1").await
    }

    /// Notes that the files of deleted faxes are gone.
    ///
    /// # Errors
    /// See [`Error`]; they are looked for again then.
    pub async fn faxes_removed(&self, faxes: &[FaxId]) -> Result<(), Error> {
        let sql = "UPDATE fax SET removed = 1 WHERE id = $1 AND deleted_at IS NOT NULL";
        self.step_faxes(faxes, sql).await
    }

    async fn step_faxes(&self, faxes: &[FaxId], sql: &'static str) -> Result<(), Error> {
        let ids: Vec<i64> = faxes.iter().map(|fax| fax.0 as i64).collect();
        self.step("note deleted faxes", sql, &ids).await?;
        Ok(())
    }
}

/// Puts the received faxes among staged rows into the index; of one that was adopted it is known
/// from now on whose call it was.
pub(crate) async fn note(db: &mut Db, rows: &[Row]) -> Result<(), Error> {
    for row in rows {
        let Row::Fax(fax) = row else { continue };
        if fax.path.is_none() {
            continue;
        }
        sqlx::query(
            "INSERT INTO fax (id, tenant, started_at, row) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET row = excluded.row \
             WHERE fax.row IS NULL AND fax.tenant = excluded.tenant",
        )
        .bind(fax.fax_id.0 as i64)
        .bind(fax.tenant_id.0 as i64)
        .bind(id::created_at(fax.fax_id.0).0)
        .bind(serde_json::to_vec(fax).expect("a row is always valid JSON"))
        .execute(&mut *db)
        .await
        .map_err(Error::database("index faxes"))?;
    }
    Ok(())
}

fn received(row: &DbRow) -> Result<Received, Error> {
    let id: i64 = row.get("id");
    let damaged = |why: String| Error::Damaged { what: format!("fax {id}"), why };
    let whole: Option<Vec<u8>> = row.get("row");
    let whole = whole.as_deref().map(serde_json::from_slice).transpose();
    Ok(Received {
        tenant: TenantId(row.get::<i64, _>("tenant") as u64),
        fax: FaxId(id as u64),
        started_at: Timestamp(row.get("started_at")),
        row: whole.map_err(|error| damaged(error.to_string()))?,
        deleted: Deleted::of_row(row).map_err(damaged)?,
    })
}

fn doomed(row: &DbRow) -> DoomedFax {
    let detail: Option<String> = row.get("deleted_detail");
    DoomedFax {
        tenant: TenantId(row.get::<i64, _>("tenant") as u64),
        fax: FaxId(row.get::<i64, _>("id") as u64),
        detail: detail.unwrap_or_default(),
        told: row.get::<i64, _>("told") != 0,
    }
}

/// In the table of deleted recordings: one place says what was deleted.
fn deletion(of: &Received, reason: Reason, detail: &str, at: Timestamp) -> Row {
    let row = of.row.as_ref();
    Row::RecordingDeletion(RecordingDeletion {
        tenant_id: of.tenant,
        recording_id: RecordingId(of.fax.0),
        call_id: row.map_or(CallId(0), |row| row.call_id),
        contact_id: row.map_or(ContactId(0), |row| row.contact_id),
        call_started_at: row.map_or(of.started_at, |row| row.call_started_at),
        agent_id: None,
        queue_id: None,
        deleted_at: at,
        reason: reason.as_str().to_owned(),
        detail: detail.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Scope, Session};

    const TENANT: TenantId = TenantId(1);
    const WHY: (Reason, &str) = (Reason::Retention, "fax kept for 90 days");

    fn fax(id: u64) -> Fax {
        Fax {
            tenant_id: TENANT,
            fax_id: FaxId(id),
            call_id: CallId(50),
            contact_id: ContactId(60),
            call_started_at: Timestamp(1_000_000),
            ended_at: Timestamp(2_000_000),
            caller: "+8613800138000".into(),
            document: None,
            complete: true,
            pages: 3,
            ecm: true,
            bit_rate: 14_400,
            station: "+86 10 1111".into(),
            text: "OK".into(),
            path: Some(format!("1/{id}.tif")),
            bytes: 100,
            sha256: None,
        }
    }

    async fn opened() -> (tempfile::TempDir, Warehouse) {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        (dir, warehouse)
    }

    async fn due(warehouse: &Warehouse) -> Vec<u64> {
        let ever = Timestamp(i64::MAX);
        let from = (Timestamp(i64::MIN), FaxId(0));
        let due = warehouse.faxes_due(TENANT, ever, from, 10).await.unwrap();
        due.iter().map(|found| found.fax.0).collect()
    }

    #[tokio::test]
    async fn only_what_lies_as_a_file_is_in_the_index() {
        let (_dir, warehouse) = opened().await;
        let sent = Fax { path: None, document: Some("news".into()), ..fax(8) };
        let foreign = Fax { tenant_id: TenantId(2), ..fax(9) };
        let rows = [fax(7), sent, foreign].map(Row::Fax);
        assert!(warehouse.stage_rows("test", 1, &rows).await.unwrap());
        assert_eq!(due(&warehouse).await, [7]);
        let found = warehouse.fax(TENANT, FaxId(7)).await.unwrap().unwrap();
        assert_eq!((found.row, found.deleted), (Some(fax(7)), None));
        assert_eq!(warehouse.fax(TENANT, FaxId(9)).await.unwrap(), None, "another tenant's");
    }

    /// The process dies after each step of a deletion: what is left of it is known at the next
    /// start.
    #[tokio::test]
    async fn a_deletion_goes_on_where_the_process_died() {
        let (dir, warehouse) = opened().await;
        assert!(warehouse.stage_rows("test", 1, &[Row::Fax(fax(7))]).await.unwrap());
        let at = Timestamp(5_000_000);
        let of = |told| DoomedFax { tenant: TENANT, fax: FaxId(7), detail: WHY.1.into(), told };
        assert_eq!(
            warehouse.delete_faxes(TENANT, &[FaxId(7)], WHY, at).await.unwrap(),
            [of(false)]
        );
        assert_eq!(of(false).path(), "1/7.tif");
        warehouse.close().await;

        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        assert_eq!(warehouse.faxes_to_remove(10).await.unwrap(), [of(false)]);
        assert_eq!(warehouse.faxes_leaving(TENANT).await.unwrap().len(), 1);
        assert!(warehouse.faxes_leaving(TenantId(2)).await.unwrap().is_empty());
        warehouse.faxes_told(&[FaxId(7)]).await.unwrap();
        warehouse.close().await;

        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        assert_eq!(warehouse.faxes_to_remove(10).await.unwrap(), [of(true)]);
        warehouse.faxes_removed(&[FaxId(7)]).await.unwrap();
        assert_eq!(warehouse.faxes_to_remove(10).await.unwrap(), []);
        assert!(warehouse.delete_faxes(TENANT, &[FaxId(7)], WHY, at).await.unwrap().is_empty());
        let found = warehouse.fax(TENANT, FaxId(7)).await.unwrap().unwrap();
        let deleted = Deleted { at, reason: Reason::Retention, detail: WHY.1.into() };
        assert_eq!((found.row, found.deleted), (Some(fax(7)), Some(deleted)), "the row says why");
    }

    #[tokio::test]
    async fn a_file_without_a_row_is_adopted_once_and_a_late_row_makes_it_known() {
        let (_dir, warehouse) = opened().await;
        let there = [FaxId(7), FaxId(8)];
        assert_eq!(warehouse.adopt_faxes(TENANT, &there).await.unwrap(), 2);
        assert_eq!(warehouse.adopt_faxes(TENANT, &there).await.unwrap(), 0);
        assert_eq!(due(&warehouse).await, [7, 8]);
        let of = async |id| warehouse.fax(TENANT, FaxId(id)).await.unwrap().unwrap();
        assert_eq!(of(7).await.row, None);
        assert!(warehouse.stage_rows("test", 1, &[Row::Fax(fax(7))]).await.unwrap());
        assert_eq!(of(7).await.row, Some(fax(7)));
        warehouse.delete_faxes(TENANT, &[FaxId(8)], WHY, Timestamp(5)).await.unwrap();
        assert!(warehouse.stage_rows("test", 2, &[Row::Fax(fax(8))]).await.unwrap());
        let late = of(8).await;
        assert!(late.deleted.is_some() && late.row.is_some(), "{late:?}");
    }

    #[tokio::test]
    async fn a_deleted_file_that_lies_there_again_goes_again() {
        let (_dir, warehouse) = opened().await;
        assert!(warehouse.stage_rows("test", 1, &[Row::Fax(fax(7))]).await.unwrap());
        warehouse.delete_faxes(TENANT, &[FaxId(7)], WHY, Timestamp(5)).await.unwrap();
        warehouse.faxes_removed(&[FaxId(7)]).await.unwrap();
        warehouse.adopt_faxes(TENANT, &[FaxId(7)]).await.unwrap();
        assert_eq!(warehouse.faxes_to_remove(10).await.unwrap().len(), 1);
        assert!(due(&warehouse).await.is_empty(), "it stays deleted");
    }

    #[tokio::test]
    async fn the_index_forgets_a_person_and_keeps_their_fax_and_everybody_elses() {
        let (_dir, warehouse) = opened().await;
        let other = Fax { caller: "+862087654321".into(), ..fax(8) };
        let rows = [fax(7), other.clone()].map(Row::Fax);
        assert!(warehouse.stage_rows("test", 1, &rows).await.unwrap());
        let digits = Person::by_number("138 0013 8000", "86").expect("a number");
        assert_eq!(warehouse.faxes_of(TENANT, &digits).await.unwrap().len(), 1);
        warehouse.erase_person(TENANT, &digits).await.unwrap();
        let of = async |id| warehouse.fax(TENANT, FaxId(id)).await.unwrap().unwrap().row;
        let empty = String::new;
        let theirs = Fax { caller: empty(), station: empty(), text: empty(), ..fax(7) };
        assert_eq!((of(7).await, of(8).await), (Some(theirs), Some(other)));
        assert!(warehouse.faxes_of(TENANT, &digits).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_reader_sees_the_faxes_of_one_tenant_and_no_number_where_they_are_hidden() {
        let (_dir, warehouse) = opened().await;
        let foreign = Fax { tenant_id: TenantId(2), ..fax(9) };
        let rows = [fax(7), foreign].map(Row::Fax);
        assert!(warehouse.stage_rows("test", 1, &rows).await.unwrap());
        let scope = Scope { mask_numbers: true, ..Scope::of(TENANT) };
        let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
        let answer = session.query("SELECT fax_id, caller, station FROM faxes").await.unwrap();
        let seen: serde_json::Value = serde_json::from_str(&answer.to_json()).unwrap();
        let (caller, station) = ("+86138****8000", "+86****1111");
        let row = serde_json::json!({"fax_id": "7", "caller": caller, "station": station});
        assert_eq!(seen, serde_json::json!([row]));
    }
}
