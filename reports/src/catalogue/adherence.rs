//! Adherence: how much of their planned shifts agents were signed in, and how long they were signed
//! in without one.
//!
//! Planned time counts as far as it has begun. A stretch of an agent counts when it has ended.

use super::colour::{BAD, FREE, PAUSE, WORK};
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, count, duration, share};
use crate::definition::{Chart, Formula, Order, Pie, Report};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use terms::Timestamp;
use warehouse::query::literal::instant;

const PLANNED: &[(&str, &str)] = &[("at_work_ms", WORK), ("break_ms", PAUSE), ("absent_ms", BAD)];

/// Adherence by agent. Time is split by the clock.
pub static ADHERENCE: Report = Report {
    id: "adherence",
    title: words("坐席排班遵守率", "Adherence to shifts"),
    help: words(
        "对照排班统计各坐席班次内的签入、小休与缺勤时长，以及班次外的签入时长；尚未开始的班次不计。",
        "How long agents were signed in, on break and absent in their planned shifts, and signed in without one; what has not begun of a shift does not count.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::agents(&["agent_spans", "shifts"])],
    sql,
    behind,
    numbers: &[Number::apart("shifts", shifts)],
    columns: &[
        AGENT_NUMBER,
        AGENT_NAME,
        count("shifts", words("班次", "Shifts")),
        duration("planned_ms", words("排班时长", "Planned")),
        duration("present_ms", words("在班签入", "Signed in")),
        duration("at_work_ms", words("在班工作", "At work")),
        duration("break_ms", words("在班小休", "Break")),
        duration("absent_ms", words("缺勤", "Absent")),
        duration("outside_ms", words("班次外签入", "Without a shift")),
        share("adherence", words("排班遵守率", "Adherence"), "present_ms", "planned_ms"),
    ],
    figures: &["adherence", "planned_ms", "present_ms", "absent_ms", "outside_ms"],
    charts: &[
        Chart::Bar {
            title: words("各坐席排班时长的去向", "Planned time by agent"),
            label: "agent_name",
            series: PLANNED,
        },
        Chart::Pie {
            title: words("签入时长", "Signed-in time"),
            pie: Pie::Totals(&[("present_ms", WORK), ("outside_ms", FREE)]),
        },
    ],
    formulas: &[
        Formula {
            name: words("排班遵守率", "Adherence"),
            text: words(
                "班次内的签入时长 ÷ 排班时长（小休计入签入）",
                "time signed in within shifts ÷ planned time (breaks are signed-in time)",
            ),
        },
        Formula {
            name: words("缺勤", "Absent"),
            text: words("排班时长 − 在班签入", "planned − signed in within shifts"),
        },
        Formula {
            name: words("班次外签入", "Without a shift"),
            text: words("全部签入 − 在班签入", "all signed-in time − that within shifts"),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

fn sql(window: &Window) -> String {
    let from = instant(window.from);
    let to = instant(Timestamp(window.to.0.min(window.now.0)));
    // Microseconds from one time to the other, of which neither is before or after a limit.
    let took = |begins: &str, ends: &str| {
        format!("CAST(LEAST({ends}) AS BIGINT) - CAST(GREATEST({begins}) AS BIGINT)")
    };
    let within = took("s.started_at, p.begins", "s.ended_at, p.ends");
    let signed = took(&format!("started_at, {from}"), &format!("ended_at, {to}"));
    format!(
        "WITH planned AS (
             SELECT agent_id, GREATEST(starts_at, {from}) AS begins, LEAST(ends_at, {to}) AS ends
             FROM shifts
             WHERE starts_at < {to} AND ends_at > {from}
                   AND shift_id NOT IN (SELECT shift_id FROM shifts WHERE withdrawn)
         ),
         plan AS (
             SELECT agent_id, COUNT(*) AS shifts,
                    SUM(CAST(ends AS BIGINT) - CAST(begins AS BIGINT)) AS planned_us
             FROM planned
             GROUP BY agent_id
         ),
         inside AS (
             SELECT p.agent_id, SUM({within}) AS present_us,
                    SUM(CASE WHEN s.activity = 'break' THEN {within} ELSE 0 END) AS break_us
             FROM planned p
             JOIN agent_spans s ON s.agent_id = p.agent_id
                  AND s.started_at < p.ends AND s.ended_at > p.begins
             GROUP BY p.agent_id
         ),
         signed AS (
             SELECT agent_id, SUM({signed}) AS signed_us
             FROM agent_spans
             WHERE started_at < {to} AND ended_at > {from}
             GROUP BY agent_id
         ),
         agent AS (
             SELECT agent_id FROM plan
             UNION
             SELECT agent_id FROM signed
         ),
         summed AS (
             SELECT a.agent_id, COALESCE(p.shifts, 0) AS shifts,
                    COALESCE(p.planned_us, 0) AS planned_us,
                    COALESCE(i.present_us, 0) AS present_us, COALESCE(i.break_us, 0) AS break_us,
                    COALESCE(g.signed_us, 0) AS signed_us
             FROM agent a
             LEFT JOIN plan p ON p.agent_id = a.agent_id
             LEFT JOIN inside i ON i.agent_id = a.agent_id
             LEFT JOIN signed g ON g.agent_id = a.agent_id
         )
         SELECT agent_id, shifts, planned_us / 1000 AS planned_ms, present_us / 1000 AS present_ms,
                (present_us - break_us) / 1000 AS at_work_ms, break_us / 1000 AS break_ms,
                (planned_us - present_us) / 1000 AS absent_ms,
                (signed_us - present_us) / 1000 AS outside_ms
         FROM summed
         ORDER BY agent_id"
    )
}

/// The shifts of the agent that were planned, as far as they have begun.
fn shifts(window: &Window, row: &Fields, _: &'static str) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let (from, to) = (instant(window.from), instant(Timestamp(window.to.0.min(window.now.0))));
    let predicate = format!(
        "agent_id = {agent} AND starts_at < {to} AND ends_at > {from} \
         AND shift_id NOT IN (SELECT shift_id FROM shifts WHERE withdrawn)"
    );
    Ok(Condition { table: "shifts", key: "shift_id", predicate })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let to = instant(Timestamp(window.to.0.min(window.now.0)));
    let predicate =
        format!("agent_id = {agent} AND started_at < {to} AND ended_at > {}", instant(window.from));
    Ok(Condition { table: "agent_spans", key: "span_id", predicate })
}
