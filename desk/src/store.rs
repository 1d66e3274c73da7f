//! The store: one writer connection, a pool of readers, embedded migrations.
//!
//! It is a file of SQLite or a database of PostgreSQL; queries are the same for both (`sql`). Readers
//! never wait for the writer, and what was accepted is kept when the process is killed or the power
//! is cut. One writer connection per process makes "database is locked" impossible inside it; another
//! process (the command line) waits for `BUSY_TIMEOUT`.

pub mod moved;
mod postgres;
mod sqlite;

use crate::audit::By;
use crate::error::{During, is_damage};
use crate::secret::Keeper;
use crate::sql::{self, On};
use crate::{Error, Result};
use sqlx::migrate::MigrateError;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use terms::record;
use terms::{TenantId, Timestamp};
use tokio::sync::{Semaphore, watch};

pub(crate) use crate::sql::DbRow;

/// Connections that read at the same time.
pub const READERS_MAX: u32 = 4;
/// How long a statement waits for another process's write.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a connection.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Passwords hashed at the same time: each takes 19 MiB and a core.
pub const HASHES_MAX: usize = 2;
/// Passwords that may wait for that; more are turned away.
pub const HASHES_WAITING_MAX: usize = 64;
/// Rows that a list gives at most, whatever was asked.
pub const LIST_MAX: u32 = 10_000;

/// The business store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Pool,
    readers: Pool,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) hashing: Arc<Hashing>,
    revision: Arc<watch::Sender<u64>>,
    /// Of a server; a file is never away.
    server: Option<Arc<postgres::Watch>>,
}

/// Who may hash now, and who may wait for it.
#[derive(Debug)]
pub(crate) struct Hashing {
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) seats: Arc<Semaphore>,
}

impl Store {
    /// Opens the store in `file` (a path or `sqlite://…`), makes it when missing, and brings its
    /// tables up to date. The key that seals trunk passwords lies beside the file, in `<file>.key`,
    /// readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Open`] with what would be right.
    pub async fn open(file: &str) -> Result<Self> {
        if file.starts_with("postgres:") || file.starts_with("postgresql:") {
            let problem = "a database needs a file for its key; give the path of a file".to_owned();
            return Err(Error::Open { store: postgres::named(file), problem });
        }
        let opened = sqlite::open(file).await;
        let store = || without_login(file);
        Ok(Store::new(opened.map_err(|problem| Error::Open { store: store(), problem })?))
    }

    /// Opens the store in the database of `url` (`postgres://…`) and brings its tables up to date.
    /// The key that seals trunk passwords lies in the file `key`, which is made when missing, readable
    /// by its owner only.
    ///
    /// # Errors
    /// [`Error::Open`] with what would be right, without the password.
    pub async fn connect(url: &str, key: &Path) -> Result<Self> {
        let connected = postgres::connect(url, key).await;
        let store = || postgres::named(url);
        let (parts, server) =
            connected.map_err(|problem| Error::Open { store: store(), problem })?;
        Ok(Store { server: Some(Arc::new(server)), ..Store::new(parts) })
    }

    fn new((writer, readers, keeper): (Pool, Pool, Keeper)) -> Self {
        Store {
            writer,
            readers,
            keeper: Arc::new(keeper),
            hashing: Arc::new(Hashing {
                turns: Arc::new(Semaphore::new(HASHES_MAX)),
                seats: Arc::new(Semaphore::new(HASHES_WAITING_MAX)),
            }),
            revision: Arc::new(watch::Sender::new(0)),
            server: None,
        }
    }

