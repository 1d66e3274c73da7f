//! The store in a file: SQLite in WAL mode with `synchronous = FULL`.

use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Pool, READERS_MAX, to_date};
use crate::secret::Keeper;
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};

/// What makes the tables and brings them up to date.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Opens the file, makes it when missing, and brings its tables up to date. The writer, the readers
/// and the key beside the file.
///
/// # Errors
/// What is wrong and what would be right.
pub(super) async fn open(file: &str) -> Result<(Pool, Pool, Keeper), String> {
    let path = PathBuf::from(file.strip_prefix("sqlite://").unwrap_or(file));
    if path.as_os_str().is_empty() || file.contains(":memory:") {
        return Err("give the path of a file".into());
    }
    if path.to_string_lossy().contains("://") {
        return Err("give the path of a file, or postgres://user@host/database".into());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| format!("make the folder {}: {e}", folder.display()))?;
    }
    let keeper = Keeper::open(&key_path(&path)).map_err(|e| e.to_string())?;
    let writer = for_writing(&path).await?;
    to_date(MIGRATIONS.run(&writer).await)?;
    let readers = pool(options(&path).pragma("query_only", "on"), READERS_MAX).await?;
    Ok((Pool::Sqlite(writer), Pool::Sqlite(readers), keeper))
}

/// The one connection that writes; makes the file when it is missing.
pub(super) async fn for_writing(path: &Path) -> Result<SqlitePool, String> {
    private_file(path).map_err(|e| e.to_string())?;
    pool(options(path), 1).await
}

/// A connection that reads the tables as they are, whoever made them.
pub(super) async fn for_reading(path: &Path) -> Result<SqlitePool, String> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("query_only", "on");
    pool(options, 1).await
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // The warehouse counts on it too: an outbox that stepped back after a power cut would
        // give positions that are taken to other rows, and those would be lost.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
}

async fn pool(options: SqliteConnectOptions, max: u32) -> Result<SqlitePool, String> {
    SqlitePoolOptions::new()
        .max_connections(max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|e| e.to_string())
}

/// Where the key of the store in `path` lies.
pub(super) fn key_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// Makes the file with mode 0600 before SQLite would make it readable for everybody.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}
