//! Forecast and staffing: for each queue, weekday and half-hour of the day, the contacts to expect and
//! the agents that they need.
//!
//! A Monday is forecast by Mondays: the forecast is the mean of those of the period that have begun, so
//! the period is some weeks of the past. It knows no holidays; weeks with some are left out of the
//! period by who asks. The mean handle time is that of the answers in the half-hour of the weekday, or
//! of the whole queue where there were none. Erlang C says how many agents reach the service level;
//! with as many, Erlang A says how many callers will hang up, their patience being all waiting over
//! all who hung up.

use super::busy_hours::{number, weekday};
use super::colour::{BAD, GOOD};
use super::{PERIOD, SERVICE_LEVEL, ZONE, average, count, decimal, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{HOUR_US, Window};
use warehouse::query::literal::instant;

const HALF_US: i64 = HOUR_US / 2;
/// The share that is to be answered in time.
const TARGET: &str = "0.8";

const ANSWERED_OR_NOT: &[(&str, &str)] = &[("answered", GOOD), ("unanswered", BAD)];

/// What is no sum over half-hours.
const fn of_interval(column: Column) -> Column {
    Column { total: Total::None, ..column }
}

/// Staffing by queue, weekday and half-hour. A contact belongs to the time at which it entered the
/// queue, its handle time to that of the answer.
pub static STAFFING: Report = Report {
    id: "staffing",
    title: words("话务预测与排班", "Forecast and staffing"),
    help: words(
        "按队列、星期和一天中的半小时，以统计期内同一星期几的平均来电与平均处理时长预测话务量，并按 Erlang C 计算所需坐席；统计期宜取过去若干整周，避开节假日。",
        "By queue, weekday and half-hour of the day: the load to expect, as the mean of the same weekdays of the period, and the agents that Erlang C asks for. Best asked over some whole weeks of the past without holidays.",
    ),
    parameters: &[PERIOD, ZONE, SERVICE_LEVEL],
    narrows: &[Narrowing::queues(&["queue_visits", "legs"])],
    sql,
    behind,
    numbers: &[
        Number::all("offered"),
        Number::only("answered", "outcome = 'answered'"),
        Number::only("unanswered", "outcome <> 'answered'"),
    ],
    columns: &[
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        text("weekday", words("星期", "Weekday"), Source::Word("weekday")),
        text("interval", words("时段", "Interval"), Source::HalfHour("slot")),
        count("offered", words("进线", "Offered")),
        count("answered", words("接听", "Answered")),
        count("unanswered", words("未接听", "Not answered")),
        of_interval(decimal(
            "forecast",
            words("预测进线", "Forecast"),
            "offered_hundredths",
            "days",
        )),
        average("aht", words("平均处理", "AHT"), "handle_ms", "handled"),
        of_interval(decimal("load", words("话务量", "Load"), "load_hundredths", "one")),
        Column { total: Total::Max, ..count("agents", words("所需坐席", "Agents")) },
        of_interval(share(
            "level",
            words("预计服务水平", "Service level"),
            "level_millionths",
            "level_known",
        )),
        of_interval(average("speed", words("预计应答速度", "ASA"), "speed_ms", "speed_known")),
        of_interval(share(
            "busy",
            words("预计占用率", "Occupancy"),
            "busy_millionths",
            "level_known",
        )),
        of_interval(share(
            "abandoned",
            words("预计放弃率", "Abandon rate"),
            "abandoned_millionths",
            "abandoned_known",
        )),
    ],
    figures: &["offered", "answered", "aht", "agents"],
    charts: &[
        Chart::Bar {
            title: words("各队列进线", "Offered by queue"),
            label: "queue",
            series: ANSWERED_OR_NOT,
        },
        Chart::Pie {
            title: words("进线构成", "All offered"), pie: Pie::Totals(ANSWERED_OR_NOT)
        },
    ],
    formulas: &[
        Formula {
            name: words("预测进线", "Forecast"),
            text: words(
                "进线 ÷ 统计期内已开始的同一星期几的天数",
                "offered ÷ days of the period that have begun and are that weekday",
            ),
        },
        Formula {
            name: words("平均处理", "AHT"),
            text: words(
                "(通话 + 保持 + 话后) ÷ 接听，按接听时间归入星期和时段；其中无接听的用全队列的平均值",
                "(talk + hold + wrap-up) ÷ answered, by the weekday and half-hour of the answer; that of the whole queue where nothing was",
            ),
        },
        Formula {
            name: words("话务量", "Load"),
            text: words(
                "a = 预测进线 × 平均处理 ÷ 30 分钟（Erl）",
                "a = forecast × AHT ÷ 30 minutes, in erlangs",
            ),
        },
        Formula {
            name: words("所需坐席", "Agents"),
            text: words(
                "使 {service_level_s} 秒服务水平不低于 80% 的最少坐席数 N；合计为最大值",
                "the fewest N who answer 80% within {service_level_s} s; the total is the greatest",
            ),
        },
        Formula {
            name: words("预计服务水平", "Service level"),
            text: words(
                "1 − C·exp(−(N − a)·{service_level_s} ÷ 平均处理)，C = B ÷ (1 − (a ÷ N)(1 − B))，B(n) = a·B(n−1) ÷ (n + a·B(n−1))，B(0) = 1",
                "1 − C·exp(−(N − a)·{service_level_s} ÷ AHT), C = B ÷ (1 − (a ÷ N)(1 − B)), B(n) = a·B(n−1) ÷ (n + a·B(n−1)), B(0) = 1",
            ),
        },
        Formula {
            name: words("预计应答速度", "ASA"),
            text: words("C × 平均处理 ÷ (N − a)", "C × AHT ÷ (N − a)"),
        },
        Formula { name: words("预计占用率", "Occupancy"), text: words("a ÷ N", "a ÷ N") },
        Formula {
            name: words("预计放弃率", "Abandon rate"),
            text: words(
                "Erlang A，平均耐心 = 队列全部等待 ÷ 放弃数",
                "Erlang A with a mean patience of all waiting in the queue ÷ abandoned",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

/// The half-hour of the day, 0 to 47, of the time in `at`.
pub(super) fn slot(window: &Window, at: &str) -> String {
    format!("{} / {HALF_US} % 48", window.local_us(at))
}

fn sql(window: &Window) -> String {
    let (entered, answered) = (window.holds("entered_at"), window.holds("l.answered_at"));
    let (entered_slot, answered_slot) = (slot(window, "entered_at"), slot(window, "l.answered_at"));
    let (entered_day, answered_day) =
        (number(window, "entered_at"), number(window, "l.answered_at"));
    let (days, weekday, within) = (days(window), weekday(), window.service_level_s);
    let from = instant(window.from);
    let counted = |outcome: &str| format!("SUM(CASE WHEN outcome = '{outcome}' THEN 1 ELSE 0 END)");
    let (were_answered, hung_up) = (counted("answered"), counted("abandoned"));
    // Shares travel as millionths.
    let millionths = |share: &str| format!("CAST(ROUND({share} * 1000000) AS BIGINT)");
    let level = millionths(&format!("service_level(load, agents, handle_s, {within})"));
    let busy = millionths("occupancy(load, agents)");
    let abandoned = millionths("erlang_a_abandoned(load, agents, handle_s, patience_s)");
    format!(
        "WITH came AS (
             SELECT queue_id, {entered_day} AS number, {entered_slot} AS slot, COUNT(*) AS offered,
                    {were_answered} AS answered, {hung_up} AS hung_up,
                    SUM(CAST(wait_ms AS BIGINT)) AS wait_ms
             FROM queue_visits
             WHERE {entered}
             GROUP BY queue_id, {entered_day}, {entered_slot}
         ),
         wrap AS (
             SELECT call_id, agent_id, SUM(CAST(duration_ms AS BIGINT)) AS wrap_up_ms
             FROM agent_spans
             WHERE activity = 'wrap_up' AND call_id IS NOT NULL AND started_at >= {from}
             GROUP BY call_id, agent_id
         ),
         handled AS (
             SELECT l.queue_id, {answered_day} AS number, {answered_slot} AS slot,
                    COUNT(*) AS handled,
                    SUM(CAST(l.talk_ms AS BIGINT) + l.hold_ms + COALESCE(w.wrap_up_ms, 0))
                        AS handle_ms
             FROM legs l
             LEFT JOIN wrap w ON w.call_id = l.call_id AND w.agent_id = l.agent_id
             WHERE l.role = 'agent' AND l.queue_id IS NOT NULL AND l.answered_at IS NOT NULL
                   AND {answered}
             GROUP BY l.queue_id, {answered_day}, {answered_slot}
         ),
         either AS (
             SELECT queue_id, number, slot, offered, answered, hung_up, wait_ms, 0 AS handled,
                    0 AS handle_ms
             FROM came
             UNION ALL
             SELECT queue_id, number, slot, 0, 0, 0, 0, handled, handle_ms
             FROM handled
         ),
         summed AS (
             SELECT queue_id, number, slot, SUM(offered) AS offered, SUM(answered) AS answered,
                    SUM(hung_up) AS hung_up, SUM(wait_ms) AS wait_ms, SUM(handled) AS handled,
                    SUM(handle_ms) AS handle_ms
             FROM either
             GROUP BY queue_id, number, slot
         ),
         whole AS (
             SELECT *,
                    CAST(SUM(wait_ms) OVER whole_queue AS DOUBLE)
                        / NULLIF(SUM(hung_up) OVER whole_queue, 0) / 1000 AS patience_s,
                    CAST(SUM(handle_ms) OVER whole_queue AS DOUBLE)
                        / NULLIF(SUM(handled) OVER whole_queue, 0) / 1000 AS queue_handle_s
             FROM summed
             WINDOW whole_queue AS (PARTITION BY queue_id)
         ),
         history AS (
             SELECT queue_id, number, slot, {days} AS days, offered, answered, handled, handle_ms,
                    NULLIF(COALESCE(CAST(handle_ms AS DOUBLE) / NULLIF(handled, 0) / 1000,
                                    queue_handle_s), 0) AS handle_s,
                    NULLIF(patience_s, 0) AS patience_s
             FROM whole
             WHERE offered > 0
         ),
         loaded AS (
             SELECT *, CAST(offered AS DOUBLE) / days / 1800 * handle_s AS load FROM history
         ),
         staffed AS (
             SELECT *, agents_needed(load, handle_s, {TARGET}, {within}) AS agents FROM loaded
         ),
         judged AS (
             SELECT *, {level} AS level_millionths, {busy} AS busy_millionths,
                    {abandoned} AS abandoned_millionths,
                    CAST(ROUND(answer_speed(load, agents, handle_s) * 1000) AS BIGINT) AS speed_ms
             FROM staffed
         )
         SELECT queue_id, {weekday} AS weekday, number, slot, offered, answered,
                offered - answered AS unanswered,
                offered * 100 AS offered_hundredths, days, handled, handle_ms,
                CAST(ROUND(load * 100) AS BIGINT) AS load_hundredths,
                CASE WHEN load IS NULL THEN 0 ELSE 1 END AS one,
                CAST(agents AS BIGINT) AS agents, level_millionths, busy_millionths,
                CASE WHEN level_millionths IS NULL THEN 0 ELSE 1000000 END AS level_known,
                speed_ms, CASE WHEN speed_ms IS NULL THEN 0 ELSE 1 END AS speed_known,
                abandoned_millionths,
                CASE WHEN abandoned_millionths IS NULL THEN 0 ELSE 1000000 END AS abandoned_known
         FROM judged
         ORDER BY queue_id, number, slot"
    )
}

/// How many days of the weekday in the field `number` the forecast is the mean of.
fn days(window: &Window) -> String {
    let begun = window.of_days().weekdays_begun();
    let of = |(number, days): (usize, i64)| format!(" WHEN {number} THEN {}", days.max(1));
    format!("CASE number{} END", begun.into_iter().enumerate().map(of).collect::<String>())
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (queue, on) = (row.int("queue_id")?.unwrap_or(0), row.int("slot")?.unwrap_or(0));
    let predicate = format!(
        "queue_id = {queue} AND {} AND {} = {} AND {} = {on}",
        window.holds("entered_at"),
        number(window, "entered_at"),
        row.int("number")?.unwrap_or(0),
        slot(window, "entered_at"),
    );
    Ok(Condition { table: "queue_visits", key: "contact_id", predicate })
}
