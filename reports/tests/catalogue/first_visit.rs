//! Orders that took one visit, or more.

use super::order_handling::step;
use super::orders_over_time::order;
use super::{OURS, THEIRS, lines, store};
use reports::Cell;
use reports::catalogue::FIRST_VISIT;
use terms::record::{Order, Row};

const CREATED: &str = "2026-10-30 08:00:00";

/// An order of a department, closed at a time, and its steps, each a day after the one before.
fn closed(id: u64, department: &str, at: &str, steps: &[&str]) -> Vec<Row> {
    let made = order(id, [CREATED, "", at]);
    let made = Order { department: department.to_owned(), ..made };
    let steps = steps.iter().zip(1..).map(|(action, day)| {
        let done_at = format!("2026-11-{day:02} 08:00:00");
        Row::OrderStep(step(OURS, id, id as i64 * 10 + day, [*action, &done_at, "open"]))
    });
    [Row::Order(made)].into_iter().chain(steps).collect()
}

fn rows() -> Vec<Row> {
    let (one, two) = ("抢修一班", "抢修'二班");
    let gone_back = closed(8, one, "2026-11-10 08:00:00", &["arrive", "give_back"]);
    let gone_back = gone_back.into_iter().map(|row| match row {
        Row::Order(order) => Row::Order(Order { progress: "returned".to_owned(), ..order }),
        other => other,
    });
    [
        closed(1, one, "2026-11-10 08:00:00", &["start", "arrive", "finish"]),
        closed(2, one, "2026-11-10 08:00:00", &["arrive", "arrive", "finish"]),
        // One visit, and it was done only when it was opened again.
        closed(3, one, "2026-11-10 08:00:00", &["arrive", "finish", "reopen", "finish"]),
        closed(4, one, "2026-11-10 08:00:00", &["start", "finish"]),
        closed(5, two, "2026-11-01 00:00:00", &["arrive", "finish"]),
        // Not of the period, and open.
        closed(6, two, "2026-12-01 00:00:00", &["arrive", "finish"]),
        closed(7, two, "", &["arrive"]),
        gone_back.collect(),
        vec![Row::OrderStep(step(THEIRS, 1, 19, ["arrive", "2026-11-09 08:00:00", "open"]))],
    ]
    .concat()
}

#[tokio::test]
async fn an_order_with_one_visit_that_nobody_opened_again_was_fixed_at_the_first() {
    let store = store(rows()).await;
    let table = store.run(&FIRST_VISIT, "2026-11", "Asia/Shanghai", "2026-12-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            // closed; visited, at the first, more, without one; visits
            "抢修'二班 1 1 1 0 0 1 100.0%",
            "抢修一班 4 3 1 2 1 4 33.3%",
            "— 5 4 2 2 1 5 50.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(closed) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, closed);
    }
}

#[tokio::test]
async fn who_arrived_after_the_time_of_asking_has_not_arrived() {
    let store = store(rows()).await;
    // Noon of the 1st in Shanghai: of the second visit nothing is known yet.
    let table = store.run(&FIRST_VISIT, "2026-11", "Asia/Shanghai", "2026-11-01 04:00:00").await;
    let visits = table.report.position("visits");
    assert_eq!(table.total[visits], Cell::Count(3));
}
