//! A database that is lost, old or says what is not so, and the files that make it whole.

use super::*;
use crate::recordings::{Search, Stage};
use crate::stories::{day, order, write_log};
use crate::{Ingest, Limits, Scope, Session, Warehouse, sweep};
use std::process::{Command, Stdio};
use std::sync::Arc;
use terms::event::Entry;
use terms::{TenantId, Timestamp};

async fn count(warehouse: &Warehouse, table: &str) -> usize {
    let session = Session::open(warehouse, Scope::of(TenantId(1)), Limits::default()).await;
    let answer = session.unwrap().query(&format!("SELECT * FROM {table}")).await.unwrap();
    assert_eq!(answer.left_out, Vec::<String>::new());
    answer.rows()
}

async fn counts(warehouse: &Warehouse) -> Vec<(&'static str, usize)> {
    let mut counts = Vec::new();
    for table in ["events", "calls", "legs", "recordings", "orders", "call_intervals"] {
        counts.push((table, count(warehouse, table).await));
    }
    counts
}

fn orders(from: i64, to: i64) -> Vec<Row> {
    (from..=to).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

fn lose_database(store: &Path) {
    for name in DATABASE {
        let _ = std::fs::remove_file(store.join(name));
    }
}

async fn from_files(store: &Path) -> Repaired {
    let places = (&Manifest::Sqlite, None);
    manifest_from_files(store, places, &[("numbered", "orders")], |_, _| {}).await.unwrap()
}

/// Two days of calls, the first one published, the second sealed only.
async fn filled(store: &Path, log: &Path) -> (Warehouse, Vec<Entry>) {
    let entries = day(42, 1, 30);
    write_log(log, &entries);
    let warehouse = Arc::new(Warehouse::open(store).await.unwrap());
    let mut ingest = Ingest::open(Arc::clone(&warehouse), log).await.unwrap();
    ingest.catch_up().await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 5)).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.publish("2026-11-22").await.unwrap();
    // The second of two small files has the rows of the first.
    for part in 2..=3 {
        warehouse.stage_rows("desk", part, &orders(part * 10, part * 10 + 1)).await.unwrap();
        warehouse.seal().await.unwrap();
    }
    drop(ingest);
    (Arc::into_inner(warehouse).unwrap(), entries)
}

#[tokio::test]
async fn a_lost_database_is_made_anew_and_nobody_writes_before() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = (dir.path().join("store"), dir.path().join("log"));
    let (warehouse, entries) = filled(&store, &log).await;
    let before = counts(&warehouse).await;
    let recordings = warehouse.recordings_count().await.unwrap();
    let stats = warehouse.stats().await.unwrap();
    assert!(stats.hot_files > 3 && stats.published_files > 3);
    assert_eq!(warehouse.doubt_places().await.unwrap(), 0, "it is known where they lie");
    warehouse.close().await;
    lose_database(&store);

    let refused = Warehouse::open(&store).await.err().unwrap();
    assert!(matches!(refused, Error::Unnamed(_)), "{refused}");
    assert!(matches!(Warehouse::open_reader(&store).await, Err(Error::Unnamed(_))));
    let repaired = from_files(&store).await;
    assert_eq!(repaired.rows, stats.hot_rows + stats.published_rows, "each row once");
    assert_eq!(repaired.position, entries.last().unwrap().seq);

    let warehouse = Arc::new(Warehouse::open(&store).await.unwrap());
    assert_eq!(warehouse.position("numbered").await.unwrap(), 31, "the last of its rows");
    assert_eq!(counts(&warehouse).await, before);
    assert_eq!(warehouse.recordings_count().await.unwrap(), recordings);
    let search = Search { tenant: TenantId(1), ..Search::default() };
    assert_eq!(warehouse.recordings(&search, 1).await.unwrap().len(), 1);
    // Any of them may have objects, until somebody has looked.
    assert!(warehouse.doubt_places().await.unwrap() > 0);
    let one = warehouse.recordings(&search, 1).await.unwrap().remove(0);
    assert_eq!(one.moved.map(|moved| moved.stage), Some(Stage::Begun));
    assert_eq!(warehouse.doubt_places().await.unwrap(), 0, "once");
    // The log is read from its beginning, and gives nothing twice.
    let mut ingest = Ingest::open(Arc::clone(&warehouse), &log).await.unwrap();
    assert_eq!(ingest.catch_up().await.unwrap().rows, 0);
    warehouse.stage_rows("desk", 2, &orders(6, 7)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    assert_eq!(count(&warehouse, "orders").await, 11);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_repair_that_was_killed_is_done_again_and_the_old_database_lies_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = (dir.path().join("store"), dir.path().join("log"));
    let (warehouse, _) = filled(&store, &log).await;
    let before = counts(&warehouse).await;
    let writing = manifest_from_files(&store, (&Manifest::Sqlite, None), &[], |_, _| {}).await;
    assert!(matches!(writing, Err(Error::Busy(_))), "a box runs");
    warehouse.close().await;
    // Killed once before the old one was moved, once after it.
    std::fs::create_dir_all(store.join(BESIDE)).unwrap();
    std::fs::write(store.join(BESIDE).join(DATABASE[0]), "half").unwrap();
    std::fs::write(store.join(DATABASE[0]), "no database").unwrap();
    from_files(&store).await;
    lose_database(&store);
    from_files(&store).await;
    assert!(!store.join(BESIDE).exists());
    assert!(store.join(aside::FOLDER).join(DATABASE[0]).exists());
    let warehouse = Warehouse::open(&store).await.unwrap();
    assert_eq!(counts(&warehouse).await, before);
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_lies_aside_and_the_rest_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    for part in 1..=2 {
        warehouse.stage_rows("desk", part, &orders(part * 10, part * 10 + 2)).await.unwrap();
        warehouse.publish_all().await.unwrap();
    }
    // The sealed files of before, which would have its rows, are gone.
    let later = Timestamp(now().0 + 2 * sweep::RETIRED_MS * 1000);
    sweep::retired(&warehouse, later).await.unwrap();
    warehouse.close().await;
    let files = file::walk(&dir.path().join("orders")).unwrap();
    let mut bytes = std::fs::read(&files[0]).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&files[0], bytes).unwrap();
    lose_database(dir.path());
    let repaired = from_files(dir.path()).await;
    let name = files[0].strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
    assert_eq!((repaired.files, repaired.rows, repaired.damaged), (1, 3, vec![name.clone()]));
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    assert_eq!(count(&warehouse, "orders").await, 3);
    assert_eq!(warehouse.aside().unwrap(), std::slice::from_ref(&name));
    let adopted = warehouse.adopt().await.unwrap();
    assert_eq!((adopted.adopted, adopted.left), (Vec::new(), vec![name]));
}

