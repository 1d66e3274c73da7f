//! What the reports by team share: to which team an agent belonged when something happened.

use super::text;
use crate::definition::{Column, Source};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::window::Window;
use warehouse::query::literal::instant;

pub(super) const TEAM: Column = text("team", words("班组", "Team"), Source::TeamName("team_id"));

// A join keeps its left side in memory and looks the right side's rows up in it: the few stays stand
// on the left.

/// The parts of the period in which an agent belonged to a team, or to none before the first. Those
/// of one agent do not overlap; who never belonged to a team has none.
fn stays(window: &Window) -> String {
    let (from, to) = (instant(window.from), instant(window.to));
    format!(
        "SELECT agent_id, team_id, begins, ends
         FROM (
             SELECT agent_id, team_id, since AS begins,
                    COALESCE(LEAD(since) OVER (PARTITION BY agent_id ORDER BY version_id), {to}) AS ends
             FROM team_members
             UNION ALL
             SELECT agent_id, CAST(NULL AS BIGINT) AS team_id, {from} AS begins, MIN(since) AS ends
             FROM team_members
             GROUP BY agent_id
         ) AS stay
         WHERE ends > begins AND begins < {to} AND ends > {from}"
    )
}

/// The rows of `table` whose time in the column `at` lies in the period, with the team (`team_id`) to
/// which their agent belonged then.
pub(super) fn placed(window: &Window, table: &str, at: &str) -> String {
    let (stays, in_period) = (stays(window), window.holds(&format!("r.{at}")));
    format!(
        "(SELECT r.*, t.team_id
          FROM ({stays}) AS t
          RIGHT JOIN {table} r
               ON t.agent_id = r.agent_id AND t.begins <= r.{at} AND t.ends > r.{at}
          WHERE {in_period})"
    )
}

/// The agents' stretches that touch the period, cut where an agent changed the team, with the team.
pub(super) fn spans(window: &Window) -> String {
    cut(window, "agent_spans", "r.span_id, r.activity, r.call_id")
}

/// The same of other stretches `r` of agents, with `columns` of theirs.
pub(super) fn cut(window: &Window, stretches: &str, columns: &str) -> String {
    let (from, to) = (instant(window.from), instant(window.to));
    let stays = stays(window);
    format!(
        "(SELECT {columns}, t.team_id,
                 GREATEST(r.started_at, COALESCE(t.begins, r.started_at)) AS started_at,
                 LEAST(r.ended_at, COALESCE(t.ends, r.ended_at)) AS ended_at
          FROM ({stays}) AS t
          RIGHT JOIN {stretches} r
               ON t.agent_id = r.agent_id AND t.begins < r.ended_at AND t.ends > r.started_at
          WHERE r.started_at < {to} AND r.ended_at > {from})"
    )
}

/// The team that a row is about, as a condition.
pub(super) fn is_of(row: &Fields) -> Result<String, Error> {
    let team = row.int("team_id")?;
    Ok(team.map_or("team_id IS NULL".to_owned(), |team| format!("team_id = {team}")))
}
