//! Rows that were lost, doubled, changed, erased or over, and what a rebuild makes of them.

use super::*;
use crate::age::Stays;
use crate::rewrite::{Change, rewrite};
use crate::stories::{
    BEGIN, Script, answered, call_ended, call_started, day, fold, leg_started, recorded, write_log,
};
use crate::{Ingest, Limits, Scope, Session, file, manifest};
use arrow::array::{Array, AsArray, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use terms::event::{Activity, Entry, Outcome, Party, Role};
use terms::failpoint::{REWRITE_STEPS, ROLLUP_STEPS};
use terms::record::{Leg, Recording};
use terms::{LegId, RecordingId, Timestamp};

const TENANTS: [u64; 2] = [1, 2];
const FIRST: &str = "2026-11-22";
const SECOND: &str = "2026-11-23";

async fn ingested(dir: &Path, entries: &[Entry]) -> Arc<Warehouse> {
    let (store, log) = (dir.join("store"), dir.join("log"));
    let warehouse = Arc::new(Warehouse::open(&store).await.unwrap());
    let mut ingest = Ingest::open(Arc::clone(&warehouse), &log).await.unwrap();
    write_log(&log, entries);
    ingest.catch_up().await.unwrap();
    warehouse
}

/// A warehouse whose rows are all published.
async fn published(dir: &Path, entries: &[Entry]) -> Arc<Warehouse> {
    let warehouse = ingested(dir, entries).await;
    warehouse.publish_all().await.unwrap();
    warehouse
}

async fn rebuild(warehouse: &Warehouse, plan: &Plan) -> Rebuilt {
    warehouse.rebuild(plan, |_, _| {}).await.unwrap()
}

async fn check(warehouse: &Warehouse) -> Rebuilt {
    rebuild(warehouse, &Plan { check: true, ..Plan::default() }).await
}

/// Every row of every table, and the counts of calls, as text.
async fn all(warehouse: &Warehouse) -> String {
    let mut text = String::new();
    for tenant in TENANTS {
        let scope = Scope { audit: true, ..Scope::of(TenantId(tenant)) };
        let session = Session::open(warehouse, scope, Limits::default()).await.unwrap();
        let mut sqls: Vec<String> = Vec::new();
        for (table, layout) in schema::layouts() {
            let id = layout.table.columns[layout.id].name;
            sqls.push(format!("SELECT * FROM {table} ORDER BY {id}"));
        }
        sqls.push("SELECT SUM(calls) AS n FROM call_intervals".to_owned());
        sqls.push("SELECT SUM(offered) AS n FROM queue_intervals".to_owned());
        for sql in sqls {
            let answer = session.query(&sql).await.unwrap();
            assert_eq!(answer.left_out, Vec::<String>::new(), "{sql}");
            text += &answer.to_csv();
        }
    }
    text
}

fn files_of(store: &Path, table: &str) -> Vec<PathBuf> {
    file::walk(&store.join(table)).unwrap()
}

async fn entries_of(warehouse: &Warehouse, table: &str) -> Vec<manifest::Entry> {
    let mut tx = warehouse.read("test").await.unwrap();
    let files = manifest::in_state(&mut tx, "published").await.unwrap();
    files.into_iter().filter(|entry| entry.tbl == table).collect()
}

/// Replaced files go, as they do after ten minutes.
async fn sweep_all(warehouse: &Warehouse) {
    let later = Timestamp(now().0 + 2 * sweep::RETIRED_MS * 1000);
    sweep::retired(warehouse, later).await.unwrap();
}

/// Every other row of a table goes.
async fn halve(warehouse: &Warehouse, table: &str) {
    let change: Change = Arc::new(|batch: &RecordBatch| {
        let stays: Vec<bool> = (0..batch.num_rows()).map(|row| row % 2 == 0).collect();
        filter_record_batch(batch, &stays.into())
    });
    for entry in entries_of(warehouse, table).await {
        rewrite(warehouse, &[entry], Some(Arc::clone(&change))).await.unwrap();
    }
    sweep_all(warehouse).await;
}

#[tokio::test]
async fn rows_are_what_their_events_give_while_staged_sealed_and_published() {
    for seed in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        let entries = day(seed, 2, 40);
        let warehouse = ingested(dir.path(), &entries).await;
        let rows = fold(&entries).iter().filter(|row| row.table() != "events").count() as u64;
        for step in 0..3 {
            match step {
                0 => {}
                1 => assert!(warehouse.seal().await.unwrap() > 0),
                _ => assert!(warehouse.publish_all().await.unwrap() > 0),
            }
            let found = check(&warehouse).await;
            assert_eq!(found.differences, [], "seed {seed}, step {step}");
            assert_eq!((found.rows, found.kept), (rows, 0), "seed {seed}, step {step}");
            assert_eq!(found.events, entries.len() as u64);
        }
        let done = rebuild(&warehouse, &Plan::default()).await;
        assert_eq!((done.days_written, done.days_waiting), (0, 0));
    }
}

