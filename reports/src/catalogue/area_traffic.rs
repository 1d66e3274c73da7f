//! Traffic of areas 网格: the calls that were led to the people of an area, who took them, and what
//! became of the others.
//!
//! A call of an area is one for which somebody there was tried, or would have been; it belongs to the
//! time at which it began.

use super::colour::{BAD, FAIR, GOOD, WORK};
use super::{PERIOD, ZONE, average, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

pub(super) const AREA: Column = text("area", words("片区", "Area"), Source::AreaName("area_id"));

const OUTCOMES: &[(&str, &str)] =
    &[("by_worker", GOOD), ("by_others", WORK), ("messages", FAIR), ("lost", BAD)];

/// Calls by area.
pub static AREA_TRAFFIC: Report = Report {
    id: "area_traffic",
    title: words("片区话务量统计", "Traffic by area"),
    help: words(
        "按片区（网格）统计转给网格员的来电：由网格员、班组或队列接听，留言，或无人接听；按通话开始时间归入统计期。",
        "Calls that were led to an area (grid): taken by a field worker, by the team or a queue, ended in a message, or taken by nobody; counted when the call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("calls").counting(CALLS),
        Number::apart("by_worker", ended).counting(CALLS),
        Number::apart("by_others", ended).counting(CALLS),
        Number::apart("messages", ended).counting(CALLS),
        Number::apart("lost", ended).counting(CALLS),
    ],
    columns: &[
        AREA,
        count("calls", words("来电", "Calls")),
        count("by_worker", words("网格员接听", "By field workers")),
        count("by_others", words("班组或队列接听", "By team or queue")),
        count("messages", words("留言", "Messages")),
        count("lost", words("未接听", "Taken by nobody")),
        share("worker_rate", words("网格员接听率", "Field workers' share"), "by_worker", "calls"),
        share("reach_rate", words("接通率", "Connect rate"), "reached", "calls"),
        duration("talk_ms", words("通话时长", "Talk")),
        average("talk_mean", words("平均通话", "Mean talk"), "talk_ms", "reached"),
    ],
    figures: &["calls", "by_worker", "worker_rate", "reach_rate", "talk_ms"],
    charts: &[
        Chart::Bar {
            title: words("各片区来电", "Calls by area"), label: "area", series: OUTCOMES
        },
        Chart::Pie {
            title: words("来电去向", "What became of calls"), pie: Pie::Totals(OUTCOMES)
        },
    ],
    formulas: &[
        Formula {
            name: words("来电", "Calls"),
            text: words(
                "网格员接听 + 班组或队列接听 + 留言 + 未接听",
                "by field workers + by team or queue + messages + taken by nobody",
            ),
        },
        Formula {
            name: words("网格员接听率", "Field workers' share"),
            text: words("网格员接听 ÷ 来电", "by field workers ÷ calls"),
        },
        Formula {
            name: words("接通率", "Connect rate"),
            text: words(
                "(网格员接听 + 班组或队列接听) ÷ 来电",
                "(by field workers + by team or queue) ÷ calls",
            ),
        },
        Formula {
            name: words("平均通话", "Mean talk"),
            text: words(
                "接通来电的通话时长 ÷ 接通来电",
                "talk of connected calls ÷ connected calls",
            ),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// One row a call and area: how far it came. Of several ends the one that reached somebody counts.
fn calls(window: &Window) -> String {
    let in_period = window.holds("call_started_at");
    format!(
        "SELECT area_id, call_id,
                MAX(CASE WHEN hop = 'worker' AND outcome = 'answered' THEN 1 ELSE 0 END) AS worker,
                MAX(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END) AS reached,
                MAX(CASE WHEN outcome = 'message' THEN 1 ELSE 0 END) AS message
         FROM area_tries
         WHERE {in_period}
         GROUP BY area_id, call_id"
    )
}

fn sql(window: &Window) -> String {
    let calls = calls(window);
    format!(
        "SELECT t.area_id,
                COUNT(*) AS calls,
                SUM(t.worker) AS by_worker,
                SUM(t.reached - t.worker) AS by_others,
                SUM(CASE WHEN t.reached = 0 THEN t.message ELSE 0 END) AS messages,
                SUM(CASE WHEN t.reached = 0 AND t.message = 0 THEN 1 ELSE 0 END) AS lost,
                SUM(t.reached) AS reached,
                SUM(CASE WHEN t.reached = 1 THEN CAST(COALESCE(c.talk_ms, 0) AS BIGINT) ELSE 0 END)
                    AS talk_ms
         FROM ({calls}) AS t
         LEFT JOIN calls c ON c.call_id = t.call_id
         GROUP BY t.area_id
         ORDER BY t.area_id"
    )
}

/// What the column counts of the calls of an area.
fn ended(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let (area, calls) = (row.int("area_id")?.unwrap_or(0), calls(window));
    let is = match column {
        "by_worker" => "worker = 1",
        "by_others" => "reached = 1 AND worker = 0",
        "messages" => "reached = 0 AND message = 1",
        _ => "reached = 0 AND message = 0",
    };
    let whole = behind(window, row)?;
    let predicate = format!(
        "{} AND call_id IN (SELECT call_id FROM ({calls}) AS told WHERE area_id = {area} AND {is})",
        whole.predicate
    );
    Ok(Condition { predicate, ..whole })
}

/// A call may have come to several people of its area.
const CALLS: &str = "COUNT(DISTINCT call_id)";

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let area = row.int("area_id")?.unwrap_or(0);
    let predicate = format!("area_id = {area} AND {}", window.holds("call_started_at"));
    Ok(Condition { table: "area_tries", key: "contact_id", predicate })
}
