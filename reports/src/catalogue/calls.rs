//! Call history: every finished call of the period, newest first.

use super::{PERIOD, ZONE, duration, text, time};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::{FIRST_OR_LAST, Narrowing};
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Call history. A call belongs to the time at which it began.
pub static CALLS: Report = Report {
    id: "calls",
    title: words("呼叫历史记录", "Call history"),
    help: words(
        "统计期内开始的全部已结束通话，最新的在前。",
        "All finished calls that began in the period, newest first.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["calls"]), Narrowing::agents_in(&["calls"], FIRST_OR_LAST)],
    sql,
    behind,
    numbers: &[],
    columns: &[
        time("started_at", words("开始时间", "Started")),
        text("direction", words("方向", "Direction"), Source::Word("direction")),
        text("caller", words("主叫", "Caller"), Source::Field("caller")),
        text("called", words("被叫", "Called"), Source::Field("called")),
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        text("agent_name", words("坐席", "Agent"), Source::AgentName("agent_id")),
        text("outcome", words("结果", "Outcome"), Source::Word("outcome")),
        duration("wait_ms", words("等待", "Wait")),
        duration("talk_ms", words("通话", "Talk")),
        duration("hold_ms", words("保持", "Hold")),
        text("satisfaction", words("评价", "Satisfaction"), Source::Word("satisfaction")),
        text("call_id", words("呼叫编号", "Call"), Source::Field("call_text")),
    ],
    figures: &["talk_ms", "wait_ms"],
    charts: &[
        Chart::CountBar { title: words("各队列通话数", "Calls by queue"), column: "queue" },
        Chart::Pie { title: words("通话结果", "Outcomes"), pie: Pie::CountBy("outcome") },
    ],
    formulas: &[
        Formula {
            name: words("坐席", "Agent"),
            text: words("首位接听的坐席", "the first agent who answered"),
        },
        Formula {
            name: words("通话", "Talk"),
            text: words(
                "与坐席及转接到的外线人员的通话，保持除外",
                "with agents and with people outside to whom the call was passed on, without hold",
            ),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let in_period = window.holds("started_at");
    format!(
        "SELECT started_at, direction, caller, called, queue_id, agent_id, outcome,
                wait_ms, talk_ms, hold_ms, satisfaction, call_id,
                CAST(call_id AS VARCHAR) AS call_text
         FROM calls
         WHERE {in_period}
         ORDER BY started_at DESC, call_id DESC"
    )
}

fn behind(_: &Window, row: &Fields) -> Result<Condition, Error> {
    let call = row.int("call_id")?.unwrap_or(0);
    Ok(Condition { table: "calls", key: "contact_id", predicate: format!("call_id = {call}") })
}
