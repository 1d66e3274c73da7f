//! The store in a file: SQLite in WAL mode with `synchronous = FULL`.

use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Pool, READERS_MAX, to_date};
use crate::error::is_damage;
use crate::secret::Keeper;
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};

/// What makes the tables and brings them up to date.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Largest file that is read through when it is opened: a second or so.
const CHECKED_BYTES_MAX: u64 = 256 << 20;

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
    check(&writer, &path).await?;
    to_date(MIGRATIONS.run(&writer).await)?;
    let readers = pool(options(&path).pragma("query_only", "on"), READERS_MAX).await?;
    Ok((Pool::Sqlite(writer), Pool::Sqlite(readers), keeper))
}

/// How a file is refused whose bytes are not those of a database; `why` is how we know.
pub(super) fn damaged(why: &str) -> String {
    format!(
        "it is damaged, or no file of SQLite ({why}); move it away and put a backup in its place, \
         with the file of its key; it was left as it is"
    )
}

/// Reads a file through, where that takes no more than a moment: a damaged one is refused at the start
/// and not by a request.
async fn check(writer: &SqlitePool, path: &Path) -> Result<(), String> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > CHECKED_BYTES_MAX) {
        return Ok(());
    }
    let found: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(writer).await.map_err(in_words)?;
    if found == "ok" { Ok(()) } else { Err(damaged(&found)) }
}

fn in_words(error: sqlx::Error) -> String {
    match is_damage(&error) {
        true => damaged(&error.to_string()),
        false => error.to_string(),
    }
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
        .map_err(in_words)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    /// A store in a folder, closed again: everything of it is in its file.
    async fn made(folder: &Path) -> PathBuf {
        let path = folder.join("desk.db");
        Store::open(&path.to_string_lossy()).await.unwrap().close().await;
        path
    }

    async fn refusal(path: &Path) -> String {
        Store::open(&path.to_string_lossy()).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_file_of_a_newer_program_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path()).await;
        let newer = "INSERT INTO _sqlx_migrations
                 (version, description, success, checksum, execution_time)
             VALUES (99999, 'later', TRUE, x'00', 0)";
        let pool = for_writing(&path).await.unwrap();
        sqlx::query(newer).execute(&pool).await.unwrap();
        pool.close().await;
        let before = std::fs::read(&path).unwrap();
        for _ in 0..2 {
            let said = refusal(&path).await;
            assert!(said.contains(&format!("open the store {}", path.display())), "{said}");
            assert!(said.contains("by a newer program (table version 99999)"), "{said}");
            assert!(said.contains("use that program, or a backup"), "{said}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path()).await;
        let whole = std::fs::read(&path).unwrap();
        let page = 4096;
        assert!(whole.len() > 8 * page, "it has many tables");
        let blotted = |from: usize, to: usize| {
            let mut bytes = whole.clone();
            bytes[from..to].fill(0xA5);
            bytes
        };
        for (what, bytes) in [
            ("the head", blotted(0, 16)),
            ("the list of tables", blotted(100, page)),
            ("the rows", blotted(2 * page, whole.len())),
            ("the end", whole[..2 * page].to_vec()),
            ("all of it", b"not a database, but a text of somebody".repeat(200)),
        ] {
            let path = folder.path().join(format!("{what}.db"));
            std::fs::write(&path, &bytes).unwrap();
            let said = refusal(&path).await;
            assert!(said.contains(&format!("open the store {}", path.display())), "{what}: {said}");
            assert!(said.contains("it is damaged, or no file of SQLite"), "{what}: {said}");
            assert!(said.contains("put a backup in its place"), "{what}: {said}");
            assert!(std::fs::read(&path).unwrap() == bytes, "{what} was changed");
        }
        Store::open(&path.to_string_lossy()).await.unwrap();
    }
}
