//! The stages of contacts and orders by day.

use super::orders_over_time::order;
use super::{FANG, HOTLINE, call, lines, offer, shanghai, store, visit};
use reports::Cell;
use reports::catalogue::STAGES_BY_DAY;
use terms::FlowId;
use terms::record::{Call, Leg, Row};

fn called(id: u64, direction: &str, at: &str, flow_id: Option<FlowId>, outcome: &str) -> Row {
    let made = call(id, direction, shanghai(at));
    Row::Call(Call { flow_id, outcome: outcome.to_owned(), ..made })
}

#[tokio::test]
async fn each_stage_counts_in_the_day_in_which_it_began() {
    let handled = match offer(1, FANG, shanghai("2026-11-23 09:00:20"), true) {
        Row::Leg(leg) => Row::Leg(Leg { talk_ms: 60_000, hold_ms: 5_000, ..leg }),
        other => other,
    };
    let rows = vec![
        called(1, "inbound", "2026-11-23 09:00:00", Some(HOTLINE), "answered"),
        called(2, "inbound", "2026-11-23 10:00:00", Some(HOTLINE), "ivr_only"),
        // The first instant of the next day, without a flow.
        called(3, "inbound", "2026-11-24 00:00:00", None, "abandoned"),
        called(4, "outbound", "2026-11-23 11:00:00", None, "answered"),
        called(5, "inbound", "2026-11-25 00:00:00", Some(HOTLINE), "answered"),
        visit(1, "09:00:10", 10_000, "answered"),
        visit(6, "12:00:00", 10_000, "abandoned"),
        visit(7, "13:00:00", 10_000, "callback_queued"),
        handled,
        offer(2, FANG, shanghai("2026-11-23 12:00:01"), false),
        Row::Order(order(1, ["2026-11-23 09:05:00", "", "2026-11-24 18:00:00"])),
        Row::Order(order(2, ["2026-11-24 10:00:00", "", ""])),
    ];
    let store = store(rows).await;
    let period = "2026-11-23..2026-11-24";
    let table = store.run(&STAGES_BY_DAY, period, "Asia/Shanghai", "2026-11-26 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "2026-11-23 2 2 1 50.0% 3 1 1 1 33.3% 1 0:01:05 1 0",
            "2026-11-24 1 0 0 — 0 0 0 0 — 0 0:00:00 1 1",
            "— 3 2 1 50.0% 3 1 1 1 33.3% 1 0:01:05 2 1",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}
