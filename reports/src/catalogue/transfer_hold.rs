//! Transfers and hold: how many answered calls were passed on or put on hold, and for how long, by
//! the first agent who answered.
//!
//! Calls, talk and hold are those of the call history, so the totals of both reports agree.

use super::colour::{FAIR, GOOD};
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, average, count, duration, share};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

const KEPT_OR_NOT: &[(&str, &str)] = &[("kept", GOOD), ("passed_on", FAIR)];

/// Transfers and hold by agent. A call belongs to the time at which it began.
pub static TRANSFER_HOLD: Report = Report {
    id: "transfer_hold",
    title: words("转接与保持统计", "Transfers and hold"),
    help: words(
        "按首位接听的坐席统计已接听通话的转接与保持；按通话开始时间归入统计期。",
        "Transfers and hold of answered calls by the first agent who answered, counted when the call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["calls"]), Narrowing::agents(&["calls"])],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("kept", "transfers = 0"),
        Number::only("passed_on", "transfers > 0"),
        Number::only("transfers", "transfers > 0").counting("SUM(transfers)"),
        Number::only("several", "agents > 1"),
        Number::only("held", "hold_ms > 0"),
    ],
    columns: &[
        AGENT_NUMBER,
        AGENT_NAME,
        count("calls", words("通话数", "Calls")),
        count("kept", words("未转接", "Not passed on")),
        count("passed_on", words("转接通话", "Passed on")),
        count("transfers", words("转接次数", "Transfers")),
        share("transfer_rate", words("转接率", "Transfer rate"), "passed_on", "calls"),
        count("several", words("多坐席通话", "Several agents")),
        count("held", words("保持通话", "Held")),
        share("hold_rate", words("保持率", "Hold rate"), "held", "calls"),
        duration("hold_ms", words("保持", "Hold")),
        average("hold_mean", words("平均保持", "Mean hold"), "hold_ms", "held"),
        Column {
            total: Total::Max, ..duration("hold_ms_max", words("最长保持", "Longest hold"))
        },
    ],
    figures: &["calls", "transfer_rate", "hold_rate", "hold_ms", "hold_mean"],
    charts: &[
        Chart::Bar {
            title: words("各坐席转接", "Passed on by agent"),
            label: "agent_name",
            series: KEPT_OR_NOT,
        },
        Chart::Pie { title: words("转接构成", "All calls"), pie: Pie::Totals(KEPT_OR_NOT) },
    ],
    formulas: &[
        Formula {
            name: words("通话数", "Calls"),
            text: words("未转接 + 转接通话", "not passed on + passed on"),
        },
        Formula {
            name: words("转接率", "Transfer rate"),
            text: words("转接通话 ÷ 通话数", "passed on ÷ calls"),
        },
        Formula {
            name: words("多坐席通话", "Several agents"),
            text: words("有两位或更多坐席接听的通话", "calls that two agents or more answered"),
        },
        Formula {
            name: words("保持率", "Hold rate"),
            text: words("保持通话 ÷ 通话数", "held ÷ calls"),
        },
        Formula {
            name: words("平均保持", "Mean hold"),
            text: words("保持 ÷ 保持通话", "hold ÷ held"),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

fn sql(window: &Window) -> String {
    let in_period = window.holds("started_at");
    let counted = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let (kept, passed_on) = (counted("transfers = 0"), counted("transfers > 0"));
    let (several, held) = (counted("agents > 1"), counted("hold_ms > 0"));
    format!(
        "SELECT agent_id, COUNT(*) AS calls, {kept} AS kept, {passed_on} AS passed_on,
                SUM(transfers) AS transfers, {several} AS several, {held} AS held,
                SUM(CAST(hold_ms AS BIGINT)) AS hold_ms, MAX(hold_ms) AS hold_ms_max
         FROM calls
         WHERE {ANSWERED} AND {in_period}
         GROUP BY agent_id
         ORDER BY agent_id"
    )
}

/// Calls that an agent had.
const ANSWERED: &str = "outcome = 'answered' AND agent_id IS NOT NULL";

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let predicate = format!("agent_id = {agent} AND {ANSWERED} AND {}", window.holds("started_at"));
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
