//! A store in a file of the folder.

use desk::Store;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::Path;

/// Files that are their owner's alone.
pub const PRIVATE: &[&str] = &["desk.db", "desk.db.key"];

/// The folder's store.
pub async fn open(folder: &Path) -> Store {
    Store::open(folder.join("desk.db").to_str().unwrap()).await.unwrap()
}

/// Runs a statement beside the store.
pub async fn sql(folder: &Path, statement: &'static str) -> Result<(), String> {
    let options = SqliteConnectOptions::new().filename(folder.join("desk.db"));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::query(statement).execute(&pool).await.map(drop).map_err(|error| error.to_string())
}

/// Nobody has a file's statistics gathered.
pub async fn gather_statistics(_folder: &Path) {}

/// Every byte of the database, its log and its key.
pub async fn bytes(folder: &Path) -> Vec<u8> {
    super::bytes_of_files(folder)
}
