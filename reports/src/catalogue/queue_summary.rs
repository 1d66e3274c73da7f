//! Queues: what came in, what was answered, how long people waited, service level.
//!
//! A stay in a queue belongs to the time at which the contact entered it. Only finished stays are
//! in the table, so offered = answered + abandoned + flowed out + callback queued in every row.

use super::colour::{BAD, FAIR, GOOD, HOLD};
use super::{
    PERIOD, SERVICE_LEVEL, SERVICE_LEVEL_FORMULA, SHORT_ABANDON, ZONE, average, count, duration,
    share, text,
};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

const OUTCOMES: &[(&str, &str)] =
    &[("answered", GOOD), ("abandoned", BAD), ("flowed_out", FAIR), ("callback_queued", HOLD)];

/// Queues in a period.
pub static QUEUE_SUMMARY: Report = Report {
    id: "queue_summary",
    title: words("队列话务统计", "Queues"),
    help: words(
        "按队列统计进线、接听、放弃与等待；按进入队列的时间归入统计期。",
        "What each queue was offered and what became of it, counted when the contact entered the queue.",
    ),
    parameters: &[PERIOD, ZONE, SERVICE_LEVEL, SHORT_ABANDON, SERVICE_LEVEL_FORMULA],
    narrows: &[Narrowing::queues(&["queue_visits"])],
    sql,
    behind,
    numbers: &[
        Number::all("offered"),
        Number::when("answered", counted_stays),
        Number::when("in_time", counted_stays),
        Number::when("abandoned", counted_stays),
        Number::when("short_abandoned", counted_stays),
        Number::when("flowed_out", counted_stays),
        Number::when("callback_queued", counted_stays),
    ],
    columns: &[
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        count("offered", words("进线", "Offered")),
        count("answered", words("接听", "Answered")),
        count("in_time", words("及时接听", "In time")),
        count("abandoned", words("放弃", "Abandoned")),
        count("short_abandoned", words("其中短放弃", "Short")),
        count("flowed_out", words("转出", "Flowed out")),
        count("callback_queued", words("预约回拨", "Callback")),
        share("connect_rate", words("接通率", "Connect rate"), "answered", "offered"),
        share("service_level", words("服务水平", "Service level"), "service_top", "service_base"),
        share("abandon_rate", words("放弃率", "Abandon rate"), "abandoned", "offered"),
        average("asa", words("平均应答速度", "ASA"), "answer_wait_ms", "answered"),
        Column {
            total: Total::Max, ..duration("wait_ms_max", words("最长等待", "Longest wait"))
        },
    ],
    figures: &["offered", "connect_rate", "service_level", "abandon_rate", "asa"],
    charts: &[
        Chart::Bar {
            title: words("各队列进线结果", "Outcomes by queue"),
            label: "queue",
            series: OUTCOMES,
        },
        Chart::Pie {
            title: words("进线结果构成", "All outcomes"), pie: Pie::Totals(OUTCOMES)
        },
    ],
    formulas: &[
        Formula {
            name: words("进线", "Offered"),
            text: words(
                "接听 + 放弃 + 转出 + 预约回拨",
                "answered + abandoned + flowed out + callback",
            ),
        },
        Formula {
            name: words("接通率", "Connect rate"),
            text: words("接听 ÷ 进线", "answered ÷ offered"),
        },
        Formula {
            name: words("服务水平", "Service level"),
            text: words("{service_level}", "{service_level}"),
        },
        Formula {
            name: words("放弃率", "Abandon rate"),
            text: words("放弃 ÷ 进线", "abandoned ÷ offered"),
        },
        Formula {
            name: words("平均应答速度", "ASA"),
            text: words(
                "已接听者的排队时间之和（含振铃）÷ 接听",
                "queue wait of answered, ringing included ÷ answered",
            ),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// The same numbers out of counts of quarter-hours.
fn sql_of_counts(window: &Window) -> String {
    let in_period = window.holds("from_at");
    let (top, base) = window.level.parts();
    format!(
        "WITH counted AS (
             SELECT queue_id, SUM(offered) AS offered, SUM(answered) AS answered,
                    SUM(answered_20s) AS in_time, SUM(abandoned) AS abandoned,
                    SUM(abandoned_20s) AS abandoned_in_time,
                    SUM(abandoned_5s) AS short_abandoned, SUM(flowed_out) AS flowed_out,
                    SUM(callback_queued) AS callback_queued,
                    SUM(answered_wait_ms) AS answer_wait_ms, MAX(wait_ms_max) AS wait_ms_max
             FROM queue_intervals
             WHERE {in_period}
             GROUP BY queue_id
         )
         SELECT *, {top} AS service_top, {base} AS service_base
         FROM counted
         ORDER BY queue_id"
    )
}

fn sql(window: &Window) -> String {
    if window.counts_fit() {
        return sql_of_counts(window);
    }
    let in_period = window.holds("entered_at");
    let (top, base) = window.level.parts();
    let in_time = i64::from(window.service_level_s) * 1000;
    let short = i64::from(window.short_abandon_s) * 1000;
    format!(
        "WITH counted AS (
             SELECT queue_id,
                    COUNT(*) AS offered,
                    SUM(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END) AS answered,
                    SUM(CASE WHEN outcome = 'answered' AND wait_ms <= {in_time} THEN 1 ELSE 0 END)
                        AS in_time,
                    SUM(CASE WHEN outcome = 'abandoned' THEN 1 ELSE 0 END) AS abandoned,
                    SUM(CASE WHEN outcome = 'abandoned' AND wait_ms <= {in_time} THEN 1 ELSE 0 END)
                        AS abandoned_in_time,
                    SUM(CASE WHEN outcome = 'abandoned' AND wait_ms <= {short} THEN 1 ELSE 0 END)
                        AS short_abandoned,
                    SUM(CASE WHEN outcome = 'flowed_out' THEN 1 ELSE 0 END) AS flowed_out,
                    SUM(CASE WHEN outcome = 'callback_queued' THEN 1 ELSE 0 END) AS callback_queued,
                    SUM(CASE WHEN outcome = 'answered' THEN CAST(wait_ms AS BIGINT) ELSE 0 END)
                        AS answer_wait_ms,
                    MAX(wait_ms) AS wait_ms_max
             FROM queue_visits
             WHERE {in_period}
             GROUP BY queue_id
         )
         SELECT *, {top} AS service_top, {base} AS service_base
         FROM counted
         ORDER BY queue_id"
    )
}

/// What the column `column` counts of the stays of a queue.
pub(super) fn counted_stays(window: &Window, column: &'static str) -> String {
    let in_time_ms = i64::from(window.service_level_s) * 1000;
    let short_ms = i64::from(window.short_abandon_s) * 1000;
    match column {
        "in_time" => format!("outcome = 'answered' AND wait_ms <= {in_time_ms}"),
        "late" => format!("outcome = 'answered' AND wait_ms > {in_time_ms}"),
        "abandoned_in_time" => format!("outcome = 'abandoned' AND wait_ms <= {in_time_ms}"),
        "short_abandoned" => format!("outcome = 'abandoned' AND wait_ms <= {short_ms}"),
        outcome => format!("outcome = '{outcome}'"),
    }
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let queue = row.int("queue_id")?.unwrap_or(0);
    let predicate = format!("queue_id = {queue} AND {}", window.holds("entered_at"));
    Ok(Condition { table: "queue_visits", key: "contact_id", predicate })
}
