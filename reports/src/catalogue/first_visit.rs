//! Whether one visit was enough: orders that were done, by department, with how often somebody had
//! to come.
//!
//! A visit is a step `arrive` of the order. Fixed at the first visit is an order with one of them
//! that nobody had to open again by the time of asking. An order that nobody went to is in no rate.

use super::colour::{BAD, FREE, GOOD};
use super::overdue_orders::latest;
use super::{PERIOD, ZONE, count, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::{self, instant};

const VISITS: &[(&str, &str)] = &[("first", GOOD), ("again", BAD), ("unvisited", FREE)];

/// Orders fixed at the first visit, by department. An order belongs to the time at which it was
/// closed.
pub static FIRST_VISIT: Report = Report {
    id: "first_visit",
    title: words("一次上门修复率", "Fixed at the first visit"),
    help: words(
        "统计期内办结的工单，按部门统计到场次数与一次上门修复率；退单不计，以生成时各工单的最新状态为准。",
        "Orders that were done in the period, by department, with the visits they took. Orders that were given back do not count. The latest state of each order at the time of generation counts.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("closed"),
        Number::when("visited", was_visited),
        Number::when("first", was_visited),
        Number::when("again", was_visited),
        Number::when("unvisited", was_visited),
        Number::apart("visits", visits),
    ],
    columns: &[
        text("department", words("部门", "Department"), Source::Department("department")),
        count("closed", words("办结工单", "Closed")),
        count("visited", words("上门工单", "Visited")),
        count("first", words("一次修复", "At the first visit")),
        count("again", words("多次上门或重开", "More visits or reopened")),
        count("unvisited", words("未上门", "Without a visit")),
        count("visits", words("到场次数", "Visits")),
        share("first_rate", words("一次上门修复率", "First-visit fix rate"), "first", "visited"),
    ],
    figures: &["first_rate", "closed", "visited", "first", "visits"],
    charts: &[
        Chart::Bar {
            title: words("各部门上门情况", "Orders by department"),
            label: "department",
            series: VISITS,
        },
        Chart::Pie { title: words("上门情况构成", "All orders"), pie: Pie::Totals(VISITS) },
    ],
    formulas: &[
        Formula {
            name: words("一次上门修复率", "First-visit fix rate"),
            text: words("一次修复 ÷ 上门工单", "at the first visit ÷ visited"),
        },
        Formula {
            name: words("一次修复", "At the first visit"),
            text: words(
                "到场一次即办结，且至生成时未曾重开",
                "one arrival, and not reopened by the time of generation",
            ),
        },
        Formula {
            name: words("办结工单", "Closed"),
            text: words(
                "一次修复 + 多次上门或重开 + 未上门",
                "at the first visit + more visits or reopened + without a visit",
            ),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

const COLUMNS: &str = "department, progress, closed_at";

/// An order was done in the period.
fn was_done(window: &Window) -> String {
    format!("progress <> 'returned' AND {}", window.holds("closed_at"))
}

/// How often somebody came for each order that was done, and how often it was opened again.
fn told(window: &Window) -> String {
    let (latest, done, now) = (latest(window, COLUMNS), was_done(window), instant(window.now));
    let times = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let (arrivals, reopenings) = (times("action = 'arrive'"), times("action = 'reopen'"));
    format!(
        "WITH latest AS ({latest}),
         done AS (SELECT order_id, department FROM latest WHERE {done}),
         went AS (
             SELECT order_id, {arrivals} AS arrivals, {reopenings} AS reopenings
             FROM order_steps
             WHERE action IN ('arrive', 'reopen') AND done_at <= {now}
             GROUP BY order_id
         )
         SELECT d.order_id, d.department, COALESCE(w.arrivals, 0) AS arrivals,
                COALESCE(w.reopenings, 0) AS reopenings
         FROM done d
         LEFT JOIN went w ON w.order_id = d.order_id"
    )
}

/// The orders that the column counts, by how often somebody came.
fn visited(column: &str) -> &'static str {
    match column {
        "visited" => "arrivals > 0",
        "first" => "arrivals = 1 AND reopenings = 0",
        "again" => "arrivals > 1 OR (arrivals = 1 AND reopenings > 0)",
        _ => "arrivals = 0",
    }
}

fn sql(window: &Window) -> String {
    let told = told(window);
    let times = |column: &str| format!("SUM(CASE WHEN {} THEN 1 ELSE 0 END)", visited(column));
    format!(
        "SELECT department,
                COUNT(*) AS closed,
                {visited} AS visited,
                {first} AS first,
                {again} AS again,
                {unvisited} AS unvisited,
                SUM(arrivals) AS visits
         FROM ({told}) AS told
         GROUP BY department
         ORDER BY department",
        visited = times("visited"),
        first = times("first"),
        again = times("again"),
        unvisited = times("unvisited"),
    )
}

/// The same as a condition on orders.
fn was_visited(window: &Window, column: &'static str) -> String {
    let (told, is) = (told(window), visited(column));
    format!("order_id IN (SELECT order_id FROM ({told}) AS told WHERE {is})")
}

/// The visits to the orders of the row.
fn visits(window: &Window, row: &Fields, _: &'static str) -> Result<Condition, Error> {
    let orders = behind(window, row)?.predicate;
    let predicate =
        format!("action = 'arrive' AND done_at <= {} AND {orders}", instant(window.now));
    Ok(Condition { table: "order_steps", key: "order_id", predicate })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let department = literal::text(&row.text("department")?.unwrap_or_default());
    let (latest, done) = (latest(window, COLUMNS), was_done(window));
    let predicate = format!(
        "order_id IN (SELECT order_id FROM ({latest}) AS latest \
         WHERE department = {department} AND {done})"
    );
    Ok(Condition { table: "orders", key: "order_id", predicate })
}
