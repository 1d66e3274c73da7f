//! Cost per contact: what agents and trunks cost by the tenant's rates, by queue, over the contacts
//! that were answered.
//!
//! An agent costs for as long as they are signed in. Time of a queue's calls is that queue's; what is
//! idle or on break is nobody's and stands in a line of its own, so that the total is the whole cost.
//! A trunk's time is of the queue that the call had come into last when the leg ended. Legs of before
//! they told it are of their call's last queue: that differs where somebody outside left a call that
//! came into another queue afterwards.

use super::calls_of::calls_of;
use super::colour::{HOLD, WORK};
use super::{PERIOD, ZONE, count, decimal, duration, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::rates::Rates;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::{self, instant};

const COST: &[(&str, &str)] = &[("agent_cost", WORK), ("trunk_cost", HOLD)];

/// Cost per contact by queue. Agents' time is cut at the period's edges; calls and trunks belong to
/// the time at which they began.
pub static COST_PER_CONTACT: Report = Report {
    id: "cost_per_contact",
    title: words("单次联络成本", "Cost per contact"),
    help: words(
        "按租户设定的费率，按队列统计坐席与中继成本及每次接听的成本；空闲与小休不属于任何队列，单列一行。",
        "What agents and trunks cost by the rates that are set, by queue, and what an answered contact costs; idle time and breaks are of no queue and stand in a line of their own.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[Number::all("contacts")],
    columns: &[
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        count("contacts", words("接听", "Answered")),
        duration("agent_ms", words("坐席时长", "Agents' time")),
        duration("trunk_ms", words("中继时长", "Trunks' time")),
        count("agent_cost", words("坐席成本（百分之一）", "Agents (hundredths)")),
        count("trunk_cost", words("中继成本（百分之一）", "Trunks (hundredths)")),
        count("cost", words("总成本（百分之一）", "Cost (hundredths)")),
        decimal("per_contact", words("单次联络成本", "Cost per contact"), "cost", "contacts"),
    ],
    figures: &["per_contact", "contacts", "cost", "agent_cost", "trunk_cost"],
    charts: &[
        Chart::Bar {
            title: words("各队列成本", "Cost by queue"), label: "queue", series: COST
        },
        Chart::Pie { title: words("成本构成", "What costs"), pie: Pie::Totals(COST) },
    ],
    formulas: &[
        Formula {
            name: words("坐席成本", "Agents"),
            text: words("签入时长 × 每小时 {agent_hour}", "signed-in time × {agent_hour} an hour"),
        },
        Formula {
            name: words("中继成本", "Trunks"),
            text: words(
                "接通时长 × 每分钟费率：呼入 {inbound_minute}；呼出按号码前缀 {outbound_minute}（* 为其余）",
                "connected time × the rate of a minute: inbound {inbound_minute}; outbound by the number's beginning {outbound_minute} (* is any other)",
            ),
        },
        Formula {
            name: words("单次联络成本", "Cost per contact"),
            text: words("(坐席成本 + 中继成本) ÷ 接听", "(agents + trunks) ÷ answered"),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// What a minute of the trunk's leg `l` costs, whose call goes in this `direction`.
fn minute(rates: &Rates, direction: &str) -> String {
    let prefixes = rates.longest_first().into_iter().map(|(prefix, minute)| {
        format!("WHEN strpos(l.address, {}) = 1 THEN {minute}", literal::text(prefix))
    });
    format!(
        "CASE WHEN l.role = 'customer' AND {direction} = 'inbound' THEN {} {} ELSE {} END",
        rates.inbound_minute,
        prefixes.collect::<Vec<_>>().join(" "),
        rates.outbound_minute
    )
}

/// What trunks carried, by the queue that it is of, and what a minute of it costs: `queue_id`, `ms`,
/// `rate`. What came in costs the same wherever it came from, so that counts tell it; where the cost
/// of what went out goes by its number, those legs are read.
fn carried(window: &Window, rates: &Rates) -> String {
    let mut parts = vec![carried_before(window, rates)];
    match (window.quarters_fit(), rates.prefixes.is_empty()) {
        (true, true) => parts.push(counted(window, rates, "l.call_direction IS NOT NULL")),
        (true, false) => {
            parts.push(counted(window, rates, CAME_IN));
            parts.push(read(window, rates, WENT_OUT));
        }
        (false, _) => parts.push(read(window, rates, "l.call_direction IS NOT NULL")),
    }
    parts.join(" UNION ALL ")
}

/// Legs `l` of customers who called, which cost what a call that comes in does.
const CAME_IN: &str = "l.role = 'customer' AND l.call_direction = 'inbound'";
/// All others that tell the direction of their call.
const WENT_OUT: &str =
    "(l.call_direction <> 'inbound' OR l.call_direction = 'inbound' AND l.role <> 'customer')";

/// Out of counts of quarter-hours, those for which `which` holds.
fn counted(window: &Window, rates: &Rates, which: &str) -> String {
    let in_period = window.holds("l.from_at");
    let flat = Rates { prefixes: Vec::new(), ..rates.clone() };
    let minute = minute(&flat, "l.call_direction");
    format!(
        "SELECT l.call_queue_id AS queue_id, l.connected_ms AS ms, {minute} AS rate
             FROM leg_intervals l
             WHERE l.trunk_id IS NOT NULL AND l.answered > 0 AND {which} AND {in_period}"
    )
}

/// Out of legs, those for which `which` holds.
fn read(window: &Window, rates: &Rates, which: &str) -> String {
    let (minute, in_period) = (minute(rates, "l.call_direction"), window.holds("l.started_at"));
    format!(
        "SELECT l.call_queue_id AS queue_id, {CONNECTED_MS} AS ms, {minute} AS rate
             FROM legs l
             WHERE l.trunk_id IS NOT NULL AND l.answered_at IS NOT NULL AND {which} AND {in_period}"
    )
}

/// Out of legs of before they told the direction and the queue of their call: the call does. Where
/// there are none, files are ruled out by their statistics, and no call is read.
fn carried_before(window: &Window, rates: &Rates) -> String {
    let minute = minute(rates, "COALESCE(c.direction, 'inbound')");
    let in_period = window.holds("l.started_at");
    let of_period = format!("call_direction IS NULL AND {}", window.holds("started_at"));
    let calls = calls_of(window, "legs", &of_period, "c.call_id, c.direction, c.queue_id");
    format!(
        "SELECT c.queue_id, {CONNECTED_MS} AS ms, {minute} AS rate
             FROM legs l
             LEFT JOIN ({calls}) AS c ON c.call_id = l.call_id
             WHERE l.trunk_id IS NOT NULL AND l.answered_at IS NOT NULL AND l.call_direction IS NULL
                   AND {in_period}"
    )
}

/// From the answer of the leg `l` to its end, as counts of quarter-hours have it.
const CONNECTED_MS: &str = "(CAST(l.ended_at AS BIGINT) - CAST(l.answered_at AS BIGINT)) / 1000";

/// The time of agents by queue.
fn worked(window: &Window) -> String {
    if window.quarters_fit() {
        let in_period = window.holds("from_at");
        return format!(
            "SELECT queue_id, SUM(spent_us) / 1000 AS agent_ms
             FROM agent_intervals
             WHERE {in_period} AND spent_us > 0
             GROUP BY queue_id"
        );
    }
    let (from, to) = (instant(window.from), instant(window.to));
    format!(
        "SELECT queue_id, SUM(CAST(LEAST(ended_at, {to}) AS BIGINT)
                    - CAST(GREATEST(started_at, {from}) AS BIGINT)) / 1000 AS agent_ms
         FROM agent_spans
         WHERE started_at < {to} AND ended_at > {from} AND ended_at > started_at
         GROUP BY queue_id"
    )
}

fn sql(window: &Window) -> String {
    let rates = window.rates.clone().unwrap_or_default();
    let (worked, carried, agent_hour) = (worked(window), carried(window, &rates), rates.agent_hour);
    let began = window.holds("started_at");
    format!(
        "WITH carried AS (
             {carried}
         ),
         part AS (
             SELECT queue_id, 0 AS contacts, agent_ms, 0 AS trunk_ms, 0 AS ms_rates
             FROM ({worked}) AS worked
             UNION ALL
             SELECT queue_id, 0, 0, SUM(ms), SUM(ms * rate)
             FROM carried
             GROUP BY queue_id
             UNION ALL
             SELECT queue_id, COUNT(*), 0, 0, 0
             FROM calls
             WHERE outcome = 'answered' AND {began}
             GROUP BY queue_id
         ),
         summed AS (
             SELECT queue_id, SUM(contacts) AS contacts, SUM(agent_ms) AS agent_ms,
                    SUM(trunk_ms) AS trunk_ms,
                    (SUM(agent_ms) / 1000 * {agent_hour} + 1800) / 3600 AS agent_cost,
                    (SUM(ms_rates) + 30000) / 60000 AS trunk_cost
             FROM part
             GROUP BY queue_id
         )
         SELECT queue_id, contacts, agent_ms, trunk_ms, agent_cost, trunk_cost,
                agent_cost + trunk_cost AS cost
         FROM summed
         ORDER BY queue_id"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let queue = row.int("queue_id")?;
    let of_queue =
        queue.map_or("queue_id IS NULL".to_owned(), |queue| format!("queue_id = {queue}"));
    let predicate =
        format!("outcome = 'answered' AND {of_queue} AND {}", window.holds("started_at"));
    Ok(Condition { table: "calls", key: "call_id", predicate })
}
