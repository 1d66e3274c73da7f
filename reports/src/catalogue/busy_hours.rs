//! Busy hours: calls, waiting and satisfaction by weekday and hour of the day, as fields of squares.
//!
//! A call belongs to the hour in which it began, a stay in a queue to that in which it was entered, a
//! question to that in which it was asked, all on the clock of the report's zone.

use super::colour::{BAD, FAIR, GOOD};
use super::{PERIOD, ZONE, average, count, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, HOUR_US, Window};

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const OUTCOMES: &[(&str, &str)] = &[("answered", GOOD), ("abandoned", BAD), ("moved_on", FAIR)];

/// Calls, waiting and satisfaction by weekday and hour.
pub static BUSY_HOURS: Report = Report {
    id: "busy_hours",
    title: words("忙时分布", "Busy hours"),
    help: words(
        "按星期和一天中的小时统计来电、排队等待与满意度，并以热力图显示；各按其开始时间归入小时。",
        "Calls that came in, waiting in queues and satisfaction by weekday and hour of the day, drawn as fields of squares. Each belongs to the hour in which it began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["calls", "queue_visits", "surveys"])],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::apart("offered", counted),
        Number::apart("answered", counted),
        Number::apart("abandoned", counted),
        Number::apart("moved_on", counted),
        Number::apart("answers", counted),
    ],
    columns: &[
        text("weekday", words("星期", "Weekday"), Source::Word("weekday")),
        text("hour", words("时段", "Hour"), Source::Hour("hour")),
        count("calls", words("来电", "Calls")),
        count("offered", words("进入队列", "Offered")),
        count("answered", words("接听", "Answered")),
        count("abandoned", words("放弃", "Abandoned")),
        count("moved_on", words("转出", "Moved on")),
        average("asa", words("平均应答速度", "ASA"), "wait_ms", "answered"),
        count("answers", words("有效评价", "Valid answers")),
        share("satisfaction", words("满意率", "Satisfaction"), "satisfied", "answers"),
    ],
    figures: &["calls", "offered", "answered", "asa", "satisfaction"],
    charts: &[
        Chart::Bar {
            title: words("各星期排队结果", "Stays in queues by weekday"),
            label: "weekday",
            series: OUTCOMES,
        },
        Chart::Pie { title: words("排队结果构成", "All stays"), pie: Pie::Totals(OUTCOMES) },
        Chart::Heat {
            title: words("来电（星期 × 小时）", "Calls by weekday and hour"),
            row: "weekday",
            column: "hour",
            value: "calls",
        },
        Chart::Heat {
            title: words("平均应答速度（星期 × 小时）", "ASA by weekday and hour"),
            row: "weekday",
            column: "hour",
            value: "asa",
        },
        Chart::Heat {
            title: words("满意率（星期 × 小时）", "Satisfaction by weekday and hour"),
            row: "weekday",
            column: "hour",
            value: "satisfaction",
        },
    ],
    formulas: &[
        Formula {
            name: words("进入队列", "Offered"),
            text: words("接听 + 放弃 + 转出", "answered + abandoned + moved on"),
        },
        Formula {
            name: words("转出", "Moved on"),
            text: words("溢出、转留言或等待回拨", "flowed out, or waits for a callback"),
        },
        Formula {
            name: words("平均应答速度", "ASA"),
            text: words("接听的等待时长 ÷ 接听", "waiting of answered ÷ answered"),
        },
        Formula {
            name: words("满意率", "Satisfaction"),
            text: words("满意 ÷ 有效评价", "satisfied ÷ valid answers"),
        },
    ],
    subtotals: true,
    order: Order::Sql,
};

/// The weekday, from 0 for Monday, at the time in `at`. 1970-01-01 was a Thursday.
pub(super) fn number(window: &Window, at: &str) -> String {
    format!("({} / {DAY_US} + 3) % 7", window.of_days().local_us(at))
}

/// The stored word for the weekday of the field `number`.
pub(super) fn weekday() -> String {
    let word = |(number, name): (usize, &&str)| format!(" WHEN {number} THEN '{name}'");
    let words: String = WEEKDAYS.iter().enumerate().map(word).collect();
    format!("CASE number{words} END")
}

fn hour(window: &Window, at: &str) -> String {
    format!("{} / {HOUR_US} % 24", window.local_us(at))
}

fn sql(window: &Window) -> String {
    // What `counts` of rows of `table` in the hour of the time in `at`.
    let part = |table: &str, at: &str, counts: &str, only: &str| {
        let (number, hour) = (number(window, at), hour(window, at));
        let in_period = window.holds(at);
        format!(
            "SELECT {number} AS number, {hour} AS hour, {counts}
             FROM {table}
             WHERE {in_period}{only}
             GROUP BY {number}, {hour}"
        )
    };
    let of = |outcome: &str| format!("SUM(CASE WHEN outcome = '{outcome}' THEN 1 ELSE 0 END)");
    let calls = part(
        "calls",
        "started_at",
        "COUNT(*) AS calls, 0 AS offered, 0 AS answered, 0 AS abandoned, 0 AS wait_ms, \
         0 AS answers, 0 AS satisfied",
        " AND direction = 'inbound'",
    );
    let stays = format!(
        "0, COUNT(*), {}, {}, SUM(CASE WHEN outcome = 'answered' THEN wait_ms ELSE 0 END), 0, 0",
        of("answered"),
        of("abandoned"),
    );
    let stays = part("queue_visits", "entered_at", &stays, "");
    let asked = "0, 0, 0, 0, 0, COUNT(answer), \
         SUM(CASE WHEN answer = 'satisfied' THEN 1 ELSE 0 END)";
    let asked = part("surveys", "asked_at", asked, "");
    let weekday = weekday();
    format!(
        "WITH counted AS ({calls} UNION ALL {stays} UNION ALL {asked}),
         summed AS (
             SELECT number, hour, SUM(calls) AS calls, SUM(offered) AS offered,
                    SUM(answered) AS answered, SUM(abandoned) AS abandoned,
                    SUM(wait_ms) AS wait_ms, SUM(answers) AS answers,
                    SUM(satisfied) AS satisfied
             FROM counted
             GROUP BY number, hour
         )
         SELECT {weekday} AS weekday, number, hour, calls, offered, answered,
                abandoned, offered - answered - abandoned AS moved_on, wait_ms, answers, satisfied
         FROM summed
         ORDER BY number, hour"
    )
}

/// What the column counts of the hour's stays and questions.
fn counted(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let (weekday, of_day) = (row.int("number")?.unwrap_or(0), row.int("hour")?.unwrap_or(0));
    let (table, at, is) = match column {
        "offered" => ("queue_visits", "entered_at", ""),
        "answered" => ("queue_visits", "entered_at", " AND outcome = 'answered'"),
        "abandoned" => ("queue_visits", "entered_at", " AND outcome = 'abandoned'"),
        "moved_on" => {
            ("queue_visits", "entered_at", " AND outcome NOT IN ('answered', 'abandoned')")
        }
        _ => ("surveys", "asked_at", " AND answer IS NOT NULL"),
    };
    let predicate = format!(
        "{} AND {} = {weekday} AND {} = {of_day}{is}",
        window.holds(at),
        number(window, at),
        hour(window, at),
    );
    Ok(Condition { table, key: "contact_id", predicate })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (weekday, of_day) = (row.int("number")?.unwrap_or(0), row.int("hour")?.unwrap_or(0));
    let predicate = format!(
        "direction = 'inbound' AND {} AND {} = {weekday} AND {} = {of_day}",
        window.holds("started_at"),
        number(window, "started_at"),
        hour(window, "started_at"),
    );
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
