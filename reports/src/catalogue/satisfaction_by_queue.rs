//! Satisfaction by queue: who was asked after a call from it, what callers pressed, 满意率.

use super::satisfaction::{ALL_ANSWERS, ANSWERS, COUNTS, SATISFACTION, sql_by};
use super::{beside, text};
use crate::definition::{Chart, Report, Source};
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
    sql,
    behind,
    columns: &beside::<9>(
        &[text("queue", words("队列", "Queue"), Source::QueueName("queue_id"))],
        COUNTS,
    ),
    charts: &[
        Chart::Bar {
            title: words("各队列评价分布", "Answers by queue"),
            label: "queue",
            series: ANSWERS,
        },
        ALL_ANSWERS,
    ],
    ..SATISFACTION
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
