//! Orders by week, month and year: what came in, what was closed, what stayed open, and how that
//! compares with the interval before.
//!
//! An order counts where it was created, where it was closed and where it was due, each by the
//! local clock; its latest version at the time of asking speaks for it. The backlog reconciles:
//! open at start + created − closed = open at end, and one interval's end is the next one's start.
//! An interval that the period cuts counts its part only; the one before it is counted whole.

use super::colour::{GOOD, WORK};
use super::overdue_orders::{in_latest, latest};
use super::{PERIOD, ZONE, count, share, text};
use crate::definition::{Chart, Column, Formula, Order, Parameter, Pie, Report, Source, Total};
use crate::messages::{Words, words};
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use terms::Timestamp;
use warehouse::query::literal::{self, instant};

/// Every count but the change, which is a difference.
macro_rules! numbers {
    ($grain:ident) => {{
        const NUMBERS: &[Number] = &[
            Number::apart("open_before", |window, row, column| {
                counted(window, row, column, Grain::$grain)
            }),
            Number::apart("created", |window, row, column| {
                counted(window, row, column, Grain::$grain)
            }),
            Number::apart("closed", |window, row, column| {
                counted(window, row, column, Grain::$grain)
            }),
            Number::apart("open_after", |window, row, column| {
                counted(window, row, column, Grain::$grain)
            }),
            Number::apart("created_before", |window, row, column| {
                counted(window, row, column, Grain::$grain)
            }),
            Number::apart("due", |window, row, column| counted(window, row, column, Grain::$grain)),
        ];
        NUMBERS
    }};
}

/// Orders by week. A week is that of ISO 8601.
pub static ORDERS_BY_WEEK: Report = report(
    "orders_by_week",
    words("工单周统计", "Orders by week"),
    words(
        "按周（周一起）统计工单的新建、办结、到期与在办，并与上一周比较；以生成时各工单的最新状态为准。",
        "Orders created, closed, due and open by week, from Monday, beside those of the week before. The latest state of each order at the time of generation counts.",
    ),
    |window| sql(window, Grain::Week),
    |window, row| behind(window, row, Grain::Week),
    numbers!(Week),
);

/// Orders by month.
pub static ORDERS_BY_MONTH: Report = report(
    "orders_by_month",
    words("工单月统计", "Orders by month"),
    words(
        "按月统计工单的新建、办结、到期与在办，并与上一月比较；以生成时各工单的最新状态为准。",
        "Orders created, closed, due and open by month, beside those of the month before. The latest state of each order at the time of generation counts.",
    ),
    |window| sql(window, Grain::Month),
    |window, row| behind(window, row, Grain::Month),
    numbers!(Month),
);

/// Orders by year.
pub static ORDERS_BY_YEAR: Report = report(
    "orders_by_year",
    words("工单年统计", "Orders by year"),
    words(
        "按年统计工单的新建、办结、到期与在办，并与上一年比较；以生成时各工单的最新状态为准。",
        "Orders created, closed, due and open by year, beside those of the year before. The latest state of each order at the time of generation counts.",
    ),
    |window| sql(window, Grain::Year),
    |window, row| behind(window, row, Grain::Year),
    numbers!(Year),
);

const MOVES: &[(&str, &str)] = &[("created", WORK), ("closed", GOOD)];

/// What is no sum over intervals.
const fn of_interval(column: Column) -> Column {
    Column { total: Total::None, ..column }
}

const COLUMNS: &[Column] = &[
    text("interval", words("周期", "Interval"), Source::Interval("label")),
    of_interval(count("open_before", words("期初在办", "Open at start"))),
    count("created", words("新建", "Created")),
    count("closed", words("办结", "Closed")),
    of_interval(count("open_after", words("期末在办", "Open at end"))),
    of_interval(count("created_before", words("上期新建", "Created before"))),
    of_interval(count("change", words("增减", "Change"))),
    of_interval(share("of_before", words("环比", "Of before"), "created", "created_before")),
    count("due", words("到期", "Due")),
    share("on_time", words("按时办结率", "On-time rate"), "closed_in_time", "due"),
];

