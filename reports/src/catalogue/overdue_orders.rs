//! Orders by department: what was due in the period, and whether it was done in time. The same by
//! type and by assignee stands beside it, made of what this file shares.
//!
//! The cohort is by deadline, so open overdue orders count against the rate. The table of orders
//! keeps every version; the latest one that was known at the time of asking speaks for its order,
//! and 预警 and 超时 are computed from its deadline at that time.

use super::colour::{BAD, FAIR, FREE, GOOD, WORSE};
use super::{PERIOD, ZONE, beside, count, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use warehouse::query::literal::{self, instant};

pub(super) const STATES: &[(&str, &str)] = &[
    ("closed_in_time", GOOD),
    ("open_in_time", FREE),
    ("warned", FAIR),
    ("overdue_closed", BAD),
    ("overdue_open", WORSE),
];

/// Overdue orders by department. An order belongs to the time at which it was due.
pub static OVERDUE_ORDERS: Report = Report {
    id: "overdue_orders",
    title: words("超时工单统计", "Overdue orders by department"),
    help: words(
        "统计期内到期的工单，按部门统计按时办结、预警与超时；以生成时各工单的最新状态为准。",
        "Orders that were due in the period, by department: closed in time, warned, overdue. The latest state of each order at the time of generation counts.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("due"),
        Number::when("closed_in_time", in_state),
        Number::when("open_in_time", in_state),
        Number::when("warned", in_state),
        Number::when("overdue_closed", in_state),
        Number::when("overdue_open", in_state),
        Number::when("open_1d", in_state),
        Number::when("open_3d", in_state),
        Number::when("open_7d", in_state),
        Number::when("open_more", in_state),
    ],
    columns: &beside::<12>(
        &[text("department", words("部门", "Department"), Source::Department("department"))],
        COUNTS,
    ),
    figures: FIGURES,
    charts: &[
        Chart::Bar {
            title: words("各部门工单", "Orders by department"),
            label: "department",
            series: STATES,
        },
        ALL_ORDERS,
    ],
    formulas: FORMULAS,
    subtotals: false,
    order: Order::FirstColumn,
};

pub(super) const ALL_ORDERS: Chart =
    Chart::Pie { title: words("工单构成", "All orders"), pie: Pie::Totals(STATES) };

/// What is counted, whatever it is grouped by.
pub(super) const COUNTS: &[Column] = &[
    count("due", words("到期", "Due")),
    count("closed_in_time", words("按时办结", "Closed in time")),
    count("open_in_time", words("在办未到期", "Open, not due yet")),
    count("warned", words("预警", "Warned")),
    count("overdue_closed", words("超时办结", "Closed late")),
    count("overdue_open", words("超时未结", "Overdue, open")),
    share("on_time", words("按时办结率", "On-time rate"), "closed_in_time", "due"),
    count("open_1d", words("超时 ≤1天", "Overdue ≤1 day")),
    count("open_3d", words("1–3天", "1–3 days")),
    count("open_7d", words("3–7天", "3–7 days")),
    count("open_more", words(">7天", ">7 days")),
];

/// Columns whose totals stand out.
const FIGURES: &[&str] = &["on_time", "due", "overdue_open", "overdue_closed", "warned"];

/// How the numbers are made.
const FORMULAS: &[Formula] = &[
    Formula {
        name: words("按时办结率", "On-time rate"),
        text: words(
            "按时办结 ÷ 到期（截止时间在统计期内的全部工单，超时未结的也在内）",
            "closed in time ÷ due (all orders whose deadline lies in the period, open overdue ones too)",
        ),
    },
    Formula {
        name: words("到期", "Due"),
        text: words(
            "按时办结 + 在办未到期 + 预警 + 超时办结 + 超时未结",
            "closed in time + open, not due yet + warned + closed late + overdue, open",
        ),
    },
    Formula {
        name: words("预警", "Warned"),
        text: words(
            "未办结、未到期，但已过预警时间",
            "open and not due yet, but past the time of warning",
        ),
    },
    Formula {
        name: words("超时 ≤1天 … >7天", "Overdue ≤1 day … >7 days"),
        text: words(
            "超时未结的工单，按生成时已超时的时长分档",
            "the open overdue orders by how long they have been overdue at the time of generation",
        ),
    },
];

fn sql(window: &Window) -> String {
    sql_by(window, "department")
}

/// Orders that were due in the period, counted by the column `by`.
pub(super) fn sql_by(window: &Window, by: &str) -> String {
    let latest = latest(window, &columns(by));
    let counted = |column| {
        let state = state(window, column);
        format!("SUM(CASE WHEN {state} THEN 1 ELSE 0 END) AS {column}")
    };
    let counts = COUNTED.map(counted).join(", ");
    format!(
        "WITH latest AS ({latest})
         SELECT {by}, COUNT(*) AS due, {counts}
         FROM latest
         WHERE {due}
         GROUP BY {by}
         ORDER BY {by}",
        due = window.holds("deadline_at"),
    )
}

/// The columns that count those orders in a state.
const COUNTED: [&str; 9] = [
    "closed_in_time",
    "open_in_time",
    "warned",
    "overdue_closed",
    "overdue_open",
    "open_1d",
    "open_3d",
    "open_7d",
    "open_more",
];

/// The state of the orders that the column counts.
fn state(window: &Window, column: &str) -> String {
    let now = instant(window.now);
    let open = "closed_at IS NULL";
    let not_due = format!("{open} AND deadline_at >= {now}");
    let warned = format!("warn_at IS NOT NULL AND warn_at <= {now}");
    // How long an open order has been overdue, in days from `above` up to `up_to`.
    let aged = |above: i64, up_to: Option<i64>| {
        let days_ago = |days: i64| instant(terms::Timestamp(window.now.0 - days * DAY_US));
        let oldest =
            up_to.map_or(String::new(), |d| format!(" AND deadline_at >= {}", days_ago(d)));
        format!("{open} AND deadline_at < {}{oldest}", days_ago(above))
    };
    match column {
        "closed_in_time" => "closed_at <= deadline_at".to_owned(),
        "open_in_time" => format!("{not_due} AND NOT ({warned})"),
        "warned" => format!("{not_due} AND {warned}"),
        "overdue_closed" => "closed_at > deadline_at".to_owned(),
        "overdue_open" => format!("{open} AND deadline_at < {now}"),
        "open_1d" => aged(0, Some(1)),
        "open_3d" => aged(1, Some(3)),
        "open_7d" => aged(3, Some(7)),
        _ => aged(7, None),
    }
}

/// The orders in the state that the column counts, as a condition on orders.
fn in_state(window: &Window, column: &'static str) -> String {
    in_latest(window, "deadline_at, warn_at, closed_at", &state(window, column))
}

/// Those orders for which `condition` holds on `columns` of their latest version, as a condition on
/// orders.
pub(super) fn in_latest(window: &Window, columns: &str, condition: &str) -> String {
    let latest = latest(window, columns);
    format!("order_id IN (SELECT order_id FROM ({latest}) AS latest WHERE {condition})")
}

fn columns(by: &str) -> String {
    format!("{by}, deadline_at, warn_at, closed_at")
}

/// `columns` of the version of each order that was the latest at the time of asking: found among all
/// of them, so that who sees a part does not see an order as it was before somebody else got it.
pub(super) fn latest(window: &Window, columns: &str) -> String {
    format!("SELECT order_id, {columns} FROM orders_known({}) AS versions", window.now.0)
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let department = literal::text(&row.text("department")?.unwrap_or_default());
    Ok(behind_by(window, "department", &format!("= {department}")))
}

/// The orders of which the column `by` is what `is` says.
pub(super) fn behind_by(window: &Window, by: &str, is: &str) -> Condition {
    let due = format!("{by} {is} AND {}", window.holds("deadline_at"));
    let predicate = in_latest(window, &columns(by), &due);
    Condition { table: "orders", key: "order_id", predicate }
}
