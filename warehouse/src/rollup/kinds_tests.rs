//! Every table of counts says what its rows say, to everybody, whatever becomes of them.

use super::*;
use crate::age::Stays;
use crate::stories::{BEGIN, day, fold};
use crate::{Answer, Limits, Scope, Session, compact, sweep};
use arrow::datatypes::SchemaRef;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use terms::record::{AgentSpan, Call, Row};
use terms::{AgentId, Person, QueueId, SpanId, TenantId, Timestamp};

const TENANT: TenantId = TenantId(1);
/// The first second of a UTC day.
const MIDNIGHT: Timestamp = Timestamp::from_secs(1_795_392_000);
const HOUR_US: i64 = 3_600_000_000;

async fn ask(session: &Session, sql: &str) -> Answer {
    session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Head and sorted lines.
fn lines(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<String> = answer.to_csv().lines().map(str::to_owned).collect();
    lines[1..].sort();
    lines
}

/// The counts of the rows that the reader gets.
async fn recounted(session: &Session, counts: &'static Counts) -> RecordBatch {
    let rows = ask(session, &format!("SELECT * FROM {}", counts.source)).await;
    let schema = &layout_of(counts.source).schema;
    let whole = |batch: &RecordBatch| {
        RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec()).unwrap()
    };
    aggregate(counts, rows.batches.iter().map(whole).collect()).await.unwrap()
}

fn answer(schema: SchemaRef, batches: Vec<RecordBatch>) -> Answer {
    Answer { schema, batches, truncated: false, left_out: Vec::new() }
}

/// The counts as a reader gets them, and those of the rows that the reader gets.
async fn both(session: &Session, counts: &'static Counts) -> (Vec<String>, Vec<String>) {
    let kept = ask(session, &counts.summed(counts.name, "from_at")).await;
    let anew = recounted(session, counts).await;
    (lines(&kept), lines(&answer(Arc::clone(&counts.layout().schema), vec![anew])))
}

/// The sums by hour and by day as a reader gets them, and those of the rows that the reader gets, which
/// are cut by arithmetic: the reader's clock is eight hours ahead of UTC all the year.
async fn sums(session: &Session, counts: &'static Counts) -> Vec<(Vec<String>, Vec<String>)> {
    let anew = recounted(session, counts).await;
    let context = SessionContext::new();
    let table = MemTable::try_new(anew.schema(), vec![vec![anew]]).unwrap();
    context.register_table(counts.name, Arc::new(table)).unwrap();
    let mut found = Vec::new();
    for (view, unit) in counts.sums {
        let columns = counts.layout().table.columns.iter().map(|column| match column.name {
            "from_at" => "CAST(from_at AS BIGINT) AS from_at".to_owned(),
            name => name.to_owned(),
        });
        let columns: Vec<String> = columns.collect();
        let given = ask(session, &format!("SELECT {} FROM {view}", columns.join(", "))).await;
        let unit_us = if *unit == "hour" { HOUR_US } else { 24 * HOUR_US };
        let local = format!("(CAST(from_at AS BIGINT) + {})", 8 * HOUR_US);
        let slot = format!("{local} / {unit_us} * {unit_us} - {}", 8 * HOUR_US);
        let frame = context.sql(&counts.summed(counts.name, &slot)).await.unwrap();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let expected = answer(schema, frame.collect().await.unwrap());
        found.push((lines(&given), lines(&expected)));
    }
    found
}

async fn open(warehouse: &Warehouse, scope: Scope) -> Session {
    Session::open(warehouse, scope, Limits::default()).await.unwrap()
}

fn calls(rows: &[Row]) -> impl Iterator<Item = &Call> {
    rows.iter().filter_map(|row| match row {
        Row::Call(call) => Some(call),
        _ => None,
    })
}

