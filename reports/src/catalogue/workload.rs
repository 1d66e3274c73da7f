//! Workload by agent and hour of the day: calls offered, answered and not answered, and where the
//! agent's time went.
//!
//! Agent time is split by the clock: a conversation from 09:50 to 10:20 gives ten minutes to
//! 09:00–10:00 and twenty to 10:00–11:00, in the report's zone. A span is first cut at the
//! period's edges and where the zone's clocks change, so that within each piece the local clock
//! is UTC plus a constant. A piece within one hour belongs to it whole. A longer one meets all 24
//! hours: until local time t, hour h has passed (t / day) times in full and clamp(t % day − h, 0, 1
//! hour) in part, and the difference between the piece's ends is its share.
//! A night in which an hour comes twice gives that hour up to two hours of time.

use super::calls_of::calls_of;
use super::colour::{AFTER, FREE, HOLD, PAUSE, WORK};
use super::spans::{BREAK, HOLD_TIME, OCCUPANCY, TALK, WRAP_UP, pieces_of};
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, average, beside, count, duration, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, HOUR_US, Window};

pub(super) const TIME: &[(&str, &str)] = &[
    ("talk_ms", WORK),
    ("hold_ms", HOLD),
    ("wrap_up_ms", AFTER),
    ("ready_ms", FREE),
    ("break_ms", PAUSE),
];

/// What says how an agent's time went, and what they were offered. Time that is of no queue (free, on
/// break) says nothing of a queue, so that those columns are empty where one is asked for.
const TIME_AND_OFFERS: &[&str] = &["agent_spans", "legs"];

/// Hangup cause of a phone at which it rang until a colleague had the call, Q.850: no offer that was
/// left unanswered.
const ELSEWHERE: i32 = 26;

/// Workload by agent and hour of the day. Offers belong to the hour in which they began.
pub static WORKLOAD: Report = Report {
    id: "workload",
    title: words("话务工作量统计", "Workload by agent and hour"),
    help: words(
        "按坐席和一天中的小时统计话务量与工时；工时按时钟切分到小时，来话按振铃开始时间归入小时。",
        "Calls and time by agent and hour of the day. Time is split by the clock; an offer counts in the hour in which it began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[
        Narrowing::queues(TIME_AND_OFFERS).without(&["ready_ms", "break_ms", "occupancy"]),
        Narrowing::agents(TIME_AND_OFFERS),
    ],
    sql,
    behind,
    numbers: &[
        Number::all("offered"),
        Number::only("answered", "answered_at IS NOT NULL"),
        Number::only("unanswered", "answered_at IS NULL"),
    ],
    columns: &beside::<13>(&[AGENT_NUMBER, AGENT_NAME], HOURS),
    figures: FIGURES,
    charts: &[
        Chart::Bar {
            title: words("各坐席工时", "Time by agent"),
            label: "agent_name",
            series: TIME,
        },
        ALL_TIME,
    ],
    formulas: FORMULAS,
    subtotals: true,
    order: Order::FirstColumn,
};

pub(super) const ALL_TIME: Chart =
    Chart::Pie { title: words("工时构成", "Where the time went"), pie: Pie::Totals(TIME) };

/// What is said of an hour, whoever it is about.
pub(super) const HOURS: &[Column] = &[
    text("hour", words("时段", "Hour"), Source::Hour("hour")),
    count("offered", words("派入", "Offered")),
    count("answered", words("接听", "Answered")),
    count("unanswered", words("未接", "Unanswered")),
    TALK,
    HOLD_TIME,
    WRAP_UP,
    average("aht", words("平均处理", "AHT"), "handle_ms", "answered"),
    duration("ready_ms", words("就绪", "Ready")),
    BREAK,
    OCCUPANCY,
];

/// Columns whose totals stand out.
const FIGURES: &[&str] = &["answered", "unanswered", "talk_ms", "aht", "occupancy"];

