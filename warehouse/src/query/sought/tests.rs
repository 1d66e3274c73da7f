//! Which files are ruled out, and what is read to know it.

use super::*;
use crate::damage_tests::put;
use crate::query::runtime;
use crate::query::scan::STORE;
use crate::query::snapshot::Snapshot;
use crate::schema::layout_of;
use crate::store_tests::{number, session};
use crate::stories::order;
use crate::{Limits, Warehouse};
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::{col, lit};
use std::sync::atomic::{AtomicUsize, Ordering};
use terms::TenantId;
use terms::record::Row;

const FILES: u64 = 8;

/// Counts the files that are opened.
#[derive(Debug)]
struct Counting {
    reader: CachedParquetFileReaderFactory,
    opened: AtomicUsize,
}

impl ParquetFileReaderFactory for Counting {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.reader.create_reader(partition, file, hint, metrics)
    }
}

impl Counting {
    fn of(warehouse: &Warehouse) -> Self {
        let runtime = runtime(warehouse, &Limits::default(), &Arc::default()).unwrap();
        let store = runtime.object_store(ObjectStoreUrl::parse(STORE).unwrap()).unwrap();
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(store, footers);
        Counting { reader, opened: AtomicUsize::new(0) }
    }
}

fn customer(file: u64) -> String {
    format!("+86138001380{file:02}")
}

/// In the nth file the versions 10n and 10n + 1 of the order n, of the nth customer.
async fn filled(warehouse: &Warehouse) {
    for file in 1..=FILES {
        let mut rows = Vec::new();
        for version in 0..2 {
            let mut row = order(1, file as i64 * 10 + version, file, version as i32 + 1, 11);
            let Row::Order(of) = &mut row else { unreachable!("an order") };
            of.customer_number = customer(file);
            rows.push(row);
        }
        warehouse.stage_rows("desk", file as i64, &rows).await.unwrap();
        warehouse.publish_all().await.unwrap();
    }
}

/// The numbers of the files that are left.
async fn left(warehouse: &Warehouse, reader: &Counting, filter: &Expr) -> Vec<usize> {
    let snapshot = Snapshot::take(warehouse, TenantId(1)).await.unwrap();
    let files = snapshot.files("orders");
    assert_eq!(files.len(), FILES as usize);
    let sought = sought(layout_of("orders"), &[filter]);
    let left = narrowed(snapshot.known(), reader, files.clone(), &sought).await;
    let place = |entry: &Arc<Entry>| files.iter().position(|file| file.path == entry.path);
    left.iter().map(|entry| place(entry).unwrap() + 1).collect()
}