/// A stretch of an agent of some hours.
fn long_span(id: u64, rng: &mut StdRng) -> Row {
    let started_at = Timestamp(BEGIN.0 + rng.random_range(0..90_000_000_000));
    let length = Duration::from_micros(rng.random_range(0..20_000_000_000));
    let activity = if rng.random_bool(0.5) { "idle" } else { "break" };
    Row::AgentSpan(AgentSpan {
        tenant_id: TENANT,
        span_id: SpanId(id),
        agent_id: AgentId(rng.random_range(10..13)),
        activity: activity.to_owned(),
        reason: rng.random_bool(0.5).then(|| "lunch".to_owned()),
        started_at,
        ended_at: started_at + length,
        duration_ms: length.as_millis() as i32,
        call_id: None,
        queue_id: None,
        skill_set_id: None,
    })
}

/// Rows of some calls and agents of two tenants; a few of the calls went out.
fn some_rows(step: u64, rng: &mut StdRng) -> Vec<Row> {
    let mut rows = fold(&day(rng.random_range(0..1_000_000), 2, 12));
    rows.extend((0..4).map(|id| long_span(step * 10 + id, rng)));
    for row in &mut rows {
        if let Row::Call(call) = row
            && rng.random_bool(0.2)
        {
            call.direction = "outbound".to_owned();
            call.called = call.caller.clone();
        }
    }
    rows
}

#[test]
fn each_table_is_counted_once_and_its_files_are_sorted_by_what_is_never_null() {
    for counts in &KINDS {
        let layout = counts.layout();
        assert!(!layout.table.columns[layout.id].nullable, "{}", counts.name);
        assert_eq!(layout.table.columns[layout.day].name, "from_at", "{}", counts.name);
        let same = KINDS.iter().filter(|other| other.source == counts.source);
        assert_eq!(same.count(), 1, "{}: one file has one file of counts", counts.source);
        assert!(of_source(counts.source).is_some_and(|of| of.name == counts.name));
        let units: Vec<&str> = counts.sums.iter().map(|(_, unit)| *unit).collect();
        assert_eq!(units, ["hour", "day"], "{}", counts.name);
    }
}

#[tokio::test]
async fn counts_are_those_of_the_rows_after_every_kind_of_upkeep() {
    for seed in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut position = 0;
        let mut numbers: Vec<String> = Vec::new();
        for step in 0..14 {
            let what = if step == 0 { 0 } else { rng.random_range(0..7) };
            match what {
                0 | 1 => {
                    let rows = some_rows(step, &mut rng);
                    let theirs = calls(&rows).filter(|call| call.tenant_id == TENANT);
                    numbers.extend(theirs.map(|call| call.caller.replace("+86", "")));
                    position += 1;
                    warehouse.stage_rows("test", position, &rows).await.unwrap();
                }
                2 => drop(warehouse.seal().await.unwrap()),
                3 => drop(warehouse.publish_all().await.unwrap()),
                4 => {
                    let later = Timestamp(crate::store::now().0 + 3_600_000_000);
                    sweep::retired(&warehouse, later).await.unwrap();
                    compact::some(&warehouse, (2, 2), "9999-12-31").await.unwrap();
                }
                5 => {
                    let number = numbers.choose(&mut rng).expect("somebody called");
                    let digits = Person::by_number(number, "86").expect("a number");
                    warehouse.erase_person(TENANT, &digits).await.unwrap();
                }
                _ => {
                    let table = KINDS.choose(&mut rng).expect("there are tables").source;
                    let day = BEGIN.day_text();
                    warehouse.age_day(TENANT, (table, &day), &Stays::default()).await.unwrap();
                }
            }
            let session = open(&warehouse, Scope::of(TENANT)).await;
            for counts in &KINDS {
                let (kept, anew) = both(&session, counts).await;
                assert_eq!(kept, anew, "seed {seed}, step {step} ({what}): {}", counts.name);
                for (given, anew) in sums(&session, counts).await {
                    assert_eq!(given, anew, "seed {seed}, step {step} ({what}): {}", counts.name);
                }
            }
        }
        warehouse.publish_all().await.unwrap();
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    }
}