const PARAMETERS: &[Parameter] = &[PERIOD, ZONE];
const FIGURES: &[&str] = &["created", "closed", "due", "on_time"];

const CHARTS: &[Chart] = &[
    Chart::Bar {
        title: words("各周期工单", "Orders by interval"),
        label: "interval",
        series: MOVES,
    },
    Chart::Pie { title: words("新建与办结", "All orders"), pie: Pie::Totals(MOVES) },
];

const FORMULAS: &[Formula] = &[
    Formula {
        name: words("期末在办", "Open at end"),
        text: words("期初在办 + 新建 − 办结", "open at start + created − closed"),
    },
    Formula {
        name: words("增减", "Change"),
        text: words("新建 − 上期新建", "created − created before"),
    },
    Formula {
        name: words("环比", "Of before"),
        text: words("新建 ÷ 上期新建", "created ÷ created in the interval before"),
    },
    Formula {
        name: words("按时办结率", "On-time rate"),
        text: words(
            "按时办结 ÷ 到期（截止时间在该周期内的全部工单，超时未结的也在内）",
            "closed in time ÷ due (all orders whose deadline lies in the interval, open overdue ones too)",
        ),
    },
    Formula {
        name: words("周期", "Interval"),
        text: words(
            "统计期边界处的周期只计期内部分，上期按整期计",
            "of an interval that the period cuts the part within counts; the one before it is counted whole",
        ),
    },
];

const fn report(
    id: &'static str,
    title: Words,
    help: Words,
    sql: fn(&Window) -> String,
    behind: fn(&Window, &Fields) -> Result<Condition, Error>,
    numbers: &'static [Number],
) -> Report {
    Report {
        id,
        title,
        help,
        parameters: PARAMETERS,
        narrows: &[],
        sql,
        behind,
        numbers,
        columns: COLUMNS,
        figures: FIGURES,
        charts: CHARTS,
        formulas: FORMULAS,
        subtotals: false,
        order: Order::Sql,
    }
}

/// How long an interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Week,
    Month,
    Year,
}

impl Grain {
    /// At most so many days lie between the start of the interval before and any of its own.
    fn reach_days(self) -> i64 {
        match self {
            Grain::Week => 15,
            Grain::Month => 63,
            Grain::Year => 733,
        }
    }

    /// The interval's number at a local time in microseconds: the one before has one less.
    fn number(self, local: &str) -> String {
        let part = |part: &str| format!("CAST(date_part('{part}', {}) AS BIGINT)", clock(local));
        match self {
            // 1970-01-01 was a Thursday.
            Grain::Week => format!("({local} / {DAY_US} + 3) / 7"),
            Grain::Month => format!("{} * 12 + {}", part("year"), part("month")),
            Grain::Year => part("year"),
        }
    }

    /// The interval's name at a local time in microseconds: `2026-W47`, `2026-11`, `2026`.
    fn label(self, local: &str) -> String {
        let form = match self {
            Grain::Week => "%G-W%V",
            Grain::Month => "%Y-%m",
            Grain::Year => "%Y",
        };
        format!("to_char({}, '{form}')", clock(local))
    }
}

/// What a local clock shows.
fn clock(local: &str) -> String {
    format!("arrow_cast({local}, 'Timestamp(Microsecond, None)')")
}

