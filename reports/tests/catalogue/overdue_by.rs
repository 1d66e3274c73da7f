//! Overdue orders by type and by assignee.

use super::orders_over_time::order;
use super::{FANG, LI, Store, lines, shanghai, store};
use reports::catalogue::{OVERDUE_BY_ASSIGNEE, OVERDUE_BY_KIND};
use reports::{Cell, Report, ReportTable};
use terms::AgentId;
use terms::record::{Order, Row};

const CREATED: &str = "2026-11-01 08:00:00";

/// Of a type and of somebody: due, closed.
fn of(id: u64, kind: &str, who: Option<AgentId>, [due, closed]: [&str; 2]) -> Order {
    Order { kind: kind.to_owned(), assignee_id: who, ..order(id, [CREATED, due, closed]) }
}

fn orders() -> Vec<Row> {
    let handed_over = of(5, "投诉'1", Some(FANG), ["2026-11-19 12:00:00", ""]);
    let now_theirs = Order {
        version_id: 51,
        version: 2,
        changed_at: shanghai("2026-11-02 08:00:00"),
        assignee_id: Some(LI),
        ..handed_over.clone()
    };
    let warned = Order {
        warn_at: Some(shanghai("2026-11-20 11:00:00")),
        ..of(8, "报修", None, ["2026-11-20 15:00:00", ""])
    };
    [
        of(1, "报修", Some(FANG), ["2026-11-10 12:00:00", "2026-11-10 12:00:00"]),
        of(2, "报修", Some(FANG), ["2026-11-10 12:00:00", "2026-11-10 12:00:01"]),
        // Overdue by a day to the second, three days, seven days and more.
        of(3, "报修", Some(LI), ["2026-11-19 12:00:00", ""]),
        of(4, "报修", Some(LI), ["2026-11-17 12:00:00", ""]),
        handed_over,
        now_theirs,
        of(6, "投诉'1", None, ["2026-11-13 12:00:00", ""]),
        of(7, "投诉'1", None, ["2026-11-13 11:59:59", ""]),
        warned,
        of(9, "报修", None, ["2026-12-01 00:00:00", ""]),
    ]
    .map(Row::Order)
    .into()
}

/// Of November, asked at noon of the 20th in Shanghai.
async fn run(report: &'static Report) -> (Store, ReportTable) {
    let store = store(orders()).await;
    let table = store.run(report, "2026-11", "Asia/Shanghai", "2026-11-20 04:00:00").await;
    (store, table)
}

async fn every_row_opens_its_orders(store: &Store, table: &ReportTable) {
    let due = table.report.position("due");
    for row in table.data_rows() {
        let Cell::Count(due) = row.cells[due] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, due);
    }
}

#[tokio::test]
async fn overdue_orders_are_counted_by_type_in_classes_of_age() {
    let (store, table) = run(&OVERDUE_BY_KIND).await;
    assert_eq!(
        lines(&table),
        [
            "投诉'1 3 0 0 0 0 3 0.0% 1 0 1 1",
            "报修 5 1 0 1 1 2 20.0% 1 1 0 0",
            "— 8 1 0 1 1 5 12.5% 2 1 1 1",
        ]
    );
    every_row_opens_its_orders(&store, &table).await;
}

#[tokio::test]
async fn overdue_orders_are_counted_for_who_has_them_now() {
    let (store, table) = run(&OVERDUE_BY_ASSIGNEE).await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 3 0 0 0 0 3 0.0% 2 1 0 0",
            "1001 王芳 2 1 0 0 1 0 50.0% 0 0 0 0",
            "— — 3 0 0 1 0 2 0.0% 0 0 1 1",
            "— — 8 1 0 1 1 5 12.5% 2 1 1 1",
        ]
    );
    every_row_opens_its_orders(&store, &table).await;
}
