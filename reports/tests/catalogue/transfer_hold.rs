//! Transfers and hold by the first agent who answered.

use super::{FANG, LI, call, lines, shanghai, store};
use reports::Cell;
use reports::catalogue::TRANSFER_HOLD;
use terms::AgentId;
use terms::record::{Call, Row};

/// An answered call: its agent, times passed on, agents, hold.
fn had(id: u64, agent: AgentId, transfers: i32, agents: i32, hold_ms: i32) -> Call {
    Call {
        outcome: "answered".to_owned(),
        agent_id: Some(agent),
        transfers,
        agents,
        hold_ms,
        ..call(id, "inbound", shanghai("2026-11-23 09:00:00"))
    }
}

#[tokio::test]
async fn transfers_and_hold_count_for_the_first_agent_who_answered() {
    let unanswered = Call { agent_id: None, ..had(7, FANG, 1, 0, 9_000) };
    let late = Call { started_at: shanghai("2026-11-24 00:00:00"), ..had(8, FANG, 1, 1, 9_000) };
    let cut_off = Call { outcome: "interrupted".to_owned(), ..had(9, FANG, 1, 1, 9_000) };
    let rows = [
        had(1, FANG, 0, 1, 0),
        had(2, FANG, 1, 2, 30_000),
        had(3, FANG, 2, 1, 90_000),
        had(4, FANG, 0, 1, 15_000),
        had(5, LI, 0, 1, 0),
        had(6, LI, 0, 2, 0),
        unanswered,
        late,
        cut_off,
    ];
    let store = store(rows.map(Row::Call).into()).await;
    let table =
        store.run(&TRANSFER_HOLD, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 2 2 0 0 0.0% 1 0 0.0% 0:00:00 — 0:00:00",
            "1001 王芳 4 2 2 3 50.0% 1 3 75.0% 0:02:15 0:00:45 0:01:30",
            "— — 6 4 2 3 33.3% 2 3 50.0% 0:02:15 0:00:45 0:01:30",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}
