//! Forecast and staffing, on the load of the reference table: 100 contacts in half an hour, 180 s each.

use super::{FANG, OURS, REPAIR, lines, offer, shanghai, store, visit};
use reports::Cell;
use reports::catalogue::STAFFING;
use terms::record::{AgentSpan, Leg, QueueVisit, Row};
use terms::{CallId, QueueId, SpanId, Timestamp};

/// A stay in a queue from a moment on.
pub(super) fn stay(
    id: u64,
    queue: QueueId,
    entered_at: Timestamp,
    wait_ms: i32,
    outcome: &str,
) -> Row {
    match visit(id, "00:00:00", wait_ms, outcome) {
        Row::QueueVisit(stay) => {
            Row::QueueVisit(QueueVisit { queue_id: queue, entered_at, ..stay })
        }
        other => other,
    }
}

/// What came of an answer: 150 s of talk, 10 s of hold, 20 s of wrap-up.
fn handled(id: u64, answered_at: Timestamp) -> [Row; 2] {
    let leg = match offer(id, FANG, answered_at, true) {
        Row::Leg(leg) => Row::Leg(Leg {
            answered_at: Some(answered_at),
            talk_ms: 150_000,
            hold_ms: 10_000,
            ..leg
        }),
        other => other,
    };
    let after = AgentSpan {
        tenant_id: OURS,
        span_id: SpanId(id),
        agent_id: FANG,
        activity: "wrap_up".to_owned(),
        reason: None,
        started_at: answered_at,
        ended_at: Timestamp(answered_at.0 + 20_000_000),
        duration_ms: 20_000,
        call_id: Some(CallId(id)),
        queue_id: Some(REPAIR),
        skill_set_id: None,
    };
    [leg, Row::AgentSpan(after)]
}

/// Two mornings with 100 contacts each from 09:00 to 09:30: of all, ten hang up, and everybody waits
/// six seconds, so that patience is two minutes.
fn mornings() -> Vec<Row> {
    let mornings = [shanghai("2026-11-23 09:00:00"), shanghai("2026-11-24 09:00:00")];
    let mut rows = Vec::new();
    for id in 1..=200_u64 {
        let entered_at = Timestamp(mornings[id as usize % 2].0 + id as i64 * 8_000_000);
        let outcome = if id <= 10 { "abandoned" } else { "answered" };
        rows.push(stay(id, REPAIR, entered_at, 6_000, outcome));
        if id > 10 {
            rows.extend(handled(id, entered_at));
        }
    }
    rows
}

#[tokio::test]
async fn each_half_hour_has_the_agents_that_erlang_c_asks_for() {
    let mut rows = mornings();
    // Nobody answered in the half-hour after: the queue's handle time counts.
    rows.push(stay(301, REPAIR, shanghai("2026-11-23 09:30:00"), 0, "flowed_out"));
    rows.push(stay(302, REPAIR, shanghai("2026-11-24 09:59:59"), 0, "flowed_out"));
    // Nobody ever answered in this queue: there is nothing to reckon with.
    rows.push(stay(303, QueueId(4), shanghai("2026-11-23 08:59:59"), 30_000, "abandoned"));
    // Before the period.
    rows.push(stay(304, REPAIR, shanghai("2026-11-22 09:00:00"), 0, "flowed_out"));
    let store = store(rows).await;
    let period = "2026-11-23..2026-11-24";
    let table = store.run(&STAFFING, period, "Asia/Shanghai", "2026-11-25 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "#4 星期一 08:30–09:00 1 0 1 1.00 — — — — — — —",
            "#4 小计 08:30–09:00 1 0 1 1.00 — — — — — — —",
            "报修 星期一 09:00–09:30 100 95 5 100.00 0:03:00 10.00 14 88.8% 0:00:08 71.4% 2.3%",
            "报修 星期一 09:30–10:00 1 0 1 1.00 — 0.10 1 91.0% 0:00:20 10.0% 5.7%",
            "报修 星期二 09:00–09:30 100 95 5 100.00 0:03:00 10.00 14 88.8% 0:00:08 71.4% 2.3%",
            "报修 星期二 09:30–10:00 1 0 1 1.00 — 0.10 1 91.0% 0:00:20 10.0% 5.7%",
            "报修 小计 — 202 190 12 — 0:03:00 — 14 — — — —",
            "— — — 203 190 13 — 0:03:00 — 14 — — — —",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(offered) = row.cells[3] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, offered);
    }
}

#[tokio::test]
async fn a_period_that_goes_on_is_divided_by_the_days_that_have_begun() {
    let store = store(mornings()).await;
    // Noon of the second day in Shanghai.
    let period = "2026-11-23..2026-11-30";
    let table = store.run(&STAFFING, period, "Asia/Shanghai", "2026-11-24 04:00:00").await;
    assert!(table.provisional);
    // The Monday of the week after has not.
    assert_eq!(lines(&table)[0].split(' ').nth(6), Some("100.00"));
}

#[tokio::test]
async fn a_monday_is_forecast_by_mondays_and_a_sunday_by_sundays() {
    let days = [("2026-11-02", 60), ("2026-11-09", 30), ("2026-11-08", 4), ("2026-11-15", 2)];
    let contacts = days.iter().flat_map(|(day, contacts)| std::iter::repeat_n(day, *contacts));
    let stays = (1..).zip(contacts).map(|(id, day)| {
        stay(id, REPAIR, shanghai(&format!("{day} 09:10:00")), 1_000, "flowed_out")
    });
    let store = store(stays.collect()).await;
    // Three weeks, in the last of which nobody came.
    let period = "2026-11-02..2026-11-22";
    let table = store.run(&STAFFING, period, "Asia/Shanghai", "2026-11-25 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "报修 星期一 09:00–09:30 90 0 90 30.00 — — — — — — —",
            "报修 星期日 09:00–09:30 6 0 6 2.00 — — — — — — —",
            "报修 小计 09:00–09:30 96 0 96 — — — — — — — —",
            "— — — 96 0 96 — — — — — — — —",
        ]
    );
}