    /// Closes all connections; the WAL is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Rises whenever a plan changed in this process: wait for it, then ask for
    /// [`Store::plan_versions`].
    pub fn plan_changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Answers when the database answers: for readiness.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        sql::query("SELECT 1").execute(self.reader()).await.during("ask the store for a sign")?;
        Ok(())
    }

    /// Whether the database server gives a sign `within` that time, however busy the connections are
    /// that work. A file always does.
    pub async fn answers(&self, within: Duration) -> bool {
        match &self.server {
            Some(server) => server.answers(within).await,
            None => true,
        }
    }

    /// Writes the database anew, without the bytes of rows that are gone, and empties its log where
    /// that is ours.
    ///
    /// # Errors
    /// When it cannot be written, or ([`Error::Busy`]) while another program could still see such rows;
    /// it can be asked for again.
    pub async fn write_anew(&self) -> Result<()> {
        let doing = "write the store anew";
        if let Pool::Postgres(writer) = &self.writer {
            return postgres::write_anew(writer, doing).await;
        }
        for statement in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            sql::query(statement).execute(self.writer.on()).await.during(doing)?;
        }
        Ok(())
    }

    pub(crate) fn reader(&self) -> On<'_> {
        self.readers.on()
    }

    /// Begins a change. Nothing is visible to anybody before [`Write::commit`].
    pub(crate) async fn write(&self, doing: &'static str) -> Result<Write> {
        let tx = match &self.writer {
            // IMMEDIATE takes the write lock now: a read that turns into a write later could fail.
            Pool::Sqlite(writer) => writer.begin_with("BEGIN IMMEDIATE").await.map(Change::Sqlite),
            Pool::Postgres(writer) => postgres::begin(writer).await.map(Change::Postgres),
        };
        let tx = tx.during(doing)?;
        Ok(Write { tx, doing, plan_changed: false, revision: self.revision.clone() })
    }
}

