//! Time sheet by team: when its agents were signed in on each day, and in which states, for as long
//! as they belonged to it.

use super::beside;
use super::spans::pieces_of;
use super::teams::{TEAM, cut, is_of, spans};
use super::time_sheet::{
    ALL_TIME, DAYS, TIME, TIME_SHEET, signed_and_planned, spans_by, spent, sql_from,
};
use crate::definition::{Chart, Report};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Time sheet by team and day. Time is split by the clock, and where an agent changed the team.
pub static TIME_SHEET_BY_TEAM: Report = Report {
    id: "time_sheet_by_team",
    title: words("班组工时表", "Time sheet by team"),
    help: words(
        "按坐席当时所属的班组和日期统计签入时长与各状态时长；跨日和换组的时段按时钟切分。",
        "Signed-in time and the time in each state by the team that agents belonged to then, and by day; a stretch over midnight or over a change of team gives each its part.",
    ),
    sql,
    behind,
    numbers: &SPANS,
    columns: &beside::<15>(&[TEAM], DAYS),
    charts: &[
        Chart::Bar { title: words("各班组工时", "Time by team"), label: "team", series: TIME },
        ALL_TIME,
    ],
    ..TIME_SHEET
};

const SPANS: [Number; 7] = spans_by(stretches);

fn sql(window: &Window) -> String {
    let window = &window.of_days();
    let stretches = cut(window, &signed_and_planned(window), "r.activity");
    let pieces = pieces_of(window, &stretches, "s.team_id, s.activity");
    sql_from(window, "team_id", &pieces)
}

fn stretches(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let (spans, of_team) = (spans(window), is_of(row)?);
    let spent = spent(window, row, column)?;
    let predicate =
        format!("span_id IN (SELECT span_id FROM {spans} AS led WHERE {of_team} AND {spent})");
    Ok(Condition { table: "agent_spans", key: "span_id", predicate })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (spans, of_team) = (spans(window), is_of(row)?);
    let day = row.int("day")?.unwrap_or(0);
    let on_day = window.of_days().touches_day(day, "started_at", "ended_at");
    let predicate = format!(
        "call_id IS NOT NULL \
         AND span_id IN (SELECT span_id FROM {spans} AS led WHERE {of_team} AND {on_day})"
    );
    Ok(Condition { table: "agent_spans", key: "call_id", predicate })
}
