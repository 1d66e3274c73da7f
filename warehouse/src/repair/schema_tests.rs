//! A schema that is lost or lacks tables, and the files that make it whole.

use super::*;
use crate::Warehouse;
use crate::postgres_tests::{postgres, refusal, schema_of};
use crate::store_tests::{number, session};
use crate::stories::order;
use sqlx::AssertSqlSafe;

fn orders(from: i64, to: i64) -> Vec<Row> {
    (from..=to).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

async fn open(dir: &Path, manifest: &Manifest) -> Result<Warehouse, Error> {
    Warehouse::open_on(dir, manifest).await
}

/// A published file and a sealed one, with five and two rows.
async fn filled(dir: &Path, manifest: &Manifest) {
    let warehouse = open(dir, manifest).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 5)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.stage_rows("desk", 2, &orders(6, 7)).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.close().await;
}

async fn statement(dir: &Path, manifest: &Manifest, text: &str) {
    let pool = Database::at(dir, manifest).unwrap().writer().await.unwrap();
    let mut db = pool.acquire("look").await.unwrap();
    sqlx::query(AssertSqlSafe(text.to_owned())).execute(&mut *db).await.unwrap();
    drop(db);
    pool.close().await;
}

async fn schemas(dir: &Path, manifest: &Manifest) -> i64 {
    let pool = Database::at(dir, manifest).unwrap().readers().await.unwrap();
    let mut db = pool.acquire("look").await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM pg_namespace WHERE nspname LIKE $1")
        .bind(format!("{}%", schema_of(dir)))
        .fetch_one(&mut *db)
        .await
        .unwrap()
}

async fn from_files(dir: &Path, manifest: &Manifest) -> Result<Repaired, Error> {
    manifest_from_files(dir, (manifest, None), &[], |_, _| {}).await
}

async fn is_whole(dir: &Path, manifest: &Manifest) {
    let warehouse = open(dir, manifest).await.unwrap();
    let count = "SELECT count(*) FROM orders";
    assert_eq!(number(&session(&warehouse, 1).await, count).await, 7);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    // A new file has the name of none that is there.
    warehouse.stage_rows("other", 1, &orders(8, 8)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    assert_eq!(number(&session(&warehouse, 1).await, count).await, 8);
    warehouse.close().await;
}

#[tokio::test]
async fn a_lost_schema_is_made_anew_and_nobody_writes_before() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, manifest) = (dir.path(), postgres(dir.path()));
    filled(dir, &manifest).await;
    let writer = open(dir, &manifest).await.unwrap();
    assert!(matches!(from_files(dir, &manifest).await, Err(Error::Busy(_))), "a box runs");
    writer.close().await;
    statement(dir, &manifest, &format!("DROP SCHEMA \"{}\" CASCADE", schema_of(dir))).await;
    let said = refusal(open(dir, &manifest).await);
    assert!(said.contains("`switchgrid warehouse verify --repair`"), "{said}");
    let reader = Warehouse::open_reader_on(dir, &manifest).await;
    assert!(matches!(reader, Err(Error::Missing(_))) && has_files(dir, None).await.unwrap());
    let repaired = from_files(dir, &manifest).await.unwrap();
    assert_eq!((repaired.files, repaired.rows), (2, 7));
    assert_eq!(schemas(dir, &manifest).await, 1, "nothing was there to lie aside");
    is_whole(dir, &manifest).await;
}

#[tokio::test]
async fn a_schema_that_lacks_a_table_lies_aside_until_an_erasure_takes_it_away() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, manifest) = (dir.path(), postgres(dir.path()));
    filled(dir, &manifest).await;
    for (table, there) in [("file", 1), ("stage", 2)] {
        statement(dir, &manifest, &format!("DROP TABLE {table}")).await;
        let refused = open(dir, &manifest).await.err().unwrap();
        assert!(matches!(refused, Error::Unnamed(_)), "an empty one would name nothing: {refused}");
        let reader = Warehouse::open_reader_on(dir, &manifest).await.unwrap();
        assert!(reader.stats().await.unwrap_err().is_damaged_database());
        reader.close().await;
        if there > 1 {
            let said = from_files(dir, &manifest).await.unwrap_err().to_string();
            assert!(said.contains("of an earlier repair"), "{said}");
            let old = format!("DROP SCHEMA \"{}_aside\" CASCADE", schema_of(dir));
            statement(dir, &manifest, &old).await;
        }
        from_files(dir, &manifest).await.unwrap();
        assert_eq!(schemas(dir, &manifest).await, 2);
    }
    is_whole(dir, &manifest).await;
    let warehouse = open(dir, &manifest).await.unwrap();
    warehouse.write_anew().await.unwrap();
    assert_eq!(schemas(dir, &manifest).await, 1);
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_not_touched() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (dir, manifest, theirs) = (dir.path(), postgres(dir.path()), postgres(other.path()));
    filled(dir, &manifest).await;
    filled(other.path(), &theirs).await;
    let said = from_files(dir, &theirs).await.unwrap_err().to_string();
    assert!(said.contains("do not belong together"), "{said}");
    is_whole(other.path(), &theirs).await;
    statement(dir, &manifest, "DROP TABLE meta").await;
    statement(dir, &manifest, "CREATE TABLE theirs (id BIGINT)").await;
    let said = from_files(dir, &manifest).await.unwrap_err().to_string();
    assert!(said.contains("has a table theirs"), "{said}");
    assert_eq!(schemas(dir, &manifest).await, 1);
    statement(dir, &manifest, "DROP TABLE theirs").await;
    from_files(dir, &manifest).await.unwrap();
    is_whole(dir, &manifest).await;
}
