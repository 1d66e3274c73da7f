//! The store: one writer connection, a pool of readers, embedded migrations.
//!
//! SQLite in WAL mode with `synchronous = FULL`: readers never wait for the writer, and what was
//! accepted is kept when the process is killed or the power is cut. One writer connection per
//! process makes "database is locked" impossible inside it; another process
//! (the command line) waits for `busy_timeout`. Queries use `$1` and clauses that PostgreSQL
//! shares; the driver is named in this file only.

use crate::audit::By;
use crate::error::During;
use crate::secret::Keeper;
use crate::{Error, Result};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use terms::record;
use terms::{TenantId, Timestamp};
use tokio::sync::{Semaphore, watch};

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

pub(crate) type Db = Sqlite;
pub(crate) type DbRow = SqliteRow;

/// The business store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) hashing: Arc<Hashing>,
    revision: Arc<watch::Sender<u64>>,
}

/// Who may hash now, and who may wait for it.
#[derive(Debug)]
pub(crate) struct Hashing {
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) seats: Arc<Semaphore>,
}

impl Store {
    /// Opens the store at `path_or_url` (a file path or `sqlite://…`), makes it when missing, and
    /// brings its tables up to date. The key that seals trunk passwords lies beside the file, in
    /// `<file>.key`, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Open`] with what would be right.
    pub async fn open(path_or_url: &str) -> Result<Self> {
        let open = |problem: String| Error::Open { store: redacted(path_or_url), problem };
        if path_or_url.starts_with("postgres:") || path_or_url.starts_with("postgresql:") {
            return Err(open("this build keeps its data in SQLite; give a file path".into()));
        }
        let path = PathBuf::from(path_or_url.strip_prefix("sqlite://").unwrap_or(path_or_url));
        if path.as_os_str().is_empty() || path_or_url.contains(":memory:") {
            return Err(open("give the path of a file".into()));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|e| open(format!("make the folder {}: {e}", folder.display())))?;
        }
        let keeper = Keeper::open(&key_path(&path)).map_err(|e| open(e.to_string()))?;
        private_file(&path).map_err(|e| open(e.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The warehouse counts on it too: an outbox that stepped back after a power cut would
            // give positions that are taken to other rows, and those would be lost.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(|e| open(e.to_string()))?;
        sqlx::migrate!("./migrations").run(&writer).await.map_err(|e| match e {
            sqlx::migrate::MigrateError::VersionMissing(version) => open(format!(
                "it was written by a newer program (table version {version}); use that program, \
                 or a backup from before the upgrade"
            )),
            other => open(format!("bring its tables up to date: {other}")),
        })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.pragma("query_only", "on"))
            .await
            .map_err(|e| open(e.to_string()))?;
        Ok(Store {
            writer,
            readers,
            keeper: Arc::new(keeper),
            hashing: Arc::new(Hashing {
                turns: Arc::new(Semaphore::new(HASHES_MAX)),
                seats: Arc::new(Semaphore::new(HASHES_WAITING_MAX)),
            }),
            revision: Arc::new(watch::Sender::new(0)),
        })
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
        sqlx::query("SELECT 1").execute(&self.readers).await.during("ask the store for a sign")?;
        Ok(())
    }

    /// Writes the database anew, without the bytes of rows that are gone, and empties its log.
    pub(crate) async fn write_anew(&self) -> Result<()> {
        for statement in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            sqlx::query(statement).execute(&self.writer).await.during("write the store anew")?;
        }
        Ok(())
    }

    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a change. Nothing is visible to anybody before [`Write::commit`].
    pub(crate) async fn write(&self, doing: &'static str) -> Result<Write> {
        // IMMEDIATE takes the write lock now: a read that turns into a write later could fail.
        let tx = self.writer.begin_with("BEGIN IMMEDIATE").await.during(doing)?;
        Ok(Write { tx, doing, plan_changed: false, revision: self.revision.clone() })
    }
}

/// A change in progress. Dropped without [`Write::commit`], it never happened.
pub(crate) struct Write {
    tx: sqlx::Transaction<'static, Sqlite>,
    pub(crate) doing: &'static str,
    plan_changed: bool,
    revision: Arc<watch::Sender<u64>>,
}

impl Write {
    pub(crate) fn db(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }

    /// The next id of `sequence`.
    pub(crate) async fn next_id(&mut self, sequence: &'static str) -> Result<i64> {
        let doing = self.doing;
        sqlx::query_scalar(
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
        let found = sqlx::query(select)
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
        let done = sqlx::query(delete)
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
        let have: i64 = sqlx::query_scalar(count)
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
        sqlx::query(
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
        sqlx::query("UPDATE tenants SET plan_version = plan_version + 1 WHERE id = $1")
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
        sqlx::query("INSERT INTO outbox (position, tenant_id, payload) VALUES ($1, $2, $3)")
            .bind(position)
            .bind(row.tenant().0 as i64)
            .bind(payload)
            .execute(self.db())
            .await
            .during(doing)?;
        Ok(())
    }

    /// Makes it so, for good.
    pub(crate) async fn commit(self) -> Result<()> {
        self.tx.commit().await.during(self.doing)?;
        if self.plan_changed {
            self.revision.send_modify(|revision| *revision += 1);
        }
        Ok(())
    }
}

fn key_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// Makes the file with mode 0600 before SQLite would make it readable for everybody.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// A URL without its password.
fn redacted(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!("{}…{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}

/// Column of a row as a whole number that is an id.
pub(crate) fn id(row: &DbRow, column: &str) -> u64 {
    row.get::<i64, _>(column) as u64
}

/// Column of a row as an id that may be missing.
pub(crate) fn id_opt(row: &DbRow, column: &str) -> Option<u64> {
    row.get::<Option<i64>, _>(column).map(|id| id as u64)
}

/// Column of a row as a time.
pub(crate) fn time(row: &DbRow, column: &str) -> Timestamp {
    Timestamp(row.get(column))
}

/// Column of a row as a time that may be missing.
pub(crate) fn time_opt(row: &DbRow, column: &str) -> Option<Timestamp> {
    row.get::<Option<i64>, _>(column).map(Timestamp)
}

/// Column of a row as a JSON document.
pub(crate) fn document<T: serde::de::DeserializeOwned>(
    row: &DbRow,
    column: &str,
    doing: &'static str,
    what: &'static str,
) -> Result<T> {
    serde_json::from_str(row.get::<&str, _>(column)).map_err(|e| Error::Stored {
        doing,
        what,
        problem: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_an_error_has_no_password() {
        assert_eq!(redacted("postgres://u:hunter2@db/x"), "postgres://…@db/x");
        assert_eq!(redacted("data/desk.db"), "data/desk.db");
    }

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("desk.db").to_string_lossy()).await.unwrap();
        let level: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
        assert_eq!(level, 2, "FULL: https://www.sqlite.org/pragma.html#pragma_synchronous");
    }

    #[tokio::test]
    async fn a_store_that_is_no_file_is_refused_with_a_sentence() {
        for url in ["postgres://u:hunter2@db/x", "", "sqlite://:memory:"] {
            let error = Store::open(url).await.unwrap_err().to_string();
            assert!(error.contains("file path") || error.contains("path of a file"), "{error}");
            assert!(!error.contains("hunter2"));
        }
    }
}
