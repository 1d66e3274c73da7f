//! Satisfaction by queue: who was asked after a call from it, what callers pressed, 满意率.

use super::satisfaction::{
    ANSWERED, ANSWERS, ASKED, DISSATISFACTION, DISSATISFIED, FIGURES, FORMULAS, NEUTRAL, RESPONSE,
    SATISFACTION_RATE, SATISFIED, sql_by,
};
use super::{PERIOD, ZONE, text};
use crate::definition::{Chart, Order, Pie, Report, Source};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Satisfaction by queue. A question belongs to the time when it was asked.
pub static SATISFACTION_BY_QUEUE: Report = Report {
    id: "satisfaction_by_queue",
    title: words("队列满意度统计", "Satisfaction by queue"),
    help: words(
        "通话结束后邀请客户评价，按来电所在队列统计评价结果；按邀请时间归入统计期。",
        "What callers pressed when they were asked after the call, by the queue that it came from, counted when they were asked.",
    ),
    parameters: &[PERIOD, ZONE],
    sql,
    behind,
    columns: &[
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        ASKED,
        ANSWERED,
        SATISFIED,
        NEUTRAL,
        DISSATISFIED,
        SATISFACTION_RATE,
        DISSATISFACTION,
        RESPONSE,
    ],
    figures: FIGURES,
    charts: &[
        Chart::Bar {
            title: words("各队列评价分布", "Answers by queue"),
            label: "queue",
            series: ANSWERS,
        },
        Chart::Pie { title: words("评价构成", "All answers"), pie: Pie::Totals(ANSWERS) },
    ],
    formulas: FORMULAS,
    subtotals: false,
    order: Order::FirstColumn,
};

fn sql(window: &Window) -> String {
    sql_by(window, "queue_id")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let queue = match row.int("queue_id")? {
        Some(queue) => format!("queue_id = {queue}"),
        None => "queue_id IS NULL".to_owned(),
    };
    let predicate = format!("{queue} AND {}", window.holds("asked_at"));
    Ok(Condition { table: "surveys", key: "contact_id", predicate })
}
