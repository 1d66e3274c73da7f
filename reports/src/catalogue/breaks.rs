//! Breaks by agent and reason: how many, how long.
//!
//! A break counts with the part of it that lies in the period.

use super::spans::pieces;
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, average, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::{self, instant};

/// Breaks by agent and reason.
pub static BREAKS: Report = Report {
    id: "breaks",
    title: words("坐席小休统计", "Breaks by reason"),
    help: words(
        "按坐席和原因统计小休次数与时长；跨统计期的小休只计期内部分。",
        "Breaks by agent and reason; of a break that began before the period or ended after it the part within counts.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::agents(&["agent_spans"])],
    sql,
    behind,
    numbers: &[Number::all("breaks")],
    columns: &[
        AGENT_NUMBER,
        AGENT_NAME,
        text("reason", words("原因", "Reason"), Source::Word("told")),
        count("breaks", words("次数", "Breaks")),
        duration("break_ms", words("小休", "Time")),
        average("break_mean", words("平均时长", "Mean"), "break_ms", "breaks"),
        Column { total: Total::Max, ..duration("break_ms_max", words("最长一次", "Longest")) },
        Column {
            total: Total::None,
            ..share(
                "of_signed_in",
                words("占签入时长", "Of signed-in time"),
                "break_ms",
                "signed_in_ms",
            )
        },
    ],
    figures: &["breaks", "break_ms", "break_mean", "break_ms_max"],
    charts: &[
        Chart::Bar {
            title: words("各坐席小休时长", "Time on break by agent"),
            label: "agent_name",
            series: &[("break_ms", super::colour::PAUSE)],
        },
        Chart::Pie {
            title: words("各原因出现的坐席数", "Agents by reason"),
            pie: Pie::CountBy("reason"),
        },
    ],
    formulas: &[
        Formula {
            name: words("平均时长", "Mean"), text: words("小休 ÷ 次数", "time ÷ breaks")
        },
        Formula {
            name: words("占签入时长", "Of signed-in time"),
            text: words(
                "该原因的小休 ÷ 坐席的签入时长（通话 + 保持 + 话后 + 振铃 + 空闲 + 小休）",
                "time on break for the reason ÷ the agent's signed-in time (talk + hold + wrap-up + ringing + idle + break)",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

/// The box's own reasons, which have a name each; a person's reason is told as it was written.
const TOLD: &str = "CASE WHEN reason IS NULL OR reason = '' THEN 'no_reason' \
     WHEN reason = 'no_answer' THEN 'did_not_answer' ELSE reason END";

fn sql(window: &Window) -> String {
    let pieces = pieces(window, "s.agent_id, s.activity, s.reason, s.span_id");
    format!(
        "WITH piece AS ({pieces}),
         present AS (
             SELECT agent_id, SUM(ends_us - begins_us) / 1000 AS signed_in_ms
             FROM piece
             GROUP BY agent_id
         ),
         pause AS (
             SELECT agent_id, {TOLD} AS told, span_id, SUM(ends_us - begins_us) AS spent_us
             FROM piece
             WHERE activity = 'break'
             GROUP BY agent_id, {TOLD}, span_id
         )
         SELECT b.agent_id, b.told, COUNT(*) AS breaks, SUM(b.spent_us) / 1000 AS break_ms,
                MAX(b.spent_us) / 1000 AS break_ms_max, MAX(p.signed_in_ms) AS signed_in_ms
         FROM pause b
         JOIN present p ON p.agent_id = b.agent_id
         GROUP BY b.agent_id, b.told
         ORDER BY b.agent_id, break_ms DESC, b.told"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let told = literal::text(&row.text("told")?.unwrap_or_default());
    let predicate = format!(
        "agent_id = {agent} AND activity = 'break' AND {TOLD} = {told} \
         AND started_at < {} AND ended_at > {}",
        instant(window.to),
        instant(window.from),
    );
    Ok(Condition { table: "agent_spans", key: "span_id", predicate })
}
