//! Published files in a bucket: everything that holds of a folder, while the bucket is away too.

mod fragile;
mod killed;

use crate::age::Stays;
use crate::postgres_tests::manifest_of;
use crate::repair::manifest_from_files;
use crate::stories::{BEGIN, day, fold, order};
use crate::{Bucket, Error, Limits, Manifest, Scope, Session, SqlFault, Warehouse, compact, sweep};
use fragile::Fragile;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use terms::record::Row;
use terms::{Person, TenantId, Timestamp};

const NAME: &str = "s3://calls/box-1";
const TENANT: TenantId = TenantId(1);
const ALL: &str = "SELECT COUNT(*) AS n FROM orders";
const TO_THE_END: &str = "9999-12-31";

struct Rig {
    dir: tempfile::TempDir,
    store: Arc<Fragile>,
}

impl Rig {
    fn new() -> Rig {
        Rig { dir: tempfile::tempdir().unwrap(), store: Arc::default() }
    }

    fn bucket(&self) -> Bucket {
        Bucket::over(self.store.clone(), NAME, "box-1")
    }

    async fn open(&self) -> Warehouse {
        opened(self.dir.path(), self.bucket()).await.unwrap()
    }

    /// A warehouse with one published file for each of some counts of orders.
    async fn filled(&self, parts: &[i64]) -> Warehouse {
        let warehouse = self.open().await;
        let mut next = 1;
        for (part, count) in parts.iter().enumerate() {
            add(&warehouse, part as i64 + 1, (next, next + count)).await;
            warehouse.publish_all().await.unwrap();
            next += count;
        }
        warehouse
    }

    fn set(&self, flag: impl Fn(&Fragile) -> &AtomicBool, to: bool) {
        flag(&self.store).store(to, Ordering::Relaxed);
    }

    async fn published(&self) -> Vec<String> {
        self.store.names("box-1/orders/").await
    }
}

async fn opened(dir: &Path, bucket: Bucket) -> Result<Warehouse, Error> {
    Warehouse::open_in(dir, &manifest_of(dir), Some(bucket)).await
}

async fn add(warehouse: &Warehouse, position: i64, (from, until): (i64, i64)) {
    let rows: Vec<Row> = (from..until).map(|id| order(1, id, id as u64, 1, 11)).collect();
    assert!(warehouse.stage_rows("desk", position, &rows).await.unwrap());
}

async fn session(warehouse: &Warehouse) -> Session {
    Session::open(warehouse, Scope::of(TENANT), Limits::default()).await.unwrap()
}

async fn count(session: &Session) -> String {
    let csv = session.query(ALL).await.unwrap().to_csv();
    csv.lines().nth(1).unwrap_or_default().to_owned()
}

async fn faults(warehouse: &Warehouse) -> Vec<String> {
    warehouse.verify().await.unwrap().faults
}

fn later() -> Timestamp {
    Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000)
}

fn refusal(opened: Result<Warehouse, Error>) -> String {
    match opened {
        Err(Error::Files(sentence)) => sentence,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn what_is_published_lies_in_the_bucket_as_in_a_folder_and_is_read_in_ranges() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[10]).await;
    let names = rig.published().await;
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("box-1/orders/dt=2026-11-22/part-"), "{names:?}");
    assert!(!rig.dir.path().join("orders").exists(), "nothing of it is in the folder");
    add(&warehouse, 2, (11, 13)).await;

    let before = rig.store.whole.load(Ordering::Relaxed);
    assert_eq!(count(&session(&warehouse).await).await, "12");
    let sql = "SELECT title FROM orders WHERE order_id = 3";
    assert_eq!(session(&warehouse).await.query(sql).await.unwrap().rows(), 1);
    assert_eq!(rig.store.whole.load(Ordering::Relaxed), before, "no object is read whole");
    assert_eq!(faults(&warehouse).await, Vec::<String>::new());
    assert_eq!(warehouse.stats().await.unwrap().published_rows, 10);
    let copies = std::fs::read_dir(rig.dir.path().join("_near")).unwrap();
    assert_eq!(copies.count(), 0, "what was near is gone again");
}

