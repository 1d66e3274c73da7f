//! What came of the calls that a flow took: ended there, or passed to agents, by the first flow.

use super::colour::{BAD, FAIR, GOOD, HOLD, PAUSE};
use super::{PERIOD, ZONE, average, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

const ENDS: &[(&str, &str)] = &[
    ("contained", GOOD),
    ("answered", HOLD),
    ("abandoned", BAD),
    ("voicemail", FAIR),
    ("others", PAUSE),
];

/// Calls by their first flow. A call belongs to the time at which it began.
pub static IVR_CONTAINMENT: Report = Report {
    id: "ivr_containment",
    title: words("自助服务率统计", "IVR containment"),
    help: words(
        "按来电进入的首个流程统计结果与自助服务率；按呼叫开始时间归入统计期。",
        "What came of the calls that a flow took, by the first flow, counted when the call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("contained", "outcome = 'ivr_only'"),
        Number::only("answered", "outcome = 'answered'"),
        Number::only("abandoned", "outcome = 'abandoned'"),
        Number::only("voicemail", "outcome = 'voicemail'"),
        Number::only("others", OTHERS),
    ],
    columns: &[
        text("flow", words("流程", "Flow"), Source::FlowName("flow_id")),
        count("calls", words("进入流程", "Calls")),
        count("contained", words("自助结束", "Contained")),
        count("answered", words("坐席接听", "Answered")),
        count("abandoned", words("排队放弃", "Abandoned")),
        count("voicemail", words("留言", "Voicemail")),
        count("others", words("其他", "Others")),
        share("containment", words("自助服务率", "Containment"), "contained", "calls"),
        duration("ivr_ms", words("流程时长", "Time in flows")),
        average("ivr_mean", words("平均流程时长", "Mean"), "ivr_ms", "calls"),
        Column {
            total: Total::Max, ..duration("ivr_ms_max", words("最长流程时长", "Longest"))
        },
    ],
    figures: &["calls", "contained", "containment", "ivr_mean"],
    charts: &[
        Chart::Bar {
            title: words("各流程结果", "Outcomes by flow"), label: "flow", series: ENDS
        },
        Chart::Pie { title: words("结果构成", "All outcomes"), pie: Pie::Totals(ENDS) },
    ],
    formulas: &[
        Formula {
            name: words("自助服务率", "Containment"),
            text: words("自助结束 ÷ 进入流程", "contained ÷ calls"),
        },
        Formula {
            name: words("自助结束", "Contained"),
            text: words(
                "在流程内结束、未排队也未接通任何人的呼叫，来电者自行挂断的也在内",
                "calls that ended in the flow without a queue and without anybody, also where the caller hung up",
            ),
        },
        Formula {
            name: words("进入流程", "Calls"),
            text: words(
                "自助结束 + 坐席接听 + 排队放弃 + 留言 + 其他",
                "contained + answered + abandoned + voicemail + others",
            ),
        },
        Formula {
            name: words("流程时长", "Time in flows"),
            text: words(
                "首次排队或接通坐席之前在流程中的时长",
                "time in flows before the first queue or agent",
            ),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// How a call ended that no other column counts.
const OTHERS: &str = "outcome NOT IN ('ivr_only', 'answered', 'abandoned', 'voicemail')";

fn sql(window: &Window) -> String {
    let in_period = window.holds("started_at");
    let ended = |outcome: &str| format!("SUM(CASE WHEN outcome = '{outcome}' THEN 1 ELSE 0 END)");
    let (contained, answered) = (ended("ivr_only"), ended("answered"));
    let (abandoned, voicemail) = (ended("abandoned"), ended("voicemail"));
    format!(
        "WITH counted AS (
             SELECT flow_id, COUNT(*) AS calls, {contained} AS contained, {answered} AS answered,
                    {abandoned} AS abandoned, {voicemail} AS voicemail,
                    SUM(CAST(ivr_ms AS BIGINT)) AS ivr_ms, MAX(ivr_ms) AS ivr_ms_max
             FROM calls
             WHERE flow_id IS NOT NULL AND {in_period}
             GROUP BY flow_id
         )
         SELECT *, calls - contained - answered - abandoned - voicemail AS others
         FROM counted
         ORDER BY flow_id"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let flow = row.int("flow_id")?.unwrap_or(0);
    let predicate = format!("flow_id = {flow} AND {}", window.holds("started_at"));
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
