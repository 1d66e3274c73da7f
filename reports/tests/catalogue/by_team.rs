//! Satisfaction, workload and time sheet by team: each number counts for the team of then.

use super::{FANG, LI, OURS, Spans, THEIRS, adherence, lines, offer, shanghai, store, survey};
use reports::Cell;
use reports::catalogue::{SATISFACTION_BY_TEAM, TIME_SHEET_BY_TEAM, WORKLOAD_BY_TEAM};
use std::collections::BTreeMap;
use terms::record::{Row, TeamMember};
use terms::{AgentId, CallId, TeamId, TenantId};

const FIRST: TeamId = TeamId(1);
const SECOND: TeamId = TeamId(2);
const PERIOD: &str = "2026-11-23";
const NOW: &str = "2026-11-24 12:00:00";

/// How the reports of all tests print teams.
pub fn names() -> BTreeMap<TeamId, String> {
    [(FIRST, "客服部 / 一班".to_owned()), (SECOND, "客服部 / 二班".to_owned())].into()
}

/// From a time on, an agent belongs to a team.
pub fn member(
    tenant: TenantId,
    version_id: i64,
    agent_id: AgentId,
    team_id: Option<TeamId>,
    since: &str,
) -> Row {
    let since = shanghai(since);
    Row::TeamMember(TeamMember { tenant_id: tenant, version_id, agent_id, team_id, since })
}

/// Fang changes the team at noon, Li comes into one then, and a third one left theirs at nine.
fn members() -> Vec<Row> {
    vec![
        member(OURS, 1, FANG, Some(FIRST), "2026-11-20 00:00:00"),
        member(OURS, 2, AgentId(9), Some(FIRST), "2026-11-20 00:00:00"),
        member(OURS, 3, AgentId(9), None, "2026-11-23 09:00:00"),
        member(OURS, 4, FANG, Some(SECOND), "2026-11-23 12:00:00"),
        member(OURS, 5, LI, Some(SECOND), "2026-11-23 12:00:00"),
        // What is changed after the period changes nothing in it.
        member(OURS, 6, FANG, Some(FIRST), "2026-11-24 00:00:00"),
        member(THEIRS, 7, FANG, Some(SECOND), "2026-11-20 00:00:00"),
    ]
}

#[tokio::test]
async fn satisfaction_counts_for_the_team_to_which_the_agent_belonged_then() {
    let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    let mut rows = members();
    rows.extend([
        survey(OURS, 1, FANG, on("11:59:59"), "satisfied"),
        survey(OURS, 2, FANG, on("12:00:00"), "dissatisfied"),
        survey(OURS, 3, LI, on("10:00:00"), "neutral"),
        survey(OURS, 4, LI, on("13:00:00"), ""),
        survey(OURS, 5, AgentId(9), on("10:00:00"), "satisfied"),
        survey(OURS, 6, AgentId(10), on("10:00:00"), "satisfied"),
        survey(THEIRS, 7, FANG, on("10:00:00"), "dissatisfied"),
    ]);
    let store = store(rows).await;
    let table = store.run(&SATISFACTION_BY_TEAM, PERIOD, "Asia/Shanghai", NOW).await;
    assert_eq!(
        lines(&table),
        [
            "客服部 / 一班 1 1 1 0 0 100.0% 0.0% 100.0%",
            "客服部 / 二班 2 1 0 0 1 0.0% 100.0% 50.0%",
            "（无班组） 3 3 2 1 0 66.7% 0.0% 100.0%",
            "— 6 5 3 1 1 60.0% 20.0% 83.3%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(asked) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, asked);
    }
}

#[tokio::test]
async fn workload_is_cut_where_an_agent_changes_the_team() {
    let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    let mut spans = Spans(0, members());
    spans.add(FANG, "idle", on("11:30:00"), on("12:30:00"));
    let mut rows = spans.1;
    rows.push(offer(1, FANG, on("11:40:00"), true));
    rows.push(offer(2, FANG, on("12:10:00"), false));
    let store = store(rows).await;
    let table = store.run(&WORKLOAD_BY_TEAM, PERIOD, "Asia/Shanghai", NOW).await;
    let first = "1 1 0 0:00:00 0:00:00 0:00:00 0:00:00 0:30:00 0:00:00 0.0%";
    let second = "1 0 1 0:00:00 0:00:00 0:00:00 — 0:30:00 0:00:00 0.0%";
    assert_eq!(
        lines(&table),
        [
            format!("客服部 / 一班 11:00–12:00 {first}"),
            format!("客服部 / 一班 小计 {first}"),
            format!("客服部 / 二班 12:00–13:00 {second}"),
            format!("客服部 / 二班 小计 {second}"),
            "— — 2 1 1 0:00:00 0:00:00 0:00:00 0:00:00 1:00:00 0:00:00 0.0%".to_owned(),
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(offered) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, offered);
    }
}

#[tokio::test]
async fn a_time_sheet_by_team_has_the_time_for_which_agents_belonged_to_it() {
    let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    let mut spans = Spans(0, members());
    spans.add(FANG, "talking", on("11:30:00"), on("12:30:00"));
    spans.add(AgentId(10), "break", on("08:00:00"), on("08:15:00"));
    let mut rows = spans.1;
    // An hour of it for each team.
    let planned = ["2026-11-23 11:00:00", "2026-11-23 13:00:00"];
    rows.push(adherence::shift(1, 1, FANG, planned, false));
    for row in &mut rows {
        if let Row::AgentSpan(span) = row {
            span.call_id = (span.activity == "talking").then_some(CallId(1));
        }
    }
    let store = store(rows).await;
    let table = store.run(&TIME_SHEET_BY_TEAM, PERIOD, "Asia/Shanghai", NOW).await;
    let half = "0:30:00 0:30:00 0:00:00 0:00:00 0:00:00 0:00:00 0:00:00 100.0% 100.0% 1:00:00 \
         50.0%";
    let day = "2026-11-23";
    let data: Vec<String> =
        lines(&table).into_iter().filter(|line| !line.contains("小计")).collect();
    assert_eq!(
        data,
        [
            format!("客服部 / 一班 {day} {day} 11:30:00 {day} 12:00:00 {half}"),
            format!("客服部 / 二班 {day} {day} 12:00:00 {day} 12:30:00 {half}"),
            format!(
                "（无班组） {day} {day} 08:00:00 {day} 08:15:00 0:15:00 0:00:00 0:00:00 0:00:00 \
                 0:00:00 0:00:00 0:15:00 — 0.0% 0:00:00 —"
            ),
            "— — — — 1:15:00 1:00:00 0:00:00 0:00:00 0:00:00 0:00:00 0:15:00 100.0% 80.0% \
             2:00:00 50.0%"
                .to_owned(),
        ]
    );
    let mut behind = Vec::new();
    for row in table.data_rows() {
        behind.push(store.behind(row).await);
    }
    assert_eq!(behind, [1, 1, 0]);
}
