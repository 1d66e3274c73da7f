//! Satisfaction by team: who was asked after a call with one of its agents, what callers pressed,
//! 满意率. A question counts for the team to which the agent belonged when it was asked.

use super::beside;
use super::satisfaction::{ALL_ANSWERS, ANSWERS, COUNTS, SATISFACTION, sql_from};
use super::teams::{TEAM, is_of, placed};
use crate::definition::{Chart, Report};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Satisfaction by team. A question belongs to the time when it was asked.
pub static SATISFACTION_BY_TEAM: Report = Report {
    id: "satisfaction_by_team",
    title: words("班组满意度统计", "Satisfaction by team"),
    help: words(
        "通话结束后邀请客户评价，按坐席在邀评时所属的班组统计评价结果；按邀请时间归入统计期。",
        "What callers pressed when they were asked after the call, by the team that the agent belonged to then, counted when they were asked.",
    ),
    sql,
    behind,
    columns: &beside::<9>(&[TEAM], COUNTS),
    charts: &[
        Chart::Bar {
            title: words("各班组评价分布", "Answers by team"),
            label: "team",
            series: ANSWERS,
        },
        ALL_ANSWERS,
    ],
    ..SATISFACTION
};

fn questions(window: &Window) -> String {
    format!("{} AS led", placed(window, "surveys", "asked_at"))
}

fn sql(window: &Window) -> String {
    sql_from(window, &questions(window), "team_id")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (questions, of_team) = (questions(window), is_of(row)?);
    let predicate = format!("survey_id IN (SELECT survey_id FROM {questions} WHERE {of_team})");
    Ok(Condition { table: "surveys", key: "contact_id", predicate })
}
