//! Abandoned calls one by one: who hung up while queued, after how long, and whether they were
//! reached later.
//!
//! A stay in a queue belongs to the time at which the contact entered it, as in the queue summary,
//! so that the list has as many rows as that report counts abandoned.

use super::calls_of::calls_of;
use super::{PERIOD, SHORT_ABANDON, ZONE, average, count, customer, is_known, text, time};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::instant;

/// Abandoned calls. A call belongs to the time at which it entered the queue that it left.
pub static ABANDONED_CALLS: Report = Report {
    id: "abandoned_calls",
    title: words("放弃呼叫清单", "Abandoned calls"),
    help: words(
        "统计期内进入队列、在排队时挂断的来电，最新的在前；号码隐藏的来电没有后续接通。",
        "Callers who entered a queue in the period and hung up while queued, newest first. Who withheld their number cannot be seen to have been reached later.",
    ),
    parameters: &[PERIOD, ZONE, SHORT_ABANDON],
    narrows: &[Narrowing::queues(&["queue_visits"])],
    sql,
    behind,
    numbers: &[],
    columns: &[
        time("entered_at", words("进入队列", "Entered")),
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        text("caller", words("主叫", "Caller"), Source::Field("caller")),
        text("called", words("被叫", "Called"), Source::Field("called")),
        average("wait", words("放弃前等待", "Wait"), "wait_ms", "abandoned"),
        Column {
            total: Total::None, ..count("position", words("进入时排位", "Place at entry"))
        },
        count("offers_unanswered", words("未接派入", "Unanswered offers")),
        text("class", words("类别", "Class"), Source::Word("class")),
        time("reached_at", words("后续接通", "Reached later")),
        text("call_id", words("呼叫编号", "Call"), Source::Field("call_text")),
    ],
    figures: &["wait", "offers_unanswered"],
    charts: &[
        Chart::CountBar {
            title: words("各队列放弃数", "Abandoned by queue"), column: "queue"
        },
        Chart::Pie { title: words("放弃构成", "All abandoned"), pie: Pie::CountBy("class") },
    ],
    formulas: &[
        Formula {
            name: words("放弃前等待", "Wait"),
            text: words(
                "从进入队列到挂断；合计为平均值",
                "from entering the queue to hanging up; the total is the mean",
            ),
        },
        Formula {
            name: words("短放弃", "Short abandon"),
            text: words(
                "进入队列后 {short_abandon_s} 秒内挂断",
                "hung up within {short_abandon_s} s of entering the queue",
            ),
        },
        Formula {
            name: words("后续接通", "Reached later"),
            text: words(
                "挂断后与同一号码首次接通的呼入或呼出的开始时间",
                "start of the first answered call from or to the same number after they hung up",
            ),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let (in_period, from) = (window.holds("v.entered_at"), instant(window.from));
    let short = i64::from(window.short_abandon_s) * 1000;
    let (number, known) = (customer("c"), is_known("c.caller"));
    let left = format!("outcome = 'abandoned' AND {}", window.holds("entered_at"));
    let calls = calls_of(window, "queue_visits", &left, "c.call_id, c.caller, c.called");
    format!(
        "WITH lost AS (
             SELECT v.visit_id, v.entered_at, v.left_at, v.queue_id, v.wait_ms, v.position,
                    v.offers_unanswered, v.call_id, c.caller, c.called,
                    CASE WHEN {known} THEN c.caller END AS number
             FROM queue_visits v
             LEFT JOIN ({calls}) AS c ON c.call_id = v.call_id
             WHERE v.outcome = 'abandoned' AND {in_period}
         ),
         talked AS (
             SELECT {number} AS number, c.started_at
             FROM calls c
             WHERE c.outcome = 'answered' AND c.direction <> 'internal' AND c.started_at >= {from}
         )
         SELECT l.entered_at, l.queue_id, l.caller, l.called, l.wait_ms, 1 AS abandoned,
                l.position, l.offers_unanswered, l.visit_id,
                MIN(CASE WHEN t.started_at >= l.left_at THEN t.started_at END) AS reached_at,
                CASE WHEN l.wait_ms <= {short} THEN 'short_abandoned' ELSE 'abandoned' END AS class,
                CAST(l.call_id AS VARCHAR) AS call_text
         FROM lost l
         LEFT JOIN talked t ON t.number = l.number
         GROUP BY l.entered_at, l.queue_id, l.caller, l.called, l.wait_ms, l.position,
                  l.offers_unanswered, l.visit_id, l.call_id
         ORDER BY l.entered_at DESC, l.visit_id DESC"
    )
}

fn behind(_: &Window, row: &Fields) -> Result<Condition, Error> {
    let visit = row.int("visit_id")?.unwrap_or(0);
    let predicate = format!("visit_id = {visit}");
    Ok(Condition { table: "queue_visits", key: "contact_id", predicate })
}
