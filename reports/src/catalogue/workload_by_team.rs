//! Workload by team and hour of the day: the workload of its agents, for as long as they belonged
//! to it. A stretch of an agent who changes the team in the midst of it gives each team its part.

use super::beside;
use super::teams::{TEAM, is_of, placed, spans};
use super::workload::{ALL_TIME, HOURS, TIME, WORKLOAD, offered_in, sql_from};
use crate::definition::{Chart, Report};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Workload by team and hour of the day. Offers belong to the hour in which they began.
pub static WORKLOAD_BY_TEAM: Report = Report {
    id: "workload_by_team",
    title: words("班组工作量统计", "Workload by team and hour"),
    help: words(
        "按坐席当时所属的班组和一天中的小时统计话务量与工时；工时按时钟切分，换组时按换组时间切分。",
        "Calls and time by the team that agents belonged to then, and by hour of the day. Time is split by the clock, and where an agent changed the team.",
    ),
    sql,
    behind,
    columns: &beside::<12>(&[TEAM], HOURS),
    charts: &[
        Chart::Bar { title: words("各班组工时", "Time by team"), label: "team", series: TIME },
        ALL_TIME,
    ],
    ..WORKLOAD
};

fn sql(window: &Window) -> String {
    let offers = placed(window, "legs", "started_at");
    sql_from(window, "team_id", [&spans(window), &offers])
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let hour = row.int("hour")?.unwrap_or(0);
    let (offers, of_team) = (placed(window, "legs", "started_at"), is_of(row)?);
    let predicate = format!(
        "{} AND leg_id IN (SELECT leg_id FROM {offers} AS led WHERE {of_team})",
        offered_in(window, hour)
    );
    Ok(Condition { table: "legs", key: "contact_id", predicate })
}