#[tokio::test]
async fn files_that_cannot_hold_what_is_sought_are_ruled_out_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    let reader = Counting::of(&warehouse);
    let all: Vec<usize> = (1..=FILES as usize).collect();
    let is_order = |id: i64| col("order_id").eq(lit(id));
    let is_customer = |file: u64| col("customer_number").eq(lit(customer(file)));
    let is_version = |id: i64| lit(id).eq(col("version_id"));
    let either = is_order(3).or(is_customer(6));
    let listed = col("order_id").in_list(vec![lit(2_i64), lit(7_i64)], false);
    for (filter, expected) in [
        (is_order(3), vec![3]),
        (is_order(99), vec![]),
        (is_customer(5), vec![5]),
        (is_version(41), vec![4]),
        (is_version(47), vec![]),
        (either, vec![3, 6]),
        (listed, vec![2, 7]),
        (col("order_id").not_eq(lit(3_i64)), all.clone()),
        (col("order_id").gt(lit(3_i64)), all.clone()),
        (col("order_id").in_list(vec![lit(2_i64)], true), all.clone()),
        (is_order(3).or(col("title").eq(lit("order"))), all.clone()),
        (col("assignee_id").eq(lit(11_i64)), all),
    ] {
        assert_eq!(left(&warehouse, &reader, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn what_was_learned_of_a_file_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    let reader = Counting::of(&warehouse);
    let opened = || reader.opened.swap(0, Ordering::Relaxed);
    left(&warehouse, &reader, &col("version_id").eq(lit(41_i64))).await;
    assert_eq!(opened(), FILES as usize);
    for id in [11_i64, 21, 99] {
        left(&warehouse, &reader, &col("version_id").eq(lit(id))).await;
    }
    assert_eq!(opened(), 0);
    left(&warehouse, &reader, &col("customer_number").eq(lit("nobody"))).await;
    left(&warehouse, &reader, &col("customer_number").eq(lit(customer(1)))).await;
    assert_eq!(opened(), FILES as usize);
}

#[tokio::test]
async fn what_was_learned_of_a_file_does_not_outlive_it() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    let reader = Counting::of(&warehouse);
    let opened = || reader.opened.swap(0, Ordering::Relaxed);
    let sought = col("customer_number").eq(lit(customer(1)));
    left(&warehouse, &reader, &sought).await;
    assert_eq!(opened(), FILES as usize);
    let snapshot = Snapshot::take(&warehouse, TenantId(1)).await.unwrap();
    let entry = Arc::clone(&snapshot.files("orders")[2]);

    // The same bytes come back from a copy.
    let path = dir.path().join(&entry.path);
    put(&path, &std::fs::read(&path).unwrap());
    left(&warehouse, &reader, &sought).await;
    assert_eq!(opened(), 1);

    let bytes = snapshot.known().filters().bytes;
    snapshot.known().forget(&entry.sha256);
    let filters = snapshot.known().filters().kept.len();
    assert_eq!(filters, FILES as usize - 1);
    assert!(snapshot.known().filters().bytes < bytes);
    left(&warehouse, &reader, &sought).await;
    assert_eq!(opened(), 1);
    left(&warehouse, &reader, &sought).await;
    assert_eq!(opened(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_left_to_the_scan() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    let snapshot = Snapshot::take(&warehouse, TenantId(1)).await.unwrap();
    std::fs::remove_file(dir.path().join(&snapshot.files("orders")[1].path)).unwrap();
    let reader = Counting::of(&warehouse);
    assert_eq!(left(&warehouse, &reader, &col("order_id").eq(lit(5_i64))).await, [2, 5]);
}

#[tokio::test]
async fn an_answer_is_that_of_all_files() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    filled(&warehouse).await;
    // Staged and sealed rows too, of an order that is in a published file.
    warehouse.stage_rows("desk", 90, &[order(1, 200, 3, 7, 11)]).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.stage_rows("desk", 91, &[order(1, 201, 3, 8, 11)]).await.unwrap();
    let session = session(&warehouse, 1).await;
    for (asked, plain, rows) in [
        ("order_id = 3", "order_id + 0 = 3", 4),
        ("order_id = 99", "order_id + 0 = 99", 0),
        ("version_id = 201", "version_id + 0 = 201", 1),
        ("customer_number = '+8613800138004'", "customer_number || '' = '+8613800138004'", 2),
        ("order_id IN (3, 4) AND version = 2", "order_id + 0 IN (3, 4) AND version = 2", 2),
        ("order_id = 3 OR customer_number = '+8613800138004'", "order_id + 0 IN (3, 4)", 6),
    ] {
        for sql in [asked, plain] {
            let sql = format!("SELECT count(*) FROM orders WHERE {sql}");
            assert_eq!(number(&session, &sql).await, rows, "{sql}");
        }
    }
}

#[test]
fn so_many_bytes_of_filters_are_kept_and_no_more() {
    let known = Known::default();
    let part = FILTERS_BYTES_MAX / 4;
    for file in 0..9 {
        let filter = Sbbf::new_with_num_of_bytes(part);
        let content = Content { sha256: format!("file {file}"), changed_at: DateTime::default() };
        known.keep_filters((content, "caller"), vec![filter]);
        let all = known.filters();
        assert!(all.bytes <= FILTERS_BYTES_MAX && all.kept.len() * part == all.bytes);
    }
    assert_eq!(known.filters().kept.len(), 1);
}
