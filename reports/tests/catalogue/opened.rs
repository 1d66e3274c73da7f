//! Every row and every number of every report opens, page by page, and behind each number is what it
//! counts.

use super::ivr::{Steps, into};
use super::reconciled::Books;
use super::{HOTLINE, OURS, adherence, area_tries, audit, quality, recording_log, return_visits};
use super::{at, store};
use reports::{
    Cell, Condition, Counted, Error, Names, Opened, Params, Period, Rates, Report, ReportTable,
    Row as TableRow, catalogue, numbers_of, open, open_number, run,
};
use std::collections::{BTreeMap, BTreeSet};
use terms::record::Row;
use warehouse::{Limits, Scope, Session};

/// Rows of one report in one store that are opened.
const ROWS_MAX: usize = 6;
/// Of those, how many have each of their numbers opened.
const NUMBERED_MAX: usize = 2;
/// Ids of a page.
const PAGE: u32 = 25;

/// What is behind a row, beside what it says.
#[derive(Clone, Copy, Debug)]
enum Behind {
    /// As many as the column counts.
    Counted(&'static str),
    /// At most as many: the column counts parts, of which one contact may have several.
    Within(&'static str),
    /// What is behind its numbers in these columns, all together.
    Together(&'static [&'static str]),
    /// The one that the row is.
    Itself,
    /// The stretches that its times are made of, or their calls: it counts no contacts.
    Times,
}

fn behind(report: &str) -> Behind {
    use Behind::{Counted, Itself, Times, Together, Within};
    match report {
        "satisfaction"
        | "satisfaction_by_team"
        | "satisfaction_by_queue"
        | "satisfaction_by_area" => Counted("asked"),
        "queue_summary" | "service_level" | "staffing" => Counted("offered"),
        "busy_hours" | "call_reasons" | "calls_by_region" | "ivr_containment"
        | "repeat_callers" | "stages" | "system" | "transfer_hold" | "area_traffic"
        | "capacity" => Counted("calls"),
        "first_contact" | "cost_per_contact" | "ivr_path" => Counted("contacts"),
        "overdue_orders" | "overdue_by_kind" | "overdue_by_assignee" => Counted("due"),
        "order_kinds" => Counted("created"),
        "order_handling" => Counted("orders"),
        "repeat_orders" => Counted("again"),
        "first_visit" => Counted("closed"),
        "items" | "items_by_agent" | "items_by_day" | "items_by_hour" => Counted("ended"),
        "breaks" => Counted("breaks"),
        "workload" | "workload_by_team" => Within("offered"),
        "trunk_usage" => Within("calls"),
        "area_workers" => Within("tried"),
        "quality" => Within("legs"),
        "return_visits" => Within("planned"),
        "calls" | "recording_log" | "satisfaction_list" | "order_list" | "audit"
        | "abandoned_calls" => Itself,
        "orders_by_week" | "orders_by_month" | "orders_by_year" => {
            Together(&["created", "closed", "due"])
        }
        "time_sheet" | "time_sheet_by_team" | "adherence" => Times,
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

fn params(begins: u16) -> Params {
    let now = at("UTC", "2026-12-24 12:00:00");
    let period = Period::parse_by("2026-11", "Asia/Shanghai", begins, now).expect("a good period");
    let params = Params::new(period, now, "热线", Names::default());
    Params { rates: Some(Rates::default()), ..params }
}

async fn made(session: &Session, report: &'static Report, begins: u16) -> ReportTable {
    run(session, report, &params(begins)).await.expect("the report runs")
}

/// What the column counts in `row`.
fn counted(report: &Report, row: &TableRow, column: &str) -> u64 {
    let Cell::Count(count) = row.cells[report.position(column)] else { panic!("a count") };
    count.unsigned_abs()
}

/// What is opened.
#[derive(Clone, Copy)]
enum What<'a> {
    Row(&'a Condition),
    Number(&'a Counted),
}

/// All pages of it together, each id once and in order.
async fn all_of(session: &Session, report: &'static Report, what: What<'_>) -> Opened {
    let (mut ids, mut first) = (Vec::new(), None::<Opened>);
    loop {
        let at = (ids.last().copied(), PAGE);
        let page: Result<Opened, Error> = match what {
            What::Row(condition) => open(session, report, condition, at).await,
            What::Number(number) => open_number(session, report, number, at).await,
        };
        let page = page.expect("it opens");
        let first = first.get_or_insert_with(|| page.clone());
        let told = |page: &Opened| (page.count, page.counted);
        assert_eq!(told(&*first), told(&page), "{}: the same on every page", report.id);
        assert!(page.ids.len() <= PAGE as usize);
        ids.extend(page.ids);
        if !page.more {
            assert_eq!(ids.len() as u64, page.count, "{}", report.id);
            assert!(ids.is_sorted_by(|a, b| a < b), "{}: each once, in order", report.id);
            return Opened {
                count: page.count,
                counted: page.counted,
                ids,
                more: false,
                left_out: Vec::new(),
            };
        }
    }
}

/// Opens each number of a row and compares it with what stands there. Gives the ids behind each.
async fn numbers(
    session: &Session,
    report: &'static Report,
    (row, begins): (&TableRow, u16),
) -> BTreeMap<&'static str, BTreeSet<i64>> {
    let key = row.behind.as_ref().expect("every data row has a condition").key();
    let numbers = numbers_of(session, report, &params(begins), &key).await;
    let numbers = numbers.expect("the report runs").expect("the row is found");
    let mut found = BTreeMap::new();
    for (column, number) in numbers {
        let opened = all_of(session, report, What::Number(&number)).await;
        let counted = opened.counted.expect("a number is counted");
        let what = format!("{}: {column} of {row:?}", report.id);
        match row.cells[report.position(column)] {
            Cell::Count(count) => assert_eq!(counted, count.unsigned_abs(), "{what}"),
            // Of a length of time, its stretches are told.
            Cell::Duration(ms) => assert_eq!(counted > 0, ms > 0, "{what}"),
            ref other => panic!("{what}: {other:?} does not open"),
        }
        assert_eq!(opened.count > 0, counted > 0, "{what}");
        // One row of these tables is one matter; transfers, numbers and offers are no matters.
        let is_matter =
            matches!(number.condition.table, "calls" | "orders" | "agent_spans" | "items")
                && !matches!(column, "transfers" | "customers" | "unanswered");
        if is_matter {
            assert_eq!(opened.count, counted, "{what}");
        }
        found.insert(column, opened.ids.into_iter().collect());
    }
    found
}

/// Days from midnight, and from half past four.
fn stories() -> Vec<(Vec<Row>, u16)> {
    vec![
        (Books::made(3), 0),
        (Books::made(2), 270),
        (area_tries::some_tries(), 0),
        (return_visits::rows(), 0),
        (adherence::rows(), 0),
        (ivr(), 0),
        (log(), 270),
    ]
}

#[tokio::test]
async fn behind_every_row_are_as_many_contacts_as_it_counts() {
    let (mut opened, mut pages) = (BTreeSet::new(), 0);
    for (rows, begins) in stories() {
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
                Behind::Together(_) | Behind::Itself | Behind::Times => true,
            };
            for row in table.data_rows().filter(counts).take(ROWS_MAX) {
                let condition = row.behind.as_ref().expect("every data row has a condition");
                let all = all_of(&session, report, What::Row(condition)).await;
                let count = all.count;
                assert_eq!(all.counted, None, "{}", report.id);
                match kind {
                    Behind::Counted(column) => {
                        assert_eq!(count, counted(report, row, column), "{}: {row:?}", report.id);
                    }
                    Behind::Within(column) => {
                        let most = counted(report, row, column);
                        assert!((1..=most).contains(&count), "{}: {count} of {most}", report.id);
                    }
                    Behind::Together(columns) => {
                        let numbers = numbers(&session, report, (row, begins)).await;
                        let together: BTreeSet<i64> =
                            columns.iter().flat_map(|column| numbers[column].clone()).collect();
                        let all: BTreeSet<i64> = all.ids.iter().copied().collect();
                        assert_eq!(all, together, "{}: {row:?}", report.id);
                    }
                    Behind::Itself => assert_eq!(count, 1, "{}", report.id),
                    Behind::Times => {}
                }
                pages += usize::from(all.ids.len() > PAGE as usize);
                opened.insert(report.id);
            }
        }
    }
    let all: BTreeSet<&str> = catalogue().iter().map(|report| report.id).collect();
    assert_eq!(opened, all, "some row of every report was opened");
    assert!(pages > 0, "some row has more than a page");
}

#[tokio::test]
async fn behind_every_number_is_what_it_counts() {
    let mut opened = BTreeSet::new();
    for (rows, begins) in stories() {
        let store = store(rows).await;
        let scope = Scope { audit: true, ..Scope::of(OURS) };
        let session = Session::open(&store.warehouse, scope, Limits::default()).await.unwrap();
        for &report in catalogue().iter().filter(|report| !report.numbers.is_empty()) {
            let table = made(&session, report, begins).await;
            let rows: Vec<&TableRow> = table.data_rows().collect();
            let each = (rows.len() / NUMBERED_MAX).max(1);
            for row in rows.into_iter().step_by(each).take(NUMBERED_MAX) {
                let found = numbers(&session, report, (row, begins)).await;
                assert_eq!(found.len(), report.numbers.len(), "{}", report.id);
                if found.values().any(|ids| !ids.is_empty()) {
                    opened.insert(report.id);
                }
            }
        }
    }
    let counts = catalogue().iter().filter(|report| !report.numbers.is_empty());
    let all: BTreeSet<&str> = counts.map(|report| report.id).collect();
    assert_eq!(opened, all, "some number of every report that counts was opened");
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
