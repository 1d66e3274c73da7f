//! A warehouse whose published files are in an object store that speaks S3 over HTTP, killed at every
//! named step by which they come there, change places and leave. The store is this process's, and goes
//! on: what it was sent before a kill, and what it was in the middle of, is what the next start finds.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use terms::failpoint::{COMMIT_STEPS, REWRITE_STEPS};
use terms::record::{Order, Row};
use terms::{OrderId, TenantId, Timestamp};
use tests::outside::ids_of;
use tests::shelf::Shelf;
use warehouse::{Manifest, Warehouse};

const DIR: &str = "SWITCHGRID_S3_CRASH_TEST_DIR";
const ENDPOINT: &str = "SWITCHGRID_S3_CRASH_TEST_ENDPOINT";
const CHILD: &str = "bucket::the_work_that_is_killed";
/// Noon of 2026-11-22, UTC.
const NOON: Timestamp = Timestamp::from_secs(1_795_348_800);
/// 2100-01-01: the day is over, and so is the time of what was replaced.
const LATER: Timestamp = Timestamp::from_secs(4_102_444_800);
/// Publications of the one day, a file each: enough to be merged.
const PARTS: u64 = 5;
/// Orders of each.
const EACH: u64 = 4;

fn order(id: u64) -> Row {
    Row::Order(Order {
        tenant_id: TenantId(1),
        version_id: id.cast_signed(),
        order_id: OrderId(id),
        version: 1,
        changed_at: NOON,
        created_at: NOON,
        number: format!("A-{id}"),
        kind: "repair".into(),
        department: "field".into(),
        area: "north".into(),
        title: "no heating".into(),
        assignee_id: None,
        deadline_at: None,
        warn_at: None,
        progress: "open".into(),
        closed_at: None,
        call_id: None,
        customer_id: None,
        customer_number: "+8613800138000".into(),
    })
}

/// The whole work, the same at every start.
async fn work(dir: &Path, endpoint: &str) {
    let bucket = Some(Shelf::bucket_at(endpoint));
    let warehouse = Warehouse::open_in(dir, &Manifest::Sqlite, bucket).await.expect("it opens");
    for part in 0..PARTS {
        let rows: Vec<Row> = (part * EACH..(part + 1) * EACH).map(order).collect();
        let position = part.cast_signed() + 1;
        warehouse.stage_rows("desk", position, &rows).await.expect("it takes them");
        warehouse.publish_all().await.expect("it publishes");
    }
    // The files are merged, and then those of before go.
    for _ in 0..2 {
        warehouse.tend(LATER).await.expect("it tends");
    }
    let faults = warehouse.verify().await.expect("the store answers").faults;
    assert_eq!(faults, Vec::<String>::new());
}

/// Does the work when the test below has started this program again for it.
#[test]
fn the_work_that_is_killed() {
    let (Some(dir), Ok(endpoint)) = (std::env::var_os(DIR), std::env::var(ENDPOINT)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(work(Path::new(&dir), &endpoint));
}

fn run(dir: &Path, shelf: &Shelf, failpoints: &str) -> ExitStatus {
    Command::new(std::env::current_exe().expect("a program knows where it lies"))
        .args([CHILD, "--exact", "--test-threads=1", "-q"])
        .env(DIR, dir)
        .env(ENDPOINT, shelf.endpoint())
        .env("SWITCHGRID_FAILPOINTS", failpoints)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("it starts again")
}

/// The orders that whoever lists the bucket finds, in order.
fn found(shelf: &Shelf) -> Vec<u64> {
    let mut ids = ids_of(&shelf.object(""), "orders", "order_id");
    ids.sort_unstable();
    ids.into_iter().map(i64::cast_unsigned).collect()
}

#[test]
fn killed_at_every_step_a_store_that_goes_on_has_each_row_once_after_the_next_start() {
    let publishing = COMMIT_STEPS.iter().filter(|step| step.starts_with("publish."));
    let steps: Vec<&str> = publishing.chain(REWRITE_STEPS).copied().collect();
    // Disk and store are waited for, not the processor: several at a time.
    std::thread::scope(|scope| {
        for some in steps.chunks(steps.len().div_ceil(4)) {
            scope.spawn(move || some.iter().for_each(|step| killed_once(step)));
        }
    });
}

fn killed_once(step: &str) {
    let shelf = Shelf::start();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let died = run(dir.path(), &shelf, &format!("{step}=kill:1"));
    assert!(died.signal().is_some(), "{step}: never reached");
    let seen = found(&shelf);
    let distinct: BTreeSet<u64> = seen.iter().copied().collect();
    if step.starts_with("publish.") {
        assert_eq!(seen.len(), distinct.len(), "{step}: who lists the bucket saw a row twice");
    } else {
        // Its files change places in two requests: both for a moment, and never none.
        assert_eq!(distinct.len() as u64, PARTS * EACH, "{step}: rows are gone");
    }
    assert!(run(dir.path(), &shelf, "").success(), "{step}: the restart failed");
    let all: Vec<u64> = (0..PARTS * EACH).collect();
    assert_eq!(found(&shelf), all, "{step}");
    let files = |folder: &str| parquet_files(&shelf.object(folder));
    assert_eq!((files("orders"), files("_old")), (1, 0), "{step}: what was replaced stays");
}

/// How many Parquet files lie below a folder that may be missing.
fn parquet_files(folder: &Path) -> usize {
    let Ok(listed) = std::fs::read_dir(folder) else { return 0 };
    let paths = listed.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| match path.is_dir() {
            true => parquet_files(&path),
            false => usize::from(path.extension().is_some_and(|ending| ending == "parquet")),
        })
        .sum()
}
