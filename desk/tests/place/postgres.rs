//! A store in a database of the folder's own, at the one server of these tests.

use super::server::server;
use desk::Store;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::path::Path;

/// Files that are their owner's alone.
pub const PRIVATE: &[&str] = &["desk.key"];

/// The folder's store.
pub async fn open(folder: &Path) -> Store {
    let name = database(folder);
    let mut master = connection("postgres").await;
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut master)
        .await
        .unwrap();
    if known.is_none() {
        make(&format!("CREATE DATABASE {name}")).await;
    }
    Store::connect(&url(&name), &folder.join("desk.key")).await.unwrap()
}

/// Runs a statement beside the store.
pub async fn sql(folder: &Path, statement: &'static str) -> Result<(), String> {
    let mut connection = connection(&database(folder)).await;
    let done = sqlx::query(statement).execute(&mut connection).await;
    done.map(drop).map_err(|error| error.to_string())
}

/// Has the server note what it will about the rows, as it does for itself sooner or later.
pub async fn gather_statistics(folder: &Path) {
    sql(folder, "ANALYZE").await.unwrap();
}

/// Every byte of the database's files and of the folder.
pub async fn bytes(folder: &Path) -> Vec<u8> {
    let mut connection = connection(&database(folder)).await;
    sqlx::query("CHECKPOINT").execute(&mut connection).await.unwrap();
    let select = "SELECT oid::int8 FROM pg_database WHERE datname = current_database()";
    let oid: i64 = sqlx::query_scalar(select).fetch_one(&mut connection).await.unwrap();
    let mut all = super::bytes_of_files(&server().data().join("base").join(oid.to_string()));
    all.extend(super::bytes_of_files(folder));
    all
}

/// Makes a database of its own.
pub async fn make(statement: &str) {
    let mut master = connection("postgres").await;
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut master).await.unwrap();
}

/// A connection of the superuser.
pub async fn connection(database: &str) -> PgConnection {
    PgConnection::connect(&url(database)).await.unwrap()
}

/// How the store is told where a database is.
pub fn url(database: &str) -> String {
    format!("postgres:///{database}?host={}&user=postgres", server().folder().display())
}

/// What the database of a folder is called.
pub fn database(folder: &Path) -> String {
    let name = folder.file_name().unwrap().as_encoded_bytes();
    name.iter().fold("desk_".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