/// A third published, a third hot, a third staged.
async fn filled(dir: &Path) -> (Warehouse, Vec<Row>) {
    let warehouse = Warehouse::open(dir).await.unwrap();
    let rows = fold(&day(5, 3, 60));
    for (part, rows) in rows.chunks(rows.len().div_ceil(3)).enumerate() {
        warehouse.stage_rows("test", part as i64 + 1, rows).await.unwrap();
        match part {
            0 => drop(warehouse.publish_all().await.unwrap()),
            1 => drop(warehouse.seal().await.unwrap()),
            _ => {}
        }
    }
    (warehouse, rows)
}

#[tokio::test]
async fn everybody_sees_the_counts_of_the_rows_that_they_see_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, _) = filled(dir.path()).await;
    let queues = || Some(vec![QueueId(10)]);
    let agents = || Some(vec![AgentId(11)]);
    let scopes = [
        Scope::of(TENANT),
        Scope::of(TenantId(2)),
        Scope { mask_numbers: true, ..Scope::of(TENANT) },
        Scope { queues: queues(), ..Scope::of(TENANT) },
        Scope { agents: agents(), ..Scope::of(TENANT) },
        Scope { queues: queues(), agents: agents(), ..Scope::of(TENANT) },
        Scope { queues: Some(Vec::new()), ..Scope::of(TENANT) },
        Scope { agents: Some(Vec::new()), ..Scope::of(TENANT) },
    ];
    for scope in scopes {
        let session = open(&warehouse, scope.clone()).await;
        for counts in &KINDS {
            let (kept, anew) = both(&session, counts).await;
            assert_eq!(kept, anew, "{}: {scope:?}", counts.name);
            for (given, anew) in sums(&session, counts).await {
                assert_eq!(given, anew, "{}: {scope:?}", counts.name);
            }
        }
    }
    // The comparison says something: a leader sees some calls and not all.
    let number = async |scope: Scope| {
        let session = open(&warehouse, scope).await;
        crate::store_tests::number(&session, "SELECT SUM(calls) AS n FROM call_intervals").await
    };
    let all = number(Scope::of(TENANT)).await;
    let some = number(Scope { agents: agents(), ..Scope::of(TENANT) }).await;
    assert!(some > 0 && some < all, "{some} of {all}");
}

#[tokio::test]
async fn a_masked_number_is_found_as_it_is_shown_and_not_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, rows) = filled(dir.path()).await;
    let called = calls(&rows).find(|call| call.tenant_id == TENANT).unwrap().called.clone();
    let masked = open(&warehouse, Scope { mask_numbers: true, ..Scope::of(TENANT) }).await;
    let shown = ask(&masked, "SELECT DISTINCT called FROM call_intervals").await.to_csv();
    let shown = shown.lines().nth(1).unwrap().trim_start_matches('\'').to_owned();
    assert!(shown.contains("****") && shown != called, "{shown} for {called}");
    let of = |number: &str| {
        format!("SELECT COUNT(*) AS n FROM call_intervals WHERE called = '{number}'")
    };
    assert_eq!(crate::store_tests::number(&masked, &of(&called)).await, 0);
    let found = crate::store_tests::number(&masked, &of(&shown)).await;
    let all = crate::store_tests::number(&masked, "SELECT COUNT(*) AS n FROM call_intervals").await;
    assert_eq!(found, all, "the kept ones too");
}

