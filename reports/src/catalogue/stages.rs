//! The stages of contacts and orders, day by day on one page: calls, flows, queues, agents, orders.
//!
//! Each stage counts in the day in which it began: a call at its start, a stay when the contact entered
//! the queue, a conversation when the agent's phone rang, an order when it was made or closed. A call
//! over midnight may so be in two days, and the stages of a day need not lie within each other.

use super::colour::{AFTER, BAD, FREE, GOOD, WORK};
use super::{PERIOD, ZONE, count, duration, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};

const STAGES: &[(&str, &str)] =
    &[("ivr_only", FREE), ("answered", GOOD), ("abandoned", BAD), ("created", WORK)];
const ENDS: &[(&str, &str)] = &[("answered", GOOD), ("abandoned", BAD), ("elsewhere", AFTER)];

/// Calls, flows, queues, agents and orders by day.
pub static STAGES_BY_DAY: Report = Report {
    id: "stages",
    title: words("各环节日报", "Stages by day"),
    help: words(
        "按日期统计来电、自助、排队、坐席与工单各环节的数量，供管理层总览；各环节按其开始时间归入日期。",
        "Calls, flows, queues, agents and orders by day, for those who look at the whole; each stage counts in the day in which it began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("in_flow", "flow_id IS NOT NULL"),
        Number::only("ivr_only", "flow_id IS NOT NULL AND outcome = 'ivr_only'"),
        Number::apart("offered", counted),
        Number::apart("answered", counted),
        Number::apart("abandoned", counted),
        Number::apart("elsewhere", counted),
        Number::apart("conversations", counted),
        Number::apart("created", counted),
        Number::apart("closed", counted),
    ],
    columns: &[
        text("day", words("日期", "Day"), Source::Day("day")),
        count("calls", words("来电", "Calls")),
        count("in_flow", words("进入自助", "In a flow")),
        count("ivr_only", words("自助结束", "Ended there")),
        share("contained", words("自助率", "Containment"), "ivr_only", "in_flow"),
        count("offered", words("进入队列", "Queued")),
        count("answered", words("接听", "Answered")),
        count("abandoned", words("放弃", "Abandoned")),
        count("elsewhere", words("其他去向", "Elsewhere")),
        share("connected", words("接通率", "Connect rate"), "answered", "offered"),
        count("conversations", words("坐席通话数", "Conversations")),
        duration("handled_ms", words("通话与保持", "Talk and hold")),
        count("created", words("新建工单", "Orders made")),
        count("closed", words("办结工单", "Orders closed")),
    ],
    figures: &["calls", "connected", "handled_ms", "created", "closed"],
    charts: &[
        Chart::Bar {
            title: words("各日各环节", "Stages by day"), label: "day", series: STAGES
        },
        Chart::Pie { title: words("排队结果", "Ends of queueing"), pie: Pie::Totals(ENDS) },
    ],
    formulas: &[
        Formula {
            name: words("自助率", "Containment"),
            text: words("自助结束 ÷ 进入自助", "ended in a flow ÷ entered one"),
        },
        Formula {
            name: words("接通率", "Connect rate"),
            text: words("接听 ÷ 进入队列", "answered ÷ queued"),
        },
        Formula {
            name: words("其他去向", "Elsewhere"),
            text: words("溢出 + 转回呼", "flowed out + waits for a callback"),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let days = window.of_days();
    let day = |column: &str| format!("{} / {DAY_US}", days.local_us(column));
    let when = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let (started, entered) = (day("started_at"), day("entered_at"));
    let moved = day("moved_at");
    let (created, closed) = (when("way = 'created'"), when("way = 'closed'"));
    let in_flow = when("flow_id IS NOT NULL");
    let ivr_only = when("flow_id IS NOT NULL AND outcome = 'ivr_only'");
    let (answered, abandoned) = (when("outcome = 'answered'"), when("outcome = 'abandoned'"));
    let elsewhere = when("outcome NOT IN ('answered', 'abandoned')");
    let [began, queued, made, ended, in_period] =
        ["started_at", "entered_at", "created_at", "closed_at", "moved_at"]
            .map(|column| window.holds(column));
    format!(
        "WITH part AS (
             SELECT {started} AS day, COUNT(*) AS calls, {in_flow} AS in_flow,
                    {ivr_only} AS ivr_only, 0 AS offered, 0 AS answered, 0 AS abandoned,
                    0 AS elsewhere, 0 AS conversations, 0 AS handled_ms, 0 AS created, 0 AS closed
             FROM calls
             WHERE direction = 'inbound' AND {began}
             GROUP BY {started}
             UNION ALL
             SELECT {entered}, 0, 0, 0, COUNT(*), {answered}, {abandoned}, {elsewhere}, 0, 0, 0, 0
             FROM queue_visits
             WHERE {queued}
             GROUP BY {entered}
             UNION ALL
             SELECT {started}, 0, 0, 0, 0, 0, 0, 0, COUNT(*),
                    SUM(CAST(talk_ms AS BIGINT) + CAST(hold_ms AS BIGINT)), 0, 0
             FROM legs
             WHERE role = 'agent' AND answered_at IS NOT NULL AND {began}
             GROUP BY {started}
             UNION ALL
             SELECT {moved}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {created}, {closed}
             FROM (SELECT way,
                          CASE way WHEN 'created' THEN created_at ELSE closed_at END AS moved_at
                   FROM orders_latest
                   CROSS JOIN (VALUES ('created'), ('closed')) AS ways (way)
                   WHERE ({made}) OR ({ended})) AS moves
             WHERE {in_period}
             GROUP BY {moved}
         )
         SELECT day, SUM(calls) AS calls, SUM(in_flow) AS in_flow, SUM(ivr_only) AS ivr_only,
                SUM(offered) AS offered, SUM(answered) AS answered, SUM(abandoned) AS abandoned,
                SUM(elsewhere) AS elsewhere, SUM(conversations) AS conversations,
                SUM(handled_ms) AS handled_ms, SUM(created) AS created, SUM(closed) AS closed
         FROM part
         GROUP BY day
         ORDER BY day"
    )
}

/// What the column counts of the day's stays, conversations and orders.
fn counted(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let day = row.int("day")?.unwrap_or(0);
    let on_day = |at: &str| {
        let local = window.of_days().local_us(at);
        format!("{} AND {local} / {DAY_US} = {day}", window.holds(at))
    };
    let stay = |is: &str| Condition {
        table: "queue_visits",
        key: "contact_id",
        predicate: format!("{}{is}", on_day("entered_at")),
    };
    let order =
        |at: &str| Condition { table: "orders_latest", key: "order_id", predicate: on_day(at) };
    Ok(match column {
        "offered" => stay(""),
        "answered" => stay(" AND outcome = 'answered'"),
        "abandoned" => stay(" AND outcome = 'abandoned'"),
        "elsewhere" => stay(" AND outcome NOT IN ('answered', 'abandoned')"),
        "created" => order("created_at"),
        "closed" => order("closed_at"),
        _ => Condition {
            table: "legs",
            key: "contact_id",
            predicate: format!(
                "role = 'agent' AND answered_at IS NOT NULL AND {}",
                on_day("started_at")
            ),
        },
    })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let day = row.int("day")?.unwrap_or(0);
    let predicate = format!(
        "direction = 'inbound' AND {} AND {} / {DAY_US} = {day}",
        window.holds("started_at"),
        window.of_days().local_us("started_at")
    );
    Ok(Condition { table: "calls", key: "call_id", predicate })
}