#[tokio::test]
async fn files_of_after_an_old_database_lie_aside_and_count_again_when_they_are_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let (store, copy) = (dir.path().join("store"), dir.path().join("copy.db"));
    let warehouse = Warehouse::open(&store).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;
    std::fs::copy(store.join(DATABASE[0]), &copy).unwrap();
    let warehouse = Warehouse::open(&store).await.unwrap();
    warehouse.stage_rows("desk", 2, &orders(4, 9)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;
    lose_database(&store);
    std::fs::copy(&copy, store.join(DATABASE[0])).unwrap();

    let reader = Warehouse::open_reader(&store).await.unwrap();
    let faults = reader.verify().await.unwrap().faults;
    assert!(faults.iter().any(|fault| fault.ends_with("is not named by warehouse.db")));
    drop(reader);
    let warehouse = Warehouse::open(&store).await.unwrap();
    assert_eq!(count(&warehouse, "orders").await, 3);
    assert_eq!(warehouse.verify().await.unwrap().aside.len(), 1);
    assert_eq!(warehouse.adopt().await.unwrap().adopted.len(), 1);
    assert_eq!(count(&warehouse, "orders").await, 9);
    assert_eq!(warehouse.aside().unwrap(), Vec::<String>::new());
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_were_sealed_after_an_old_database_lie_aside_and_count_again_too() {
    let dir = tempfile::tempdir().unwrap();
    let (store, copy) = (dir.path().join("store"), dir.path().join("copy.db"));
    let warehouse = Warehouse::open(&store).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;
    std::fs::copy(store.join(DATABASE[0]), &copy).unwrap();
    let warehouse = Warehouse::open(&store).await.unwrap();
    warehouse.stage_rows("desk", 2, &orders(4, 9)).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.close().await;
    lose_database(&store);
    std::fs::copy(&copy, store.join(DATABASE[0])).unwrap();
    let warehouse = Warehouse::open(&store).await.unwrap();
    assert_eq!(count(&warehouse, "orders").await, 3);
    // The same numbers are given again, to other rows.
    warehouse.stage_rows("desk", 2, &orders(10, 15)).await.unwrap();
    assert_eq!(warehouse.adopt().await.unwrap().adopted.len(), 1);
    assert_eq!(count(&warehouse, "orders").await, 15);
    assert_eq!(warehouse.aside().unwrap(), Vec::<String>::new());
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_whose_rows_came_again_and_are_staged_is_not_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    forget_files(&warehouse).await;
    warehouse.close().await;
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("other", 1, &orders(2, 3)).await.unwrap();
    assert_eq!(warehouse.adopt().await.unwrap().left.len(), 1);
    assert_eq!(count(&warehouse, "orders").await, 2);
}

/// As where the database was put back from a copy of before.
async fn forget_files(warehouse: &Warehouse) {
    let mut tx = warehouse.write("forget files").await.unwrap();
    sqlx::query("DELETE FROM file").execute(&mut *tx).await.unwrap();
    db::commit(tx, "forget files").await.unwrap();
}

const DIR: &str = "SWITCHGRID_ADOPT_TEST_DIR";
const CHILD: &str = "repair::tests::the_adoption_that_fails";

/// Adopts where the disk fails, when the test below has started this program again for it.
#[tokio::test]
async fn the_adoption_that_fails() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let warehouse = Warehouse::open(Path::new(&dir)).await.unwrap();
    assert!(warehouse.adopt().await.is_err());
}

