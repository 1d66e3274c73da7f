//! Orders by type: what was due in the period, and whether it was done in time.

use super::overdue_orders::{ALL_ORDERS, COUNTS, OVERDUE_ORDERS, STATES, behind_by, sql_by};
use super::{beside, text};
use crate::definition::{Chart, Report, Source};
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
    sql,
    behind,
    columns: &beside::<12>(&[text("kind", words("类型", "Type"), Source::Field("kind"))], COUNTS),
    charts: &[
        Chart::Bar {
            title: words("各类型工单", "Orders by type"), label: "kind", series: STATES
        },
        ALL_ORDERS,
    ],
    ..OVERDUE_ORDERS
};

fn sql(window: &Window) -> String {
    sql_by(window, "kind")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let kind = literal::text(&row.text("kind")?.unwrap_or_default());
    Ok(behind_by(window, "kind", &format!("= {kind}")))
}
