//! The store in a file: SQLite in WAL mode with `synchronous = FULL`.

use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Pool, READERS_MAX, to_date};
use crate::secret::Keeper;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};

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
    private_file(&path).map_err(|e| e.to_string())?;
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
        .map_err(|e| e.to_string())?;
    to_date(sqlx::migrate!("./migrations").run(&writer).await)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.pragma("query_only", "on"))
        .await
        .map_err(|e| e.to_string())?;
    Ok((Pool::Sqlite(writer), Pool::Sqlite(readers), keeper))
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