/// How the numbers are made.
const FORMULAS: &[Formula] = &[
    Formula {
        name: words("未接", "Unanswered"), text: words("派入 − 接听", "offered − answered")
    },
    Formula {
        name: words("平均处理", "AHT"),
        text: words("(通话 + 保持 + 话后) ÷ 接听", "(talk + hold + wrap-up) ÷ answered"),
    },
    Formula { name: words("就绪", "Ready"), text: words("空闲 + 振铃", "idle + ringing") },
    Formula {
        name: words("工时利用率", "Occupancy"),
        text: words(
            "(通话 + 保持 + 话后) ÷ (通话 + 保持 + 话后 + 就绪)",
            "(talk + hold + wrap-up) ÷ (talk + hold + wrap-up + ready)",
        ),
    },
];

fn sql(window: &Window) -> String {
    if window.quarters_fit() {
        let offers = [counted_offers(window), offers_of_before(window, "agent_id", "legs")];
        return sql_of("agent_id", &counted_parts(window), &offers);
    }
    sql_from(window, "agent_id", ["agent_spans", "legs"])
}

/// Time of stretches and offers by their column `key` and by hour.
pub(super) fn sql_from(window: &Window, key: &str, [stretches, legs]: [&str; 2]) -> String {
    let offers = [offers(window, key, legs), offers_of_before(window, key, legs)];
    sql_of(key, &cut_parts(window, key, stretches), &offers)
}

/// The parts of stretches by hour, out of counts of quarter-hours.
fn counted_parts(window: &Window) -> String {
    let (local, in_period) = (window.local_us("from_at"), window.holds("from_at"));
    format!(
        "part AS (
             SELECT agent_id, activity, {local} / {HOUR_US} % 24 AS hour, spent_us
             FROM agent_intervals
             WHERE {in_period} AND spent_us > 0
         )"
    )
}

/// Offers and those of them that were answered by hour, out of counts of quarter-hours.
fn counted_offers(window: &Window) -> String {
    let hour = format!("{} / {HOUR_US} % 24", window.local_us("from_at"));
    let in_period = window.holds("from_at");
    format!(
        "SELECT agent_id, {hour} AS hour, SUM(offered) AS offered, SUM(answered) AS answered
             FROM leg_intervals
             WHERE role = 'agent' AND agent_id IS NOT NULL AND call_direction = 'inbound'
                   AND offered > 0 AND {in_period}
             GROUP BY agent_id, {hour}"
    )
}

/// The same out of `legs`, those that tell the direction of their call.
fn offers(window: &Window, key: &str, legs: &str) -> String {
    let (hour, is_offer) = (offer_hour(window), is_offer(window));
    format!(
        "SELECT o.{key}, {hour} AS hour, COUNT(*) AS offered, COUNT(o.answered_at) AS answered
             FROM {legs} o
             WHERE o.call_direction = 'inbound' AND {is_offer}
             GROUP BY o.{key}, {hour}"
    )
}

/// The same out of legs of before they told it: their calls do, and one that is not known came in.
/// Where there are none, files are ruled out by their statistics, and no call is read.
fn offers_of_before(window: &Window, key: &str, legs: &str) -> String {
    let (hour, is_offer) = (offer_hour(window), is_offer(window));
    let of_period = format!("call_direction IS NULL AND {}", window.holds("started_at"));
    let calls = calls_of(window, "legs", &of_period, "c.call_id, c.direction");
    format!(
        "SELECT o.{key}, {hour} AS hour, COUNT(*) AS offered, COUNT(o.answered_at) AS answered
             FROM {legs} o
             LEFT JOIN (
                 SELECT call_id FROM ({calls}) AS called WHERE direction <> 'inbound'
             ) AS c ON c.call_id = o.call_id
             WHERE c.call_id IS NULL AND o.call_direction IS NULL AND {is_offer}
             GROUP BY o.{key}, {hour}"
    )
}

fn offer_hour(window: &Window) -> String {
    format!("{} / {HOUR_US} % 24", window.local_us("o.started_at"))
}

/// Whether the leg `o` is an offer of the period, wherever its call goes.
fn is_offer(window: &Window) -> String {
    format!(
        "o.role = 'agent' AND o.agent_id IS NOT NULL \
         AND (o.answered_at IS NOT NULL OR o.hangup_cause <> {ELSEWHERE}) AND {}",
        window.holds("o.started_at")
    )
}