#[tokio::test]
async fn rows_that_were_lost_doubled_added_or_damaged_are_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let entries = day(42, 2, 40);
    let warehouse = published(dir.path(), &entries).await;
    let (before, store) = (all(&warehouse).await, dir.path().join("store"));

    let rows = fold(&entries);
    let calls: Vec<Row> = rows.iter().filter(|row| row.table() == "calls").cloned().collect();
    warehouse.stage_rows("test", 1, &calls[..5]).await.unwrap();
    let leg = rows.iter().find_map(|row| match row {
        Row::Leg(leg) => Some(Row::Leg(Leg { leg_id: LegId(leg.leg_id.0 + 77), ..leg.clone() })),
        _ => None,
    });
    warehouse.stage_rows("test", 2, &[leg.unwrap()]).await.unwrap();
    std::fs::remove_file(files_of(&store, "surveys").remove(0)).unwrap();
    let damaged = files_of(&store, "ivr_steps").remove(0);
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    halve(&warehouse, "queue_visits").await;

    let found = check(&warehouse).await;
    let has =
        |differs: Differs| found.differences.iter().filter(|of| of.differs == differs).count();
    assert_eq!((has(Differs::Doubled), has(Differs::Extra)), (5, 1));
    assert!(has(Differs::Missing) > 10);
    assert_eq!(found.damaged.len(), 2);
    let done = rebuild(&warehouse, &Plan::default()).await;
    assert_eq!((done.differing, done.days_waiting), (found.differing, 0));
    assert_eq!(all(&warehouse).await, before);
    assert_eq!(check(&warehouse).await.differences, []);
    let verified = warehouse.verify().await.unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
    assert_eq!(verified.aside.len(), 1, "the damaged file is kept");
    sweep_all(&warehouse).await;
    assert_eq!(all(&warehouse).await, before);
}

#[tokio::test]
async fn legs_of_before_they_told_of_their_call_tell_it_after_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &day(7, 2, 40)).await;
    let before = all(&warehouse).await;
    // As a file of version 2 is read.
    let untold: Change = Arc::new(|batch: &RecordBatch| {
        let last = batch.schema().index_of("trunk_id")?;
        let older = batch.project(&(0..=last).collect::<Vec<_>>())?;
        schema::conform(layout_of("legs"), &older)
    });
    for entry in entries_of(&warehouse, "legs").await {
        rewrite(&warehouse, &[entry], Some(Arc::clone(&untold))).await.unwrap();
    }
    sweep_all(&warehouse).await;
    let found = check(&warehouse).await;
    let columns = ["call_direction", "call_queue_id"].map(str::to_owned).to_vec();
    assert!(found.differences.iter().any(|of| of.differs == Differs::Columns(columns.clone())));
    assert!(found.differences.iter().all(|of| of.table == "legs"));
    rebuild(&warehouse, &Plan::default()).await;
    assert_eq!(all(&warehouse).await, before);
}

