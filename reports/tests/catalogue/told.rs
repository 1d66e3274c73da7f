//! Legs that tell the direction and the queue of their call, and legs of before they did.

use super::reconciled::{Books, tell};
use super::{CARRIER, FANG, OURS, offer, shanghai};
use reports::catalogue::{COST_PER_CONTACT, WORKLOAD, WORKLOAD_BY_TEAM};
use reports::{Period, Rates, Report, Window};
use std::path::{Path, PathBuf};
use terms::LegId;
use terms::record::{Call, Leg, Row};
use warehouse::{Limits, Scope, Session, Warehouse};

static READERS: [&Report; 3] = [&WORKLOAD, &WORKLOAD_BY_TEAM, &COST_PER_CONTACT];

/// The books of `seed`, with people outside in some calls. Legs of those calls for which `tells` holds
/// tell of their call.
fn books(seed: u64, tells: fn(&Call) -> bool) -> Vec<Row> {
    let made = Books::made(seed);
    let call = |row: &Row| match row {
        Row::Call(call) => Some(call.clone()),
        _ => None,
    };
    let calls: Vec<Call> = made.iter().filter_map(call).collect();
    let led_out = calls.iter().filter(|call| call.call_id.0.is_multiple_of(5)).map(outside);
    let mut rows: Vec<Row> = led_out.chain(made).collect();
    for row in &mut rows {
        if let Row::Leg(leg) = row {
            (leg.call_direction, leg.call_queue_id) = (None, None);
        }
    }
    calls.iter().filter(|call| tells(call)).for_each(|call| tell(&mut rows, call));
    rows
}

/// A leg of the call over a trunk to somebody who answers.
fn outside(call: &Call) -> Row {
    match offer(call.call_id.0, FANG, call.started_at, true) {
        Row::Leg(leg) => Row::Leg(Leg {
            leg_id: LegId(10_000 + call.call_id.0),
            role: "outside".to_owned(),
            agent_id: None,
            queue_id: None,
            trunk_id: Some(CARRIER),
            ..leg
        }),
        other => other,
    }
}

fn all(_: &Call) -> bool {
    true
}

fn none(_: &Call) -> bool {
    false
}

fn half(call: &Call) -> bool {
    call.call_id.0.is_multiple_of(2)
}

/// Of two days, by counts and by rows, without prefixes and with them.
fn windows() -> Vec<Window> {
    let now = shanghai("2026-12-24 12:00:00");
    let period = Period::parse("2026-11-23..2026-11-24", "Asia/Shanghai", now);
    let usual = Window::new(&period.expect("a good period"), now, 20, 5);
    let flat =
        Rates { agent_hour: 3_000, inbound_minute: 10, outbound_minute: 25, ..Rates::default() };
    let prefixes = vec![("sip:".to_owned(), 7), ("+86".to_owned(), 9)];
    let by_number = Rates { prefixes, ..flat.clone() };
    let of =
        |rates: &Rates, rollups| Window { rates: Some(rates.clone()), rollups, ..usual.clone() };
    vec![of(&flat, true), of(&flat, false), of(&by_number, true), of(&by_number, false)]
}

async fn answer(warehouse: &Warehouse, sql: &str) -> String {
    let session = Session::open(warehouse, Scope::of(OURS), Limits::default()).await;
    let answer = session.expect("a session").query(sql).await;
    let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(answer.left_out, Vec::<String>::new(), "{sql}");
    answer.to_csv()
}

/// A part of the rows is published, the rest is staged.
async fn filled(dir: &Path, rows: &[Row], published: usize) -> Warehouse {
    let warehouse = Warehouse::open(dir).await.expect("an empty directory");
    let (early, late) = rows.split_at(published);
    warehouse.stage_rows("test", 1, early).await.expect("rows are staged");
    warehouse.publish_all().await.expect("days are published");
    warehouse.stage_rows("test", 2, late).await.expect("rows are staged");
    warehouse
}

#[tokio::test]
async fn reports_are_the_same_whether_legs_tell_of_their_calls_or_not() {
    for seed in 0..2 {
        let mut found = Vec::new();
        for tells in [all, half, none] {
            let rows = books(seed, tells);
            let dir = tempfile::tempdir().expect("a temporary directory");
            let warehouse = filled(dir.path(), &rows, rows.len() / 2).await;
            let mut answers = Vec::new();
            for window in windows() {
                for report in READERS {
                    answers.push(answer(&warehouse, &(report.sql)(&window)).await);
                }
            }
            assert!(answers.iter().all(|answer| answer.lines().count() > 2), "{answers:?}");
            // By counts and by rows they are the same too.
            let (flat, by_number) = answers.split_at(2 * READERS.len());
            for answers in [flat, by_number] {
                let (counts, rows) = answers.split_at(READERS.len());
                assert_eq!(counts, rows, "seed {seed}");
            }
            assert_ne!(flat, by_number, "seed {seed}: some calls went out");
            found.push(answers);
        }
        assert_eq!(found[0], found[1], "seed {seed}");
        assert_eq!(found[0], found[2], "seed {seed}");
    }
}

fn files(below: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(below) else { return Vec::new() };
    let of = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    found.flat_map(|entry| of(entry.expect("an entry").path())).collect()
}

#[tokio::test]
async fn the_workload_of_legs_that_tell_of_their_calls_reads_no_call() {
    let rows = books(1, all);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let warehouse = filled(dir.path(), &rows, rows.len()).await;
    for window in windows() {
        let sql = (WORKLOAD.sql)(&window);
        let before = answer(&warehouse, &sql).await;
        let calls = files(&dir.path().join("calls"));
        assert!(!calls.is_empty());
        let aside = |path: &Path| path.with_extension("aside");
        calls.iter().for_each(|path| std::fs::rename(path, aside(path)).expect("a file"));
        assert_eq!(answer(&warehouse, &sql).await, before);
        calls.iter().for_each(|path| std::fs::rename(aside(path), path).expect("a file"));
    }
}
