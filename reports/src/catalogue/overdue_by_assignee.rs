//! Orders by who does them: what was due in the period, and whether it was done in time. Orders that
//! nobody has yet stand at the end.

use super::overdue_orders::{
    CLOSED_IN_TIME, DUE, FIGURES, FORMULAS, ON_TIME, OPEN_1D, OPEN_3D, OPEN_7D, OPEN_IN_TIME,
    OPEN_MORE, OVERDUE_CLOSED, OVERDUE_OPEN, STATES, WARNED, behind_by, sql_by,
};
use super::{PERIOD, ZONE, text};
use crate::definition::{Chart, Order, Pie, Report, Source};
use crate::messages::words;
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
    parameters: &[PERIOD, ZONE],
    sql,
    behind,
    columns: &[
        text("assignee_number", words("工号", "No."), Source::AgentNumber("assignee_id")),
        text("assignee", words("处理人", "Assignee"), Source::AgentName("assignee_id")),
        DUE,
        CLOSED_IN_TIME,
        OPEN_IN_TIME,
        WARNED,
        OVERDUE_CLOSED,
        OVERDUE_OPEN,
        ON_TIME,
        OPEN_1D,
        OPEN_3D,
        OPEN_7D,
        OPEN_MORE,
    ],
    figures: FIGURES,
    charts: &[
        Chart::Bar {
            title: words("各处理人工单", "Orders by assignee"),
            label: "assignee",
            series: STATES,
        },
        Chart::Pie { title: words("工单构成", "All orders"), pie: Pie::Totals(STATES) },
    ],
    formulas: FORMULAS,
    subtotals: false,
    order: Order::FirstColumn,
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