#[tokio::test]
async fn whatever_is_lost_or_doubled_of_random_days_is_what_it_was() {
    for seed in 10..16 {
        let dir = tempfile::tempdir().unwrap();
        let entries = day(seed, 2, 25);
        let warehouse = published(dir.path(), &entries).await;
        let (before, store) = (all(&warehouse).await, dir.path().join("store"));
        let (rows, mut rng) = (fold(&entries), StdRng::seed_from_u64(seed));
        for (position, table) in (1..).zip(TABLES) {
            match rng.random_range(0..4) {
                0 => halve(&warehouse, table).await,
                1 => {
                    let first = files_of(&store, table).into_iter().next();
                    first.into_iter().for_each(|file| std::fs::remove_file(file).unwrap());
                }
                2 => {
                    let of_table = rows.iter().filter(|row| row.table() == table);
                    let twice: Vec<Row> = of_table.step_by(3).cloned().collect();
                    warehouse.stage_rows("test", position, &twice).await.unwrap();
                }
                _ => {}
            }
        }
        let done = rebuild(&warehouse, &Plan::default()).await;
        assert!(done.differing > 0 && done.days_waiting == 0, "seed {seed}: {done:?}");
        assert_eq!(all(&warehouse).await, before, "seed {seed}");
        assert_eq!(check(&warehouse).await.differences, [], "seed {seed}");
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_column_that_says_another_thing_is_named_and_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &day(3, 1, 20)).await;
    let before = all(&warehouse).await;
    let change: Change = Arc::new(|batch: &RecordBatch| {
        let layout = layout_of("calls");
        let mut columns = batch.columns().to_vec();
        let at = layout.schema.index_of("talk_ms").unwrap();
        let other = arrow::array::Int32Array::from(vec![7; batch.num_rows()]);
        columns[at] = Arc::new(other);
        RecordBatch::try_new(batch.schema(), columns)
    });
    for entry in entries_of(&warehouse, "calls").await {
        rewrite(&warehouse, &[entry], Some(Arc::clone(&change))).await.unwrap();
    }
    let found = check(&warehouse).await;
    let columns = Differs::Columns(vec!["talk_ms".to_owned()]);
    assert!(found.differing > 0);
    assert!(found.differences.iter().all(|of| of.differs == columns && of.table == "calls"));
    let waiting = rebuild(&warehouse, &Plan::default()).await;
    assert!(waiting.days_waiting > 0 && waiting.days_written == 0, "sessions read the old files");
    sweep_all(&warehouse).await;
    rebuild(&warehouse, &Plan::default()).await;
    assert_eq!(all(&warehouse).await, before);
}

#[tokio::test]
async fn days_and_tables_choose_what_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &day(5, 2, 40)).await;
    halve(&warehouse, "legs").await;
    halve(&warehouse, "quality").await;
    let second = date(SECOND);
    let table = Some("legs".to_owned());
    let plan = Plan { from: second, until: second, table, ..Plan::default() };
    let done = rebuild(&warehouse, &plan).await;
    assert_eq!(done.days_written, 1);
    assert!(done.differences.iter().all(|of| of.table == "legs" && of.day == SECOND));
    let left = check(&warehouse).await.differences;
    assert!(left.iter().any(|of| of.table == "legs" && of.day == FIRST));
    assert!(left.iter().any(|of| of.table == "quality" && of.day == SECOND));
    assert!(!left.iter().any(|of| of.table == "legs" && of.day == SECOND));

    let plan = Plan { table: Some("orders".to_owned()), ..Plan::default() };
    let refused = warehouse.rebuild(&plan, |_, _| {}).await.unwrap_err().to_string();
    assert!(refused.starts_with("\"orders\" is not made of events"), "{refused}");
}

