//! Abandoned calls, and who was reached later.

use super::{THEIRS, at, call, lines, shanghai, store, visit};
use reports::catalogue::ABANDONED_CALLS;
use terms::record::{Call, QueueVisit, Row};

const MOBILE: &str = "+8613900139000";

/// A call of the day in question.
fn on(id: u64, direction: &str, time: &str, outcome: &str) -> Call {
    let started = shanghai(&format!("2026-11-23 {time}"));
    Call { outcome: outcome.to_owned(), ..call(id, direction, started) }
}

fn from(caller: &str, call: Call) -> Row {
    Row::Call(Call { caller: caller.to_owned(), ..call })
}

/// A stay that two phones let ring.
fn unanswered(stay: Row) -> Row {
    match stay {
        Row::QueueVisit(visit) => Row::QueueVisit(QueueVisit { offers_unanswered: 2, ..visit }),
        other => other,
    }
}

#[tokio::test]
async fn abandoned_calls_are_listed_with_when_the_same_number_was_reached_later() {
    let mut out = on(5, "outbound", "09:40:00", "answered");
    out.called = MOBILE.to_owned();
    let mut tried = on(6, "outbound", "09:35:00", "failed");
    tried.called = MOBILE.to_owned();
    let mut next_day = on(7, "inbound", "09:00:00", "answered");
    next_day.started_at = shanghai("2026-11-24 08:00:00");
    let rows = vec![
        from(MOBILE, on(1, "inbound", "09:00:00", "abandoned")),
        Row::Call(on(2, "inbound", "09:10:00", "abandoned")),
        from("anonymous", on(3, "inbound", "09:20:00", "abandoned")),
        Row::Call(on(4, "inbound", "09:30:00", "answered")),
        Row::Call(out),
        // Nobody answered: not reached.
        Row::Call(tried),
        Row::Call(next_day),
        // Before they hung up, between colleagues, and by somebody who hid their number.
        Row::Call(on(8, "inbound", "08:00:00", "answered")),
        Row::Call(on(9, "internal", "09:45:00", "answered")),
        from("anonymous", on(10, "inbound", "09:50:00", "answered")),
        visit(1, "09:00:00", 5_000, "abandoned"),
        unanswered(visit(2, "09:10:00", 60_000, "abandoned")),
        visit(3, "09:20:00", 5_001, "abandoned"),
        visit(4, "09:30:00", 30_000, "answered"),
    ];
    let store = store(rows).await;
    let table =
        store.run(&ABANDONED_CALLS, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    // Call 4, which was answered from the same number, is what reached the second.
    assert_eq!(
        lines(&table),
        [
            "2026-11-23 09:20:00 报修 anonymous +862188880000 0:00:05 1 0 放弃 — 3",
            "2026-11-23 09:10:00 报修 +8613800138000 +862188880000 0:01:00 1 2 放弃 \
             2026-11-23 09:30:00 2",
            "2026-11-23 09:00:00 报修 +8613900139000 +862188880000 0:00:05 1 0 短放弃 \
             2026-11-23 09:40:00 1",
            "— — — — 0:00:23 — 2 — — —",
        ]
    );
    for row in table.data_rows() {
        assert_eq!(store.behind(row).await, 1);
    }
}

#[tokio::test]
async fn an_abandoned_call_belongs_to_the_day_on_which_it_entered_the_queue() {
    let early = match visit(1, "09:00:00", 30_000, "abandoned") {
        Row::QueueVisit(visit) => {
            let entered_at = at("Asia/Shanghai", "2026-11-22 23:59:59");
            Row::QueueVisit(QueueVisit { entered_at, ..visit })
        }
        other => other,
    };
    let theirs = match visit(2, "09:00:00", 30_000, "abandoned") {
        Row::QueueVisit(visit) => Row::QueueVisit(QueueVisit { tenant_id: THEIRS, ..visit }),
        other => other,
    };
    let last = visit(3, "23:59:59", 30_000, "abandoned");
    let store = store(vec![early, theirs, last]).await;
    let table =
        store.run(&ABANDONED_CALLS, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    // A call that has no row yet is listed without its numbers.
    assert_eq!(lines(&table)[0], "2026-11-23 23:59:59 报修 — — 0:00:30 1 0 放弃 — 3");
    assert_eq!(table.rows.len(), 1);
}
