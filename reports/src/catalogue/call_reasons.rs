//! Why customers called: what agents chose after the call, by reason.
//!
//! The reason of a call is the disposition of its first wrap-up, as in first-contact resolution.

use super::colour::{GOOD, PAUSE};
use super::{PERIOD, ZONE, average, count, customer, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::{self, instant};

/// Answered calls by reason. A call belongs to the time at which it began.
pub static CALL_REASONS: Report = Report {
    id: "call_reasons",
    title: words("呼叫事由统计", "Call reasons"),
    help: words(
        "按坐席话后所选的事由统计已接听的通话，最多的在前；按通话开始时间归入统计期。",
        "Answered calls by what the agent chose after them, the most frequent first, counted when the call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["calls"]), Narrowing::agents(&["calls"])],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("inbound", "direction = 'inbound'"),
        Number::only("outbound", "direction <> 'inbound'"),
        Number::all("customers").counting(NUMBERS),
    ],
    columns: &[
        text("reason", words("事由", "Reason"), Source::Word("told")),
        count("calls", words("通话数", "Calls")),
        Column {
            total: Total::None,
            ..share("of_all", words("占比", "Of all"), "calls", "all_calls")
        },
        count("inbound", words("呼入", "Inbound")),
        count("outbound", words("呼出及内部", "Outbound and internal")),
        Column { total: Total::None, ..count("customers", words("客户号码数", "Numbers")) },
        duration("handle_ms", words("处理时长", "Handled")),
        average("aht", words("平均处理", "AHT"), "handle_ms", "calls"),
    ],
    figures: &["calls", "handle_ms", "aht"],
    charts: &[
        Chart::Bar {
            title: words("各事由通话数", "Calls by reason"),
            label: "reason",
            series: &[("inbound", GOOD), ("outbound", PAUSE)],
        },
        Chart::Pie {
            title: words("呼入与呼出", "Inbound and outbound"),
            pie: Pie::Totals(&[("inbound", GOOD), ("outbound", PAUSE)]),
        },
    ],
    formulas: &[
        Formula {
            name: words("占比", "Of all"),
            text: words("该事由的通话数 ÷ 全部通话数", "calls for the reason ÷ all calls"),
        },
        Formula {
            name: words("处理时长", "Handled"),
            text: words("通话 + 保持 + 话后", "talk + hold + wrap-up"),
        },
        Formula {
            name: words("平均处理", "AHT"),
            text: words("处理时长 ÷ 通话数", "handled ÷ calls"),
        },
        Formula {
            name: words("客户号码数", "Numbers"),
            text: words("不同的客户号码", "different numbers of customers"),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

/// The wrap-up of each call of the period or later: its time, and the first choice of an agent.
fn wrap_ups(window: &Window) -> String {
    let from = instant(window.from);
    format!(
        "SELECT call_id, SUM(CAST(duration_ms AS BIGINT)) AS wrap_up_ms,
                FIRST_VALUE(reason ORDER BY started_at, span_id)
                    FILTER (WHERE reason IS NOT NULL) AS reason
         FROM agent_spans
         WHERE activity = 'wrap_up' AND call_id IS NOT NULL AND started_at >= {from}
         GROUP BY call_id"
    )
}

/// Different numbers of customers: who calls us, or whom we call.
const NUMBERS: &str =
    "COUNT(DISTINCT CASE WHEN direction = 'outbound' THEN called ELSE caller END)";

/// What has no reason gets a word for it.
const TOLD: &str = "CASE WHEN w.reason IS NULL OR w.reason = '' THEN 'no_reason' ELSE w.reason END";

/// A call that an agent had, as a row `c` of `calls`.
const ANSWERED: &str = "c.outcome = 'answered' AND c.agent_id IS NOT NULL";

fn sql(window: &Window) -> String {
    let in_period = window.holds("c.started_at");
    let (wrap_ups, number) = (wrap_ups(window), customer("c"));
    format!(
        "WITH wrap AS ({wrap_ups}),
         answered AS (
             SELECT {TOLD} AS told, c.direction, {number} AS number,
                    CAST(c.talk_ms AS BIGINT) + c.hold_ms + COALESCE(w.wrap_up_ms, 0) AS handle_ms
             FROM calls c
             LEFT JOIN wrap w ON w.call_id = c.call_id
             WHERE {ANSWERED} AND {in_period}
         ),
         counted AS (
             SELECT told, COUNT(*) AS calls,
                    SUM(CASE WHEN direction = 'inbound' THEN 1 ELSE 0 END) AS inbound,
                    SUM(CASE WHEN direction = 'inbound' THEN 0 ELSE 1 END) AS outbound,
                    COUNT(DISTINCT number) AS customers, SUM(handle_ms) AS handle_ms
             FROM answered
             GROUP BY told
         )
         SELECT *, SUM(calls) OVER () AS all_calls
         FROM counted
         ORDER BY calls DESC, told"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let told = literal::text(&row.text("told")?.unwrap_or_default());
    let (in_period, wrap_ups) = (window.holds("c.started_at"), wrap_ups(window));
    let predicate = format!(
        "call_id IN (SELECT c.call_id FROM calls c
                     LEFT JOIN ({wrap_ups}) AS w ON w.call_id = c.call_id
                     WHERE {ANSWERED} AND {in_period} AND {TOLD} = {told})"
    );
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
