//! Warned and overdue orders one by one, the most overdue first.

use super::overdue_orders::latest;
use super::{PERIOD, ZONE, duration, text, time};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::instant;

/// Warned and overdue orders. An order belongs to the time at which it was due.
pub static ORDER_LIST: Report = Report {
    id: "order_list",
    title: words("超时与预警工单清单", "Warned and overdue orders"),
    help: words(
        "截止时间在统计期内、已预警或已超时的工单，超时最久的在前；以生成时各工单的最新状态为准。",
        "Orders due in the period that are warned or overdue, the most overdue first, in their latest state at the time of generation.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::rows_of_agents("assignee_id")],
    sql,
    behind,
    numbers: &[],
    columns: &[
        text("number", words("工单号", "Order"), Source::Field("number")),
        text("kind", words("类型", "Type"), Source::Field("kind")),
        text("department", words("部门", "Department"), Source::Department("department")),
        text("area", words("片区", "Area"), Source::Field("area")),
        text("title", words("标题", "Title"), Source::Field("title")),
        text("assignee", words("处理人", "Assignee"), Source::AgentName("assignee_id")),
        time("deadline_at", words("截止时间", "Due")),
        time("closed_at", words("办结时间", "Closed")),
        text("state", words("状态", "State"), Source::Word("state")),
        Column { total: Total::Max, ..duration("overdue_ms", words("超时时长", "Overdue by")) },
    ],
    figures: &["overdue_ms"],
    charts: &[
        Chart::CountBar {
            title: words("各部门工单数", "Orders by department"),
            column: "department",
        },
        Chart::Pie { title: words("状态构成", "States"), pie: Pie::CountBy("state") },
    ],
    formulas: &[
        Formula {
            name: words("超时时长", "Overdue by"),
            text: words(
                "办结时间（未办结的按生成时间）− 截止时间",
                "closed, or the time of generation while open − due",
            ),
        },
        Formula {
            name: words("预警", "Warned"),
            text: words(
                "未办结、未到期，但已过预警时间",
                "open and not due yet, but past the time of warning",
            ),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let columns =
        "number, kind, department, area, title, assignee_id, deadline_at, warn_at, closed_at";
    let latest = latest(window, columns);
    let now = instant(window.now);
    let due = window.holds("deadline_at");
    format!(
        "WITH latest AS ({latest}),
         judged AS (
             SELECT *,
                    CASE WHEN closed_at > deadline_at THEN 'overdue_closed'
                         WHEN closed_at IS NULL AND deadline_at < {now} THEN 'overdue_open'
                         WHEN closed_at IS NULL AND warn_at <= {now} THEN 'warned'
                    END AS state,
                    (CAST(COALESCE(closed_at, {now}) AS BIGINT) - CAST(deadline_at AS BIGINT)) / 1000
                        AS late_ms
             FROM latest
             WHERE {due}
         )
         SELECT number, kind, department, area, title, assignee_id, deadline_at, closed_at, state,
                order_id, CASE WHEN late_ms > 0 THEN late_ms END AS overdue_ms
         FROM judged
         WHERE state IS NOT NULL
         ORDER BY late_ms DESC, order_id"
    )
}

fn behind(_: &Window, row: &Fields) -> Result<Condition, Error> {
    let order = row.int("order_id")?.unwrap_or(0);
    Ok(Condition { table: "orders", key: "order_id", predicate: format!("order_id = {order}") })
}
