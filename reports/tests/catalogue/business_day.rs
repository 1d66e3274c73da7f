//! Days that begin later than midnight: the date of a row is the day that goes on, hours stay those of
//! the clock.

use super::orders_over_time::order;
use super::{FANG, Spans, Store, at, call, lines, offer, shanghai, store};
use reports::catalogue::{
    BUSY_HOURS, CAPACITY, ORDERS_BY_MONTH, ORDERS_BY_WEEK, STAFFING, STAGES_BY_DAY, TIME_SHEET,
    WORKLOAD,
};
use reports::{Cell, Format, Language, Period, Report, ReportTable, Thresholds, render};
use terms::record::Row;

/// Four o'clock.
const FOUR: u16 = 240;

async fn on(store: &Store, report: &'static Report, period: &str, begins: u16) -> ReportTable {
    let now = at("UTC", "2026-12-24 12:00:00");
    let period = Period::parse_by(period, "Asia/Shanghai", begins, now).expect("a good period");
    store.run_on(report, period, now, Thresholds::default()).await
}

fn called(id: u64, started: &str) -> Row {
    Row::Call(call(id, "inbound", shanghai(started)))
}

/// The last second before a Monday's four o'clock, and that hour.
async fn monday() -> Store {
    store(vec![
        called(1, "2026-11-23 03:59:59"),
        called(2, "2026-11-23 04:00:00"),
        called(3, "2026-11-24 03:30:00"),
        called(4, "2026-11-24 04:00:00"),
    ])
    .await
}

#[tokio::test]
async fn what_comes_before_four_belongs_to_the_day_before() {
    let store = monday().await;
    let table = on(&store, &STAGES_BY_DAY, "2026-11-22..2026-11-23", FOUR).await;
    let days: Vec<String> =
        lines(&table).iter().map(|line| line.chars().take(12).collect()).collect();
    assert_eq!(days, ["2026-11-22 1", "2026-11-23 2", "— 3 0 0 — 0 "]);
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
    // From midnight on, the same days are others.
    let table = on(&store, &STAGES_BY_DAY, "2026-11-22..2026-11-23", 0).await;
    assert!(lines(&table)[0].starts_with("2026-11-23 2 "), "{:?}", lines(&table));
}