/// Connections to either database.
#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    fn on(&self) -> On<'_> {
        match self {
            Pool::Sqlite(pool) => On::SqlitePool(pool),
            Pool::Postgres(pool) => On::PostgresPool(pool),
        }
    }

    async fn close(&self) {
        match self {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// A transaction of either database.
enum Change {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Change {
    fn on(&mut self) -> On<'_> {
        match self {
            Change::Sqlite(tx) => On::Sqlite(tx),
            Change::Postgres(tx) => On::Postgres(tx),
        }
    }

    async fn commit(self) -> sqlx::Result<()> {
        match self {
            Change::Sqlite(tx) => tx.commit().await,
            Change::Postgres(tx) => tx.commit().await,
        }
    }
}

/// A change in progress. Dropped without [`Write::commit`], it never happened.
pub(crate) struct Write {
    tx: Change,
    pub(crate) doing: &'static str,
    plan_changed: bool,
    revision: Arc<watch::Sender<u64>>,
}

impl Write {
    pub(crate) fn db(&mut self) -> On<'_> {
        self.tx.on()
    }

    /// The next id of `sequence`.
    pub(crate) async fn next_id(&mut self, sequence: &'static str) -> Result<i64> {
        let doing = self.doing;
        sql::query_scalar(
            "INSERT INTO sequences (name, last) VALUES ($1, 1)
             ON CONFLICT (name) DO UPDATE SET last = sequences.last + 1 RETURNING last",
        )
        .bind(sequence)
        .fetch_one(self.db())
        .await
        .during(doing)
    }

    /// True when the tenant has the row that `select` looks for by tenant and id.
    pub(crate) async fn has(
        &mut self,
        tenant: TenantId,
        select: &'static str,
        id: u64,
    ) -> Result<bool> {
        let doing = self.doing;
        let found = sql::query(select)
            .bind(tenant.0 as i64)
            .bind(id as i64)
            .fetch_optional(self.db())
            .await
            .during(doing)?;
        Ok(found.is_some())
    }

    /// Takes away the row that `delete` looks for by tenant and id; `what` is its noun.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant has none.
    pub(crate) async fn remove(
        &mut self,
        tenant: TenantId,
        delete: &'static str,
        (what, id): (&'static str, u64),
    ) -> Result<()> {
        let doing = self.doing;
        let done = sql::query(delete)
            .bind(tenant.0 as i64)
            .bind(id as i64)
            .execute(self.db())
            .await
            .during(doing)?;
        match done.rows_affected() {
            0 => Err(Error::not_found(what, id)),
            _ => Ok(()),
        }
    }

    /// Refuses when a tenant already has `max` of something. `count` selects their number.
    pub(crate) async fn room_for(
        &mut self,
        tenant: TenantId,
        count: &'static str,
        max: i64,
    ) -> Result<()> {
        let doing = self.doing;
        let have: i64 = sql::query_scalar(count)
            .bind(tenant.0 as i64)
            .fetch_one(self.db())
            .await
            .during(doing)?;
        if have >= max {
            return Err(Error::Refused(format!("{doing}: at most {max} are kept for one tenant")));
        }
        Ok(())
    }

    /// Notes who did what.
    pub(crate) async fn audit(
        &mut self,
        tenant: TenantId,
        by: &By,
        action: &'static str,
        subject: impl ToString,
    ) -> Result<()> {
        let id = self.next_id("audit").await?;
        let doing = self.doing;
        sql::query(
            "INSERT INTO audit (id, tenant_id, at, user_id, source, action, subject)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(tenant.0 as i64)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .bind(crate::audit::clean(&by.source))
        .bind(action)
        .bind(crate::audit::clean(&subject.to_string()))
        .execute(self.db())
        .await
        .during(doing)?;
        Ok(())
    }

    /// The call path is concerned: its plan gets the next version.
    pub(crate) async fn raise_plan(&mut self, tenant: TenantId) -> Result<()> {
        let doing = self.doing;
        sql::query("UPDATE tenants SET plan_version = plan_version + 1 WHERE id = $1")
            .bind(tenant.0 as i64)
            .execute(self.db())
            .await
            .during(doing)?;
        self.plan_changed = true;
        Ok(())
    }

    /// Puts a row for the warehouse beside the change that it tells of.
    pub(crate) async fn hand_over(&mut self, row: &record::Row) -> Result<()> {
        let position = self.next_id("outbox").await?;
        let payload = serde_json::to_string(row).expect("a row is always valid JSON");
        let doing = self.doing;
        sql::query("INSERT INTO outbox (position, tenant_id, payload) VALUES ($1, $2, $3)")
            .bind(position)
            .bind(row.tenant().0 as i64)
            .bind(payload)
            .execute(self.db())
            .await
            .during(doing)?;
        Ok(())
    }

    /// Makes it so, for good.
    ///
    /// # Errors
    /// [`Error::Unsure`] when the database went away meanwhile.
    pub(crate) async fn commit(self) -> Result<()> {
        let doing = self.doing;
        let done = self.tx.commit().await.map_err(|source| Error::at_commit(doing, source));
        // What may have changed is read anew.
        if self.plan_changed && matches!(done, Ok(()) | Err(Error::Unsure { .. })) {
            self.revision.send_modify(|revision| *revision += 1);
        }
        done
    }
}

/// What came of the migrations, in words.
fn to_date(migrated: std::result::Result<(), MigrateError>) -> std::result::Result<(), String> {
    migrated.map_err(|e| match e {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
            if is_damage(&error) =>
        {
            sqlite::damaged(&error.to_string())
        }
        MigrateError::VersionMissing(version) => format!(
            "it was written by a newer program (table version {version}); use that program, or a \
             backup from before the upgrade"
        ),
        other => format!("bring its tables up to date: {other}"),
    })
}

/// What was given as a file, without the password of a URL that is none.
fn without_login(file: &str) -> String {
    match file.split_once("://") {
        Some((scheme, _)) if scheme != "sqlite" => format!("{scheme}://…"),
        _ => file.to_owned(),
    }
}

/// Column of a row as a whole number that is an id.
pub(crate) fn id(row: &DbRow, column: &str) -> u64 {
    row.get::<i64>(column) as u64
}

/// Column of a row as an id that may be missing.
pub(crate) fn id_opt(row: &DbRow, column: &str) -> Option<u64> {
    row.get::<Option<i64>>(column).map(|id| id as u64)
}

/// Column of a row as a time.
pub(crate) fn time(row: &DbRow, column: &str) -> Timestamp {
    Timestamp(row.get(column))
}

/// Column of a row as a time that may be missing.
pub(crate) fn time_opt(row: &DbRow, column: &str) -> Option<Timestamp> {
    row.get::<Option<i64>>(column).map(Timestamp)
}

/// Column of a row as a JSON document.
pub(crate) fn document<T: serde::de::DeserializeOwned>(
    row: &DbRow,
    column: &str,
    doing: &'static str,
    what: &'static str,
) -> Result<T> {
    serde_json::from_str(row.get::<&str>(column)).map_err(|e| Error::Stored {
        doing,
        what,
        problem: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("desk.db").to_string_lossy()).await.unwrap();
        let level: i64 =
            sql::query_scalar("PRAGMA synchronous").fetch_one(store.writer.on()).await.unwrap();
        assert_eq!(level, 2, "FULL: https://www.sqlite.org/pragma.html#pragma_synchronous");
    }

    #[tokio::test]
    async fn a_store_that_is_no_file_is_refused_with_a_sentence() {
        for url in ["postgres://u:hunter2@db/x", "mysql://u:hunter2@db/x", "", "sqlite://:memory:"]
        {
            let error = Store::open(url).await.unwrap_err().to_string();
            assert!(error.contains("give the path of a file"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