/// The parts of stretches by hour, cut out of them.
fn cut_parts(window: &Window, key: &str, stretches: &str) -> String {
    let pieces = pieces_of(window, stretches, &format!("s.{key}, s.activity"));
    let hours = (0..24).map(|hour| format!("({hour})")).collect::<Vec<_>>().join(", ");
    // How much of the hour has passed until the local time in `at`, all days together.
    let passed = |at: &str| {
        format!(
            "({at} / {DAY_US} * {HOUR_US} \
              + GREATEST(0, LEAST({HOUR_US}, {at} % {DAY_US} - hour * {HOUR_US})))"
        )
    };
    let (passed_at_begin, passed_at_end) = (passed("begins_us"), passed("ends_us"));
    format!(
        "clock (hour) AS (VALUES {hours}),
         piece AS ({pieces}),
         part AS (
             SELECT {key}, activity, begins_us / {HOUR_US} % 24 AS hour,
                    ends_us - begins_us AS spent_us
             FROM piece
             WHERE begins_us / {HOUR_US} = (ends_us - 1) / {HOUR_US} AND ends_us > begins_us
             UNION ALL
             SELECT {key}, activity, hour, {passed_at_end} - {passed_at_begin} AS spent_us
             FROM piece
             CROSS JOIN clock
             WHERE begins_us / {HOUR_US} <> (ends_us - 1) / {HOUR_US}
                   AND {passed_at_end} > {passed_at_begin}
         )"
    )
}

/// The report over the common table expression `part`, the last of `parts`, and offers.
fn sql_of(key: &str, parts: &str, offers: &[String; 2]) -> String {
    let spent = |activities: &str| {
        format!("SUM(CASE WHEN activity IN ({activities}) THEN spent_us ELSE 0 END)")
    };
    let (talk, hold, wrap_up) = (spent("'talking'"), spent("'holding'"), spent("'wrap_up'"));
    let (ready, pause) = (spent("'idle', 'ringing'"), spent("'break'"));
    let [offers, offers_of_before] = offers;
    format!(
        "WITH {parts},
         spent AS (
             SELECT {key}, hour, activity, SUM(spent_us) AS spent_us
             FROM part
             GROUP BY {key}, hour, activity
         ),
         came AS (
             {offers}
             UNION ALL
             {offers_of_before}
         ),
         counted AS (
             SELECT {key}, hour, 0 AS offered, 0 AS answered,
                    {talk} AS talk_us, {hold} AS hold_us, {wrap_up} AS wrap_up_us,
                    {ready} AS ready_us, {pause} AS break_us
             FROM spent
             GROUP BY {key}, hour
             UNION ALL
             SELECT {key}, hour, offered, answered, 0, 0, 0, 0, 0
             FROM came
         ),
         summed AS (
             SELECT {key}, hour,
                    SUM(offered) AS offered, SUM(answered) AS answered,
                    SUM(talk_us) / 1000 AS talk_ms, SUM(hold_us) / 1000 AS hold_ms,
                    SUM(wrap_up_us) / 1000 AS wrap_up_ms, SUM(ready_us) / 1000 AS ready_ms,
                    SUM(break_us) / 1000 AS break_ms
             FROM counted
             GROUP BY {key}, hour
         )
         SELECT {key}, hour, offered, answered, offered - answered AS unanswered,
                talk_ms, hold_ms, wrap_up_ms, ready_ms, break_ms,
                talk_ms + hold_ms + wrap_up_ms AS handle_ms,
                talk_ms + hold_ms + wrap_up_ms + ready_ms AS on_duty_ms
         FROM summed
         ORDER BY {key}, hour"
    )
}

/// The offers of the hour, as a condition on legs.
pub(super) fn offered_in(window: &Window, hour: i64) -> String {
    format!(
        "role = 'agent' AND agent_id IS NOT NULL AND {} AND {} / {HOUR_US} % 24 = {hour} \
         AND COALESCE(call_direction, 'inbound') = 'inbound' \
         AND call_id NOT IN (SELECT call_id FROM calls WHERE direction <> 'inbound') \
         AND (answered_at IS NOT NULL OR hangup_cause <> {ELSEWHERE})",
        window.holds("started_at"),
        window.local_us("started_at"),
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let hour = row.int("hour")?.unwrap_or(0);
    let predicate = format!("agent_id = {agent} AND {}", offered_in(window, hour));
    Ok(Condition { table: "legs", key: "contact_id", predicate })
}
