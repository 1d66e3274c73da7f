//! Killed at every named step, started again, counted by a reader that knows nothing of us: every
//! row is in the published files exactly once.

use crate::derive::Fold;
use crate::stories::{day, order, write_log};
use crate::{Error, Ingest, Limits, Scope, Session, Warehouse, compact, file, rollup, sweep};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terms::event::Entry;
use terms::failpoint::{COMMIT_STEPS, MANIFEST_STEPS, REWRITE_STEPS, ROLLUP_STEPS};
use terms::record::Row;
use terms::{TenantId, Timestamp};

const DIR: &str = "SWITCHGRID_CRASH_TEST_DIR";
/// The child tries again what has failed.
const PATIENT: &str = "SWITCHGRID_CRASH_TEST_PATIENT";
const CHILD: &str = "crash_tests::the_work_that_is_killed";
/// What it says when it does.
const TRIED_AGAIN: &str = "is tried again";
const PARTS: usize = 4;
const ORDERS: i64 = 6;

/// Every step, with passes at which to die: the first, and one in the middle of the work.
const STEPS: &[(&str, &[u32])] = &[
    ("ingest.stage", &[1, 5]),
    ("ingest.commit", &[1, 3]),
    ("ingest.done", &[1, 3]),
    ("seal.write", &[1, 12]),
    ("seal.sync", &[4]),
    ("seal.rename", &[1, 12]),
    ("seal.dirsync", &[1, 12]),
    ("seal.commit", &[1, 12]),
    ("seal.done", &[1, 12]),
    ("publish.write", &[1, 9]),
    ("publish.sync", &[2]),
    ("publish.announce", &[1, 9]),
    ("publish.rename", &[1, 9]),
    ("publish.dirsync", &[1, 9]),
    ("publish.commit", &[1, 9]),
    ("publish.done", &[1, 9]),
    ("publish.retire", &[1, 5]),
    ("log.trim", &[1, 3]),
    ("rewrite.write", &[1, 3]),
    ("rewrite.sync", &[2]),
    ("rewrite.rename", &[1, 3]),
    ("rewrite.dirsync", &[1, 3]),
    ("rewrite.announce", &[1, 3]),
    ("rewrite.swap", &[1, 3]),
    ("rewrite.commit", &[1, 3]),
    ("rewrite.done", &[1, 3]),
    ("rollup.write", &[1, 2]),
    ("rollup.sync", &[1]),
    ("rollup.rename", &[1, 2]),
    ("rollup.dirsync", &[1]),
    ("rollup.commit", &[1, 2]),
    ("manifest.commit", &[1, 9, 40]),
    ("manifest.committed", &[1, 9, 40]),
];

fn entries() -> Vec<Entry> {
    day(42, 3, 40)
}

