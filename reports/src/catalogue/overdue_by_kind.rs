//! Orders by type: what was due in the period, and whether it was done in time.

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
use warehouse::query::literal;

/// Overdue orders by type. An order belongs to the time at which it was due.
pub static OVERDUE_BY_KIND: Report = Report {
    id: "overdue_by_kind",
    title: words("超时工单统计（按类型）", "Overdue orders by type"),
    help: words(
        "统计期内到期的工单，按类型统计按时办结、预警与超时时长分档；以生成时各工单的最新状态为准。",
        "Orders that were due in the period, by type: closed in time, warned, overdue and for how long. The latest state of each order at the time of generation counts.",
    ),
    parameters: &[PERIOD, ZONE],
    sql,
    behind,
    columns: &[
        text("kind", words("类型", "Type"), Source::Field("kind")),
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
            title: words("各类型工单", "Orders by type"), label: "kind", series: STATES
        },
        Chart::Pie { title: words("工单构成", "All orders"), pie: Pie::Totals(STATES) },
    ],
    formulas: FORMULAS,
    subtotals: false,
    order: Order::FirstColumn,
};

fn sql(window: &Window) -> String {
    sql_by(window, "kind")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let kind = literal::text(&row.text("kind")?.unwrap_or_default());
    Ok(behind_by(window, "kind", &format!("= {kind}")))
}
