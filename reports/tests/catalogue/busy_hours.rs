//! Calls, waiting and satisfaction by weekday and hour, and the same as fields of squares.

use super::{FANG, OURS, Store, call, lines, shanghai, store, survey, visit};
use reports::catalogue::BUSY_HOURS;
use reports::{Cell, Format, Language, ReportTable, render};
use terms::record::{QueueVisit, Row};

/// A stay like [`visit`]'s, but on another day.
fn stayed(id: u64, entered: &str, wait_ms: i32, outcome: &str) -> Row {
    let Row::QueueVisit(visit) = visit(id, "09:00:00", wait_ms, outcome) else { panic!("a stay") };
    let entered_at = shanghai(entered);
    Row::QueueVisit(QueueVisit { call_started_at: entered_at, entered_at, ..visit })
}

async fn fortnight() -> (Store, ReportTable) {
    let came = |id, direction, at: &str| Row::Call(call(id, direction, shanghai(at)));
    let store = store(vec![
        // Two Mondays, the first a second before ten; a Sunday.
        came(1, "inbound", "2026-11-16 09:59:59"),
        came(2, "inbound", "2026-11-23 09:00:00"),
        came(3, "inbound", "2026-11-23 10:00:00"),
        came(4, "outbound", "2026-11-23 10:00:00"),
        came(5, "inbound", "2026-11-29 23:30:00"),
        stayed(1, "2026-11-16 09:59:59", 10_000, "answered"),
        stayed(2, "2026-11-23 09:00:00", 30_000, "answered"),
        stayed(3, "2026-11-23 10:00:00", 5_000, "abandoned"),
        stayed(5, "2026-11-29 23:30:00", 60_000, "flowed_out"),
        survey(OURS, 1, FANG, shanghai("2026-11-16 09:59:59"), "satisfied"),
        survey(OURS, 2, FANG, shanghai("2026-11-23 09:30:00"), "dissatisfied"),
        survey(OURS, 3, FANG, shanghai("2026-11-23 09:40:00"), ""),
    ])
    .await;
    let period = "2026-11-16..2026-11-29";
    let table = store.run(&BUSY_HOURS, period, "Asia/Shanghai", "2026-12-01 12:00:00").await;
    (store, table)
}

#[tokio::test]
async fn the_same_hour_of_the_same_weekday_counts_together() {
    let (store, table) = fortnight().await;
    assert_eq!(
        lines(&table),
        [
            // calls, offered, answered, abandoned, moved on, ASA, answers, satisfaction
            "星期一 09:00–10:00 2 2 2 0 0 0:00:20 2 50.0%",
            "星期一 10:00–11:00 1 1 0 1 0 — 0 —",
            "星期一 小计 3 3 2 1 0 0:00:20 2 50.0%",
            "星期日 23:00–24:00 1 1 0 0 1 — 0 —",
            "星期日 小计 1 1 0 0 1 — 0 —",
            "— — 4 4 2 1 1 0:00:20 2 50.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}

#[tokio::test]
async fn fields_of_squares_stand_in_every_form_that_has_pictures() {
    let (_store, table) = fortnight().await;
    let page = render(&table, Format::Html, Language::ZhCn).expect("the page is made");
    let html = String::from_utf8(page.bytes).expect("a page is text");
    let titles = ["来电（星期 × 小时）", "平均应答速度（星期 × 小时）", "满意率（星期 × 小时）"];
    for title in titles {
        assert!(html.contains(&format!("aria-label=\"{title}\"")), "{title}");
    }
    // The busiest hour is darkest, each weekday has its line and each hour its name.
    let calls = html.split("<svg").find(|svg| svg.contains(titles[0])).expect("it is there");
    assert_eq!(calls.matches("fill=\"#123a63\"").count(), 2, "in the scale and in the field");
    for name in [">星期一</text>", ">星期日</text>", ">00</text>", ">23</text>"] {
        assert!(calls.contains(name), "{name}");
    }
    assert!(html.contains(">50%</text>"), "the number stands in its square");
    for format in [Format::Pdf, Format::Png, Format::Xlsx] {
        let rendered = render(&table, format, Language::En).expect("the form is made");
        assert!(!rendered.bytes.is_empty(), "{format}");
    }
}
