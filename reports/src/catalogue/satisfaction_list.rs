//! Satisfaction results one by one: who was asked about whom, and what they pressed.

use super::calls_of::calls_of;
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, text, time};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Satisfaction results. A question belongs to the time when it was asked.
pub static SATISFACTION_LIST: Report = Report {
    id: "satisfaction_list",
    title: words("评分结果清单", "Satisfaction results"),
    help: words(
        "统计期内的每一次评价邀请及结果，最新的在前。",
        "Every question asked in the period and its answer, newest first.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["surveys"]), Narrowing::agents(&["surveys"])],
    sql,
    behind,
    numbers: &[],
    columns: &[
        time("asked_at", words("邀评时间", "Asked")),
        AGENT_NUMBER,
        AGENT_NAME,
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        text("caller", words("客户号码", "Customer"), Source::Field("caller")),
        text("answer", words("评价", "Answer"), Source::Word("answer")),
        text("call_id", words("呼叫编号", "Call"), Source::Field("call_text")),
    ],
    figures: &[],
    charts: &[
        Chart::CountBar {
            title: words("各坐席邀评数", "Asked by agent"), column: "agent_name"
        },
        Chart::Pie { title: words("评价构成", "All answers"), pie: Pie::CountBy("answer") },
    ],
    formulas: &[Formula {
        name: words("未评价", "No answer"),
        text: words("已邀请但未按有效键", "asked, but no valid key was pressed"),
    }],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let in_period = window.holds("s.asked_at");
    let calls = calls_of(window, "surveys", &window.holds("asked_at"), "c.call_id, c.caller");
    format!(
        "SELECT s.asked_at, s.agent_id, s.queue_id, c.caller, s.survey_id,
                COALESCE(s.answer, 'no_answer') AS answer,
                CAST(s.call_id AS VARCHAR) AS call_text
         FROM surveys s
         LEFT JOIN ({calls}) AS c ON c.call_id = s.call_id
         WHERE {in_period}
         ORDER BY s.asked_at DESC, s.survey_id DESC"
    )
}

fn behind(_: &Window, row: &Fields) -> Result<Condition, Error> {
    let survey = row.int("survey_id")?.unwrap_or(0);
    let predicate = format!("survey_id = {survey}");
    Ok(Condition { table: "surveys", key: "contact_id", predicate })
}
