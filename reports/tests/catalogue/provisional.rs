//! Intervals that go on while a report is run.

use super::orders_over_time::order;
use super::{lines, store, visit};
use reports::catalogue::{ORDERS_BY_MONTH, SERVICE_LEVELS};
use reports::{Cell, Format, Language, ReportTable, render};
use terms::record::Row;

fn marks(table: &ReportTable) -> Vec<bool> {
    table.data_rows().map(|row| row.provisional).collect()
}

fn text(table: &ReportTable, format: Format, language: Language) -> String {
    let made = render(table, format, language).expect("it can be rendered");
    String::from_utf8(made.bytes).expect("UTF-8")
}

#[tokio::test]
async fn an_interval_that_goes_on_is_marked_and_one_that_ended_is_not() {
    let rows = vec![
        visit(1, "09:00:00", 20_000, "answered"),
        visit(2, "09:30:00", 20_000, "answered"),
        visit(3, "10:00:00", 20_000, "answered"),
    ];
    let store = store(rows).await;
    let run = async |period: &str, now: &str| {
        store.run(&SERVICE_LEVELS, period, "Asia/Shanghai", now).await
    };
    // A quarter to ten in Shanghai.
    let today = run("2026-11-23", "2026-11-23 01:45:00").await;
    assert_eq!(marks(&today), [false, true, true]);
    let ended = run("2026-11-23", "2026-11-23 02:00:00").await;
    assert_eq!(marks(&ended), [false, false, true], "it ended this moment");
    // The same half-hours of tomorrow are still to come.
    let both = run("2026-11-23..2026-11-24", "2026-11-23 02:00:00").await;
    assert_eq!(marks(&both), [true, true, true]);
    let past = run("2026-11-23", "2026-11-23 16:00:00").await;
    assert_eq!(marks(&past), [false, false, false]);

    for (language, note) in [
        (Language::En, "An interval with * has not ended yet"),
        (Language::ZhCn, "带 * 的时段尚未结束"),
    ] {
        for format in [Format::Txt, Format::Html] {
            let shown = text(&today, format, language);
            assert!(shown.contains("09:30–10:00 *") && shown.contains(note), "{shown}");
            assert!(!shown.contains("09:00–09:30 *"), "{shown}");
            assert!(!text(&past, format, language).contains(note));
        }
    }
    // Data for programs keep the name of the interval; JSON has the mark beside it.
    assert!(!text(&today, Format::Csv, Language::En).contains('*'));
    let json: serde_json::Value =
        serde_json::from_str(&text(&today, Format::Json, Language::En)).expect("it is JSON");
    assert_eq!(json["rows"][0]["provisional"], serde_json::Value::Null);
    assert_eq!(json["rows"][1]["provisional"], true);
    assert_eq!(json["rows"][1]["cells"]["interval"]["text"], "09:30–10:00");
    assert!(lines(&today)[1].contains("09:30–10:00 1"), "the cells are as they were");
}

#[tokio::test]
async fn the_month_that_goes_on_is_marked_among_those_that_stand() {
    let created = |id: u64, at: &str| Row::Order(order(id, [at, "", ""]));
    let rows = vec![created(1, "2026-10-30 09:00:00"), created(2, "2026-11-02 09:00:00")];
    let store = store(rows).await;
    let marked = async |now: &str| {
        let period = "2026-10-01..2026-11-30";
        let table = store.run(&ORDERS_BY_MONTH, period, "Asia/Shanghai", now).await;
        let rows = table.data_rows().filter(|row| row.provisional);
        rows.map(|row| row.cells[0].clone()).collect::<Vec<Cell>>()
    };
    assert_eq!(marked("2026-11-23 04:00:00").await, [Cell::Text("2026-11".into())]);
    assert_eq!(marked("2026-12-01 04:00:00").await, Vec::<Cell>::new());
}
