//! Killed at every named step while published files go to a bucket, started again, counted by a reader
//! that knows nothing of us.

use super::*;
use crate::file;
use object_store::local::LocalFileSystem;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use terms::failpoint::{COMMIT_STEPS, REWRITE_STEPS};

const DIR: &str = "SWITCHGRID_BUCKET_TEST_DIR";
const CHILD: &str = "bucket_tests::killed::the_work_that_is_killed";
const PARTS: i64 = 3;
const ORDERS: i64 = 4;

/// A folder that serves as the store: what was sent outlives the process.
fn bucket(dir: &Path) -> Bucket {
    let folder = dir.join("bucket");
    std::fs::create_dir_all(&folder).unwrap();
    Bucket::over(Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap()), NAME, "box-1")
}

/// The whole work, the same at every start.
async fn work(dir: &Path) {
    let store = dir.join("store");
    std::fs::create_dir_all(&store).unwrap();
    let warehouse = opened(&store, bucket(dir)).await.unwrap();
    for part in 0..PARTS {
        let ids = part * ORDERS..(part + 1) * ORDERS;
        let rows: Vec<Row> = ids.map(|id| order(1, id, id as u64, 1, 11)).collect();
        warehouse.stage_rows("desk", part + 1, &rows).await.unwrap();
        warehouse.publish_all().await.unwrap();
    }
    compact::some(&warehouse, (2, usize::MAX), TO_THE_END).await.unwrap();
    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(faults(&warehouse).await, Vec::<String>::new());
    assert_eq!(count(&session(&warehouse).await).await, (PARTS * ORDERS).to_string());
}

/// Does the work when one of the tests below has started this program again for it.
#[tokio::test]
async fn the_work_that_is_killed() {
    if let Some(dir) = std::env::var_os(DIR) {
        work(&PathBuf::from(dir)).await;
    }
}

fn run(dir: &Path, failpoints: &str) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--test-threads=1", "-q"])
        .env(DIR, dir)
        .env("SWITCHGRID_FAILPOINTS", failpoints)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// The Parquet files of a folder of the bucket, and their rows.
fn rows(dir: &Path, folder: &str) -> (usize, i64) {
    let mut found = (0, 0);
    for path in file::walk(&dir.join("bucket/box-1").join(folder)).unwrap() {
        if path.extension().is_some_and(|ending| ending == "parquet") {
            let file = File::open(path).unwrap();
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            found = (found.0 + 1, found.1 + builder.metadata().file_metadata().num_rows());
        }
    }
    found
}

/// The steps at which files come to a bucket, change places there, and leave it.
fn steps() -> Vec<&'static str> {
    let publishing = COMMIT_STEPS.iter().filter(|step| step.starts_with("publish."));
    publishing.chain(REWRITE_STEPS).copied().collect()
}

#[test]
fn killed_at_every_step_nothing_in_the_bucket_is_lost_or_doubled() {
    let steps = steps();
    std::thread::scope(|scope| {
        for some in steps.chunks(steps.len().div_ceil(4)) {
            scope.spawn(move || some.iter().for_each(|step| killed_once(step)));
        }
    });
}

fn killed_once(step: &str) {
    let dir = tempfile::tempdir().unwrap();
    let died = run(dir.path(), &format!("{step}=kill:1"));
    let was_killed = std::os::unix::process::ExitStatusExt::signal(&died).is_some();
    assert!(was_killed, "{step}: never reached");
    let seen = rows(dir.path(), "orders").1;
    if step.starts_with("publish.") {
        assert!(seen <= PARTS * ORDERS, "{step}: an outside reader saw a row twice");
    }
    assert!(run(dir.path(), "").success(), "{step}: the restart failed");
    assert_eq!(rows(dir.path(), "orders"), (1, PARTS * ORDERS), "{step}");
    assert_eq!(rows(dir.path(), "_old"), (0, 0), "{step}: nothing of before stays");
    let aside = file::walk(&dir.path().join("store/_aside")).unwrap();
    assert_eq!(aside, Vec::<PathBuf>::new(), "{step}: nothing was left unnamed");
}

#[test]
fn a_failing_step_is_an_error_and_the_next_try_completes() {
    let steps = steps();
    std::thread::scope(|scope| {
        for some in steps.chunks(steps.len().div_ceil(4)) {
            scope.spawn(move || some.iter().for_each(|step| failed_once(step)));
        }
    });
}

fn failed_once(step: &str) {
    for fault in ["eio", "enospc"] {
        let dir = tempfile::tempdir().unwrap();
        let what = format!("{step}={fault}:1");
        let failed = run(dir.path(), &what);
        let was_killed = std::os::unix::process::ExitStatusExt::signal(&failed).is_some();
        assert!(!failed.success() && !was_killed, "{what}: went unnoticed");
        assert!(run(dir.path(), "").success(), "{what}");
        assert_eq!(rows(dir.path(), "orders"), (1, PARTS * ORDERS), "{what}");
        assert_eq!(rows(dir.path(), "_old"), (0, 0), "{what}: nothing of before stays");
    }
}
