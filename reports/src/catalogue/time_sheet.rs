//! Time sheet: when each agent was signed in on each day, and in which states.
//!
//! A stretch over midnight gives each day its part, in the report's zone. All states together are
//! the signed-in time, so every row adds up. The paid time is that of planned shifts, as far as they
//! have begun; a day on which a shift was planned has a row though nobody signed in.

use super::colour::{AFTER, FREE, GOOD, HOLD, PAUSE, WORK};
use super::spans::{BREAK, HOLD_TIME, OCCUPANCY, TALK, WRAP_UP, pieces_of};
use super::{AGENT_NAME, AGENT_NUMBER, PERIOD, ZONE, beside, duration, share, text, time};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use warehouse::query::literal::instant;

pub(super) const TIME: &[(&str, &str)] = &[
    ("talk_ms", WORK),
    ("hold_ms", HOLD),
    ("wrap_up_ms", AFTER),
    ("ringing_ms", GOOD),
    ("idle_ms", FREE),
    ("break_ms", PAUSE),
];

/// Time sheet by agent and day. Time is split by the clock.
pub static TIME_SHEET: Report = Report {
    id: "time_sheet",
    title: words("坐席工时表", "Time sheet"),
    help: words(
        "按坐席和日期统计签入时长与各状态时长；跨日的时段按时钟切分到各日。",
        "Signed-in time and the time in each state by agent and day; a stretch over midnight gives each day its part.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::agents(&["agent_spans", "shifts"])],
    sql,
    behind,
    numbers: &SPANS,
    columns: &beside::<16>(&[AGENT_NUMBER, AGENT_NAME], DAYS),
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

/// The columns of time that open the stretches whose time it is, as `made` makes their condition.
pub(super) const fn spans_by(
    made: fn(&Window, &Fields, &'static str) -> Result<Condition, Error>,
) -> [Number; 7] {
    [
        Number::apart("signed_in_ms", made),
        Number::apart("talk_ms", made),
        Number::apart("hold_ms", made),
        Number::apart("wrap_up_ms", made),
        Number::apart("ringing_ms", made),
        Number::apart("idle_ms", made),
        Number::apart("break_ms", made),
    ]
}

const SPANS: [Number; 7] = spans_by(stretches);

/// What is said of a day, whoever it is about.
pub(super) const DAYS: &[Column] = &[
    text("day", words("日期", "Day"), Source::Day("day")),
    time("first_at", words("最早签入", "From")),
    time("last_at", words("最晚签出", "Until")),
    duration("signed_in_ms", words("签入时长", "Signed in")),
    TALK,
    HOLD_TIME,
    WRAP_UP,
    duration("ringing_ms", words("振铃", "Ringing")),
    duration("idle_ms", words("空闲", "Idle")),
    BREAK,
    OCCUPANCY,
    share(
        "signed_in_use",
        words("签入利用率", "Use of signed-in time"),
        "handle_ms",
        "signed_in_ms",
    ),
    duration("planned_ms", words("付薪时长", "Paid")),
    share("utilisation", words("利用率", "Utilisation"), "handle_ms", "planned_ms"),
];

/// Columns whose totals stand out.
const FIGURES: &[&str] = &["signed_in_ms", "wrap_up_ms", "break_ms", "occupancy", "utilisation"];

/// How the numbers are made.
const FORMULAS: &[Formula] = &[
    Formula {
        name: words("签入时长", "Signed in"),
        text: words(
            "通话 + 保持 + 话后 + 振铃 + 空闲 + 小休",
            "talk + hold + wrap-up + ringing + idle + break",
        ),
    },
    Formula {
        name: words("工时利用率", "Occupancy"),
        text: words(
            "(通话 + 保持 + 话后) ÷ (通话 + 保持 + 话后 + 振铃 + 空闲)",
            "(talk + hold + wrap-up) ÷ (talk + hold + wrap-up + ringing + idle)",
        ),
    },
    Formula {
        name: words("签入利用率", "Use of signed-in time"),
        text: words("(通话 + 保持 + 话后) ÷ 签入时长", "(talk + hold + wrap-up) ÷ signed in"),
    },
    Formula {
        name: words("利用率", "Utilisation"),
        text: words("(通话 + 保持 + 话后) ÷ 付薪时长", "(talk + hold + wrap-up) ÷ paid"),
    },
    Formula {
        name: words("付薪时长", "Paid"),
        text: words(
            "已开始的排班时长，未撤销的班次；班次外的工作计入分子而不计入付薪时长",
            "planned time of shifts that were not withdrawn, as far as it has begun; work without a shift counts above the line and not below",
        ),
    },
];

fn sql(window: &Window) -> String {
    let window = &window.of_days();
    let pieces = pieces_of(window, &signed_and_planned(window), "s.agent_id, s.activity");
    sql_from(window, "agent_id", &pieces)
}

/// The agents' stretches that touch the period, and beside them their shifts as far as they have
/// begun, as stretches of the activity `planned`.
pub(super) fn signed_and_planned(window: &Window) -> String {
    let [from, to, now] = [window.from, window.to, window.now].map(instant);
    format!(
        "(SELECT agent_id, activity, started_at, ended_at
          FROM agent_spans
          WHERE started_at < {to} AND ended_at > {from}
          UNION ALL
          SELECT agent_id, 'planned' AS activity, starts_at AS started_at,
                 LEAST(ends_at, {now}) AS ended_at
          FROM shifts
          WHERE starts_at < {to} AND starts_at < {now} AND ends_at > {from}
                AND shift_id NOT IN (SELECT shift_id FROM shifts WHERE withdrawn))"
    )
}

/// The pieces of stretches by their column `key` and by day, on the clock of days.
pub(super) fn sql_from(window: &Window, key: &str, pieces: &str) -> String {
    let days = window.day_values();
    let spent = |activity: &str| {
        format!("SUM(CASE WHEN activity = '{activity}' THEN spent_us ELSE 0 END) / 1000")
    };
    let (talk, hold, wrap_up) = (spent("talking"), spent("holding"), spent("wrap_up"));
    let (ringing, idle, pause) = (spent("ringing"), spent("idle"), spent("break"));
    let planned = spent("planned");
    let signed = |us: &str| format!("CASE WHEN activity <> 'planned' THEN {us} END");
    let at = |us: &str| format!("arrow_cast({us}, 'Timestamp(Microsecond, Some(\"UTC\"))')");
    let first = at(&format!("MIN({})", signed("first_us")));
    let last = at(&format!("MAX({})", signed("last_us")));
    format!(
        "WITH clock (day) AS (VALUES {days}),
         piece AS ({pieces}),
         part AS (
             SELECT {key}, activity, shift_us, begins_us / {DAY_US} AS day, begins_us, ends_us
             FROM piece
             WHERE begins_us / {DAY_US} = (ends_us - 1) / {DAY_US}
             UNION ALL
             SELECT {key}, activity, shift_us, day, GREATEST(begins_us, day * {DAY_US}),
                    LEAST(ends_us, (day + 1) * {DAY_US})
             FROM piece
             JOIN clock ON begins_us < (day + 1) * {DAY_US} AND ends_us > day * {DAY_US}
             WHERE begins_us / {DAY_US} <> (ends_us - 1) / {DAY_US}
         ),
         spent AS (
             SELECT {key}, day, activity, SUM(ends_us - begins_us) AS spent_us,
                    MIN(begins_us - shift_us) AS first_us, MAX(ends_us - shift_us) AS last_us
             FROM part
             GROUP BY {key}, day, activity
         ),
         summed AS (
             SELECT {key}, day, {first} AS first_at, {last} AS last_at,
                    {talk} AS talk_ms, {hold} AS hold_ms, {wrap_up} AS wrap_up_ms,
                    {ringing} AS ringing_ms, {idle} AS idle_ms, {pause} AS break_ms,
                    {planned} AS planned_ms
             FROM spent
             GROUP BY {key}, day
         )
         SELECT {key}, day, first_at, last_at,
                talk_ms, hold_ms, wrap_up_ms, ringing_ms, idle_ms, break_ms, planned_ms,
                talk_ms + hold_ms + wrap_up_ms AS handle_ms,
                talk_ms + hold_ms + wrap_up_ms + ringing_ms + idle_ms AS on_duty_ms,
                talk_ms + hold_ms + wrap_up_ms + ringing_ms + idle_ms + break_ms AS signed_in_ms
         FROM summed
         ORDER BY {key}, day"
    )
}

/// In which activity the stretches are whose time stands in the column; none for all of them.
fn activity(column: &str) -> Option<&'static str> {
    Some(match column {
        "talk_ms" => "talking",
        "hold_ms" => "holding",
        "wrap_up_ms" => "wrap_up",
        "ringing_ms" => "ringing",
        "idle_ms" => "idle",
        "break_ms" => "break",
        _ => return None,
    })
}

/// The stretches that have a part in the day and in the column's time, as a condition.
pub(super) fn spent(window: &Window, row: &Fields, column: &str) -> Result<String, Error> {
    let day = row.int("day")?.unwrap_or(0);
    let on_day = window.of_days().touches_day(day, "started_at", "ended_at");
    let is = activity(column).map_or(String::new(), |of| format!(" AND activity = '{of}'"));
    Ok(format!("ended_at > started_at AND {on_day}{is}"))
}

fn stretches(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let predicate = format!("agent_id = {agent} AND {}", spent(window, row, column)?);
    Ok(Condition { table: "agent_spans", key: "span_id", predicate })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let agent = row.int("agent_id")?.unwrap_or(0);
    let day = row.int("day")?.unwrap_or(0);
    let on_day = window.of_days().touches_day(day, "started_at", "ended_at");
    let predicate = format!("agent_id = {agent} AND call_id IS NOT NULL AND {on_day}");
    Ok(Condition { table: "agent_spans", key: "call_id", predicate })
}