#[tokio::test]
async fn who_was_erased_stays_erased() {
    let dir = tempfile::tempdir().unwrap();
    let entries = day(42, 1, 30);
    let warehouse = published(dir.path(), &entries).await;
    let rows = fold(&entries);
    let caller = rows.iter().find_map(|row| match row {
        Row::Call(call) => Some(call.caller.trim_start_matches("+86").to_owned()),
        _ => None,
    });
    let person = terms::Person::by_number(&caller.unwrap(), "86").unwrap();
    warehouse.erase_person(TenantId(1), &person).await.unwrap();
    sweep_all(&warehouse).await;
    let erased = all(&warehouse).await;
    let done = rebuild(&warehouse, &Plan::default()).await;
    assert_eq!(done.differences, []);
    assert!(done.kept > 0, "theirs are left alone");
    assert_eq!(all(&warehouse).await, erased);

    // Where all calls are lost, theirs does not come back.
    for file in files_of(&dir.path().join("store"), "calls") {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(rebuild(&warehouse, &Plan::default()).await.lost, 1);
    let session = Session::open(&warehouse, Scope::of(TenantId(1)), Limits::default()).await;
    let calls = session.unwrap().query("SELECT * FROM calls").await.unwrap();
    let all_calls = rows.iter().filter(|row| row.table() == "calls").count();
    assert_eq!(calls.rows(), all_calls - 1);
    assert!(!person.is_in(&calls.to_csv()));
}

#[tokio::test]
async fn what_age_took_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &day(9, 2, 40)).await;
    let gone = warehouse.age_day(TenantId(1), ("calls", FIRST), &Stays::default()).await.unwrap();
    assert!(gone.rows > 0);
    sweep_all(&warehouse).await;
    let aged = all(&warehouse).await;
    assert_eq!(rebuild(&warehouse, &Plan::default()).await.differences, []);
    assert_eq!(all(&warehouse).await, aged);

    // What went before such days were noted is known by how long rows are kept.
    halve(&warehouse, "surveys").await;
    let over = vec![(TenantId(1), "surveys".to_owned(), date("2026-11-24").unwrap())];
    let done = rebuild(&warehouse, &Plan { over, ..Plan::default() }).await;
    assert!(done.differing > 0);
    assert!(done.differences.iter().all(|of| of.tenant == TenantId(2)), "tenant 1's stay away");
}

#[tokio::test]
async fn rows_whose_events_are_over_or_cannot_be_read_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &day(9, 2, 40)).await;
    let stays = Stays::default();
    for tenant in TENANTS.map(TenantId) {
        warehouse.age_day(tenant, ("events", FIRST), &stays).await.unwrap();
        sweep_all(&warehouse).await;
    }
    let before = all(&warehouse).await;
    let done = rebuild(&warehouse, &Plan::default()).await;
    assert_eq!(done.differences, []);
    assert!(done.kept > 0);

    let events = files_of(&dir.path().join("store"), "events").remove(0);
    let mut bytes = std::fs::read(&events).unwrap();
    let whole = bytes.clone();
    bytes[20] ^= 1;
    std::fs::write(&events, bytes).unwrap();
    let done = rebuild(&warehouse, &Plan::default()).await;
    assert_eq!((done.differing, done.days_written, done.damaged.len()), (0, 0, 1));
    std::fs::write(&events, whole).unwrap();
    assert_eq!(all(&warehouse).await, before);
}

/// What the events of one kind said of a call goes.
async fn silence(warehouse: &Warehouse, call: i64, kind: &'static str) {
    let change: Change = Arc::new(move |batch: &RecordBatch| {
        let schema = &layout_of("events").schema;
        let at = |name: &str| schema.index_of(name).unwrap();
        let calls = batch.column(at("call_id")).as_primitive::<Int64Type>();
        let text = |name: &str| batch.column(at(name)).as_string::<i32>();
        let (kinds, details) = (text("kind"), text("detail"));
        let is_meant = |row: usize| {
            calls.is_valid(row) && calls.value(row) == call && kinds.value(row) == kind
        };
        let said = |row: usize| if is_meant(row) { "{}" } else { details.value(row) };
        let mut columns = batch.columns().to_vec();
        let left = StringArray::from_iter_values((0..batch.num_rows()).map(said));
        columns[at("detail")] = Arc::new(left);
        RecordBatch::try_new(batch.schema(), columns)
    });
    for entry in entries_of(warehouse, "events").await {
        rewrite(warehouse, &[entry], Some(Arc::clone(&change))).await.unwrap();
    }
    sweep_all(warehouse).await;
}

