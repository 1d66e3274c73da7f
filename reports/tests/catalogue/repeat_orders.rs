//! Orders that a customer made again.

use super::orders_over_time::order;
use super::{Store, Thresholds, lines, shanghai, store};
use reports::catalogue::REPEAT_ORDERS;
use reports::{Cell, ReportTable};
use terms::CustomerId;
use terms::record::{Order, Row};

const NOW: &str = "2026-12-24 12:00:00";

/// An open order of a customer and type.
fn of(id: u64, customer: Option<u64>, kind: &str, created: &str) -> Order {
    let customer_id = customer.map(CustomerId);
    Order { kind: kind.to_owned(), customer_id, ..order(id, [created, "", ""]) }
}

/// The version in which it is closed, or open again.
fn then(made: &Order, version: i32, changed: &str, is_closed: bool) -> Order {
    let changed_at = shanghai(changed);
    Order {
        version,
        version_id: made.version_id + i64::from(version),
        changed_at,
        closed_at: is_closed.then_some(changed_at),
        ..made.clone()
    }
}

fn rows() -> Vec<Row> {
    let (complaint, repair) = ("投诉'1", "报修");
    let open = of(1, Some(1), complaint, "2026-10-01 08:00:00");
    let closed = of(10, Some(2), complaint, "2026-11-01 08:00:00");
    let closed_sooner = of(12, Some(4), complaint, "2026-10-01 08:00:00");
    let reopened = of(20, Some(3), repair, "2026-11-01 08:00:00");
    [
        // Open for a month when the next one comes, and closed later.
        open.clone(),
        then(&open, 2, "2026-11-20 08:00:00", true),
        of(2, Some(1), complaint, "2026-11-02 08:00:00"),
        // The same customer about something else.
        of(3, Some(1), repair, "2026-11-02 09:00:00"),
        // Seven days after the first was closed to the second, and a second more for another one.
        closed.clone(),
        then(&closed, 2, "2026-11-02 08:00:00", true),
        of(11, Some(2), complaint, "2026-11-09 08:00:00"),
        closed_sooner.clone(),
        then(&closed_sooner, 2, "2026-11-02 07:59:59", true),
        of(13, Some(4), complaint, "2026-11-09 08:00:00"),
        // Closed when the next one came, and open again because of it.
        reopened.clone(),
        then(&reopened, 2, "2026-11-02 08:00:00", true),
        of(21, Some(3), repair, "2026-11-03 08:00:00"),
        then(&reopened, 3, "2026-11-03 09:00:00", false),
        // Nobody in particular, twice; both at once; after the period.
        of(30, None, repair, "2026-11-03 08:00:00"),
        of(31, None, repair, "2026-11-04 08:00:00"),
        of(32, Some(5), repair, "2026-11-04 08:00:00"),
        of(33, Some(5), repair, "2026-11-04 08:00:00"),
        of(34, Some(5), repair, "2026-12-01 00:00:00"),
    ]
    .map(Row::Order)
    .into()
}

async fn every_row_opens_what_was_made_again(store: &Store, table: &ReportTable) {
    let again = table.report.position("again");
    for row in table.data_rows() {
        let Cell::Count(again) = row.cells[again] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, again);
    }
}

#[tokio::test]
async fn a_complaint_is_repeated_while_the_first_is_open_and_a_second_one_after_it_was_closed() {
    let store = store(rows()).await;
    let table = store.run(&REPEAT_ORDERS, "2026-11", "Asia/Shanghai", NOW).await;
    assert_eq!(
        lines(&table),
        [
            // created; first, repeated, second, both
            "投诉'1 4 2 1 1 2 25.0% 25.0%",
            "报修 7 5 1 1 2 14.3% 14.3%",
            "— 11 7 2 2 4 18.2% 18.2%",
        ]
    );
    every_row_opens_what_was_made_again(&store, &table).await;
}

#[tokio::test]
async fn how_long_after_the_end_of_the_first_one_is_asked_for() {
    let store = store(rows()).await;
    for (repeat_days, complaints) in [(6, [0, 3]), (8, [2, 1])] {
        let thresholds = Thresholds { repeat_days, ..Thresholds::default() };
        let table = store.run_by(&REPEAT_ORDERS, "2026-11", "Asia/Shanghai", NOW, thresholds).await;
        let row = &table.rows[0];
        let found = ["second_time", "first"].map(|column| table.report.position(column));
        assert_eq!(
            found.map(|at| row.cells[at].clone()),
            complaints.map(Cell::Count),
            "{repeat_days} days"
        );
        every_row_opens_what_was_made_again(&store, &table).await;
    }
}