#[tokio::test]
async fn a_bucket_that_is_away_refuses_what_needs_it_and_nothing_is_lost() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[5]).await;
    let open = session(&warehouse).await;
    rig.set(|store| &store.away, true);
    add(&warehouse, 2, (6, 8)).await;
    let error = warehouse.publish_all().await.unwrap_err();
    assert!(error.is_away(), "{error}");
    assert_eq!(warehouse.stats().await.unwrap().hot_rows, 2);
    for session in [open, session(&warehouse).await] {
        let refused = session.query(ALL).await.unwrap_err();
        assert_eq!(refused.fault, SqlFault::Warehouse);
        assert!(refused.message.contains("bucket that does not answer"), "{refused}");
        assert_eq!(session.left_out(), Vec::<String>::new(), "nothing counts as damaged");
    }
    assert!(warehouse.verify().await.unwrap_err().is_away());

    // A box that starts meanwhile starts.
    warehouse.close().await;
    let warehouse = rig.open().await;
    assert!(warehouse.publish_all().await.unwrap_err().is_away());
    rig.set(|store| &store.away, false);
    warehouse.publish_all().await.unwrap();
    assert_eq!(count(&session(&warehouse).await).await, "7");
    assert_eq!(warehouse.stats().await.unwrap().published_rows, 7);
    assert_eq!(faults(&warehouse).await, Vec::<String>::new());
}

#[tokio::test]
async fn counts_of_quarter_hours_are_answered_while_the_bucket_is_away() {
    let rig = Rig::new();
    let warehouse = rig.open().await;
    warehouse.stage_rows("test", 1, &fold(&day(42, 1, 20))).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let counts = "SELECT SUM(offered) AS n FROM queue_intervals";
    let before = session(&warehouse).await.query(counts).await.unwrap().to_csv();
    rig.set(|store| &store.away, true);
    let session = session(&warehouse).await;
    assert_eq!(session.query(counts).await.unwrap().to_csv(), before);
    assert!(session.query("SELECT visit_id FROM queue_visits").await.is_err());
}

#[tokio::test]
async fn a_file_that_came_although_the_bucket_did_not_say_so_counts_once() {
    let rig = Rig::new();
    let warehouse = rig.open().await;
    add(&warehouse, 1, (1, 6)).await;
    rig.set(|store| &store.silent, true);
    assert!(warehouse.publish_all().await.unwrap_err().is_away());
    rig.set(|store| &store.silent, false);
    rig.set(|store| &store.away, false);
    assert_eq!(count(&session(&warehouse).await).await, "5", "the rows of ours count");
    warehouse.publish_all().await.unwrap();
    assert_eq!(rig.published().await.len(), 1);
    assert_eq!(count(&session(&warehouse).await).await, "5");
    let stats = warehouse.stats().await.unwrap();
    assert_eq!((stats.hot_rows, stats.published_rows), (0, 5));
}

#[tokio::test]
async fn a_bucket_that_spoils_what_it_keeps_is_found_out_by_reading_back() {
    let rig = Rig::new();
    let warehouse = rig.open().await;
    add(&warehouse, 1, (1, 6)).await;
    rig.set(|store| &store.spoils, true);
    let error = warehouse.publish_all().await.unwrap_err();
    assert!(error.to_string().contains("gives back something else"), "{error}");
    assert_eq!(rig.published().await, Vec::<String>::new());
    assert_eq!(warehouse.stats().await.unwrap().hot_rows, 5);
    rig.set(|store| &store.spoils, false);
    warehouse.publish_all().await.unwrap();
    assert_eq!(count(&session(&warehouse).await).await, "5");
}

#[tokio::test]
async fn merged_files_leave_the_folder_of_the_day_at_once_and_sessions_of_before_later() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[2, 2, 2, 2]).await;
    assert_eq!(rig.published().await.len(), 4);
    let before = session(&warehouse).await;
    assert_eq!(compact::some(&warehouse, (2, 1), TO_THE_END).await.unwrap(), 4);
    assert_eq!(rig.published().await.len(), 1);
    assert_eq!(rig.store.names("_old").await.len(), 4);
    assert_eq!(count(&before).await, "8", "a session of before");
    assert_eq!(count(&session(&warehouse).await).await, "8", "a session of after");
    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(rig.store.names("_old").await, Vec::<String>::new());
    assert_eq!(count(&session(&warehouse).await).await, "8");
    assert_eq!(faults(&warehouse).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_merge_that_the_bucket_breaks_off_leaves_the_files_of_before() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[2, 2]).await;
    rig.set(|store| &store.silent, true);
    assert!(compact::some(&warehouse, (2, 1), TO_THE_END).await.unwrap_err().is_away());
    rig.set(|store| &store.silent, false);
    rig.set(|store| &store.away, false);
    assert_eq!(count(&session(&warehouse).await).await, "4");
    // The next start finds the new file whole and lets it count.
    warehouse.close().await;
    let warehouse = rig.open().await;
    assert_eq!(count(&session(&warehouse).await).await, "4");
    assert_eq!(warehouse.stats().await.unwrap().published_files, 1);
    assert_eq!(rig.published().await.len(), 1, "who lists the bucket finds the day once");
    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(rig.store.names("_old").await, Vec::<String>::new());
}