#[tokio::test]
async fn hours_stay_those_of_the_clock_under_the_day_that_goes_on() {
    let store = monday().await;
    let week = "2026-11-16..2026-11-23";
    let names = |table: &ReportTable| -> Vec<String> {
        let name = |line: &String| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
        lines(table).iter().filter(|line| line.contains("–")).map(name).collect()
    };
    let table = on(&store, &BUSY_HOURS, week, FOUR).await;
    assert_eq!(
        names(&table),
        ["星期一 03:00–04:00 1", "星期一 04:00–05:00 1", "星期日 03:00–04:00 1"]
    );
    let table = on(&store, &CAPACITY, "2026-11-22..2026-11-23", FOUR).await;
    let began: Vec<String> =
        names(&table).into_iter().filter(|line| line.ends_with(" 1")).collect();
    assert_eq!(
        began,
        ["2026-11-22 03:00–04:00 1", "2026-11-23 03:00–04:00 1", "2026-11-23 04:00–05:00 1",]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}

#[tokio::test]
async fn a_nights_work_is_cut_where_the_day_begins_and_hours_where_the_clock_says() {
    let mut spans = Spans(0, Vec::new());
    spans.add(FANG, "idle", shanghai("2026-11-22 22:00:00"), shanghai("2026-11-23 06:00:00"));
    let store = store(spans.1).await;
    let table = on(&store, &TIME_SHEET, "2026-11-22..2026-11-23", FOUR).await;
    let rows = lines(&table);
    let begins = |line: &str, text: &str| assert!(line.starts_with(text), "{line}");
    begins(&rows[0], "1001 王芳 2026-11-22 2026-11-22 22:00:00 2026-11-23 04:00:00 6:00:00 ");
    begins(&rows[1], "1001 王芳 2026-11-23 2026-11-23 04:00:00 2026-11-23 06:00:00 2:00:00 ");
    // The first day alone, by the hour: two before midnight and four after it.
    let table = on(&store, &WORKLOAD, "2026-11-22", FOUR).await;
    let hours: Vec<String> =
        table.data_rows().map(|row| format!("{:?}", row.cells[2])[6..8].to_owned()).collect();
    assert_eq!(hours, ["00", "01", "02", "03", "22", "23"]);
}

#[tokio::test]
async fn weeks_and_months_of_orders_begin_with_their_first_day() {
    let orders = [
        order(1, ["2026-11-23 03:59:59", "", ""]),
        order(2, ["2026-11-23 04:00:00", "", ""]),
        order(3, ["2026-12-01 03:00:00", "", ""]),
    ];
    let store = store(orders.map(Row::Order).into()).await;
    let table = on(&store, &ORDERS_BY_WEEK, "2026-11-16..2026-11-30", FOUR).await;
    let labels: Vec<String> =
        lines(&table).iter().map(|line| line.chars().take(12).collect()).collect();
    // Open at its start, and created.
    assert_eq!(labels[..3], ["2026-W47 0 1", "2026-W48 1 1", "2026-W49 2 1"]);
    for row in table.data_rows() {
        assert_eq!(store.behind(row).await, 1);
    }
    let table = on(&store, &ORDERS_BY_MONTH, "2026-11", FOUR).await;
    assert!(lines(&table)[0].starts_with("2026-11 0 3 "), "{:?}", lines(&table));
    let table = on(&store, &ORDERS_BY_MONTH, "2026-11", 0).await;
    assert!(lines(&table)[0].starts_with("2026-11 0 2 "), "{:?}", lines(&table));
}

#[tokio::test]
async fn a_day_that_begins_in_the_hour_that_comes_twice_begins_once() {
    let utc = |time: &str| at("UTC", &format!("2026-10-25 {time}"));
    let called = |id, time| Row::Call(call(id, "inbound", utc(time)));
    // Half past two in Berlin, and half past two again an hour later.
    let rows = vec![
        called(1, "00:29:59"),
        called(2, "00:30:00"),
        called(3, "01:15:00"),
        called(4, "01:30:00"),
    ];
    let store = store(rows).await;
    let now = at("UTC", "2026-12-24 12:00:00");
    let period = Period::parse_by("2026-10-24..2026-10-25", "Europe/Berlin", 150, now);
    let period = period.expect("a good period");
    let table = store.run_on(&STAGES_BY_DAY, period, now, Thresholds::default()).await;
    let rows = lines(&table);
    assert!(
        rows[0].starts_with("2026-10-24 1 ") && rows[1].starts_with("2026-10-25 3 "),
        "{rows:?}"
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}

#[tokio::test]
async fn a_page_says_when_days_begin_and_what_goes_on_is_marked() {
    let store = store(vec![
        called(1, "2026-11-23 05:00:00"),
        called(2, "2026-11-24 01:00:00"),
        offer(9, FANG, shanghai("2026-11-23 05:00:00"), true),
    ])
    .await;
    // Two in the night of the 24th: the day before goes on until four.
    let now = at("UTC", "2026-11-23 18:00:00");
    let period = Period::parse_by("today", "Asia/Shanghai", FOUR, now).expect("a good period");
    assert_eq!(period.first.to_string(), "2026-11-23");
    let marks = async |report: &'static Report, minutes: i64| {
        let at = terms::Timestamp(now.0 + minutes * 60_000_000);
        let table = store.run_on(report, period.clone(), at, Thresholds::default()).await;
        let marks: Vec<bool> = table.data_rows().map(|row| row.provisional).collect();
        (marks, table)
    };
    assert_eq!(marks(&STAGES_BY_DAY, 0).await.0, [true]);
    assert_eq!(marks(&STAGES_BY_DAY, 120).await.0, [false], "at four it ended");
    // Of Monday the hour from one comes after that from five.
    let (hours, table) = marks(&BUSY_HOURS, -61).await;
    assert_eq!(hours, [true, false], "it is one minute to one: {:?}", lines(&table));
    assert_eq!(marks(&BUSY_HOURS, 0).await.0, [false, false]);
    let (_, table) = marks(&STAGES_BY_DAY, 0).await;
    for (language, said) in [
        (Language::En, "2026-11-23, days from 04:00"),
        (Language::ZhCn, "2026-11-23，每日 04:00 起"),
    ] {
        let page = render(&table, Format::Txt, language).expect("a page");
        let page = String::from_utf8(page.bytes).expect("a text");
        assert!(page.contains(said), "{page}");
    }
}

#[tokio::test]
async fn a_forecast_divides_by_the_days_that_have_begun() {
    let mut rows = Vec::new();
    // Both on a Wednesday.
    for (id, entered) in [(1, "2026-11-18 09:00:00"), (2, "2026-11-18 09:10:00")] {
        rows.push(super::staffing::stay(id, super::REPAIR, shanghai(entered), 1_000, "answered"));
    }
    let store = store(rows).await;
    // Three in the night of the next Wednesday, the 25th, is the 24th still.
    let now = at("UTC", "2026-11-24 19:00:00");
    let forecast = async |begins: u16| {
        let period = Period::parse_by("2026-11-18..2026-11-27", "Asia/Shanghai", begins, now);
        let period = period.expect("a good period");
        let table = store.run_on(&STAFFING, period, now, Thresholds::default()).await;
        let row = table.data_rows().next().expect("a row").clone();
        row.cells[table.report.position("forecast")].clone()
    };
    let ratio = |numerator, denominator| Cell::Ratio { numerator, denominator };
    assert_eq!(forecast(FOUR).await, ratio(200, 1));
    assert_eq!(forecast(0).await, ratio(200, 2));
}
