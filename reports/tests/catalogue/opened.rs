//! Every row of every report opens, page by page, and where it counts what is behind it, as many are
//! there.

use super::ivr::{Steps, into};
use super::reconciled::Books;
use super::{HOTLINE, OURS, adherence, area_tries, audit, quality, recording_log, return_visits};
use super::{at, store};
use reports::{
    Cell, Names, Params, Period, Rates, Report, ReportTable, Row as TableRow, catalogue, open, run,
};
use std::collections::BTreeSet;
use terms::record::Row;
use warehouse::{Limits, Scope, Session};

/// Rows of one report in one store that are opened.
const ROWS_MAX: usize = 6;
/// Ids of a page.
const PAGE: u32 = 25;

/// What is behind a row, beside what it says.
#[derive(Clone, Copy, Debug)]
enum Behind {
    /// As many as the column counts.
    Counted(&'static str),
    /// At most as many: the column counts parts, of which one contact may have several.
    Within(&'static str),
    /// The one that the row is.
    Itself,
    /// Something else than its numbers count.
    Other,
}

fn behind(report: &str) -> Behind {
    use Behind::{Counted, Itself, Other, Within};
    match report {
        "satisfaction"
        | "satisfaction_by_team"
        | "satisfaction_by_queue"
        | "satisfaction_by_area" => Counted("asked"),
        "queue_summary" | "service_level" | "staffing" => Counted("offered"),
        "busy_hours" | "call_reasons" | "calls_by_region" | "ivr_containment"
        | "repeat_callers" | "stages" | "system" | "transfer_hold" | "area_traffic"
        | "capacity" => Counted("calls"),
        "first_contact" | "cost_per_contact" => Counted("contacts"),
        "overdue_orders" | "overdue_by_kind" | "overdue_by_assignee" => Counted("due"),
        "order_kinds" => Counted("created"),
        "order_handling" => Counted("orders"),
        "repeat_orders" => Counted("again"),
        "first_visit" => Counted("closed"),
        "workload" | "workload_by_team" => Within("offered"),
        "trunk_usage" => Within("calls"),
        "area_workers" => Within("tried"),
        "quality" => Within("legs"),
        "return_visits" => Within("planned"),
        "calls" | "recording_log" | "satisfaction_list" | "order_list" | "audit"
        | "abandoned_calls" => Itself,
        "time_sheet" | "time_sheet_by_team" | "adherence" | "breaks" | "ivr_path"
        | "orders_by_week" | "orders_by_month" | "orders_by_year" => Other,
        other => panic!("say what is behind the rows of {other}"),
    }
}

fn ivr() -> Vec<Row> {
    let mut steps = Steps::default();
    steps.add((1, HOTLINE), ["greet", "play", "next"], ["09:00:00", "09:00:04"]);
    steps.add((2, HOTLINE), ["greet", "play", "next"], ["09:00:00", "09:00:04"]);
    let calls = [(1, "ivr_only"), (2, "answered"), (3, "abandoned")]
        .map(|(id, outcome)| into(Some(HOTLINE), id, outcome, 10));
    steps.0.into_iter().chain(calls).collect()
}

fn log() -> Vec<Row> {
    let heard = ("customer", "PCMA");
    vec![
        Row::Recording(recording_log::recording(1, "2026-11-23 09:00:00")),
        quality::sounded(OURS, 1, "2026-11-23 09:00:00", heard, [100, 1, 0], 900, Some(4.2)),
        quality::sounded(OURS, 2, "2026-11-23 09:10:00", heard, [100, 0, 0], 900, None),
        audit::entry(OURS, 1, 1, "recording.fetch", "2026-11-23 09:00:00"),
    ]
}

async fn made(session: &Session, report: &'static Report, begins: u16) -> ReportTable {
    let now = at("UTC", "2026-12-24 12:00:00");
    let period = Period::parse_by("2026-11", "Asia/Shanghai", begins, now).expect("a good period");
    let params = Params::new(period, now, "热线", Names::default());
    let params = Params { rates: Some(Rates::default()), ..params };
    run(session, report, &params).await.expect("the report runs")
}

/// What the column counts in `row`.
fn counted(report: &Report, row: &TableRow, column: &str) -> u64 {
    let Cell::Count(count) = row.cells[report.position(column)] else { panic!("a count") };
    count.unsigned_abs()
}

/// How many matters are behind a row, and their ids, page by page.
async fn all_of(session: &Session, report: &'static Report, row: &TableRow) -> (u64, Vec<i64>) {
    let condition = row.behind.as_ref().expect("every data row has a condition");
    let (mut ids, mut count) = (Vec::new(), None);
    loop {
        let page = open(session, report, condition, (ids.last().copied(), PAGE)).await;
        let page = page.expect("the row opens");
        assert_eq!(*count.get_or_insert(page.count), page.count, "the same on every page");
        assert!(page.ids.len() <= PAGE as usize);
        ids.extend(page.ids);
        if !page.more {
            return (count.unwrap_or(0), ids);
        }
    }
}

#[tokio::test]
async fn behind_every_row_are_as_many_contacts_as_it_counts() {
    let (mut opened, mut pages) = (BTreeSet::new(), 0);
    // Days from midnight, and from half past four.
    for (rows, begins) in [
        (Books::made(3), 0),
        (Books::made(2), 270),
        (area_tries::some_tries(), 0),
        (return_visits::rows(), 0),
        (adherence::rows(), 0),
        (ivr(), 0),
        (log(), 270),
    ] {
        let store = store(rows).await;
        let scope = Scope { audit: true, ..Scope::of(OURS) };
        let session = Session::open(&store.warehouse, scope, Limits::default()).await.unwrap();
        for &report in catalogue() {
            let table = made(&session, report, begins).await;
            let kind = behind(report.id);
            let counts = |row: &&TableRow| match kind {
                Behind::Counted(column) | Behind::Within(column) => {
                    counted(report, row, column) > 0
                }
                Behind::Itself | Behind::Other => true,
            };
            for row in table.data_rows().filter(counts).take(ROWS_MAX) {
                let (count, ids) = all_of(&session, report, row).await;
                assert_eq!(ids.len() as u64, count, "{}", report.id);
                assert!(ids.is_sorted_by(|a, b| a < b), "{}: each once, in order", report.id);
                match kind {
                    Behind::Counted(column) => {
                        assert_eq!(count, counted(report, row, column), "{}: {row:?}", report.id);
                    }
                    Behind::Within(column) => {
                        let most = counted(report, row, column);
                        assert!((1..=most).contains(&count), "{}: {count} of {most}", report.id);
                    }
                    Behind::Itself => assert_eq!(count, 1, "{}", report.id),
                    Behind::Other => {}
                }
                pages += usize::from(ids.len() > PAGE as usize);
                opened.insert(report.id);
            }
        }
    }
    let all: BTreeSet<&str> = catalogue().iter().map(|report| report.id).collect();
    assert_eq!(opened, all, "some row of every report was opened");
    assert!(pages > 0, "some row has more than a page");
}

#[tokio::test]
async fn a_row_has_a_key_of_its_own_that_stays_as_long_as_the_report_is_asked_the_same() {
    let store = store(Books::made(3)).await;
    let session = store.session().await;
    for &report in catalogue() {
        let keys = async || -> Vec<String> {
            let table = made(&session, report, 0).await;
            let key = |row: &TableRow| row.behind.as_ref().expect("a condition").key();
            table.data_rows().map(key).collect()
        };
        let first = keys().await;
        assert_eq!(first, keys().await, "{}", report.id);
        let distinct: BTreeSet<&String> = first.iter().collect();
        assert_eq!(distinct.len(), first.len(), "{}: no two rows have one key", report.id);
    }
}