fn orders(part: usize) -> Vec<Row> {
    let first = part as i64 * ORDERS;
    (first..first + ORDERS).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

/// The whole work, the same at every start: the log appears in parts, each is read and sealed, and
/// every other one published and its files merged with those of before.
async fn work(dir: &Path) {
    let (store, log) = (dir.join("store"), dir.join("log"));
    let entries = entries();
    let warehouse = Arc::new(Warehouse::open(&store).await.unwrap());
    let mut ingest =
        Ingest::open(Arc::clone(&warehouse), &log).await.unwrap().keeping(Duration::ZERO);
    for part in 0..PARTS {
        let bounds = entries.len() * part / PARTS..entries.len() * (part + 1) / PARTS;
        write_log(&log, &entries[bounds]);
        ingest.catch_up().await.unwrap();
        warehouse.stage_rows("desk", part as i64 + 1, &orders(part)).await.unwrap();
        warehouse.seal().await.unwrap();
        if part % 2 == 1 {
            warehouse.publish_all().await.unwrap();
            compact::some(&warehouse, (2, usize::MAX), "9999-12-31").await.unwrap();
            rollup::catch_up(&warehouse).await.unwrap();
            let later = Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000);
            sweep::retired(&warehouse, later).await.unwrap();
        }
    }
    // Nothing is open at the day's end: all but the writer's own file may go.
    ingest.trim(SystemTime::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(std::fs::read_dir(&log).unwrap().count(), 1);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    let scope = Scope::of(TenantId(1));
    let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
    let stays = session.query("SELECT COUNT(*) AS n FROM queue_visits").await.unwrap();
    let counts = session.query("SELECT SUM(offered) AS n FROM queue_intervals").await.unwrap();
    assert_eq!(counts.to_csv(), stays.to_csv());
    let calls = session.query("SELECT COUNT(*) AS n FROM calls").await.unwrap();
    let counts = session.query("SELECT SUM(calls) AS n FROM call_intervals").await.unwrap();
    assert_eq!(counts.to_csv(), calls.to_csv());
}

/// Does the work when one of the tests below has started this program again for it.
#[tokio::test]
async fn the_work_that_is_killed() {
    if let Some(dir) = std::env::var_os(DIR) {
        let dir = PathBuf::from(dir);
        match std::env::var_os(PATIENT) {
            Some(_) => patient_work(&dir).await,
            None => work(&dir).await,
        }
    }
}

/// Does `act` again until it succeeds.
async fn patiently<T>(mut act: impl AsyncFnMut() -> Result<T, Error>) -> T {
    for _ in 0..100 {
        match act().await {
            Ok(done) => return done,
            Err(error) => eprintln!("{TRIED_AGAIN}: {error}"),
        }
        // A connection that was given up lets go of its locks meanwhile.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never succeeds");
}

/// The same work by a process that goes on where disk or database failed.
async fn patient_work(dir: &Path) {
    let (store, log) = (dir.join("store"), dir.join("log"));
    let entries = entries();
    let warehouse = Arc::new(patiently(async || Warehouse::open(&store).await).await);
    let mut ingest =
        Ingest::open(Arc::clone(&warehouse), &log).await.unwrap().keeping(Duration::ZERO);
    for part in 0..PARTS {
        let bounds = entries.len() * part / PARTS..entries.len() * (part + 1) / PARTS;
        write_log(&log, &entries[bounds]);
        patiently(async || ingest.catch_up().await).await;
        let (position, rows) = (part as i64 + 1, orders(part));
        patiently(async || warehouse.stage_rows("desk", position, &rows).await).await;
        patiently(async || warehouse.seal().await).await;
        if part % 2 == 1 {
            patiently(async || warehouse.publish_all().await).await;
            let closed = "9999-12-31";
            patiently(async || compact::some(&warehouse, (2, usize::MAX), closed).await).await;
            patiently(async || rollup::catch_up(&warehouse).await).await;
            let later = Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000);
            patiently(async || sweep::retired(&warehouse, later).await).await;
        }
    }
    let later = SystemTime::now() + Duration::from_secs(60);
    patiently(async || ingest.trim(later).await).await;
    assert_eq!(std::fs::read_dir(&log).unwrap().count(), 1);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

#[test]
fn a_lost_answer_of_the_database_neither_loses_nor_doubles_a_row() {
    for step in MANIFEST_STEPS {
        for pass in (4..100).step_by(9) {
            let dir = tempfile::tempdir().unwrap();
            let what = format!("{step} fails at the passes {pass} and {}", pass + 1);
            let mut work = child(dir.path(), &format!("{step}=eio:{pass}-{}", pass + 1));
            assert!(work.env(PATIENT, "1").status().unwrap().success(), "{what}");
            check(&dir.path().join("store"), &what);
        }
    }
}

fn child(dir: &Path, failpoints: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([CHILD, "--exact", "--test-threads=1", "-q"]);
    command.env(DIR, dir).env("SWITCHGRID_FAILPOINTS", failpoints);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status).is_some()
}

/// What the rows must be: (table, id) of every row, from the pure fold.
fn expected() -> BTreeMap<(String, i64), usize> {
    let mut fold = Fold::new();
    let mut rows = Vec::new();
    entries().iter().for_each(|entry| fold.apply(entry, &mut rows));
    rows.extend((0..PARTS).flat_map(orders));
    let mut ids = BTreeMap::new();
    for row in rows {
        *ids.entry((row.table().to_owned(), row.id() as i64)).or_default() += 1;
    }
    ids
}

/// Counts rows by (table, id) in the published files, as any Parquet reader would.
fn published(store: &Path) -> BTreeMap<(String, i64), usize> {
    let mut ids = BTreeMap::new();
    for (table, layout) in crate::schema::layouts() {
        for path in file::walk(&store.join(table)).unwrap() {
            let opened = std::fs::File::open(path).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap();
            for batch in reader {
                let batch = batch.unwrap();
                for id in batch.column(layout.id).as_primitive::<Int64Type>().values() {
                    *ids.entry(((*table).to_owned(), *id)).or_default() += 1;
                }
            }
        }
    }
    ids
}

fn check(store: &Path, what: &str) {
    let (expected, found) = (expected(), published(store));
    for (row, times) in &expected {
        assert_eq!(found.get(row), Some(times), "{what}: {row:?}");
    }
    assert_eq!(expected.len(), found.len(), "{what}: rows that nobody wrote");
}

#[test]
fn every_step_of_the_commit_is_among_those_that_kill() {
    let killed: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
    assert_eq!(killed, [COMMIT_STEPS, REWRITE_STEPS, ROLLUP_STEPS, MANIFEST_STEPS].concat());
}

#[test]
fn killed_at_every_step_nothing_is_lost_or_doubled() {
    let all: Vec<(&str, u32)> =
        STEPS.iter().flat_map(|(step, passes)| passes.iter().map(move |at| (*step, *at))).collect();
    // The disk's syncs are waited for, not the processor: several at a time.
    std::thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(4)) {
            scope.spawn(move || some.iter().for_each(|(step, pass)| killed_once(step, *pass)));
        }
    });
}