/// Reads the orders once: each comes up for every way in which it may count.
fn sql(window: &Window, grain: Grain) -> String {
    let latest = latest(window, "created_at, closed_at, deadline_at");
    let from = instant(window.from);
    let before = window.since(Timestamp(window.from.0 - grain.reach_days() * DAY_US));
    let in_reach = before.holds("created_at");
    let [closed, due, moved] =
        ["closed_at", "deadline_at", "moved_at"].map(|column| window.holds(column));
    let open = format!("created_at < {from} AND (closed_at IS NULL OR closed_at >= {from})");
    let local = before.of_days().local_us("moved_at");
    let (number, label) = (grain.number("local_us"), grain.label("first_us"));
    let counted = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let [created, closed_there, due_there, in_time, earlier, opened] = [
        "way = 'created'",
        "way = 'closed'",
        "way = 'due'",
        "way = 'due' AND closed_at <= deadline_at",
        "way = 'earlier'",
        "way = 'open'",
    ]
    .map(counted);
    format!(
        "WITH latest AS ({latest}),
         moves AS (
             SELECT way, created_at, closed_at, deadline_at,
                    CASE way WHEN 'closed' THEN closed_at
                             WHEN 'due' THEN deadline_at
                             ELSE created_at END AS moved_at
             FROM latest
             CROSS JOIN (VALUES ('created'), ('closed'), ('due'), ('earlier'), ('open'))
                 AS ways (way)
             WHERE ({in_reach}) OR ({closed}) OR ({due}) OR ({open})
         ),
         counting AS (
             SELECT way, closed_at, deadline_at, {local} AS local_us
             FROM moves
             WHERE CASE way WHEN 'earlier' THEN {in_reach}
                            WHEN 'open' THEN {open}
                            ELSE {moved} END
         ),
         numbered AS (
             SELECT way, closed_at, deadline_at, local_us,
                    {number} + CASE way WHEN 'earlier' THEN 1 ELSE 0 END AS number
             FROM counting
         ),
         counted AS (
             SELECT number, {created} AS created, {closed_there} AS closed, {due_there} AS due,
                    {in_time} AS closed_in_time, {earlier} AS created_before,
                    {opened} AS opened,
                    MIN(CASE WHEN way IN ('created', 'closed', 'due') THEN local_us END)
                        AS first_us
             FROM numbered
             GROUP BY number
         ),
         backlog AS (
             SELECT number, first_us, created, closed, due, closed_in_time, created_before,
                    SUM(opened) OVER () + SUM(created - closed) OVER (
                        ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS open_after
             FROM counted
         )
         SELECT {label} AS label, number, created, closed, due, closed_in_time, open_after,
                open_after - created + closed AS open_before, created_before,
                created - created_before AS change
         FROM backlog
         WHERE first_us IS NOT NULL
         ORDER BY number"
    )
}

/// The orders that the column counts.
fn counted(
    window: &Window,
    row: &Fields,
    column: &'static str,
    grain: Grain,
) -> Result<Condition, Error> {
    let this = row.int("number")?.unwrap_or(0);
    let before = window.since(Timestamp(window.from.0 - grain.reach_days() * DAY_US));
    let days = before.of_days();
    let number = |at: &str| grain.number(&days.local_us(at));
    let there = |at: &str, is: &str| format!("({} AND {} {is})", window.holds(at), number(at));
    // Open when the interval ended that has this number.
    let open = |last: i64| {
        let (from, to) = (instant(window.from), instant(window.to));
        let (made, ended) =
            (there("created_at", &format!("<= {last}")), there("closed_at", &format!("> {last}")));
        format!(
            "(created_at < {from} OR {made}) \
             AND (closed_at IS NULL OR closed_at >= {to} OR {ended})"
        )
    };
    let here = format!("= {this}");
    let is = match column {
        "created" => there("created_at", &here),
        "closed" => there("closed_at", &here),
        "due" => there("deadline_at", &here),
        "created_before" => {
            format!(
                "{} AND {} = {}",
                before.holds("created_at"),
                number("created_at"),
                this.saturating_sub(1)
            )
        }
        "open_before" => open(this.saturating_sub(1)),
        _ => open(this),
    };
    let predicate = in_latest(window, "created_at, closed_at, deadline_at", &is);
    Ok(Condition { table: "orders", key: "order_id", predicate })
}

fn behind(window: &Window, row: &Fields, grain: Grain) -> Result<Condition, Error> {
    let label = literal::text(&row.text("label")?.unwrap_or_default());
    let moved = |at: &str| {
        let found = grain.label(&window.of_days().local_us(at));
        format!("({} AND {found} = {label})", window.holds(at))
    };
    let predicate = format!(
        "order_id IN (SELECT order_id FROM ({}) AS latest WHERE {} OR {} OR {})",
        latest(window, "created_at, closed_at, deadline_at"),
        moved("created_at"),
        moved("closed_at"),
        moved("deadline_at"),
    );
    Ok(Condition { table: "orders", key: "order_id", predicate })
}
