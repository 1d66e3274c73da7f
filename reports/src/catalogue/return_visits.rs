//! Return visits 回访 by department: customers who were to be called and asked about an order that was
//! done, who was reached, and what they said.
//!
//! A visit belongs to the time by which it is to be done, so that open ones that are late count. The
//! latest version that was known at the time of asking speaks for its visit: a revised result replaces
//! the one before. Who was not reached (无人接听) is no answer: they count for the reach rate and not
//! for satisfaction.

use super::colour::{BAD, FAIR, GOOD, PAUSE, WORSE};
use super::{PERIOD, ZONE, count, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::{self, instant};

const RESULTS: &[(&str, &str)] = &[
    ("satisfied", GOOD),
    ("neutral", FAIR),
    ("dissatisfied", BAD),
    ("unreached", PAUSE),
    ("overdue", WORSE),
];

/// Return visits by the department of their order.
pub static RETURN_VISITS: Report = Report {
    id: "return_visits",
    title: words("回访统计", "Return visits by department"),
    help: words(
        "期限在统计期内的回访，按工单的部门统计完成、接通、评价与超时；以生成时各回访的最新结果为准。",
        "Return visits due in the period, by the department of their order: done, reached, what customers said, overdue. The latest result of each at the time of generation counts.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("planned"),
        Number::when("done", ended),
        Number::when("reached", ended),
        Number::when("unreached", ended),
        Number::when("satisfied", ended),
        Number::when("neutral", ended),
        Number::when("dissatisfied", ended),
        Number::when("late", ended),
        Number::when("overdue", ended),
    ],
    columns: &[
        text("department", words("部门", "Department"), Source::Department("department")),
        count("planned", words("应回访", "Planned")),
        count("done", words("已回访", "Done")),
        count("reached", words("接通", "Reached")),
        count("unreached", words("无人接听", "Not reached")),
        count("satisfied", words("满意", "Satisfied")),
        count("neutral", words("一般", "Neutral")),
        count("dissatisfied", words("不满意", "Dissatisfied")),
        count("late", words("超时完成", "Done late")),
        count("overdue", words("超时未回访", "Overdue")),
        share("visited", words("回访率", "Visited"), "done", "planned"),
        share("reach", words("回访接通率", "Reach rate"), "reached", "done"),
        share("satisfaction", words("满意率", "Satisfaction"), "satisfied", "reached"),
    ],
    figures: &["visited", "reach", "satisfaction", "planned", "overdue"],
    charts: &[
        Chart::Bar {
            title: words("各部门回访结果", "Results by department"),
            label: "department",
            series: RESULTS,
        },
        Chart::Pie { title: words("回访结果构成", "All results"), pie: Pie::Totals(RESULTS) },
    ],
    formulas: &[
        Formula {
            name: words("回访率", "Visited"),
            text: words(
                "已回访 ÷ 应回访（期限在统计期内的全部回访）",
                "done ÷ planned (all visits due in the period)",
            ),
        },
        Formula {
            name: words("回访接通率", "Reach rate"),
            text: words("接通 ÷ 已回访", "reached ÷ done"),
        },
        Formula {
            name: words("满意率", "Satisfaction"),
            text: words(
                "满意 ÷ 接通（无人接听不在其内）",
                "satisfied ÷ reached (who was not reached is left out)",
            ),
        },
        Formula {
            name: words("超时未回访", "Overdue"),
            text: words("生成时已过期限而没有结果", "no result, and past its time at generation"),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// The visits due in the period, as they were last known, with the department of their order.
fn placed(window: &Window) -> String {
    let (now, in_period) = (window.now.0, window.holds("due_at"));
    format!(
        "SELECT v.visit_id, v.due_at, v.done_at, v.result,
                COALESCE(o.department, '') AS department
         FROM return_visits_known({now}) AS v
         LEFT JOIN orders_latest o ON o.order_id = v.order_id
         WHERE NOT v.withdrawn AND {in_period}"
    )
}

fn sql(window: &Window) -> String {
    let (placed, now) = (placed(window), instant(window.now));
    let counted = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    format!(
        "SELECT department,
                COUNT(*) AS planned,
                COUNT(result) AS done,
                {reached} AS reached,
                {unreached} AS unreached,
                {satisfied} AS satisfied,
                {neutral} AS neutral,
                {dissatisfied} AS dissatisfied,
                {late} AS late,
                {overdue} AS overdue
         FROM ({placed}) AS placed
         GROUP BY department
         ORDER BY department",
        reached = counted("result <> 'unreached'"),
        unreached = counted("result = 'unreached'"),
        satisfied = counted("result = 'satisfied'"),
        neutral = counted("result = 'neutral'"),
        dissatisfied = counted("result = 'dissatisfied'"),
        late = counted("done_at > due_at"),
        overdue = counted(&format!("result IS NULL AND due_at < {now}")),
    )
}

/// The visits that the column counts, as a condition on visits.
fn ended(window: &Window, column: &'static str) -> String {
    let is = match column {
        "done" => "result IS NOT NULL".to_owned(),
        "reached" => "result <> 'unreached'".to_owned(),
        "late" => "done_at > due_at".to_owned(),
        "overdue" => format!("result IS NULL AND due_at < {}", instant(window.now)),
        result => format!("result = '{result}'"),
    };
    let placed = placed(window);
    format!("visit_id IN (SELECT visit_id FROM ({placed}) AS placed WHERE {is})")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let department = literal::text(&row.text("department")?.unwrap_or_default());
    let predicate = format!(
        "visit_id IN (SELECT visit_id FROM ({}) AS placed WHERE department = {department})",
        placed(window),
    );
    Ok(Condition { table: "return_visits", key: "order_id", predicate })
}
