//! The database in the hands of somebody else: questions are answered, rows wait and come once.

use crate::stories::order;
use crate::{Limits, Scope, Session, Warehouse};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::sync::Arc;
use terms::TenantId;
use terms::record::Row;

fn orders(from: i64, to: i64) -> Vec<Row> {
    (from..=to).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

async fn count(warehouse: &Warehouse) -> usize {
    let session = Session::open(warehouse, Scope::of(TenantId(1)), Limits::default()).await;
    session.unwrap().query("SELECT * FROM orders").await.unwrap().rows()
}

#[tokio::test]
async fn while_another_holds_the_database_questions_are_answered_and_rows_wait() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Arc::new(Warehouse::open(dir.path()).await.unwrap());
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    let database = SqliteConnectOptions::new().filename(dir.path().join("warehouse.db"));
    let mut holder = database.connect().await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut holder).await.unwrap();

    let writer = Arc::clone(&warehouse);
    let writing =
        tokio::spawn(async move { writer.stage_rows("desk", 2, &orders(4, 5)).await.unwrap() });
    assert_eq!(count(&warehouse).await, 3);
    assert!(!writing.is_finished(), "the database is held");
    sqlx::query("COMMIT").execute(&mut holder).await.unwrap();
    assert!(writing.await.unwrap());
    assert_eq!(count(&warehouse).await, 5);
    assert!(!warehouse.stage_rows("desk", 2, &orders(4, 5)).await.unwrap());
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}
