//! The ways that calls take through a flow: each step, and the edges by which it was left.
//!
//! A step counts where it was entered.

use super::colour::WORK;
use super::{PERIOD, ZONE, average, count, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal;

/// Steps of flows by edge.
pub static IVR_PATH: Report = Report {
    id: "ivr_path",
    title: words("流程路径统计", "IVR path"),
    help: words(
        "按流程、步骤和离开步骤的出口统计次数与时长；按进入步骤的时间归入统计期。",
        "How often each step of a flow was left by which edge, and how long it took, counted when the step was entered.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("times"),
        Number::all("contacts").counting("COUNT(DISTINCT contact_id)"),
    ],
    columns: &[
        text("flow", words("流程", "Flow"), Source::FlowName("flow_id")),
        text("step", words("步骤", "Step"), Source::Field("step")),
        text("kind", words("步骤类型", "Kind"), Source::Word("kind")),
        text("exit", words("出口", "Exit"), Source::Field("exit")),
        count("times", words("次数", "Times")),
        Column { total: Total::None, ..count("contacts", words("来电数", "Contacts")) },
        Column {
            total: Total::None,
            ..share("of_step", words("占步骤比例", "Of the step"), "times", "step_times")
        },
        average("spent_mean", words("平均时长", "Mean"), "spent_ms", "times"),
    ],
    figures: &["times", "spent_mean"],
    charts: &[
        Chart::Bar {
            title: words("各流程步骤次数", "Steps by flow"),
            label: "flow",
            series: &[("times", WORK)],
        },
        Chart::Pie {
            title: words("步骤类型构成", "Kinds of steps"), pie: Pie::CountBy("kind")
        },
    ],
    formulas: &[
        Formula {
            name: words("占步骤比例", "Of the step"),
            text: words(
                "从该出口离开的次数 ÷ 该步骤的全部次数",
                "times that it was left by this edge ÷ times that the step was left by any",
            ),
        },
        Formula {
            name: words("平均时长", "Mean"),
            text: words(
                "从进入到离开步骤的时长之和 ÷ 次数",
                "time from entering to leaving the step ÷ times",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

fn sql(window: &Window) -> String {
    let in_period = window.holds("entered_at");
    format!(
        "WITH way AS (
             SELECT flow_id, step, kind, exit, COUNT(*) AS times,
                    COUNT(DISTINCT contact_id) AS contacts,
                    SUM(CAST(left_at AS BIGINT) - CAST(entered_at AS BIGINT)) / 1000 AS spent_ms
             FROM ivr_steps
             WHERE {in_period}
             GROUP BY flow_id, step, kind, exit
         )
         SELECT *, SUM(times) OVER (PARTITION BY flow_id, step) AS step_times
         FROM way
         ORDER BY flow_id, step_times DESC, step, times DESC, kind, exit"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let flow = row.int("flow_id")?.unwrap_or(0);
    let is = |field| Ok::<_, Error>(literal::text(&row.text(field)?.unwrap_or_default()));
    let predicate = format!(
        "flow_id = {flow} AND step = {} AND kind = {} AND exit = {} AND {}",
        is("step")?,
        is("kind")?,
        is("exit")?,
        window.holds("entered_at"),
    );
    Ok(Condition { table: "ivr_steps", key: "contact_id", predicate })
}
