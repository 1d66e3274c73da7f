//! Items, work that was no call: what ended, what of it was done in time, how long it waited and
//! took, by queue and channel. The same by agent, day and hour says only by what it groups.
//!
//! An item belongs to the time at which it ended: of one that is open there is no row, so ended =
//! done + closed in every line. In time is what was done within the target after it came; what was
//! closed without an agent's answer counts against it.

use super::colour::{BAD, FAIR, GOOD};
use super::{ITEM_TARGET, PERIOD, ZONE, average, beside, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal;

/// Items by queue and channel.
pub static ITEMS: Report = Report {
    id: "items",
    title: words("非语音任务统计", "Items by queue and channel"),
    help: words(
        "统计期内结束的邮件、短信、网页等非语音任务，按队列和渠道统计办结、及时率、等待与处理时长；按结束时间归入统计期。",
        "Mails, short messages, forms of web pages and other work that was no call, by queue and channel: done, done in time, waiting and work. An item counts when it ended.",
    ),
    parameters: &[PERIOD, ZONE, ITEM_TARGET],
    narrows: &[Narrowing::queues(&["items"]), Narrowing::agents(&["items"])],
    sql,
    behind,
    numbers: &[
        Number::all("ended"),
        Number::only("done", DONE),
        Number::when("in_time", timely),
        Number::when("late", timely),
        Number::only("closed", CLOSED),
        Number::only("unanswered", "unanswered > 0").counting("SUM(unanswered)"),
    ],
    columns: &beside::<12>(
        &[text("queue", words("队列", "Queue"), Source::QueueName("queue_id"))],
        COUNTS,
    ),
    figures: &["ended", "on_time", "wait", "work", "unanswered"],
    charts: &[
        Chart::Bar {
            title: words("各队列任务结果", "Items by queue"),
            label: "queue",
            series: ENDS,
        },
        ALL_ENDS,
    ],
    formulas: &[
        Formula {
            name: words("结束", "Ended"),
            text: words("及时办结 + 超时办结 + 关闭", "in time + late + closed"),
        },
        Formula {
            name: words("及时率", "On-time rate"),
            text: words(
                "及时办结（到达后 {item_target} 内）÷ 结束",
                "in time (done within {item_target} after they came) ÷ ended",
            ),
        },
        Formula {
            name: words("关闭", "Closed"),
            text: words("未经坐席答复即结束", "ended without an agent's answer"),
        },
        Formula {
            name: words("平均等待", "Mean wait"),
            text: words(
                "从到达至受理（无人受理的至结束）的时间之和 ÷ 结束",
                "from coming to being taken, or to the end where nobody took it ÷ ended",
            ),
        },
        Formula {
            name: words("平均处理", "Mean work"),
            text: words("办结者从受理至办结的时间之和 ÷ 办结", "from being taken to done ÷ done"),
        },
        Formula {
            name: words("未接派发", "Unanswered offers"),
            text: words(
                "派给坐席而未受理的次数；一个任务可计多次",
                "offers that no agent took; one item may have several",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

const DONE: &str = "outcome = 'done'";
const CLOSED: &str = "outcome <> 'done'";

pub(super) const ENDS: &[(&str, &str)] = &[("in_time", GOOD), ("late", FAIR), ("closed", BAD)];

pub(super) const ALL_ENDS: Chart =
    Chart::Pie { title: words("任务结果构成", "All items"), pie: Pie::Totals(ENDS) };

/// The channel and what is counted, whatever else it is grouped by.
pub(super) const COUNTS: &[Column] = &[
    text("channel", words("渠道", "Channel"), Source::Word("channel")),
    count("ended", words("结束", "Ended")),
    count("done", words("办结", "Done")),
    count("in_time", words("及时办结", "In time")),
    count("late", words("超时办结", "Late")),
    count("closed", words("关闭", "Closed")),
    share("on_time", words("及时率", "On-time rate"), "in_time", "ended"),
    average("wait", words("平均等待", "Mean wait"), "waited_ms", "ended"),
    Column { total: Total::Max, ..duration("wait_ms_max", words("最长等待", "Longest wait")) },
    average("work", words("平均处理", "Mean work"), "worked_ms", "done"),
    count("unanswered", words("未接派发", "Unanswered offers")),
];

fn sql(window: &Window) -> String {
    sql_by(window, "queue_id", "queue_id")
}

/// Items that ended in the period, counted by channel and `key`, which is told as the field `name`.
pub(super) fn sql_by(window: &Window, key: &str, name: &str) -> String {
    let in_period = window.holds("done_at");
    let times = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let [in_time, late] = ["in_time", "late"].map(|column| times(&timely(window, column)));
    let (done, closed) = (times(DONE), times(CLOSED));
    format!(
        "SELECT {key} AS {name}, channel,
                COUNT(*) AS ended,
                {done} AS done,
                {in_time} AS in_time,
                {late} AS late,
                {closed} AS closed,
                SUM(wait_ms) AS waited_ms,
                MAX(wait_ms) AS wait_ms_max,
                SUM(CASE WHEN {DONE} THEN work_ms ELSE 0 END) AS worked_ms,
                SUM(unanswered) AS unanswered
         FROM items
         WHERE {in_period}
         GROUP BY {key}, channel
         ORDER BY {name}, channel"
    )
}

/// Done within the target after it came, or later.
fn timely(window: &Window, column: &'static str) -> String {
    let target_us = i64::from(window.item_target_s) * 1_000_000;
    let compared = if column == "in_time" { "<=" } else { ">" };
    let took = "CAST(done_at AS BIGINT) - CAST(received_at AS BIGINT)";
    format!("{DONE} AND {took} {compared} {target_us}")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let queue = row.int("queue_id")?.unwrap_or(0);
    of_channel(window, row, &format!("queue_id = {queue}"))
}

/// The items of the row's channel for which `holds`.
pub(super) fn of_channel(window: &Window, row: &Fields, holds: &str) -> Result<Condition, Error> {
    let channel = literal::text(&row.text("channel")?.unwrap_or_default());
    let predicate = format!("{holds} AND channel = {channel} AND {}", window.holds("done_at"));
    Ok(Condition { table: "items", key: "item_id", predicate })
}
