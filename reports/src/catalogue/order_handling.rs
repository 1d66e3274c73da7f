//! What was done to orders, by department: given on and given back, suspended, put off, urged and
//! opened again.
//!
//! A step belongs to the time at which it was done, and to the department that has the order now, so
//! that every order stands in one row. An order whose versions are gone by their age does not count.

use super::colour::{AFTER, BAD, FAIR, HOLD, PAUSE, WORSE};
use super::overdue_orders::{in_latest, latest};
use super::{PERIOD, ZONE, count, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::{self, instant};

const STEPS: &[(&str, &str)] = &[
    ("reassigned", FAIR),
    ("given_back", AFTER),
    ("suspended", PAUSE),
    ("extended", HOLD),
    ("urged", BAD),
    ("reopened", WORSE),
];

/// Steps of orders by department. A step belongs to the time at which it was done.
pub static ORDER_HANDLING: Report = Report {
    id: "order_handling",
    title: words("工单过程统计", "What was done to orders"),
    help: words(
        "统计期内对工单的派单、重派、退单、挂起、延期、催办与重开，按工单当前部门统计；只含有过程记录的工单。",
        "Orders that were assigned, reassigned, given back, suspended, extended, urged and opened again in the period, by the department that has them now. Steps count as far as they were kept.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("orders"),
        Number::apart("assigned", steps),
        Number::apart("reassigned", steps),
        Number::apart("given_back", steps),
        Number::apart("suspended", steps),
        Number::apart("extended", steps),
        Number::apart("urged", steps),
        Number::apart("finished", steps),
        Number::apart("reopened", steps),
    ],
    columns: &[
        text("department", words("部门", "Department"), Source::Department("department")),
        count("orders", words("工单数", "Orders")),
        count("assigned", words("派单", "Assigned")),
        count("reassigned", words("重派", "Reassigned")),
        count("given_back", words("退单", "Given back")),
        count("suspended", words("挂起", "Suspended")),
        count("extended", words("延期", "Extended")),
        count("urged", words("催办", "Urged")),
        count("finished", words("办结", "Finished")),
        count("reopened", words("重开", "Reopened")),
        share("reopen_rate", words("重开率", "Reopen rate"), "reopened", "finished"),
    ],
    figures: &["orders", "reassigned", "extended", "urged", "reopen_rate"],
    charts: &[
        Chart::Bar {
            title: words("各部门工单过程", "Steps by department"),
            label: "department",
            series: STEPS,
        },
        Chart::Pie { title: words("过程构成", "All steps"), pie: Pie::Totals(STEPS) },
    ],
    formulas: &[
        Formula {
            name: words("工单数", "Orders"),
            text: words(
                "统计期内有以下任一过程的工单，每单计一次；其余各列按次数计",
                "those with any of these steps in the period, each once; all other columns count steps",
            ),
        },
        Formula {
            name: words("重派", "Reassigned"),
            text: words(
                "派单中，退单后再派、换部门或换处理人的次数；首次派给处理人的计入派单",
                "of an order that was given back, or to another department or person than the one that had it; who gets it as the first is assigned",
            ),
        },
        Formula {
            name: words("重开率", "Reopen rate"),
            text: words(
                "重开次数 ÷ 办结次数（均按发生时间）",
                "times reopened ÷ times finished, each where it happened",
            ),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// The steps of the period that are counted.
fn counted_steps(window: &Window) -> String {
    format!(
        "action IN ('assign', 'give_back', 'suspend', 'extend', 'urge', 'finish', 'reopen')
         AND done_at <= {} AND {}",
        instant(window.now),
        window.holds("done_at")
    )
}

/// The steps of the period by which somebody else got an order than had it, or got it again.
fn reassigned(window: &Window) -> String {
    let counted = counted_steps(window);
    format!(
        "SELECT s.version_id
         FROM (SELECT version_id, action, progress_before FROM order_steps WHERE {counted}) AS s
         JOIN orders a ON a.version_id = s.version_id
         JOIN orders b ON b.order_id = a.order_id AND b.version = a.version - 1
         WHERE s.action = 'assign'
               AND (s.progress_before = 'returned'
                    OR a.department <> b.department
                    OR (b.assignee_id IS NOT NULL
                        AND COALESCE(a.assignee_id, 0) <> b.assignee_id))"
    )
}

fn sql(window: &Window) -> String {
    let (latest, counted) = (latest(window, "department"), counted_steps(window));
    let reassigned = reassigned(window);
    let times = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    format!(
        "WITH latest AS ({latest}),
         step AS (
             SELECT version_id, order_id, action
             FROM order_steps
             WHERE {counted}
         ),
         assigned AS ({reassigned}),
         told AS (
             SELECT s.order_id, s.action, g.version_id IS NOT NULL AS again
             FROM step s
             LEFT JOIN assigned g ON g.version_id = s.version_id
         )
         SELECT l.department,
                COUNT(DISTINCT t.order_id) AS orders,
                {first_assigned} AS assigned,
                {assigned_again} AS reassigned,
                {given_back} AS given_back,
                {suspended} AS suspended,
                {extended} AS extended,
                {urged} AS urged,
                {finished} AS finished,
                {reopened} AS reopened
         FROM told t
         JOIN latest l ON l.order_id = t.order_id
         GROUP BY l.department
         ORDER BY l.department",
        first_assigned = times("t.action = 'assign' AND NOT t.again"),
        assigned_again = times("t.action = 'assign' AND t.again"),
        given_back = times("t.action = 'give_back'"),
        suspended = times("t.action = 'suspend'"),
        extended = times("t.action = 'extend'"),
        urged = times("t.action = 'urge'"),
        finished = times("t.action = 'finish'"),
        reopened = times("t.action = 'reopen'"),
    )
}

/// The steps that the column counts.
fn steps(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let department = literal::text(&row.text("department")?.unwrap_or_default());
    let (counted, again) = (counted_steps(window), reassigned(window));
    let is = match column {
        "assigned" => format!("action = 'assign' AND version_id NOT IN ({again})"),
        "reassigned" => format!("action = 'assign' AND version_id IN ({again})"),
        "given_back" => "action = 'give_back'".to_owned(),
        "suspended" => "action = 'suspend'".to_owned(),
        "extended" => "action = 'extend'".to_owned(),
        "urged" => "action = 'urge'".to_owned(),
        "finished" => "action = 'finish'".to_owned(),
        _ => "action = 'reopen'".to_owned(),
    };
    let of_department = in_latest(window, "department", &format!("department = {department}"));
    let predicate = format!("{counted} AND {is} AND {of_department}");
    Ok(Condition { table: "order_steps", key: "order_id", predicate })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let department = literal::text(&row.text("department")?.unwrap_or_default());
    let (latest, counted) = (latest(window, "department"), counted_steps(window));
    let predicate = format!(
        "order_id IN (SELECT order_id FROM ({latest}) AS latest WHERE department = {department}) \
         AND order_id IN (SELECT order_id FROM order_steps WHERE {counted})"
    );
    Ok(Condition { table: "orders", key: "order_id", predicate })
}
