//! Customers who had to come back with the same thing: orders by type, of which the row of complaints
//! has repeated and second complaints (重复投诉, 二次投诉).
//!
//! Repeated is an order whose customer had one of the same type that was still open then; second one
//! whose customer had one that had been closed a few days before, and none open. The state of the
//! earlier order is that of its version at the time at which the later one was made.

use super::colour::{BAD, GOOD, WORSE};
use super::overdue_orders::latest;
use super::{PERIOD, REPEAT_DAYS, ZONE, count, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use warehouse::query::literal;

const WAYS: &[(&str, &str)] = &[("first", GOOD), ("repeated", BAD), ("second_time", WORSE)];

/// Repeated and second orders by type. An order belongs to the time at which it was created.
pub static REPEAT_ORDERS: Report = Report {
    id: "repeat_orders",
    title: words("重复与二次工单（投诉）", "Repeated and second complaints"),
    help: words(
        "统计期内新建的工单，按类型统计同一客户的重复与二次工单；投诉类型的行即重复投诉与二次投诉。客户不详的计入首次。",
        "Orders created in the period by type, and how many of them a customer made again; the row of complaints has repeated and second complaints. Orders of nobody in particular count as first.",
    ),
    parameters: &[PERIOD, ZONE, REPEAT_DAYS],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::apart("created", counted),
        Number::apart("first", counted),
        Number::apart("repeated", counted),
        Number::apart("second_time", counted),
        Number::all("again"),
    ],
    columns: &[
        text("kind", words("类型", "Type"), Source::Field("kind")),
        count("created", words("新建", "Created")),
        count("first", words("首次", "First")),
        count("repeated", words("重复", "Repeated")),
        count("second_time", words("二次", "Second")),
        count("again", words("重复与二次", "Made again")),
        share("repeat_rate", words("重复率", "Repeat rate"), "repeated", "created"),
        share("second_rate", words("二次率", "Second rate"), "second_time", "created"),
    ],
    figures: &["created", "repeated", "second_time", "repeat_rate", "second_rate"],
    charts: &[
        Chart::Bar {
            title: words("各类型工单", "Orders by type"), label: "kind", series: WAYS
        },
        Chart::Pie { title: words("工单构成", "All orders"), pie: Pie::Totals(WAYS) },
    ],
    formulas: &[
        Formula {
            name: words("重复", "Repeated"),
            text: words(
                "新建时，同一客户同一类型的更早工单尚未办结",
                "an earlier order of the same customer and type was open when it was created",
            ),
        },
        Formula {
            name: words("二次", "Second"),
            text: words(
                "新建前 {repeat_days} 天内，同一客户同一类型的更早工单已办结，且没有在办的",
                "an earlier order of the same customer and type was closed within {repeat_days} days before it was created, and none was open",
            ),
        },
        Formula {
            name: words("重复率", "Repeat rate"),
            text: words("重复 ÷ 新建", "repeated ÷ created"),
        },
        Formula {
            name: words("二次率", "Second rate"),
            text: words("二次 ÷ 新建", "second ÷ created"),
        },
        Formula {
            name: words("新建", "Created"),
            text: words("首次 + 重复 + 二次", "first + repeated + second"),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// The orders of the period with their type and `way`: `first`, `repeated` or `second`.
fn told(window: &Window) -> String {
    let latest = latest(window, "kind, customer_id, created_at, closed_at");
    let (near_us, in_period) = (i64::from(window.repeat_days) * DAY_US, window.holds("created_at"));
    // Closed at most so many days before the later one was created.
    let near = |closed: &str, created: &str| {
        format!("CAST({closed} AS BIGINT) >= CAST({created} AS BIGINT) - {near_us}")
    };
    let (still_near, was_near) =
        (near("e.closed_at", "m.created_at"), near("o.closed_at", "t.created_at"));
    format!(
        "WITH latest AS ({latest}),
         made AS (SELECT * FROM latest WHERE {in_period}),
         pair AS (
             SELECT m.order_id, m.created_at, e.order_id AS earlier_id
             FROM made m
             JOIN latest e ON e.customer_id = m.customer_id AND e.kind = m.kind
             WHERE (e.created_at < m.created_at
                    OR (e.created_at = m.created_at AND e.order_id < m.order_id))
                   AND (e.closed_at IS NULL OR {still_near})
         ),
         then_known AS (
             SELECT p.order_id, p.created_at, p.earlier_id, MAX(v.version) AS version
             FROM pair p
             JOIN orders v ON v.order_id = p.earlier_id
             WHERE v.changed_at <= p.created_at
             GROUP BY p.order_id, p.created_at, p.earlier_id
         ),
         judged AS (
             SELECT t.order_id,
                    MAX(CASE WHEN o.closed_at IS NULL OR o.closed_at > t.created_at
                             THEN 1 ELSE 0 END) AS was_open,
                    MAX(CASE WHEN o.closed_at <= t.created_at AND {was_near}
                             THEN 1 ELSE 0 END) AS was_closed
             FROM then_known t
             JOIN orders o ON o.order_id = t.earlier_id AND o.version = t.version
             GROUP BY t.order_id
         )
         SELECT m.order_id, m.kind,
                CASE WHEN j.was_open = 1 THEN 'repeated'
                     WHEN j.was_closed = 1 THEN 'second'
                     ELSE 'first' END AS way
         FROM made m
         LEFT JOIN judged j ON j.order_id = m.order_id"
    )
}

fn sql(window: &Window) -> String {
    let told = told(window);
    let times = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    format!(
        "SELECT kind,
                COUNT(*) AS created,
                {first} AS first,
                {repeated} AS repeated,
                {second_time} AS second_time,
                {again} AS again
         FROM ({told}) AS told
         GROUP BY kind
         ORDER BY kind",
        first = times("way = 'first'"),
        repeated = times("way = 'repeated'"),
        second_time = times("way = 'second'"),
        again = times("way <> 'first'"),
    )
}

/// The orders of the row's type that were made in such a way.
fn made(window: &Window, row: &Fields, way: &str) -> Result<Condition, Error> {
    let kind = literal::text(&row.text("kind")?.unwrap_or_default());
    let told = told(window);
    let predicate = format!(
        "order_id IN (SELECT order_id FROM ({told}) AS told WHERE kind = {kind} AND {way})"
    );
    Ok(Condition { table: "orders", key: "order_id", predicate })
}

/// The orders that the column counts.
fn counted(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let way = match column {
        "first" => "way = 'first'",
        "repeated" => "way = 'repeated'",
        "second_time" => "way = 'second'",
        _ => "way IS NOT NULL",
    };
    made(window, row, way)
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    made(window, row, "way <> 'first'")
}
