//! Agents' time against their planned shifts.

use super::{FANG, LI, OURS, THEIRS, lines, shanghai, store};
use reports::catalogue::ADHERENCE;
use terms::record::{AgentSpan, Row, Shift};
use terms::{AgentId, SpanId, TenantId};

/// On 2026-11-23.
fn span(tenant: TenantId, id: u64, agent: AgentId, activity: &str, [from, to]: [&str; 2]) -> Row {
    let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    Row::AgentSpan(AgentSpan {
        tenant_id: tenant,
        span_id: SpanId(id),
        agent_id: agent,
        activity: activity.to_owned(),
        reason: None,
        started_at: on(from),
        ended_at: on(to),
        duration_ms: on(to).millis_since(on(from)) as i32,
        call_id: None,
        queue_id: None,
        skill_set_id: None,
    })
}

/// A row of a shift.
pub(super) fn shift(
    version: i64,
    id: i64,
    agent: AgentId,
    [from, to]: [&str; 2],
    withdrawn: bool,
) -> Row {
    Row::Shift(Shift {
        tenant_id: OURS,
        version_id: version,
        shift_id: id,
        agent_id: agent,
        starts_at: shanghai(from),
        ends_at: shanghai(to),
        withdrawn,
        changed_at: shanghai("2026-11-20 12:00:00"),
    })
}

pub(super) fn rows() -> Vec<Row> {
    let withdrawn = ["2026-11-23 14:00:00", "2026-11-23 20:00:00"];
    vec![
        shift(1, 1, FANG, ["2026-11-23 09:00:00", "2026-11-23 13:00:00"], false),
        shift(2, 2, FANG, withdrawn, false),
        shift(3, 2, FANG, withdrawn, true),
        // Through midnight: four hours of it on this day.
        shift(4, 3, LI, ["2026-11-23 20:00:00", "2026-11-24 04:00:00"], false),
        // Half an hour early, ten minutes of break, gone an hour too soon, back without a shift.
        span(OURS, 1, FANG, "idle", ["08:30:00", "10:00:00"]),
        span(OURS, 2, FANG, "break", ["10:00:00", "10:10:00"]),
        span(OURS, 3, FANG, "talking", ["10:10:00", "12:00:00"]),
        span(OURS, 4, FANG, "idle", ["15:00:00", "16:00:00"]),
        span(THEIRS, 5, FANG, "idle", ["12:00:00", "13:00:00"]),
        // Nobody planned anything for this one.
        span(OURS, 6, AgentId(9), "idle", ["09:00:00", "09:30:00"]),
    ]
}

#[tokio::test]
async fn time_in_a_shift_is_told_apart_from_absence_and_from_time_without_one() {
    let store = store(rows()).await;
    let table = store.run(&ADHERENCE, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 1 4:00:00 0:00:00 0:00:00 0:00:00 4:00:00 0:00:00 0.0%",
            "1001 王芳 1 4:00:00 3:00:00 2:50:00 0:10:00 1:00:00 1:30:00 75.0%",
            "#9 #9 0 0:00:00 0:00:00 0:00:00 0:00:00 0:00:00 0:30:00 —",
            "— — 2 8:00:00 3:00:00 2:50:00 0:10:00 5:00:00 2:00:00 37.5%",
        ]
    );
    let mut behind = Vec::new();
    for row in table.data_rows() {
        behind.push(store.behind(row).await);
    }
    assert_eq!(behind, [0, 4, 1]);
}

#[tokio::test]
async fn what_has_not_begun_of_a_shift_is_no_absence() {
    let store = store(rows()).await;
    // Eleven in Shanghai: two hours of four have begun; what goes on is cut there.
    let table = store.run(&ADHERENCE, "2026-11-23", "Asia/Shanghai", "2026-11-23 03:00:00").await;
    assert_eq!(
        lines(&table)[0],
        "1001 王芳 1 2:00:00 2:00:00 1:50:00 0:10:00 0:00:00 0:30:00 100.0%"
    );
}