fn killed_once(step: &str, pass: u32) {
    let dir = tempfile::tempdir().unwrap();
    let what = format!("{step} at pass {pass}");
    let died = child(dir.path(), &format!("{step}=kill:{pass}")).status().unwrap();
    assert!(was_killed(died), "{what}: never reached");
    let doubled = published(&dir.path().join("store")).into_values().any(|n| n > 1);
    assert!(!doubled, "{what}: an outside reader saw a row twice before the restart");
    let restarted = child(dir.path(), "").status().unwrap();
    assert!(restarted.success(), "{what}: the restart failed");
    check(&dir.path().join("store"), &what);
}

#[test]
fn killed_at_random_moments_nothing_is_lost_doubled_or_taken_back() {
    let mut rng = StdRng::seed_from_u64(1);
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let mut before = 0;
    for kill in 0..12 {
        let mut running = child(dir.path(), "").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(20..250)));
        running.kill().unwrap();
        running.wait().unwrap();
        let seen = published(&store);
        assert!(seen.values().all(|times| *times == 1), "kill {kill}: a row twice");
        assert!(seen.len() >= before, "kill {kill}: a published row is gone");
        before = seen.len();
    }
    assert!(child(dir.path(), "").status().unwrap().success());
    check(&store, "after random kills");
}

/// Every step, failing as a broken disk fails at the first of its passes, and as a full one at the last.
fn failures() -> impl Iterator<Item = (&'static str, &'static str, u32)> {
    STEPS.iter().flat_map(|(step, passes)| {
        let (first, last) = (passes[0], passes[passes.len() - 1]);
        [(*step, "eio", first), (*step, "enospc", last)]
    })
}

/// Tries every failure. The disk's syncs are waited for, not the processor: several at a time.
fn each_failure(failed: impl Fn((&str, &str, u32)) + Sync) {
    let (all, failed) = (failures().collect::<Vec<_>>(), &failed);
    std::thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(4)) {
            scope.spawn(move || some.iter().for_each(|failure| failed(*failure)));
        }
    });
}

#[test]
fn a_failing_step_is_an_error_and_the_next_process_completes() {
    each_failure(|(step, fault, pass)| {
        let dir = tempfile::tempdir().unwrap();
        let what = format!("{step}={fault}:{pass}");
        let failed = child(dir.path(), &what).status().unwrap();
        assert!(!failed.success() && !was_killed(failed), "{what}: it went unnoticed");
        assert!(child(dir.path(), "").status().unwrap().success(), "{what}");
        check(&dir.path().join("store"), &what);
    });
}

/// What a failed sync did not bring to disk is written anew, not synced again: the kernel tells of a
/// page that it could not write once.
#[test]
fn a_failing_step_is_an_error_and_the_same_process_completes_at_its_next_try() {
    each_failure(|(step, fault, pass)| {
        let dir = tempfile::tempdir().unwrap();
        let what = format!("{step}={fault}:{pass}");
        let mut work = child(dir.path(), &what);
        let work = work.arg("--nocapture").env(PATIENT, "1").stderr(Stdio::piped());
        let done = work.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{what}: {said}");
        assert!(said.contains(&format!("failpoint {step}: ")), "{what}: never reached");
        assert!(said.contains(TRIED_AGAIN), "{what}: it went unnoticed");
        check(&dir.path().join("store"), &what);
    });
}
