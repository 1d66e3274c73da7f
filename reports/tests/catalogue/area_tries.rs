//! Traffic of areas, attendance and traffic of their field workers.

use super::{OURS, REPAIR, Store, THEIRS, call, lines, shanghai, store};
use reports::catalogue::{AREA_TRAFFIC, AREA_WORKERS};
use reports::{Cell, ReportTable};
use std::collections::BTreeMap;
use terms::record::{AreaTry, Call, Row};
use terms::{AreaId, CallId, ContactId, WorkerId};

const EAST: AreaId = AreaId(5);
const WEST: AreaId = AreaId(6);
const ZHANG: WorkerId = WorkerId(3);
const XIAOLI: WorkerId = WorkerId(4);
const DAY: &str = "2026-11-23";

pub(super) fn areas() -> BTreeMap<AreaId, String> {
    [(EAST, "城东".to_owned()), (WEST, "城西".to_owned())].into()
}

pub(super) fn workers() -> BTreeMap<WorkerId, String> {
    [(ZHANG, "老张".to_owned()), (XIAOLI, "小李".to_owned())].into()
}

/// A call of the day that was talked so long.
fn called(id: u64, talk_ms: i32) -> Row {
    Row::Call(Call { talk_ms, ..call(id, "inbound", shanghai("2026-11-23 12:00:00")) })
}

/// Somebody of an area was tried in a call; without a worker the queue behind it.
fn tried(seq: i64, call: u64, area: AreaId, worker: Option<WorkerId>, outcome: &str) -> AreaTry {
    let hop = if worker.is_some() { "worker" } else { "queue" };
    AreaTry {
        tenant_id: OURS,
        seq,
        call_id: CallId(call),
        contact_id: ContactId(call),
        call_started_at: shanghai("2026-11-23 12:00:00"),
        ended_at: shanghai("2026-11-23 12:00:30"),
        area_id: area,
        hop: hop.to_owned(),
        worker_id: worker,
        stands_in_id: None,
        queue_id: worker.is_none().then_some(REPAIR),
        outcome: outcome.to_owned(),
    }
}

pub(super) fn some_tries() -> Vec<Row> {
    let standing_in =
        AreaTry { stands_in_id: Some(ZHANG), ..tried(2, 1, EAST, Some(XIAOLI), "answered") };
    let next_day = AreaTry {
        call_started_at: shanghai("2026-11-24 00:00:00"),
        ..tried(9, 6, WEST, Some(XIAOLI), "answered")
    };
    let foreign = AreaTry { tenant_id: THEIRS, ..tried(10, 7, EAST, Some(ZHANG), "answered") };
    let tries = [
        tried(1, 1, EAST, Some(ZHANG), "absent"),
        standing_in,
        tried(3, 2, EAST, Some(ZHANG), "no_answer"),
        tried(4, 2, EAST, None, "answered"),
        tried(5, 3, EAST, Some(ZHANG), "busy"),
        tried(6, 3, EAST, None, "message"),
        tried(7, 4, EAST, Some(ZHANG), "caller_left"),
        tried(8, 5, WEST, Some(XIAOLI), "answered"),
        next_day,
        foreign,
    ];
    let calls = [(1, 60_000), (2, 30_000), (3, 9_000), (4, 0), (5, 90_000), (6, 1_000)];
    let calls = calls.map(|(id, talk_ms)| called(id, talk_ms));
    tries.map(Row::AreaTry).into_iter().chain(calls).collect()
}

async fn of(store: &Store, report: &'static reports::Report) -> ReportTable {
    store.run(report, DAY, "Asia/Shanghai", "2026-11-24 12:00:00").await
}

/// Every row opens as many contacts as it counts in `column`.
async fn opens(store: &Store, table: &ReportTable, column: usize) {
    for row in table.data_rows() {
        let Cell::Count(count) = row.cells[column] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, count);
    }
}

#[tokio::test]
async fn calls_of_an_area_count_by_who_took_them_and_talk_counts_where_somebody_did() {
    let store = store(some_tries()).await;
    let table = of(&store, &AREA_TRAFFIC).await;
    assert_eq!(
        lines(&table),
        [
            "城东 4 1 1 1 1 25.0% 50.0% 0:01:30 0:00:45",
            "城西 1 1 0 0 0 100.0% 100.0% 0:01:30 0:01:30",
            "— 5 2 1 1 1 40.0% 60.0% 0:03:00 0:01:00",
        ]
    );
    opens(&store, &table, 1).await;
}

#[tokio::test]
async fn a_field_worker_is_away_there_or_answers_and_talks_in_each_area() {
    let store = store(some_tries()).await;
    let table = of(&store, &AREA_WORKERS).await;
    assert_eq!(
        lines(&table),
        [
            "城东 老张 4 0 0 1 1 0 1 1 75.0% 0.0% 0:00:00",
            "城东 小李 1 1 1 0 0 0 0 0 100.0% 100.0% 0:01:00",
            "城西 小李 1 0 1 0 0 0 0 0 100.0% 100.0% 0:01:30",
            "— — 6 1 2 1 1 0 1 1 83.3% 40.0% 0:02:30",
        ]
    );
    opens(&store, &table, 2).await;
}

#[tokio::test]
async fn traffic_of_areas_and_that_of_their_workers_reconcile() {
    const ENDS: [&str; 6] = ["no_answer", "busy", "refused", "absent", "unbound", "no_way"];
    for seed in 1..4_u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut below = |end: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            (dice >> 20) % end
        };
        let (mut rows, mut seq) = (Vec::new(), 0);
        for id in 1..60 {
            let area = [EAST, WEST][below(2) as usize];
            let last = ["answered", "caller_left"][below(2) as usize];
            let mut add = |worker, outcome: &str| {
                seq += 1;
                rows.push(Row::AreaTry(tried(seq, id, area, worker, outcome)));
            };
            add(Some(ZHANG), ENDS[below(6) as usize]);
            match below(3) {
                0 => add(Some(XIAOLI), last),
                1 => add(None, last),
                _ => add(None, "message"),
            }
            rows.push(called(id, below(90_000) as i32));
        }
        let store = store(rows).await;
        let (traffic, workers) = (of(&store, &AREA_TRAFFIC).await, of(&store, &AREA_WORKERS).await);
        let total = |table: &ReportTable, column: &str| -> i64 {
            let at = table.report.columns.iter().position(|known| known.id == column);
            let Cell::Count(sum) = table.total[at.expect("a column")] else { panic!("{column}") };
            sum
        };
        let sum = |table: &ReportTable, columns: &[&str]| -> i64 {
            columns.iter().map(|column| total(table, column)).sum()
        };
        assert_eq!(total(&traffic, "calls"), 59, "seed {seed}");
        let parts = sum(&traffic, &["by_worker", "by_others", "messages", "lost"]);
        assert_eq!(total(&traffic, "calls"), parts, "seed {seed}");
        assert_eq!(total(&traffic, "by_worker"), total(&workers, "answered"), "seed {seed}");
        let ends = ["answered", "no_answer", "busy", "refused", "away", "otherwise"];
        assert_eq!(total(&workers, "tried"), sum(&workers, &ends), "seed {seed}");
        opens(&store, &traffic, 1).await;
    }
}
