//! What went over each trunk: calls by direction and outcome, how long lines were taken, and how
//! many at once.
//!
//! A call over a trunk is a leg: a customer's call that is passed on outside takes two lines, the
//! second of them outbound. It belongs to the time at which it began. The most at once counts
//! whatever was on the line in the period, also what began before it.

use super::calls_of::calls_of;
use super::colour::{BAD, FAIR, FREE, GOOD, WORSE};
use super::{PERIOD, ZONE, average, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal::instant;

const OUTCOMES: &[(&str, &str)] = &[
    ("answered", GOOD),
    ("busy", FAIR),
    ("no_answer", FREE),
    ("given_up", BAD),
    ("failed", WORSE),
];

/// Hangup causes of ITU-T Q.850: user busy; no user responding and no answer; normal clearing,
/// answered elsewhere and normal, unspecified.
const BUSY: &str = "17";
const NO_ANSWER: &str = "18, 19";
const CLEARED: &str = "16, 26, 31";

/// Trunks in a period.
pub static TRUNK_USAGE: Report = Report {
    id: "trunk_usage",
    title: words("中继使用统计", "Trunk usage"),
    help: words(
        "按中继和方向统计呼叫结果、时长与并发；一次呼叫占用一条线路，转到外线时另占一条呼出线路。",
        "Calls over each trunk by direction: what became of them, how long they took a line, and how many there were at once. A call that is passed on outside takes a second line, outbound.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("answered", "answered_at IS NOT NULL"),
        Number::when("busy", ended),
        Number::when("no_answer", ended),
        Number::when("given_up", ended),
        Number::when("failed", ended),
    ],
    columns: &[
        text("trunk", words("中继", "Trunk"), Source::TrunkName("trunk_id")),
        text("direction", words("方向", "Direction"), Source::Word("direction")),
        count("calls", words("呼叫", "Calls")),
        count("answered", words("接通", "Answered")),
        count("busy", words("忙", "Busy")),
        count("no_answer", words("无应答", "No answer")),
        count("given_up", words("接通前挂断", "Given up")),
        count("failed", words("失败", "Failed")),
        share("connect_rate", words("接通率", "Connect rate"), "answered", "calls"),
        duration("connected_ms", words("接通时长", "Connected")),
        average("connected_mean", words("平均接通时长", "Mean"), "connected_ms", "answered"),
        duration("taken_ms", words("占用时长", "Line taken")),
        Column { total: Total::Max, ..count("peak", words("最大并发", "Most at once")) },
    ],
    figures: &["calls", "connect_rate", "connected_ms", "taken_ms", "peak"],
    charts: &[
        Chart::Bar {
            title: words("各中继呼叫结果", "Outcomes by trunk"),
            label: "trunk",
            series: OUTCOMES,
        },
        Chart::Pie {
            title: words("呼叫结果构成", "All outcomes"), pie: Pie::Totals(OUTCOMES)
        },
    ],
    formulas: &[
        Formula {
            name: words("呼叫", "Calls"),
            text: words(
                "接通 + 忙 + 无应答 + 接通前挂断 + 失败（按 ITU-T Q.850 挂机原因 17；18、19；16、26、31；其余）",
                "answered + busy + no answer + given up + failed (by hangup cause, ITU-T Q.850: 17; 18 and 19; 16, 26 and 31; any other)",
            ),
        },
        Formula {
            name: words("接通率", "Connect rate"),
            text: words("接通 ÷ 呼叫", "answered ÷ calls"),
        },
        Formula {
            name: words("平均接通时长", "Mean"),
            text: words("接通时长 ÷ 接通", "connected ÷ answered"),
        },
        Formula {
            name: words("占用时长", "Line taken"),
            text: words("从呼叫开始到结束", "from the call's start to its end"),
        },
        Formula {
            name: words("最大并发", "Most at once"),
            text: words(
                "该中继两个方向合计的同时占用线路数；合计为各中继中的最大值",
                "lines of the trunk taken at the same time, both directions together; the total is the greatest of any trunk",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

fn sql(window: &Window) -> String {
    let (from, to) = (instant(window.from), instant(window.to));
    let in_period = window.holds("started_at");
    let counted = |condition: String| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let ended_by =
        |causes: &str| counted(format!("answered_at IS NULL AND hangup_cause IN ({causes})"));
    let (busy, no_answer, given_up) = (ended_by(BUSY), ended_by(NO_ANSWER), ended_by(CLEARED));
    let failed = counted(format!(
        "answered_at IS NULL AND hangup_cause NOT IN ({BUSY}, {NO_ANSWER}, {CLEARED})"
    ));
    let of_period = format!("trunk_id IS NOT NULL AND started_at < {to} AND ended_at >= {from}");
    let calls = calls_of(window, "legs", &of_period, "c.call_id, c.direction");
    format!(
        "WITH carried AS (
             SELECT l.trunk_id, l.started_at, l.answered_at, l.ended_at, l.hangup_cause,
                    CASE WHEN l.role = 'customer' AND COALESCE(c.direction, 'inbound') = 'inbound'
                         THEN 'inbound' ELSE 'outbound' END AS direction
             FROM legs l
             LEFT JOIN ({calls}) AS c ON c.call_id = l.call_id
             WHERE l.trunk_id IS NOT NULL AND l.started_at < {to} AND l.ended_at >= {from}
         ),
         taken AS (
             SELECT trunk_id, started_at, ended_at FROM legs WHERE {of_period}
         ),
         turn AS (
             SELECT trunk_id, started_at AS at, 1 AS lines FROM taken
             UNION ALL
             SELECT trunk_id, ended_at AS at, -1 AS lines FROM taken
         ),
         level AS (
             SELECT trunk_id, SUM(lines) OVER (
                        PARTITION BY trunk_id ORDER BY at, lines
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS taken
             FROM turn
         ),
         peaks AS (
             SELECT trunk_id, MAX(taken) AS peak FROM level GROUP BY trunk_id
         ),
         counted AS (
             SELECT trunk_id, direction, COUNT(*) AS calls, COUNT(answered_at) AS answered,
                    {busy} AS busy, {no_answer} AS no_answer, {given_up} AS given_up,
                    {failed} AS failed,
                    SUM(CASE WHEN answered_at IS NULL THEN 0
                        ELSE CAST(ended_at AS BIGINT) - CAST(answered_at AS BIGINT) END) / 1000
                        AS connected_ms,
                    SUM(CAST(ended_at AS BIGINT) - CAST(started_at AS BIGINT)) / 1000 AS taken_ms
             FROM carried
             WHERE {in_period}
             GROUP BY trunk_id, direction
         )
         SELECT c.*, p.peak
         FROM counted c
         JOIN peaks p ON p.trunk_id = c.trunk_id
         ORDER BY c.trunk_id, c.direction"
    )
}

/// The legs that were not answered and ended by the causes that the column counts.
fn ended(_: &Window, column: &'static str) -> String {
    let causes = match column {
        "busy" => format!("IN ({BUSY})"),
        "no_answer" => format!("IN ({NO_ANSWER})"),
        "given_up" => format!("IN ({CLEARED})"),
        _ => format!("NOT IN ({BUSY}, {NO_ANSWER}, {CLEARED})"),
    };
    format!("answered_at IS NULL AND hangup_cause {causes}")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let trunk = row.int("trunk_id")?.unwrap_or(0);
    let came_in = "role = 'customer' \
         AND call_id NOT IN (SELECT call_id FROM calls WHERE direction <> 'inbound')";
    let which = match row.text("direction")?.as_deref() {
        Some("inbound") => came_in.to_owned(),
        _ => format!("leg_id NOT IN (SELECT leg_id FROM legs WHERE {came_in})"),
    };
    let in_period = window.holds("started_at");
    let predicate = format!("trunk_id = {trunk} AND {in_period} AND {which}");
    Ok(Condition { table: "legs", key: "contact_id", predicate })
}
