//! First-contact resolution: of the customers who called for the first time, how many did not call
//! again for the same reason within some days, seven by default.
//!
//! A contact is an answered inbound call; its reason is the disposition of its first wrap-up, and
//! calls without one are told apart from those with one. A contact before which the same customer
//! called for the same reason within the days is a repeat, and no first one. Of a first contact
//! whose days are not over yet nothing is known until it is repeated: it is pending. So
//! contacts = first + repeats and first = resolved + repeated + pending in every row.

use super::colour::{BAD, FREE, GOOD};
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, REPEAT_DAYS, ZONE, count, is_known, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use terms::Timestamp;
use warehouse::query::literal::instant;

const ENDS: &[(&str, &str)] = &[("resolved", GOOD), ("repeated", BAD), ("pending", FREE)];

/// First-contact resolution by queue and agent. A contact belongs to the time at which it began.
pub static FIRST_CONTACT: Report = Report {
    id: "first_contact",
    title: words("首次解决率统计", "First-contact resolution"),
    help: words(
        "按队列和首位接听的坐席统计已接听来电的首次解决；号码隐藏的来电不计，天数未满的首次来电为待定。",
        "Answered inbound calls by queue and first agent: which were resolved at the first contact. Withheld numbers are left out; a first contact whose days are not over is pending.",
    ),
    parameters: &[PERIOD, ZONE, REPEAT_DAYS],
    narrows: &[Narrowing::rows_of_queues("queue_id"), Narrowing::rows_of_agents("agent_id")],
    sql,
    behind,
    numbers: &[
        Number::all("contacts"),
        Number::when("repeats", ended),
        Number::when("first", ended),
        Number::when("resolved", ended),
        Number::when("repeated", ended),
        Number::when("pending", ended),
    ],
    columns: &[
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        AGENT_NUMBER,
        AGENT_NAME,
        count("contacts", words("来电", "Contacts")),
        count("repeats", words("重复来电", "Repeats")),
        count("first", words("首次来电", "First")),
        count("resolved", words("首次解决", "Resolved")),
        count("repeated", words("未解决", "Repeated")),
        count("pending", words("待定", "Pending")),
        share("resolution", words("首次解决率", "Resolution"), "resolved", "decided"),
    ],
    figures: &["contacts", "first", "resolved", "repeated", "resolution"],
    charts: &[
        Chart::Bar {
            title: words("各队列首次来电", "First contacts by queue"),
            label: "queue",
            series: ENDS,
        },
        Chart::Pie {
            title: words("首次来电构成", "All first contacts"), pie: Pie::Totals(ENDS)
        },
    ],
    formulas: &[
        Formula {
            name: words("首次解决率", "Resolution"),
            text: words("首次解决 ÷ (首次解决 + 未解决)", "resolved ÷ (resolved + repeated)"),
        },
        Formula {
            name: words("首次解决", "Resolved"),
            text: words(
                "同一号码 {repeat_days} 天内未因同一事由再次来电并接通",
                "no answered call from the same number for the same reason within the next {repeat_days} days",
            ),
        },
        Formula {
            name: words("重复来电", "Repeats"),
            text: words(
                "此前 {repeat_days} 天内同一号码因同一事由来电并接通过",
                "an answered call from the same number for the same reason within the {repeat_days} days before",
            ),
        },
        Formula {
            name: words("来电", "Contacts"),
            text: words(
                "首次来电 + 重复来电；首次来电 = 首次解决 + 未解决 + 待定",
                "first + repeats; first = resolved + repeated + pending",
            ),
        },
        Formula {
            name: words("事由", "Reason"),
            text: words(
                "该通话首次话后处理所选的结果；未选的自成一类",
                "the disposition of the call's first wrap-up; calls without one are a reason of their own",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

/// The contacts of the period and of the days around it, each with the times of its neighbours: of
/// the same customer for the same reason.
fn placed(window: &Window) -> String {
    let near_us = i64::from(window.repeat_days) * DAY_US;
    let earliest = instant(Timestamp(window.from.0 - near_us));
    let latest = instant(Timestamp(window.to.0 + near_us));
    let is_contact = is_contact("c.");
    // Most customers have one contact: all in one row beside each other take less time to look at than
    // a part for each customer.
    format!(
        "WITH disposed AS (
             SELECT call_id, FIRST_VALUE(reason ORDER BY started_at, span_id) AS reason
             FROM agent_spans
             WHERE activity = 'wrap_up' AND reason IS NOT NULL AND call_id IS NOT NULL
                   AND started_at >= {earliest}
             GROUP BY call_id
         ),
         contact AS (
             SELECT c.caller, COALESCE(d.reason, '') AS reason, c.queue_id, c.agent_id,
                    c.started_at, c.call_id
             FROM calls c
             LEFT JOIN disposed d ON d.call_id = c.call_id
             WHERE {is_contact} AND c.started_at >= {earliest} AND c.started_at < {latest}
         )
         SELECT call_id, queue_id, agent_id, started_at,
                CASE WHEN LAG(caller) OVER beside = caller AND LAG(reason) OVER beside = reason
                     THEN LAG(started_at) OVER beside END AS before_at,
                CASE WHEN LEAD(caller) OVER beside = caller AND LEAD(reason) OVER beside = reason
                     THEN LEAD(started_at) OVER beside END AS after_at
         FROM contact
         WINDOW beside AS (ORDER BY caller, reason, started_at, call_id)"
    )
}

/// The contacts that the column counts, as a condition on those that are [`placed`].
fn is_end(window: &Window, column: &str) -> String {
    let near_us = i64::from(window.repeat_days) * DAY_US;
    let over = instant(Timestamp(window.now.0 - near_us));
    // Times of the neighbours in microseconds, so that their distance is a number.
    let within = |neighbour: &str| {
        let distance = format!("CAST({neighbour} AS BIGINT) - CAST(started_at AS BIGINT)");
        format!("({neighbour} IS NOT NULL AND ABS({distance}) <= {near_us})")
    };
    let (is_repeat, is_repeated) = (within("before_at"), within("after_at"));
    let alone = format!("NOT {is_repeat} AND NOT {is_repeated}");
    match column {
        "repeats" => is_repeat,
        "first" => format!("NOT {is_repeat}"),
        "repeated" => format!("NOT {is_repeat} AND {is_repeated}"),
        "resolved" => format!("{alone} AND started_at <= {over}"),
        _ => format!("{alone} AND started_at > {over}"),
    }
}

/// The same as a condition on calls.
fn ended(window: &Window, column: &'static str) -> String {
    let (placed, is) = (placed(window), is_end(window, column));
    let in_period = window.holds("started_at");
    format!("call_id IN (SELECT call_id FROM ({placed}) AS placed WHERE {in_period} AND {is})")
}

fn sql(window: &Window) -> String {
    let (placed, in_period) = (placed(window), window.holds("started_at"));
    let counted =
        |column: &str| format!("SUM(CASE WHEN {} THEN 1 ELSE 0 END)", is_end(window, column));
    let [repeats, resolved, repeated, pending] =
        ["repeats", "resolved", "repeated", "pending"].map(counted);
    format!(
        "WITH placed AS ({placed}),
         counted AS (
             SELECT queue_id, agent_id, COUNT(*) AS contacts, {repeats} AS repeats,
                    {resolved} AS resolved, {repeated} AS repeated, {pending} AS pending
             FROM placed
             WHERE {in_period}
             GROUP BY queue_id, agent_id
         )
         SELECT *, resolved + repeated + pending AS first, resolved + repeated AS decided
         FROM counted
         ORDER BY queue_id, agent_id"
    )
}

/// A row of `calls` is an answered inbound call that an agent had, of a customer whom their number
/// tells. `c` is the table's name and a dot, or nothing.
fn is_contact(c: &str) -> String {
    let known = is_known(&format!("{c}caller"));
    format!(
        "{c}direction = 'inbound' AND {c}outcome = 'answered' AND {c}agent_id IS NOT NULL \
         AND {known}"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let queue = match row.int("queue_id")? {
        Some(queue) => format!("queue_id = {queue}"),
        None => "queue_id IS NULL".to_owned(),
    };
    let predicate = format!(
        "{queue} AND agent_id = {agent} AND {} AND {}",
        is_contact(""),
        window.holds("started_at"),
    );
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
