//! What is PostgreSQL's alone: the same tables as in a file, what is refused, and that writes of
//! several programs come one after another.

use crate::place::{postgres as place, sqlite};
use desk::bootstrap::Defaults;
use desk::customer::Card;
use desk::{By, Error, Store};
use serde_json::json;
use sqlx::{Connection, PgConnection, SqliteConnection};
use std::collections::BTreeSet;
use std::path::Path;
use terms::Timestamp;

const AT: Timestamp = Timestamp::from_secs(1_795_406_400);

/// Each column as `table.column TYPE`, with ` NOT NULL` where it must be there, each index and each
/// trigger by its table and name.
async fn schema_of_sqlite(folder: &Path) -> BTreeSet<String> {
    let url = format!("sqlite://{}", folder.join("desk.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let select = "SELECT t.name || '.' || c.name || ' ' || c.type
             || CASE WHEN c.\"notnull\" THEN ' NOT NULL' ELSE '' END
         FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
         UNION ALL
         SELECT type || ' ' || tbl_name || '.' || name FROM sqlite_master
         WHERE type IN ('index', 'trigger') AND sql IS NOT NULL";
    without_migrations(sqlx::query_scalar(select).fetch_all(&mut connection).await.unwrap())
}

async fn schema_of_postgres(folder: &Path) -> BTreeSet<String> {
    let mut connection = place::connection(&place::database(folder)).await;
    let select = "SELECT table_name || '.' || column_name || ' ' || upper(data_type)
             || CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END
         FROM information_schema.columns WHERE table_schema = 'public'
         UNION ALL
         SELECT 'index ' || i.tablename || '.' || i.indexname FROM pg_indexes i
         WHERE i.schemaname = 'public' AND NOT EXISTS
             (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)
         UNION ALL
         SELECT 'trigger ' || tgrelid::regclass::text || '.' || tgname FROM pg_trigger
         WHERE NOT tgisinternal AND tgname NOT LIKE '%_whole'";
    without_migrations(sqlx::query_scalar(select).fetch_all(&mut connection).await.unwrap())
}

fn without_migrations(schema: Vec<String>) -> BTreeSet<String> {
    schema.into_iter().filter(|line| !line.starts_with("_sqlx_migrations.")).collect()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_indices_and_triggers() {
    let folder = tempfile::tempdir().unwrap();
    sqlite::open(folder.path()).await.close().await;
    place::open(folder.path()).await.close().await;
    let (file, server) =
        (schema_of_sqlite(folder.path()).await, schema_of_postgres(folder.path()).await);
    assert!(file.contains("orders.deadline_at BIGINT") && file.len() > 300, "{file:?}");
    let missing: Vec<_> = file.difference(&server).collect();
    let more: Vec<_> = server.difference(&file).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing: {missing:#?}\nmore: {more:#?}");
}

#[tokio::test]
async fn no_text_of_a_row_stands_in_the_statistics_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    place::open(folder.path()).await.close().await;
    let mut connection = place::connection(&place::database(folder.path())).await;
    let select = "SELECT c.relname || '.' || a.attname FROM pg_attribute a
         JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
         AND a.atttypid = 'text'::regtype AND COALESCE(a.attstattarget, -1) <> 0";
    let told: Vec<String> = sqlx::query_scalar(select).fetch_all(&mut connection).await.unwrap();
    assert!(told.iter().all(|name| name.starts_with("_sqlx_migrations.")), "{told:?}");
}

/// What is said when a store is asked for at `url`, and that no key was made.
async fn refusal(url: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::connect(url, &folder.path().join("desk.key")).await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
    error.to_string()
}

#[tokio::test]
async fn what_cannot_be_a_store_is_refused_with_what_would_be_right() {
    place::make(
        "CREATE DATABASE old_texts TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc \
         LOCALE 'C'",
    )
    .await;
    let said = refusal(&place::url("old_texts")).await;
    assert!(said.contains("keeps texts as LATIN1") && said.contains("ENCODING 'UTF8'"), "{said}");
    let said = refusal(&place::url("nowhere")).await;
    assert!(said.contains("database \"nowhere\" does not exist"), "{said}");
    let said = refusal("mysql://u:hunter2@db/x").await;
    assert!(said.contains("write postgres://user:password@host"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = refusal(&format!("postgres://u:hunter2@127.0.0.1:{free}/x")).await;
    assert!(said.contains(&format!("open the store postgres://127.0.0.1:{free}/x")), "{said}");
    assert!(said.contains("does not answer") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    place::open(folder.path()).await.close().await;
    let newer = "INSERT INTO _sqlx_migrations
             (version, description, success, checksum, execution_time)
         VALUES (99999, 'later', true, '', 0)";
    place::sql(folder.path(), newer).await.unwrap();
    let said = refusal(&place::url(&place::database(folder.path()))).await;
    assert!(said.contains("written by a newer program (table version 99999)"), "{said}");
}

/// Whether somebody waits for a lock of this database that no table has.
async fn somebody_waits(connection: &mut PgConnection) -> bool {
    let select = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let waiting: i64 = sqlx::query_scalar(select).fetch_one(connection).await.unwrap();
    waiting > 0
}

#[tokio::test]
async fn a_write_waits_for_the_one_of_another_program_and_a_read_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, AT).await.unwrap().unwrap().tenant;
    let name = place::database(folder.path());
    let (mut other, mut watcher) = (place::connection(&name).await, place::connection(&name).await);
    let mut held = other.begin().await.unwrap();
    // `desk` in ASCII, as the store locks.
    sqlx::query("SELECT pg_advisory_xact_lock(x'6465736b'::int8)")
        .execute(&mut *held)
        .await
        .unwrap();
    let writer = store.clone();
    let write = tokio::spawn(async move {
        writer.note(tenant, &By::system("test", AT), "report.read", "1").await
    });
    while !somebody_waits(&mut watcher).await {
        assert!(!write.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
    assert_eq!(store.tenants().await.unwrap().len(), 1);
    held.rollback().await.unwrap();
    write.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_whatever_the_server_does_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, AT).await.unwrap().unwrap().tenant;
    store.close().await;
    let name = place::database(folder.path());
    let mut connection = place::connection(&name).await;
    let alter = format!("ALTER DATABASE {name} SET synchronous_commit = 'off'");
    for statement in [
        alter.as_str(),
        "CREATE FUNCTION tell() RETURNS TRIGGER LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'commits are %', current_setting('synchronous_commit'); END $$",
        "CREATE TRIGGER tell BEFORE INSERT ON audit EXECUTE FUNCTION tell()",
    ] {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    let store = place::open(folder.path()).await;
    let by = By::system("test", AT);
    let said = store.note(tenant, &by, "report.read", "1").await.unwrap_err().to_string();
    assert!(said.contains("commits are on"), "{said}");
}

#[tokio::test]
async fn a_store_whose_connections_were_cut_connects_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, AT).await.unwrap().unwrap().tenant;
    assert_eq!(store.tenants().await.unwrap().len(), 1);
    let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    place::sql(folder.path(), cut).await.unwrap();
    assert_eq!(store.tenants().await.unwrap().len(), 1);
    store.note(tenant, &By::system("test", AT), "report.read", "1").await.unwrap();
}

#[tokio::test]
async fn who_still_sees_a_row_keeps_a_person_from_being_told_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, AT).await.unwrap().unwrap().tenant;
    let by = By::system("test", AT);
    store.put_customer(tenant, &by, "13800138000", &Card::default()).await.unwrap();
    let mut other = place::connection(&place::database(folder.path())).await;
    let mut reading = other.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    sqlx::query("SELECT count(*) FROM customers").execute(&mut *reading).await.unwrap();
    let person = terms::Person::by_number("13800138000", "86").unwrap();
    let told = store.erase_person(tenant, &person).await;
    assert!(matches!(told, Err(Error::Busy(_))), "{told:?}");
    reading.rollback().await.unwrap();
    store.erase_person(tenant, &person).await.unwrap();
    let bytes = place::bytes(folder.path()).await;
    assert!(!bytes.windows(11).any(|some| some == b"13800138000"));
}
