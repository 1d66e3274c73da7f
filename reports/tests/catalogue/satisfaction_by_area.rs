//! Satisfaction by area.

use super::orders_over_time::order;
use super::{FANG, LI, OURS, THEIRS, lines, shanghai, store, survey};
use reports::Cell;
use reports::catalogue::SATISFACTION_BY_AREA;
use terms::CallId;
use terms::record::{Order, Row};

/// An order from a call, in an area.
fn from(id: u64, call: u64, area: &str) -> Row {
    let made = order(id, ["2026-11-23 12:05:00", "", ""]);
    Row::Order(Order { call_id: Some(CallId(call)), area: area.to_owned(), ..made })
}

#[tokio::test]
async fn satisfaction_counts_by_the_area_of_the_calls_order() {
    let noon = shanghai("2026-11-23 12:00:00");
    let rows = vec![
        survey(OURS, 1, FANG, noon, "satisfied"),
        survey(OURS, 2, LI, noon, "dissatisfied"),
        survey(OURS, 3, LI, noon, ""),
        survey(OURS, 4, FANG, noon, "satisfied"),
        survey(OURS, 5, FANG, noon, "neutral"),
        survey(OURS, 6, FANG, shanghai("2026-11-24 00:00:00"), "satisfied"),
        survey(THEIRS, 7, FANG, noon, "dissatisfied"),
        from(11, 1, "城东"),
        from(12, 2, "城东"),
        from(13, 3, "城西"),
        // Of two orders the first has no area, of three the earlier area counts, and once.
        from(14, 4, ""),
        from(15, 4, "城西"),
        from(16, 4, "城东"),
        from(17, 6, "城东"),
    ];
    let store = store(rows).await;
    let table = store
        .run(&SATISFACTION_BY_AREA, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00")
        .await;
    assert_eq!(
        lines(&table),
        [
            "城东 2 2 1 0 1 50.0% 50.0% 100.0%",
            "城西 2 1 1 0 0 100.0% 0.0% 50.0%",
            "（无片区） 1 1 0 1 0 0.0% 0.0% 100.0%",
            "— 5 4 2 1 1 50.0% 25.0% 80.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(asked) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, asked);
    }
}
