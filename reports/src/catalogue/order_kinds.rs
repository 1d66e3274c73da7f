//! What is wrong most often and how long it takes to be resolved: orders by type.
//!
//! The cohort is by creation; the latest version that was known at the time of asking speaks for its
//! order.

use super::colour::{FAIR, GOOD};
use super::overdue_orders::{in_latest, latest};
use super::{PERIOD, ZONE, average, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use warehouse::query::literal;

const STATES: &[(&str, &str)] = &[("closed", GOOD), ("open", FAIR)];

/// Orders by type. An order belongs to the time at which it was created.
pub static ORDER_KINDS: Report = Report {
    id: "order_kinds",
    title: words("问题类型与解决时长", "Issues by type and time to resolve"),
    help: words(
        "统计期内新建的工单，按类型统计数量与解决时长，最多的在前；以生成时各工单的最新状态为准。",
        "Orders created in the period by type, the most frequent first: how many, and how long they took to be closed. The latest state of each order at the time of generation counts.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("created"),
        Number::when("closed", ended),
        Number::when("open", ended),
        Number::when("closed_1d", ended),
    ],
    columns: &[
        text("kind", words("类型", "Type"), Source::Field("kind")),
        count("created", words("新建", "Created")),
        Column {
            total: Total::None,
            ..share("of_all", words("占比", "Of all"), "created", "all_created")
        },
        count("closed", words("已办结", "Closed")),
        count("open", words("未办结", "Open")),
        count("closed_1d", words("一日内办结", "Closed in a day")),
        share("in_a_day", words("一日办结率", "In a day"), "closed_1d", "created"),
        average("resolve_mean", words("平均解决时长", "Mean"), "resolve_ms", "closed"),
        Column {
            total: Total::Max,
            ..duration("resolve_ms_max", words("最长解决时长", "Longest"))
        },
    ],
    figures: &["created", "closed", "open", "in_a_day", "resolve_mean"],
    charts: &[
        Chart::Bar {
            title: words("各类型工单", "Orders by type"), label: "kind", series: STATES
        },
        Chart::Pie { title: words("办结情况", "All orders"), pie: Pie::Totals(STATES) },
    ],
    formulas: &[
        Formula {
            name: words("占比", "Of all"),
            text: words("该类型的新建 ÷ 全部新建", "created of the type ÷ all created"),
        },
        Formula {
            name: words("一日办结率", "In a day"),
            text: words(
                "新建后 24 小时内办结 ÷ 新建",
                "closed within 24 hours of being created ÷ created",
            ),
        },
        Formula {
            name: words("平均解决时长", "Mean"),
            text: words(
                "已办结工单从新建到办结的时长之和 ÷ 已办结",
                "time from creation to closing of those closed ÷ closed",
            ),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

const COLUMNS: &str = "kind, created_at, closed_at";

fn sql(window: &Window) -> String {
    let (latest, in_period) = (latest(window, COLUMNS), window.holds("created_at"));
    format!(
        "WITH latest AS ({latest}),
         resolved AS (
             SELECT kind, CAST(closed_at AS BIGINT) - CAST(created_at AS BIGINT) AS took_us
             FROM latest
             WHERE {in_period}
         ),
         counted AS (
             SELECT kind, COUNT(*) AS created, COUNT(took_us) AS closed,
                    SUM(CASE WHEN took_us <= {DAY_US} THEN 1 ELSE 0 END) AS closed_1d,
                    SUM(took_us) / 1000 AS resolve_ms, MAX(took_us) / 1000 AS resolve_ms_max
             FROM resolved
             GROUP BY kind
         )
         SELECT *, created - closed AS open, SUM(created) OVER () AS all_created
         FROM counted
         ORDER BY created DESC, kind"
    )
}

/// The orders that the column counts, as a condition on orders.
fn ended(window: &Window, column: &'static str) -> String {
    let is = match column {
        "closed" => "closed_at IS NOT NULL".to_owned(),
        "open" => "closed_at IS NULL".to_owned(),
        _ => format!("CAST(closed_at AS BIGINT) - CAST(created_at AS BIGINT) <= {DAY_US}"),
    };
    in_latest(window, COLUMNS, &is)
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let kind = literal::text(&row.text("kind")?.unwrap_or_default());
    let (latest, in_period) = (latest(window, COLUMNS), window.holds("created_at"));
    let predicate = format!(
        "order_id IN (SELECT order_id FROM ({latest}) AS latest \
         WHERE kind = {kind} AND {in_period})"
    );
    Ok(Condition { table: "orders", key: "order_id", predicate })
}
