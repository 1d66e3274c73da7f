//! Orders by who does them: what was due in the period, and whether it was done in time. Orders that
//! nobody has yet stand at the end.

use super::overdue_orders::{ALL_ORDERS, COUNTS, OVERDUE_ORDERS, STATES, behind_by, sql_by};
use super::{beside, text};
use crate::definition::{Chart, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Overdue orders by assignee. An order belongs to the time at which it was due.
pub static OVERDUE_BY_ASSIGNEE: Report = Report {
    id: "overdue_by_assignee",
    title: words("超时工单统计（按处理人）", "Overdue orders by assignee"),
    help: words(
        "统计期内到期的工单，按处理人统计按时办结、预警与超时时长分档；以生成时各工单的最新状态为准。",
        "Orders that were due in the period, by assignee: closed in time, warned, overdue and for how long. The latest state of each order at the time of generation counts.",
    ),
    narrows: &[Narrowing::rows_of_agents("assignee_id")],
    sql,
    behind,
    columns: &beside::<13>(
        &[
            text("assignee_number", words("工号", "No."), Source::AgentNumber("assignee_id")),
            text("assignee", words("处理人", "Assignee"), Source::AgentName("assignee_id")),
        ],
        COUNTS,
    ),
    charts: &[
        Chart::Bar {
            title: words("各处理人工单", "Orders by assignee"),
            label: "assignee",
            series: STATES,
        },
        ALL_ORDERS,
    ],
    ..OVERDUE_ORDERS
};

fn sql(window: &Window) -> String {
    sql_by(window, "assignee_id")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let is = match row.int("assignee_id")? {
        Some(assignee) => format!("= {assignee}"),
        None => "IS NULL".to_owned(),
    };
    Ok(behind_by(window, "assignee_id", &is))
}