#[tokio::test]
async fn published_calls_are_counted_without_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let rows = fold(&day(8, 1, 40));
    warehouse.stage_rows("test", 1, &rows).await.unwrap();
    warehouse.publish_all().await.unwrap();
    for counts in &KINDS {
        for path in file::walk(&dir.path().join(counts.source)).unwrap() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let session = open(&warehouse, Scope::of(TENANT)).await;
    let ours = |table: &str| rows.iter().filter(|row| row.table() == table).count() as i64;
    for (table, counted, source) in [
        ("call_intervals", "calls", "calls"),
        ("agent_intervals", "began", "agent_spans"),
        ("survey_intervals", "asked", "surveys"),
    ] {
        let sql = format!("SELECT SUM({counted}) AS n FROM {table}");
        assert_eq!(crate::store_tests::number(&session, &sql).await, ours(source), "{table}");
        assert!(ours(source) > 0, "{table}");
    }
}

#[tokio::test]
async fn a_stretch_is_cut_at_quarter_hours_and_one_without_length_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let span = |id, from_s: u64, to_s: u64| {
        let at = |seconds| MIDNIGHT + Duration::from_secs(seconds);
        Row::AgentSpan(AgentSpan {
            tenant_id: TENANT,
            span_id: SpanId(id),
            agent_id: AgentId(7),
            activity: "idle".to_owned(),
            reason: None,
            started_at: at(from_s),
            ended_at: at(to_s),
            duration_ms: (to_s - from_s) as i32 * 1000,
            call_id: None,
            queue_id: None,
            skill_set_id: None,
        })
    };
    // From 00:10 to 00:30 sharp, and an instant at 01:00.
    let rows = [span(1, 600, 1_800), span(2, 3_600, 3_600)];
    warehouse.stage_rows("test", 1, &rows).await.unwrap();
    let session = open(&warehouse, Scope::of(TENANT)).await;
    let sql = "SELECT CAST(from_at AS BIGINT) / 1000000 - 1795392000 AS s, SUM(began) AS began, \
               SUM(spent_us) / 1000000 AS spent FROM agent_intervals GROUP BY from_at ORDER BY s";
    let answer = ask(&session, sql).await;
    assert_eq!(answer.to_csv(), "s,began,spent\r\n0,1,300\r\n900,0,900\r\n3600,1,0\r\n");
}

#[tokio::test]
async fn calls_by_hour_and_day_are_sums_by_the_readers_clock() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, _) = filled(dir.path()).await;
    let session = open(&warehouse, Scope::of(TENANT)).await;
    let local = "arrow_cast(started_at, 'Timestamp(Microsecond, Some(\"Asia/Shanghai\"))')";
    for (unit, table) in [("hour", "call_hours"), ("day", "call_days")] {
        let sums = format!(
            "SELECT from_at, SUM(calls) AS n, SUM(talk_ms) AS ms FROM {table} GROUP BY 1 ORDER BY 1"
        );
        let rows = format!(
            "SELECT date_trunc('{unit}', {local}) AS from_at, COUNT(*) AS n, SUM(talk_ms) AS ms \
             FROM calls GROUP BY 1 ORDER BY 1"
        );
        let (sums, rows) = (ask(&session, &sums).await, ask(&session, &rows).await);
        assert_eq!(sums.to_csv(), rows.to_csv(), "{table}");
        assert!(sums.rows() > 0, "{table}");
    }
}

#[tokio::test]
async fn counts_name_no_number_of_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    let rows: Vec<Row> = (0..6).flat_map(|step| some_rows(step, &mut rng)).collect();
    warehouse.stage_rows("test", 1, &rows).await.unwrap();
    let session = open(&warehouse, Scope::of(TENANT)).await;
    let outbound = calls(&rows).filter(|call| call.direction == "outbound");
    assert!(outbound.filter(|call| call.tenant_id == TENANT).count() > 0);
    let named = "SELECT COUNT(*) AS n FROM call_intervals \
                 WHERE called IS NOT NULL AND direction <> 'inbound'";
    assert_eq!(crate::store_tests::number(&session, named).await, 0);
    let ours = "SELECT COUNT(*) AS n FROM call_intervals WHERE called IS NOT NULL";
    assert!(crate::store_tests::number(&session, ours).await > 0);
}
