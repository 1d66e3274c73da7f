//! Orders by week, month and year, beside the interval before.

use super::{OURS, Store, lines, shanghai, store};
use reports::catalogue::{ORDERS_BY_MONTH, ORDERS_BY_WEEK, ORDERS_BY_YEAR};
use reports::{Report, ReportTable};
use terms::record::{Order, Row};
use terms::{OrderId, Timestamp};

/// A time, or none.
fn when(text: &str) -> Option<Timestamp> {
    (!text.is_empty()).then(|| shanghai(text))
}

/// The first version of an order: created, due, closed.
pub(super) fn order(id: u64, [created, due, closed]: [&str; 3]) -> Order {
    Order {
        tenant_id: OURS,
        version_id: id as i64 * 10,
        order_id: OrderId(id),
        version: 1,
        changed_at: shanghai(created),
        created_at: shanghai(created),
        number: format!("GD{id:06}"),
        kind: "报修".to_owned(),
        department: "抢修一班".to_owned(),
        area: String::new(),
        title: "漏气".to_owned(),
        assignee_id: None,
        deadline_at: when(due),
        warn_at: None,
        progress: if closed.is_empty() { "open" } else { "done" }.to_owned(),
        closed_at: when(closed),
        call_id: None,
        customer_id: None,
        customer_number: String::new(),
    }
}

/// Orders around the weeks 44 to 46 of 2026, and some of the years before.
fn orders() -> Vec<Row> {
    // Sunday of week 43; open until the first instant of week 46.
    let first = order(1, ["2026-10-25 23:59:59", "2026-10-30 12:00:00", ""]);
    let closed = Order {
        version_id: 11,
        version: 2,
        changed_at: shanghai("2026-11-09 00:00:00"),
        closed_at: when("2026-11-09 00:00:00"),
        ..first.clone()
    };
    [
        first,
        closed,
        order(2, ["2026-10-26 00:00:00", "", "2026-10-27 10:00:00"]),
        order(3, ["2026-11-01 23:00:00", "2026-11-08 23:59:59", ""]),
        // Week 45: closed at the deadline, closed in the week after, closed before it was due.
        order(4, ["2026-11-02 00:00:00", "2026-11-04 12:00:00", "2026-11-04 12:00:00"]),
        order(5, ["2026-11-03 09:00:00", "2026-11-04 12:00:00", "2026-11-10 12:00:00"]),
        order(6, ["2026-11-08 23:59:59", "2026-11-12 12:00:00", "2026-11-12 11:00:00"]),
        // Week 46, and the one after the weeks that are asked for.
        order(7, ["2026-11-09 00:00:00", "2026-11-20 12:00:00", ""]),
        order(8, ["2026-11-16 00:00:00", "", ""]),
        order(20, ["2025-12-31 23:59:59", "2026-01-01 00:00:00", "2026-01-01 00:00:00"]),
        order(21, ["2025-01-01 00:00:00", "", ""]),
        order(22, ["2024-12-31 12:00:00", "", "2025-06-01 12:00:00"]),
    ]
    .map(Row::Order)
    .into()
}

async fn run(report: &'static Report, period: &str) -> (Store, ReportTable) {
    let store = store(orders()).await;
    let table = store.run(report, period, "Asia/Shanghai", "2026-11-20 04:00:00").await;
    (store, table)
}

#[tokio::test]
async fn weeks_reconcile_and_stand_beside_the_week_before() {
    let (store, table) = run(&ORDERS_BY_WEEK, "2026-11-02..2026-11-15").await;
    assert_eq!(
        lines(&table),
        [
            "2026-W45 3 3 1 5 2 1 150.0% 3 33.3%",
            "2026-W46 5 1 3 3 3 -2 33.3% 1 100.0%",
            "— — 4 4 — — — — 4 50.0%",
        ]
    );
    // Created, closed or due in the week.
    for row in table.data_rows() {
        assert_eq!(store.behind(row).await, 4);
    }
}

#[tokio::test]
async fn the_week_of_new_year_belongs_to_the_year_that_holds_its_thursday() {
    let (_store, table) = run(&ORDERS_BY_WEEK, "2025-12-29..2026-01-04").await;
    assert_eq!(lines(&table)[0], "2026-W01 1 1 1 1 0 1 — 1 100.0%");
}

#[tokio::test]
async fn a_month_that_the_period_cuts_counts_its_part_beside_the_whole_month_before() {
    let (_store, table) = run(&ORDERS_BY_MONTH, "2026-10-01..2026-11-30").await;
    assert_eq!(
        lines(&table)[..2],
        ["2026-10 1 2 1 2 0 2 — 1 0.0%", "2026-11 2 6 4 4 2 4 300.0% 5 40.0%"]
    );
    let (_store, table) = run(&ORDERS_BY_MONTH, "2026-11-05..2026-11-30").await;
    assert_eq!(lines(&table)[0], "2026-11 4 3 3 4 2 1 150.0% 3 33.3%");
}

#[tokio::test]
async fn years_reconcile_and_stand_beside_the_year_before() {
    let (_store, table) = run(&ORDERS_BY_YEAR, "2025-01-01..2026-12-31").await;
    assert_eq!(
        lines(&table),
        [
            "2025 1 2 1 2 1 1 200.0% 0 —",
            "2026 2 8 6 4 2 6 400.0% 7 42.9%",
            "— — 10 7 — — — — 7 42.9%",
        ]
    );
}