#[tokio::test]
async fn a_call_that_began_in_words_and_of_which_one_event_says_nothing_any_more_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &week()).await;
    let kept = check(&warehouse).await.kept;
    silence(&warehouse, 130, "answered").await;
    let before = all(&warehouse).await;
    let done = rebuild(&warehouse, &Plan::default()).await;
    assert_eq!(done.differences, []);
    // Its own, its leg's and its recording's.
    assert_eq!(done.kept, kept + 3);
    assert_eq!(all(&warehouse).await, before);
}

/// Six days with a call each, whose recording is there a day later, and agents who stay.
fn week() -> Vec<Entry> {
    let mut s = Script::new(1);
    let (by, agent) = (Party::Customer, 11);
    s.agent(-80_000.0, None, 12, Activity::Idle);
    for n in 0..6_u64 {
        let (at, id) = (n as f64 * 86_400.0 + 40_000.0, 100 + n * 10);
        s.agent(at, None, agent, Activity::Idle);
        s.call(at + 1.0, id, call_started("13800138000"));
        s.leg(at + 1.0, id, id + 1, leg_started(Role::Agent, Some(agent)));
        s.leg(at + 2.0, id, id + 1, answered(None, None, agent));
        s.agent(at + 2.0, Some(id), agent, Activity::Talking);
        s.call(at + 60.0, id, call_ended(Outcome::Answered, by));
        s.agent(at + 61.0, None, agent, Activity::Idle);
        s.call(at + 80_000.0, id, recorded(1, id, id + 5, Some(agent)));
    }
    s.entries
}

#[tokio::test]
async fn a_day_is_made_anew_while_agents_stay_and_recordings_come_late() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = published(dir.path(), &week()).await;
    let before = all(&warehouse).await;
    assert_eq!(check(&warehouse).await.differences, []);
    for table in ["calls", "legs", "recordings"] {
        for file in files_of(&dir.path().join("store"), table) {
            std::fs::remove_file(file).unwrap();
        }
    }
    // One day alone, from the events around it, then all.
    let day = date("2026-11-25");
    let one = rebuild(&warehouse, &Plan { from: day, until: day, ..Plan::default() }).await;
    assert_eq!(one.days_written, 3);
    assert!(one.events < week().len() as u64, "not all events were read");
    rebuild(&warehouse, &Plan::default()).await;
    assert_eq!(all(&warehouse).await, before);
}

#[tokio::test]
async fn a_recording_that_no_event_tells_of_may_have_come_late_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let entries = day(42, 3, 40);
    let warehouse = published(dir.path(), &entries).await;
    let late = fold(&entries).into_iter().find_map(|row| match row {
        Row::Recording(of) => {
            let recording_id = RecordingId(of.recording_id.0 + 1_000_000);
            Some(Row::Recording(Recording { recording_id, ..of }))
        }
        _ => None,
    });
    warehouse.stage_rows("test", 1, &[late.expect("some call was recorded")]).await.unwrap();
    warehouse.publish_all().await.unwrap();
    assert_eq!(check(&warehouse).await.differences, []);
}

/// A call that is answered, and ends after the clock was set back.
fn set_back(start: f64, answer: f64, end: f64) -> Vec<Entry> {
    let mut s = Script::new(1);
    s.call(start, 100, call_started("13800138000"));
    s.leg(start, 100, 101, leg_started(Role::Agent, Some(11)));
    s.leg(answer, 100, 101, answered(None, None, 11));
    s.call(end, 100, call_ended(Outcome::Answered, Party::Agent));
    s.entries
}

#[tokio::test]
async fn a_clock_that_went_back_changes_no_row_and_over_midnight_rows_are_left_alone() {
    for (entries, are_kept) in
        [(set_back(1_000.0, 1_200.0, 1_100.0), false), (set_back(500.0, 700.0, -2_800.0), true)]
    {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = published(dir.path(), &entries).await;
        let found = check(&warehouse).await;
        assert_eq!(found.differences, []);
        assert_eq!(found.kept > 0, are_kept);
    }
}

