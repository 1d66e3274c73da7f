//! Service level by queue and half-hour of the day, by every formula of the trade.
//!
//! A stay in a queue belongs to the time at which the contact entered it, as in the queue summary.

use super::colour::{BAD, FAIR, GOOD};
use super::queue_summary::counted_stays;
use super::staffing::slot;
use super::{
    PERIOD, SERVICE_LEVEL, SERVICE_LEVEL_FORMULA, SHORT_ABANDON, ZONE, count, share, text,
};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::level;
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

const PARTS: &[(&str, &str)] = &[("in_time", GOOD), ("late", FAIR), ("abandoned", BAD)];

/// Service level by queue and half-hour.
pub static SERVICE_LEVELS: Report = Report {
    id: "service_level",
    title: words("服务水平统计", "Service level"),
    help: words(
        "按队列和一天中的半小时统计服务水平，各天同一时段合计，并列出通行的各种算法；按进入队列的时间归入。",
        "Service level by queue and half-hour of the day, the same half-hour of all days together, by all formulas of the trade; counted when the contact entered the queue.",
    ),
    parameters: &[PERIOD, ZONE, SERVICE_LEVEL, SHORT_ABANDON, SERVICE_LEVEL_FORMULA],
    narrows: &[Narrowing::queues(&["queue_visits"])],
    sql,
    behind,
    numbers: &[
        Number::all("offered"),
        Number::when("answered", counted_stays),
        Number::when("in_time", counted_stays),
        Number::when("late", counted_stays),
        Number::when("abandoned", counted_stays),
        Number::when("abandoned_in_time", counted_stays),
        Number::when("short_abandoned", counted_stays),
    ],
    columns: &[
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        text("interval", words("时段", "Interval"), Source::HalfHour("slot")),
        count("offered", words("进线", "Offered")),
        count("answered", words("接听", "Answered")),
        count("in_time", words("及时接听", "In time")),
        count("late", words("超时接听", "Late")),
        count("abandoned", words("放弃", "Abandoned")),
        count("abandoned_in_time", words("及时放弃", "Abandoned in time")),
        count("short_abandoned", words("短放弃", "Short")),
        share("level", words("服务水平", "Service level"), "in_time", "base"),
        share("level_f1", words("F1", "F1"), "served_or_gone", "ended"),
        share("level_f2", words("F2", "F2"), "in_time", "answered"),
        share("level_f3", words("F3", "F3"), "in_time", "ended"),
        share("level_f4", words("F4", "F4"), "in_time", "answered_or_waited"),
        share("abandon_rate", words("净放弃率", "Abandon rate"), "abandoned_long", "offered_long"),
    ],
    figures: &["offered", "level", "level_f1", "level_f3", "abandon_rate"],
    charts: &[
        Chart::Bar {
            title: words("各队列接听与放弃", "Answered and abandoned by queue"),
            label: "queue",
            series: PARTS,
        },
        Chart::Pie { title: words("接听与放弃构成", "All"), pie: Pie::Totals(PARTS) },
    ],
    formulas: &[
        Formula { name: words("服务水平", "Service level"), text: level::USUAL },
        Formula { name: words("F1", "F1"), text: level::F1 },
        Formula { name: words("F2", "F2"), text: level::F2 },
        Formula { name: words("F3", "F3"), text: level::F3 },
        Formula { name: words("F4", "F4"), text: level::F4 },
        Formula {
            name: words("净放弃率", "Abandon rate"),
            text: words(
                "(放弃 − 短放弃) ÷ (进线 − 短放弃)",
                "(abandoned − short) ÷ (offered − short)",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

/// The counts of half-hours of the day, out of stays.
fn stays(window: &Window) -> String {
    let (in_period, slot) = (window.holds("entered_at"), slot(window, "entered_at"));
    let in_time_ms = i64::from(window.service_level_s) * 1000;
    let short_ms = i64::from(window.short_abandon_s) * 1000;
    let counted = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let within =
        |outcome: &str, ms: i64| counted(&format!("outcome = '{outcome}' AND wait_ms <= {ms}"));
    let (answered, abandoned) = (counted("outcome = 'answered'"), counted("outcome = 'abandoned'"));
    let in_time = within("answered", in_time_ms);
    let (gone, short) = (within("abandoned", in_time_ms), within("abandoned", short_ms));
    format!(
        "SELECT queue_id, {slot} AS slot, COUNT(*) AS offered, {answered} AS answered,
                {in_time} AS in_time, {abandoned} AS abandoned,
                {gone} AS abandoned_in_time, {short} AS short_abandoned
         FROM queue_visits
         WHERE {in_period}
         GROUP BY queue_id, {slot}"
    )
}

/// The same out of counts of quarter-hours.
fn counts(window: &Window) -> String {
    let (in_period, slot) = (window.holds("from_at"), slot(window, "from_at"));
    format!(
        "SELECT queue_id, {slot} AS slot, SUM(offered) AS offered, SUM(answered) AS answered,
                SUM(answered_20s) AS in_time, SUM(abandoned) AS abandoned,
                SUM(abandoned_20s) AS abandoned_in_time, SUM(abandoned_5s) AS short_abandoned
         FROM queue_intervals
         WHERE {in_period}
         GROUP BY queue_id, {slot}"
    )
}

fn sql(window: &Window) -> String {
    let counted = if window.counts_fit() { counts(window) } else { stays(window) };
    format!(
        "WITH counted AS ({counted})
         SELECT *, answered - in_time AS late,
                answered + abandoned - short_abandoned AS base,
                in_time + abandoned_in_time AS served_or_gone,
                answered + abandoned AS ended,
                answered + abandoned - abandoned_in_time AS answered_or_waited,
                abandoned - short_abandoned AS abandoned_long,
                offered - short_abandoned AS offered_long
         FROM counted
         ORDER BY queue_id, slot"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (queue, on) = (row.int("queue_id")?.unwrap_or(0), row.int("slot")?.unwrap_or(0));
    let (in_period, slot) = (window.holds("entered_at"), slot(window, "entered_at"));
    let predicate = format!("queue_id = {queue} AND {in_period} AND {slot} = {on}");
    Ok(Condition { table: "queue_visits", key: "contact_id", predicate })
}
