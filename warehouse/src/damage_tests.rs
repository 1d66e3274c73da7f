//! Bytes that are not those that were written, at every offset of small files: nothing panics, and what
//! differs from the right answer is found by whoever verifies.

use crate::store_tests::session;
use crate::stories::*;
use crate::{Session, Warehouse, check, file, manifest};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use terms::record::Row;

/// All rows, and one that is looked up by its number.
const QUESTIONS: [&str; 2] = [
    "SELECT * FROM orders ORDER BY 1, 2, 3",
    "SELECT order_id, number FROM orders WHERE order_id = 3",
];
/// Of a file that is read through for each flipped byte: every so manieth of its bytes.
const READ_EVERY: usize = 5;
/// About so many questions are asked, and manifests opened: each takes a while.
const ASKED: usize = 120;
/// The head of a database of SQLite (file format, section 1.3).
const HEAD: usize = 100;

fn orders() -> Vec<Row> {
    (1..=4).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

/// A warehouse of one published file, and where it lies.
async fn published(dir: &Path) -> (Warehouse, PathBuf) {
    let warehouse = Warehouse::open(dir).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders()).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let files = file::walk(&dir.join("orders")).unwrap();
    assert_eq!(files.len(), 1);
    (warehouse, files[0].clone())
}

/// One bit of the byte at `at` is another one.
fn flipped(whole: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[at] ^= 1 << (at % 8);
    bytes
}

/// Puts these bytes in the place of a file, later than what lies there.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    let changed_at = || {
        let found = std::fs::metadata(path).unwrap();
        (found.ctime(), found.ctime_nsec())
    };
    let before = changed_at();
    // The clock of the file system has steps.
    while changed_at() == before {
        std::fs::write(path, bytes).unwrap();
    }
}

/// The answers, unless there is none.
async fn answer(session: &Session) -> Option<String> {
    let mut told = String::new();
    for question in QUESTIONS {
        told += &session.query(question).await.ok()?.to_csv();
    }
    Some(told)
}

#[tokio::test]
async fn every_flipped_or_missing_byte_of_a_file_is_seen_and_reading_it_does_not_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, path) = published(dir.path()).await;
    let mut tx = warehouse.read("test").await.unwrap();
    let entry = manifest::in_state(&mut tx, "published").await.unwrap().remove(0);
    drop(tx);
    let layout = crate::schema::layout_of("orders");
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(check::fault_of(&path, &entry), None);
    for at in 0..whole.len() {
        std::fs::write(&path, flipped(&whole, at)).unwrap();
        assert!(check::fault_of(&path, &entry).is_some(), "flip at {at} of {}", whole.len());
        if at % READ_EVERY == 0 {
            // Any end but a panic: a repair reads files of which it knows nothing.
            let _ = file::read(layout, &path);
        }
    }
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(check::fault_of(&path, &entry).is_some(), "cut to {length}");
        if length % READ_EVERY == 0 {
            assert!(file::read(layout, &path).is_err(), "cut to {length}");
        }
    }
}

#[tokio::test]
async fn a_question_to_a_flipped_file_has_the_right_answer_or_verifying_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, path) = published(dir.path()).await;
    let right = answer(&session(&warehouse, 1).await).await.expect("it is whole");
    let whole = std::fs::read(&path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut wrong = 0;
    for at in (0..whole.len()).step_by(whole.len() / ASKED) {
        put(&path, &flipped(&whole, at));
        let reader = Warehouse::open_reader(dir.path()).await.unwrap();
        let told = asked(&reader).await;
        let faults = reader.verify().await.unwrap().faults;
        let is_named = faults.iter().any(|fault| fault.contains(name));
        assert!(is_named, "flip at {at}: {told:?} and {faults:?}");
        wrong += usize::from(told.as_ref() != Some(&right));
        // Nothing of what was read is left once the file is back.
        put(&path, &whole);
        assert_eq!(asked(&reader).await.as_ref(), Some(&right), "flip at {at}, put back");
        assert_eq!(reader.verify().await.unwrap().faults, [] as [String; 0]);
        reader.close().await;
    }
    assert!(wrong > 0, "some of the damage is in what is asked for");
}

#[tokio::test]
async fn a_flipped_or_cut_manifest_is_refused_answers_rightly_or_is_found_by_verifying() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, _) = published(dir.path()).await;
    let right = answer(&session(&warehouse, 1).await).await.expect("it is whole");
    warehouse.close().await;
    let whole = std::fs::read(dir.path().join("warehouse.db")).unwrap();
    // Every byte of the head of the file, and of what follows about as many as there is time for.
    let sampled = || (HEAD..whole.len()).step_by(whole.len() / (4 * ASKED));
    let mut refused = 0;
    for at in (0..HEAD).chain(sampled()) {
        let what = format!("flip at {at}");
        refused += refusals(dir.path(), &flipped(&whole, at), (&what, &right)).await;
    }
    assert!(refused > 0, "the head of a file is looked at");
    let (mut cut, mut refused) = (0, 0);
    for length in (0..HEAD).step_by(3).chain(sampled().step_by(4)) {
        let what = format!("cut to {length}");
        refused += refusals(dir.path(), &whole[..length], (&what, &right)).await;
        cut += 1;
    }
    assert!(2 * refused > cut, "{refused} of {cut}: a part of a file is no manifest");
}

/// 1 where a warehouse with these bytes as its manifest is not opened. One that is answers rightly, or
/// not at all, or whoever verifies finds it.
async fn refusals(dir: &Path, bytes: &[u8], (what, right): (&str, &String)) -> usize {
    std::fs::write(dir.join("warehouse.db"), bytes).unwrap();
    for beside in ["warehouse.db-wal", "warehouse.db-shm"] {
        let _ = std::fs::remove_file(dir.join(beside));
    }
    let Ok(reader) = Warehouse::open_reader(dir).await else { return 1 };
    let told = asked(&reader).await;
    let is_found = !reader.verify().await.is_ok_and(|found| found.faults.is_empty());
    assert!(is_found || told.as_ref().is_none_or(|told| told == right), "{what}: {told:?}");
    reader.close().await;
    0
}

/// The answer of a warehouse that may not give one.
async fn asked(warehouse: &Warehouse) -> Option<String> {
    let scope = crate::Scope::of(terms::TenantId(1));
    let session = Session::open(warehouse, scope, crate::Limits::default()).await.ok()?;
    answer(&session).await
}