#[tokio::test]
async fn a_file_that_does_not_come_to_its_place_goes_on_lying_aside() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    forget_files(&warehouse).await;
    warehouse.close().await;
    let failing = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--test-threads=1", "-q"])
        .env(DIR, dir.path())
        .env("SWITCHGRID_FAILPOINTS", "publish.dirsync=eio:1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(failing.unwrap().success());
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    assert_eq!(count(&warehouse, "orders").await, 0);
    let path = warehouse.aside().unwrap().remove(0);
    assert_eq!(warehouse.adopt().await.unwrap().adopted, std::slice::from_ref(&path));
    assert_eq!(count(&warehouse, "orders").await, 3);
    assert_eq!(warehouse.aside().unwrap(), Vec::<String>::new());
    // It lies in both places, as where a process died in between.
    aside::keep(dir.path(), &[path]).unwrap();
    assert_eq!(warehouse.adopt().await.unwrap().adopted.len(), 1);
    assert_eq!(warehouse.aside().unwrap(), Vec::<String>::new());
    assert_eq!(count(&warehouse, "orders").await, 3);
}

#[tokio::test]
async fn damaged_counts_are_counted_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = (dir.path().join("store"), dir.path().join("log"));
    let (warehouse, _) = filled(&store, &log).await;
    let before = counts(&warehouse).await;
    let kept = file::walk(&store.join("_rollup/call_intervals")).unwrap().remove(0);
    let mut bytes = std::fs::read(&kept).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    assert_eq!(warehouse.verify().await.unwrap().faults.len(), 1);
    assert_eq!(warehouse.recount().await.unwrap(), 1);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    assert_eq!(counts(&warehouse).await, before);
    assert_eq!(warehouse.recount().await.unwrap(), 0);
}

#[tokio::test]
async fn rows_that_are_there_twice_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 9)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.stage_rows("other", 1, &orders(4, 5)).await.unwrap();
    let told = ["orders of 2026-11-22 has 2 rows twice, the first is 4".to_owned()];
    assert_eq!(warehouse.verify().await.unwrap().faults, told);
    warehouse.publish_all().await.unwrap();
    assert_eq!(warehouse.verify().await.unwrap().faults, told);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_and_the_rest_answers() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    for part in 1..=2 {
        warehouse.stage_rows("desk", part, &orders(part * 10, part * 10 + 2)).await.unwrap();
        warehouse.publish_all().await.unwrap();
    }
    let gone = file::walk(&dir.path().join("orders")).unwrap().remove(0);
    std::fs::remove_file(&gone).unwrap();
    let session = Session::open(&warehouse, Scope::of(TenantId(1)), Limits::default()).await;
    let answer = session.unwrap().query("SELECT * FROM orders").await.unwrap();
    let name = gone.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
    assert_eq!((answer.rows(), answer.left_out), (3, vec![name]));
}

#[tokio::test]
async fn a_file_that_was_replaced_while_others_were_looked_at_is_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let path = file::walk(&dir.path().join("orders")).unwrap().remove(0);
    let name = path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
    let broken = |path: &str| (path.to_owned(), format!("{path} is not there"));
    let found = vec![broken("orders/dt=2026-11-22/of-before.parquet"), broken(&name)];
    let told = crate::check::still_broken(&warehouse, found).await.unwrap();
    assert_eq!(told, [format!("{name} is not there")]);
}

#[tokio::test]
async fn an_erasure_leaves_nothing_aside() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let path = file::walk(&dir.path().join("orders")).unwrap().remove(0);
    let name = path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
    aside::keep(dir.path(), &[name]).unwrap();
    let digits = terms::Person::by_number("13800138000", "86").unwrap();
    warehouse.erase_person(TenantId(1), &digits).await.unwrap();
    assert_eq!(warehouse.aside().unwrap(), Vec::<String>::new());
}

#[test]
fn a_path_says_what_a_file_is() {
    let published =
        "calls/dt=2026-11-23/part-00000000000000000007-00000000000000000009-0a1b2c3d.parquet";
    let known = named("calls", published).unwrap();
    assert_eq!((known.day.as_str(), known.seqs), ("2026-11-23", (7, 9)));
    assert_eq!(known.hash.as_deref(), Some("0a1b2c3d"));
    let ours = "_hot/calls/dt=2026-11-23/00000000000000000007-00000000000000000009.parquet";
    assert_eq!(named("calls", ours).unwrap().hash, None);
    for other in ["calls/dt=2026-11-23/notes.txt", "calls/mine.parquet", "calls/dt=1/a-b.parquet"] {
        assert!(named("calls", other).is_none(), "{other}");
    }
}
