//! Satisfaction by agent: who was asked, what callers pressed, 满意率. The same by team, queue and
//! area says only by what it groups.

use super::colour::{BAD, FAIR, GOOD};
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, beside, count, share};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Satisfaction by agent. A question belongs to the time when it was asked.
pub static SATISFACTION: Report = Report {
    id: "satisfaction",
    title: words("坐席满意度统计", "Satisfaction by agent"),
    help: words(
        "通话结束后邀请客户评价，按坐席统计评价结果；按邀请时间归入统计期。",
        "What callers pressed when they were asked after the call, by agent, counted when they were asked.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["surveys"]), Narrowing::agents(&["surveys"])],
    sql,
    behind,
    numbers: &[
        Number::all("asked"),
        Number::only("answered", "answer IS NOT NULL"),
        Number::only("satisfied", "answer = 'satisfied'"),
        Number::only("neutral", "answer = 'neutral'"),
        Number::only("dissatisfied", "answer = 'dissatisfied'"),
    ],
    columns: &beside::<10>(&[AGENT_NUMBER, AGENT_NAME], COUNTS),
    figures: FIGURES,
    charts: &[
        Chart::Bar {
            title: words("各坐席评价分布", "Answers by agent"),
            label: "agent_name",
            series: ANSWERS,
        },
        ALL_ANSWERS,
    ],
    formulas: FORMULAS,
    subtotals: false,
    order: Order::FirstColumn,
};

pub(super) const ANSWERS: &[(&str, &str)] =
    &[("satisfied", GOOD), ("neutral", FAIR), ("dissatisfied", BAD)];

pub(super) const ALL_ANSWERS: Chart =
    Chart::Pie { title: words("评价构成", "All answers"), pie: Pie::Totals(ANSWERS) };

/// What is counted, whatever it is grouped by.
pub(super) const COUNTS: &[Column] = &[
    count("asked", words("邀评", "Asked")),
    count("answered", words("有效评价", "Valid answers")),
    count("satisfied", words("满意", "Satisfied")),
    count("neutral", words("一般", "Neutral")),
    count("dissatisfied", words("不满意", "Dissatisfied")),
    share("satisfaction", words("满意率", "Satisfaction"), "satisfied", "answered"),
    share("dissatisfaction", words("不满意率", "Dissatisfaction"), "dissatisfied", "answered"),
    share("response", words("参评率", "Response"), "answered", "asked"),
];

/// Columns whose totals stand out.
const FIGURES: &[&str] = &["satisfaction", "dissatisfaction", "response", "answered", "asked"];

/// How the numbers are made.
const FORMULAS: &[Formula] = &[
    Formula {
        name: words("满意率", "Satisfaction"),
        text: words("满意 ÷ 有效评价", "satisfied ÷ valid answers"),
    },
    Formula {
        name: words("不满意率", "Dissatisfaction"),
        text: words("不满意 ÷ 有效评价", "dissatisfied ÷ valid answers"),
    },
    Formula {
        name: words("参评率", "Response"),
        text: words("有效评价 ÷ 邀评", "valid answers ÷ asked"),
    },
];

fn sql(window: &Window) -> String {
    sql_by(window, "agent_id")
}

/// Questions that were asked in the period, counted by the column `by`.
pub(super) fn sql_by(window: &Window, by: &str) -> String {
    if window.quarters_fit() { sql_of_counts(window, by) } else { sql_from(window, "surveys", by) }
}

/// The same numbers out of counts of quarter-hours.
fn sql_of_counts(window: &Window, by: &str) -> String {
    let in_period = window.holds("from_at");
    format!(
        "SELECT {by}, SUM(asked) AS asked, SUM(answered) AS answered,
                SUM(satisfied) AS satisfied, SUM(neutral) AS neutral,
                SUM(dissatisfied) AS dissatisfied
         FROM survey_intervals
         WHERE {in_period}
         GROUP BY {by}
         ORDER BY {by}"
    )
}

/// The same over questions that were joined with something.
pub(super) fn sql_from(window: &Window, questions: &str, by: &str) -> String {
    let in_period = window.holds("asked_at");
    format!(
        "SELECT {by},
                COUNT(*) AS asked,
                COUNT(answer) AS answered,
                SUM(CASE WHEN answer = 'satisfied' THEN 1 ELSE 0 END) AS satisfied,
                SUM(CASE WHEN answer = 'neutral' THEN 1 ELSE 0 END) AS neutral,
                SUM(CASE WHEN answer = 'dissatisfied' THEN 1 ELSE 0 END) AS dissatisfied
         FROM {questions}
         WHERE {in_period}
         GROUP BY {by}
         ORDER BY {by}"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let predicate = format!("agent_id = {agent} AND {}", window.holds("asked_at"));
    Ok(Condition { table: "surveys", key: "contact_id", predicate })
}
