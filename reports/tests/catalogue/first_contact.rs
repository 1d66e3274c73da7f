//! First-contact resolution and repeated callers.

use super::{FANG, LI, OURS, REPAIR, call, lines, shanghai, store};
use reports::catalogue::{FIRST_CONTACT, REPEAT_CALLERS};
use reports::{Cell, Given, Thresholds};
use terms::record::{AgentSpan, Call, Row};
use terms::{CallId, SpanId};

/// An answered call from the customer of that number, of Fang and the queue for repairs.
fn from(customer: u64, id: u64, started: &str) -> Call {
    Call {
        caller: format!("+861380000000{customer}"),
        outcome: "answered".to_owned(),
        agent_id: Some(FANG),
        queue_id: Some(REPAIR),
        ..call(id, "inbound", shanghai(started))
    }
}

/// What the agent chose after the call.
fn disposed(call: u64, reason: &str, at: &str) -> Row {
    Row::AgentSpan(AgentSpan {
        tenant_id: OURS,
        span_id: SpanId(call),
        agent_id: LI,
        activity: "wrap_up".to_owned(),
        reason: Some(reason.to_owned()),
        started_at: shanghai(at),
        ended_at: shanghai(at),
        duration_ms: 0,
        call_id: Some(CallId(call)),
        queue_id: None,
        skill_set_id: None,
    })
}

/// Calls of eleven days around a period, and dispositions.
fn contacts() -> Vec<Row> {
    let mut by_li = from(2, 3, "2026-11-10 08:00:00");
    by_li.agent_id = Some(LI);
    let mut moving = from(3, 6, "2026-11-12 09:00:00");
    (moving.agent_id, moving.queue_id) = (Some(LI), None);
    let mut hidden = from(0, 11, "2026-11-15 10:00:00");
    hidden.caller = "Anonymous".to_owned();
    let mut lost = from(3, 12, "2026-11-11 10:00:00");
    (lost.agent_id, lost.outcome) = (None, "abandoned".to_owned());
    let mut out = from(3, 13, "2026-11-11 11:00:00");
    out.direction = "outbound".to_owned();
    let calls = [
        // Seven days between two calls make a repeat, also of one before the period.
        from(1, 1, "2026-11-03 12:00:00"),
        from(1, 2, "2026-11-10 12:00:00"),
        from(1, 7, "2026-11-17 12:00:00"),
        by_li,
        from(2, 4, "2026-11-17 08:00:00"),
        // Called again, but for another reason.
        from(3, 5, "2026-11-11 09:00:00"),
        moving,
        // Its days are not over; and one that was repeated after the period.
        from(4, 8, "2026-11-20 09:00:00"),
        from(5, 9, "2026-11-20 10:00:00"),
        from(5, 10, "2026-11-22 10:00:00"),
        hidden,
        lost,
        out,
    ];
    let reasons = [disposed(6, "移机", "2026-11-12 09:05:00")];
    calls.map(Row::Call).into_iter().chain(reasons).collect()
}

const PERIOD: &str = "2026-11-10..2026-11-20";
/// Noon in Shanghai.
const NOW: &str = "2026-11-24 04:00:00";

#[tokio::test]
async fn a_first_contact_is_resolved_when_nobody_calls_again_for_the_same_reason() {
    let store = store(contacts()).await;
    let table = store.run(&FIRST_CONTACT, PERIOD, "Asia/Shanghai", NOW).await;
    assert_eq!(
        lines(&table),
        [
            "报修 1001 王芳 6 3 3 1 1 1 50.0%",
            "报修 998 李建国 1 0 1 0 1 0 0.0%",
            "报修 小计 — 7 3 4 1 2 1 33.3%",
            "（无队列） 998 李建国 1 0 1 1 0 0 100.0%",
            "（无队列） 小计 李建国 1 0 1 1 0 0 100.0%",
            "— — — 8 3 5 2 2 1 50.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(contacts) = row.cells[3] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, contacts);
    }
}

#[tokio::test]
async fn what_is_pending_is_decided_when_its_days_are_over() {
    let store = store(contacts()).await;
    let table = store.run(&FIRST_CONTACT, PERIOD, "Asia/Shanghai", "2026-11-27 01:00:00").await;
    // 09:00 in Shanghai, seven days to the second.
    assert_eq!(lines(&table)[0], "报修 1001 王芳 6 3 3 2 1 0 66.7%");
}

#[tokio::test]
async fn a_repeat_is_one_within_the_days_that_were_asked_for() {
    let store = store(contacts()).await;
    let given = Given::read(|_| true, [("repeat_days", "6")]).unwrap();
    let thresholds = given.thresholds(Thresholds::default());
    let table = store.run_by(&FIRST_CONTACT, PERIOD, "Asia/Shanghai", NOW, thresholds).await;
    // Those seven days apart are both first ones now; of the 20th, four days are too few to tell.
    assert_eq!(lines(&table)[0], "报修 1001 王芳 6 0 6 4 1 1 80.0%");
    let formula = "the same reason within the next 6 days";
    let text = reports::render(&table, reports::Format::Txt, reports::Language::En).unwrap();
    assert!(String::from_utf8(text.bytes).unwrap().contains(formula));
}

#[tokio::test]
async fn who_called_more_than_once_is_listed_with_most_calls_first() {
    let store = store(contacts()).await;
    let table = store.run(&REPEAT_CALLERS, PERIOD, "Asia/Shanghai", NOW).await;
    assert_eq!(
        lines(&table),
        [
            "+8613800000003 3 2 1 1 2026-11-11 09:00:00 2026-11-12 09:00:00",
            "+8613800000001 2 2 0 0 2026-11-10 12:00:00 2026-11-17 12:00:00",
            "+8613800000002 2 2 0 0 2026-11-10 08:00:00 2026-11-17 08:00:00",
            "— 7 6 1 1 — —",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}
