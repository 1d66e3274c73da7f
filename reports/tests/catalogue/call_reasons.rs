//! Why customers called.

use super::{FANG, LI, OURS, call, lines, shanghai, store};
use reports::Cell;
use reports::catalogue::CALL_REASONS;
use terms::record::{AgentSpan, Call, Row};
use terms::{AgentId, CallId, SpanId};

/// An answered call of an agent: seconds of talk.
fn had(id: u64, agent: AgentId, seconds: i32) -> Call {
    Call {
        outcome: "answered".to_owned(),
        agent_id: Some(agent),
        talk_ms: seconds * 1000,
        ..call(id, "inbound", shanghai("2026-11-23 09:00:00"))
    }
}

/// A wrap-up of the call: what was chosen, when, seconds.
fn chose(id: u64, call: u64, reason: Option<&str>, time: &str, seconds: i32) -> Row {
    let at = shanghai(&format!("2026-11-23 {time}"));
    Row::AgentSpan(AgentSpan {
        tenant_id: OURS,
        span_id: SpanId(id),
        agent_id: FANG,
        activity: "wrap_up".to_owned(),
        reason: reason.map(str::to_owned),
        started_at: at,
        ended_at: at,
        duration_ms: seconds * 1000,
        call_id: Some(CallId(call)),
        queue_id: None,
        skill_set_id: None,
    })
}

#[tokio::test]
async fn calls_are_counted_by_the_first_reason_that_an_agent_chose() {
    let repair = Some("报修");
    let out = Call { direction: "outbound".to_owned(), ..had(3, LI, 30) };
    let other = Call { caller: "+8613900139000".to_owned(), ..had(4, LI, 10) };
    let lost = Call { outcome: "abandoned".to_owned(), agent_id: None, ..had(5, LI, 0) };
    let rows = vec![
        Row::Call(Call { hold_ms: 10_000, ..had(1, FANG, 60) }),
        Row::Call(had(2, FANG, 30)),
        Row::Call(out),
        Row::Call(other),
        Row::Call(lost),
        // Passed on without a choice, then two choices: the first one counts, all time does.
        chose(1, 1, None, "09:02:00", 5),
        chose(2, 1, repair, "09:05:00", 15),
        chose(3, 1, Some("投诉"), "09:06:00", 1),
        chose(4, 2, repair, "09:05:00", 10),
        chose(5, 3, repair, "09:05:00", 20),
        chose(6, 4, None, "09:05:00", 3),
        chose(7, 5, repair, "09:05:00", 3),
    ];
    let store = store(rows).await;
    let table =
        store.run(&CALL_REASONS, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "报修 3 75.0% 2 1 2 0:03:01 0:01:00",
            "未说明 1 25.0% 1 0 1 0:00:13 0:00:13",
            "— 4 — 3 1 — 0:03:14 0:00:49",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}