#[tokio::test]
async fn objects_of_a_person_who_was_erased_are_deleted() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[3]).await;
    let told = rig.published().await;
    let person = Person::by_number("138 0013 8000", "86").expect("a number");
    assert_eq!(warehouse.erase_person(TENANT, &person).await.unwrap().rows, 3);
    sweep::retired(&warehouse, later()).await.unwrap();
    let left = rig.store.names(".parquet").await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!left.contains(&told[0]), "{left:?}");
    let sql = "SELECT COUNT(*) AS n FROM orders WHERE customer_number IS NOT NULL \
               AND customer_number <> ''";
    assert_eq!(session(&warehouse).await.query(sql).await.unwrap().to_csv(), "n\r\n0\r\n");
}

#[tokio::test]
async fn rows_whose_time_is_over_take_their_objects_with_them() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[3]).await;
    let until = Timestamp(BEGIN.0 + 2 * 86_400_000_000);
    let stays = Stays::default();
    for day in warehouse.days_over(TENANT, "orders", until, &stays).await.unwrap() {
        warehouse.age_day(TENANT, ("orders", &day), &stays).await.unwrap();
    }
    assert_eq!(count(&session(&warehouse).await).await, "0");
    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(rig.store.names(".parquet").await, Vec::<String>::new());
}

#[tokio::test]
async fn an_object_that_is_not_what_was_written_is_told_and_left_out_of_answers() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[2, 3]).await;
    let damaged = rig.published().await.remove(0);
    rig.store.damage(&damaged).await;
    let faults = faults(&warehouse).await;
    assert!(faults.len() == 1 && faults[0].contains("its SHA-256 differs"), "{faults:?}");
    let session = session(&warehouse).await;
    let answer = session.query("SELECT title FROM orders").await.unwrap();
    assert_eq!(answer.left_out, [damaged.trim_start_matches("box-1/").to_owned()]);
    assert!([2, 3].contains(&answer.rows()), "the rest still answers");
}

