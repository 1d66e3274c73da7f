//! Killed at every step by which rows whose time is over leave, started again, counted by a reader
//! that knows nothing of us: what is wanted is there exactly once, and what is over stays away.

use crate::age::{Holds, Stays};
use crate::schema::layouts;
use crate::stories::{day, fold};
use crate::{Warehouse, file, sweep};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use terms::failpoint::{AGE_STEPS, REWRITE_STEPS};
use terms::record::Row;
use terms::{ContactId, TenantId, Timestamp};

const DIR: &str = "SWITCHGRID_AGE_TEST_DIR";
const CHILD: &str = "age_crash_tests::the_aging_that_is_killed";
const TENANT: TenantId = TenantId(1);
/// One o'clock of the second of the story's two days.
const UNTIL: Timestamp = Timestamp::from_secs(1_795_395_600);
/// The passes at which to die.
const PASSES: [u32; 2] = [1, 3];
/// How files go that were replaced or whose time is over.
const RETIRE: &[&str] = &["publish.retire"];

/// A tenant that shares its files with another, and a day of its own alone.
fn rows() -> Vec<Row> {
    let mut rows = fold(&day(42, 2, 40));
    rows.retain(|row| row.tenant() == TENANT || row.table() != "legs");
    rows
}

/// A contact of the first day that is held.
fn held() -> ContactId {
    let rows = rows();
    let first = rows.iter().find_map(|row| match row {
        Row::Call(call) if call.tenant_id == TENANT && call.started_at < UNTIL => {
            (call.started_at.day_text() == "2026-11-22").then_some(call.contact_id)
        }
        _ => None,
    });
    first.expect("somebody calls before midnight")
}

/// The whole work, the same at every start.
async fn work(dir: &Path) {
    let warehouse = Warehouse::open(dir).await.unwrap();
    warehouse.stage_rows("test", 1, &rows()).await.unwrap();
    warehouse.publish_all().await.unwrap();
    // Legs go without a hold, so that there are files that go whole.
    let held = Holds { contacts: [held()].into(), ..Holds::default() };
    let held = warehouse.held_rows(TENANT, &held).await.unwrap();
    for table in layouts().keys() {
        let stays = if *table == "legs" { Stays::default() } else { held.clone() };
        for day in warehouse.days_over(TENANT, table, UNTIL, &stays).await.unwrap() {
            let aged = warehouse.age_day(TENANT, (table, &day), &stays).await.unwrap();
            assert_eq!(aged.days_waiting, 0);
        }
    }
    let later = Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000);
    sweep::retired(&warehouse, later).await.unwrap();
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

/// Does the work when the test below has started this program again for it.
#[tokio::test]
async fn the_aging_that_is_killed() {
    if let Some(dir) = std::env::var_os(DIR) {
        work(&PathBuf::from(dir)).await;
    }
}

fn run(dir: &Path, failpoints: &str) -> std::process::ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--test-threads=1", "-q"])
        .env(DIR, dir)
        .env("SWITCHGRID_FAILPOINTS", failpoints)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

type Ids = BTreeMap<(String, i64), usize>;

/// The rows that are wanted: the others', the young, and those of who is held.
fn wanted() -> Ids {
    let (held, mut ids) = (held().0 as i64, Ids::new());
    for row in rows() {
        let layout = &layouts()[row.table()];
        let of_held = row.table() != "legs" && {
            let batch = crate::schema::batch(layout, std::slice::from_ref(&row)).unwrap();
            let is = |name: &str| {
                let column = batch.column_by_name(name);
                column.is_some_and(|of| {
                    of.as_primitive::<Int64Type>().iter().any(|id| id == Some(held))
                })
            };
            // The story's calls have the number of their contact.
            is("contact_id") || is("call_id")
        };
        let young = row.day_of().day_text().as_str() >= "2026-11-23";
        if row.tenant() != TENANT || young || of_held {
            *ids.entry((row.table().to_owned(), row.id() as i64)).or_default() += 1;
        }
    }
    ids
}

/// Counts rows by (table, id) in the published files, as any Parquet reader would.
fn published(store: &Path) -> Ids {
    let mut ids = Ids::new();
    for (table, layout) in layouts() {
        for path in file::walk(&store.join(table)).unwrap() {
            let opened = std::fs::File::open(path).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap();
            for batch in reader {
                for id in batch.unwrap().column(layout.id).as_primitive::<Int64Type>().values() {
                    *ids.entry(((*table).to_owned(), *id)).or_default() += 1;
                }
            }
        }
    }
    ids
}

#[test]
fn killed_while_rows_go_nothing_wanted_is_lost_and_nothing_comes_back() {
    let wanted = &wanted();
    let steps = [AGE_STEPS, REWRITE_STEPS, RETIRE].concat();
    let all: Vec<(&str, u32)> =
        steps.iter().flat_map(|step| PASSES.map(|pass| (*step, pass))).collect();
    // The disk's syncs are waited for, not the processor: several at a time.
    std::thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(4)) {
            scope.spawn(move || {
                some.iter().for_each(|(step, pass)| killed_once(wanted, step, *pass))
            });
        }
    });
}

fn killed_once(wanted: &Ids, step: &str, pass: u32) {
    let dir = tempfile::tempdir().unwrap();
    let what = format!("{step} at pass {pass}");
    let died = run(dir.path(), &format!("{step}=kill:{pass}"));
    let was_killed = std::os::unix::process::ExitStatusExt::signal(&died).is_some();
    // A step that is passed less often lets the work come to its end.
    assert!(was_killed || pass > 1 && died.success(), "{what}: {died:?}");
    let seen = published(dir.path());
    for (row, times) in wanted {
        assert_eq!(seen.get(row), Some(times), "{what}: {row:?} before the restart");
    }
    assert!(seen.values().all(|times| *times == 1), "{what}: a row twice");
    assert!(run(dir.path(), "").success(), "{what}: the restart failed");
    assert_eq!(&published(dir.path()), wanted, "{what}");
}
