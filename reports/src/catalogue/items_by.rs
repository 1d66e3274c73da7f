//! Items by agent, by day and by hour of the day, each with its channels.
//!
//! The day and the hour are those in which an item ended, on the clock of the report's zone; an item
//! that nobody took has no agent and stands in a line of its own.

use super::items::{ALL_ENDS, COUNTS, ENDS, ITEMS, of_channel, sql_by};
use super::{AGENT_NAME, AGENT_NUMBER, beside, text};
use crate::definition::{Chart, Order, Report, Source};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, HOUR_US, Window};

/// Items by agent and channel.
pub static ITEMS_BY_AGENT: Report = Report {
    id: "items_by_agent",
    title: words("坐席非语音任务统计", "Items by agent and channel"),
    help: words(
        "统计期内结束的非语音任务，按最后受理的坐席和渠道统计；无人受理的单列一行。",
        "Work that was no call, by the agent who took it last and by channel. What nobody took stands in a line of its own.",
    ),
    sql: |window| sql_by(window, "agent_id", "agent_id"),
    behind: of_agent,
    columns: &beside::<13>(&[AGENT_NUMBER, AGENT_NAME], COUNTS),
    charts: &[
        Chart::Bar {
            title: words("各坐席任务结果", "Items by agent"),
            label: "agent_name",
            series: ENDS,
        },
        ALL_ENDS,
    ],
    ..ITEMS
};

/// Items by day and channel.
pub static ITEMS_BY_DAY: Report = Report {
    id: "items_by_day",
    title: words("非语音任务日报", "Items by day and channel"),
    help: words(
        "统计期内结束的非语音任务，按结束日期和渠道统计。",
        "Work that was no call, by the day on which it ended and by channel.",
    ),
    sql: |window| sql_by(window, &day(window), "day"),
    behind: of_day,
    columns: &beside::<12>(&[text("day", words("日期", "Day"), Source::Day("day"))], COUNTS),
    charts: &[
        Chart::Bar {
            title: words("各日任务结果", "Items by day"), label: "day", series: ENDS
        },
        ALL_ENDS,
    ],
    order: Order::Sql,
    ..ITEMS
};

/// Items by hour of the day and channel.
pub static ITEMS_BY_HOUR: Report = Report {
    id: "items_by_hour",
    title: words("非语音任务时段统计", "Items by hour and channel"),
    help: words(
        "统计期内结束的非语音任务，按结束时所在的小时和渠道统计。",
        "Work that was no call, by the hour of the day in which it ended and by channel.",
    ),
    sql: |window| sql_by(window, &hour(window), "hour"),
    behind: of_hour,
    columns: &beside::<12>(&[text("hour", words("时段", "Hour"), Source::Hour("hour"))], COUNTS),
    charts: &[
        Chart::Bar {
            title: words("各时段任务结果", "Items by hour"), label: "hour", series: ENDS
        },
        ALL_ENDS,
    ],
    order: Order::Sql,
    ..ITEMS
};

/// The day on which an item ended.
fn day(window: &Window) -> String {
    format!("{} / {DAY_US}", window.of_days().local_us("done_at"))
}

/// The hour of the day in which it did.
fn hour(window: &Window) -> String {
    format!("{} / {HOUR_US} % 24", window.local_us("done_at"))
}

fn of_agent(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let holds = match row.int("agent_id")? {
        Some(agent) => format!("agent_id = {agent}"),
        None => "agent_id IS NULL".to_owned(),
    };
    of_channel(window, row, &holds)
}

fn of_day(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let this = row.int("day")?.unwrap_or(0);
    of_channel(window, row, &format!("{} = {this}", day(window)))
}

fn of_hour(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let this = row.int("hour")?.unwrap_or(0);
    of_channel(window, row, &format!("{} = {this}", hour(window)))
}
