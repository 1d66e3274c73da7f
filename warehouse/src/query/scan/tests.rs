//! What of the files is read where a sort above the wall has found its first rows.

use super::*;
use crate::query::Session;
use crate::stories::order;
use crate::{Limits, Scope, Warehouse};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::collect;
use terms::TenantId;
use terms::record::Row;

const FILES: i64 = 40;
const OF_FILE: i64 = 2;

/// In the nth file the versions 10n and 10n + 1 of the order n, of the nth customer.
async fn filled(warehouse: &Warehouse) {
    for file in 1..=FILES {
        let version = |nth: i64| {
            let mut row = order(1, file * 10 + nth, file as u64, nth as i32 + 1, 11);
            let Row::Order(of) = &mut row else { unreachable!("an order") };
            of.customer_number = format!("+86138001380{file:02}");
            row
        };
        let rows: Vec<Row> = (0..OF_FILE).map(version).collect();
        warehouse.stage_rows("desk", file, &rows).await.unwrap();
        warehouse.publish_all().await.unwrap();
    }
}

/// The version that comes first in this order, and how many rows the files gave to find it.
async fn first(warehouse: &Warehouse, scope: &Scope, order: &str) -> (i64, i64) {
    let session = Session::open(warehouse, scope.clone(), Limits::default()).await.unwrap();
    let sql = format!("SELECT version_id FROM orders ORDER BY {order}, version_id LIMIT 1");
    let plan = session.context.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
    let rows = collect(Arc::clone(&plan), session.context.task_ctx()).await.unwrap();
    (rows[0].column(0).as_primitive::<Int64Type>().value(0), read(&plan))
}

fn read(plan: &Arc<dyn ExecutionPlan>) -> i64 {
    let metrics = plan.is::<DataSourceExec>().then(|| plan.metrics()).flatten();
    let rows = metrics.and_then(|metrics| metrics.output_rows()).unwrap_or(0);
    rows as i64 + plan.children().into_iter().map(read).sum::<i64>()
}

#[tokio::test]
async fn the_newest_rows_are_found_without_reading_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    let scope = Scope::of(TenantId(1));
    let newest = FILES * 10 + OF_FILE - 1;
    let (found, rows) = first(&warehouse, &scope, "changed_at DESC").await;
    assert_eq!(found, newest);
    assert!(rows <= FILES, "{rows} of {}", FILES * OF_FILE);
    let (found, rows) = first(&warehouse, &scope, "customer_number DESC").await;
    assert_eq!(found, FILES * 10);
    assert!(rows <= FILES, "{rows} of {}", FILES * OF_FILE);
}

#[tokio::test]
async fn what_is_shown_otherwise_than_it_is_stored_rules_out_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    let scope = Scope { mask_numbers: true, ..Scope::of(TenantId(1)) };
    let (found, rows) = first(&warehouse, &scope, "customer_number DESC").await;
    assert_eq!((found, rows), (FILES * 10, FILES * OF_FILE));
    let (_, rows) = first(&warehouse, &scope, "changed_at DESC").await;
    assert!(rows <= FILES, "{rows} of {}", FILES * OF_FILE);
}