#[tokio::test]
async fn objects_that_nothing_names_lie_aside_in_the_folder_after_a_start() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[2]).await;
    let name = rig.published().await.remove(0);
    let other = name.replace("part-00", "part-01");
    rig.store.double(&name, &other).await;
    warehouse.close().await;
    let warehouse = rig.open().await;
    assert_eq!(rig.published().await, [name]);
    assert_eq!(warehouse.aside().unwrap(), [other.trim_start_matches("box-1/").to_owned()]);
    assert_eq!(count(&session(&warehouse).await).await, "2");
    // Its rows are there already.
    assert_eq!(warehouse.adopt().await.unwrap().adopted, Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_database_is_made_anew_of_the_objects() {
    let rig = Rig::new();
    let manifest = Manifest::Sqlite;
    let open = || Warehouse::open_in(rig.dir.path(), &manifest, Some(rig.bucket()));
    let warehouse = open().await.unwrap();
    add(&warehouse, 1, (1, 4)).await;
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;
    for name in ["warehouse.db", "warehouse.db-wal", "warehouse.db-shm"] {
        let _ = std::fs::remove_file(rig.dir.path().join(name));
    }
    assert!(matches!(open().await, Err(Error::Unnamed(_))));
    let made = {
        let places = (&crate::Manifest::Sqlite, Some(rig.bucket()));
        manifest_from_files(rig.dir.path(), places, &[], |_, _| {}).await.unwrap()
    };
    assert_eq!((made.files, made.rows), (1, 3));
    let warehouse = open().await.unwrap();
    assert_eq!(count(&session(&warehouse).await).await, "3");
    assert_eq!(faults(&warehouse).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_and_a_bucket_that_do_not_belong_together_are_refused() {
    let rig = Rig::new();
    rig.filled(&[1]).await.close().await;
    let manifest = manifest_of(rig.dir.path());
    let sentence = refusal(Warehouse::open_on(rig.dir.path(), &manifest).await);
    assert!(sentence.ends_with("in s3://calls/box-1, and no bucket is set"), "{sentence}");
    let sentence = refusal(Warehouse::open_reader_on(rig.dir.path(), &manifest).await);
    assert!(sentence.contains(NAME), "{sentence}");
    let elsewhere = Bucket::over(rig.store.clone(), "s3://calls/box-2", "box-2");
    let sentence = refusal(opened(rig.dir.path(), elsewhere).await);
    assert!(sentence.ends_with("and s3://calls/box-2 is set"), "{sentence}");

    let other = tempfile::tempdir().unwrap();
    let sentence = refusal(opened(other.path(), rig.bucket()).await);
    assert!(sentence.contains("has the files of another warehouse"), "{sentence}");
    // What has published nothing may begin elsewhere, or without a bucket.
    let empty = Bucket::over(rig.store.clone(), "s3://calls/box-3", "box-3");
    opened(other.path(), empty).await.unwrap().close().await;
    Warehouse::open(other.path()).await.unwrap().close().await;

    let local = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(local.path()).await.unwrap();
    add(&warehouse, 1, (1, 3)).await;
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;
    let sentence = refusal(opened(local.path(), rig.bucket()).await);
    assert!(sentence.contains("in the folder itself, and s3://calls/box-1 is set"), "{sentence}");
    assert_eq!(rig.published().await.len(), 1, "the bucket is as it was");
}

#[tokio::test]
async fn of_two_boxes_that_begin_in_one_empty_bucket_the_first_has_it() {
    let rig = Rig::new();
    rig.filled(&[1]).await.close().await;
    let other = tempfile::tempdir().unwrap();
    // The second asked before the first had written.
    rig.set(|store| &store.blind, true);
    let sentence = refusal(opened(other.path(), rig.bucket()).await);
    assert!(sentence.contains("has the files of another warehouse"), "{sentence}");
    assert!(!rig.store.blind.load(Ordering::Relaxed), "it was told that nobody is there");
    let warehouse = rig.open().await;
    assert_eq!(count(&session(&warehouse).await).await, "1", "the first goes on");
}

#[tokio::test]
async fn a_service_without_conditional_puts_is_refused_before_anything_is_there() {
    let flags: [fn(&Fragile) -> &AtomicBool; 2] = [|store| &store.careless, |store| &store.old];
    for flag in flags {
        let rig = Rig::new();
        rig.set(flag, true);
        let sentence = refusal(opened(rig.dir.path(), rig.bucket()).await);
        assert!(sentence.contains("does not know conditional puts"), "{sentence}");
        assert_eq!(rig.store.names("").await, Vec::<String>::new());
        rig.set(flag, false);
        rig.open().await;
        assert_eq!(rig.store.names("").await, ["box-1/_warehouse"]);
    }
}

#[tokio::test]
async fn replaced_files_that_could_not_be_removed_go_at_the_next_start_and_the_next_upkeep() {
    for is_started_again in [true, false] {
        let rig = Rig::new();
        let mut warehouse = rig.filled(&[2, 2]).await;
        // What a process that dies here leaves as well: the new file counts, the others are there.
        rig.set(|store| &store.keeps, true);
        assert_eq!(compact::some(&warehouse, (2, 1), TO_THE_END).await.unwrap(), 2);
        assert_eq!(rig.published().await.len(), 3, "who lists the bucket finds the day twice");
        rig.set(|store| &store.keeps, false);
        if is_started_again {
            warehouse.close().await;
            warehouse = rig.open().await;
        } else {
            warehouse.tend(crate::store::now()).await.unwrap();
        }
        assert_eq!(rig.published().await.len(), 1);
        assert_eq!(rig.store.names("_old").await.len(), 2, "second names stay for sessions");
        assert_eq!(count(&session(&warehouse).await).await, "4");
    }
}

#[tokio::test]
async fn a_merge_that_went_wrong_leaves_no_second_names_after_the_next_start() {
    let rig = Rig::new();
    let warehouse = rig.filled(&[2, 2]).await;
    let before = rig.published().await;
    rig.set(|store| &store.spoils, true);
    let error = compact::some(&warehouse, (2, 1), TO_THE_END).await.unwrap_err();
    assert!(error.to_string().contains("gives back something else"), "{error}");
    rig.set(|store| &store.spoils, false);
    assert_eq!(rig.published().await, before);
    warehouse.close().await;
    let warehouse = rig.open().await;
    assert_eq!(rig.store.names("_old").await, Vec::<String>::new());
    assert_eq!(rig.published().await, before);
    assert_eq!(count(&session(&warehouse).await).await, "4");
}

#[tokio::test]
async fn a_folder_that_is_lost_is_made_anew_of_the_objects_by_their_word() {
    let rig = Rig::new();
    rig.filled(&[3]).await.close().await;
    let word = rig.bucket().text("_warehouse").await.unwrap().unwrap();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("warehouse.bucket"), format!("{NAME}\n{word}")).unwrap();
    let places = (&Manifest::Sqlite, Some(rig.bucket()));
    let made = manifest_from_files(other.path(), places, &[], |_, _| {}).await.unwrap();
    assert_eq!((made.files, made.rows), (1, 3));
    let opened = Warehouse::open_in(other.path(), &Manifest::Sqlite, Some(rig.bucket())).await;
    let warehouse = opened.unwrap();
    assert_eq!(count(&session(&warehouse).await).await, "3");
    assert_eq!(faults(&warehouse).await, Vec::<String>::new());
}