#[test]
fn what_is_bare_and_was_not_is_no_entry() {
    let layout = layout_of("events");
    let events = |entries: &[Entry]| -> Vec<Row> {
        fold(entries).into_iter().filter(|row| row.table() == "events").collect()
    };
    let rows = events(&day(1, 1, 3));
    let batch = schema::batch(layout, &rows).unwrap();
    let happened = Happened::of(vec![batch.clone()]);
    let entries: Vec<Entry> = happened.in_order().filter_map(|event| event.entry()).collect();
    assert_eq!(schema::batch(layout, &events(&entries)).unwrap(), batch);
    let bare: Vec<Row> = rows
        .into_iter()
        .map(|row| match row {
            Row::Event(event) => Row::Event(terms::record::Event { detail: "{}".into(), ..event }),
            other => other,
        })
        .collect();
    let bare = Happened::of(vec![schema::batch(layout, &bare).unwrap()]);
    let left = bare.in_order().filter(|event| event.entry().is_some());
    assert!(left.map(|event| event.kind.to_owned()).all(|kind| !kind.starts_with("call_")));
}

const DIR: &str = "SWITCHGRID_REBUILD_TEST_DIR";
const CHILD: &str = "rebuild::tests::the_rebuild_that_is_killed";

/// Does the work when the test below has started this program again for it.
#[tokio::test]
async fn the_rebuild_that_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let warehouse = Warehouse::open(PathBuf::from(dir)).await.unwrap();
    let done = rebuild(&warehouse, &Plan::default()).await;
    // What another one wrote before it was killed is still read by sessions of before.
    assert!(done.days_waiting == 0 || done.days_written == 0);
}

fn child(store: &Path, failpoints: &str) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--test-threads=1", "-q"])
        .env(DIR, store)
        .env("SWITCHGRID_FAILPOINTS", failpoints)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// A warehouse without some rows, and what it is when it has them.
async fn with_losses(dir: &Path) -> String {
    let warehouse = published(dir, &day(42, 2, 30)).await;
    let before = all(&warehouse).await;
    halve(&warehouse, "legs").await;
    halve(&warehouse, "queue_visits").await;
    let gone: Vec<String> =
        entries_of(&warehouse, "surveys").await.into_iter().map(|entry| entry.path).collect();
    let mut tx = warehouse.write("test").await.unwrap();
    manifest::retire(&mut tx, &gone, BEGIN).await.unwrap();
    tx.commit().await.unwrap();
    sweep_all(&warehouse).await;
    assert_ne!(all(&warehouse).await, before);
    before
}

#[test]
fn killed_at_every_step_a_rebuild_loses_and_doubles_nothing_and_another_one_finishes() {
    let settling =
        ["publish.announce", "publish.rename", "publish.dirsync", "publish.commit", "publish.done"];
    let steps = [REWRITE_STEPS, &settling, ROLLUP_STEPS].concat();
    // The disk's syncs are waited for, not the processor: several at a time.
    std::thread::scope(|scope| {
        for some in steps.chunks(steps.len().div_ceil(4)) {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.unwrap();
                some.iter().for_each(|step| runtime.block_on(killed_once(step)));
            });
        }
    });
}

async fn killed_once(step: &str) {
    let dir = tempfile::tempdir().unwrap();
    let before = with_losses(dir.path()).await;
    let store = dir.path().join("store");
    let died = child(&store, &format!("{step}=kill:1"));
    let killed = std::os::unix::process::ExitStatusExt::signal(&died).is_some();
    assert!(killed, "{step}: never reached");
    assert!(child(&store, "").success(), "{step}: the second one failed");
    let warehouse = Warehouse::open(&store).await.unwrap();
    assert_eq!(all(&warehouse).await, before, "{step}");
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new(), "{step}");
    assert_eq!(check(&warehouse).await.differences, [], "{step}");
}
