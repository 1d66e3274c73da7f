//! Capacity: what went on at the same time, by day and hour. Calls, lines of trunks and agents who
//! were signed in, each with the most there were at once; recordings with their length and bytes.
//!
//! The most at once comes of a sweep: each row adds one when it begins and takes one away when it
//! ends, and the running sum is read at every such turn and when an hour begins, so that what went on
//! over a full hour counts in it though nothing turned. What ends in the moment in which another
//! begins is not there at the same time.

use super::colour::{FREE, GOOD, WORK};
use super::{PERIOD, ZONE, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::{Words, words};
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, HOUR_US, Window};
use warehouse::query::literal::instant;

const DIRECTIONS: &[(&str, &str)] = &[("inbound", GOOD), ("outbound", WORK), ("internal", FREE)];

/// What went on at the same time, by day and hour. Hours in which nothing went on have no row.
pub static CAPACITY: Report = Report {
    id: "capacity",
    title: words("容量与并发", "Capacity"),
    help: words(
        "按日期和小时统计通话、中继线路与签入坐席的最大并发，以及录音时长和存储字节；通话与录音按开始时间归入小时。",
        "The most calls, lines of trunks and signed-in agents at once by day and hour, and recordings with their length and bytes. Calls and recordings are counted in the hour in which they began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("inbound", "direction = 'inbound'"),
        Number::only("outbound", "direction = 'outbound'"),
        Number::only("internal", "direction = 'internal'"),
        Number::apart("recordings", recordings),
    ],
    columns: &[
        text("day", words("日期", "Day"), Source::Day("day")),
        text("hour", words("时段", "Hour"), Source::Hour("hour")),
        count("calls", words("通话", "Calls")),
        count("inbound", words("呼入", "Inbound")),
        count("outbound", words("呼出", "Outbound")),
        count("internal", words("内部", "Internal")),
        peak("calls_peak", words("通话最大并发", "Most calls at once")),
        peak("lines_peak", words("中继最大占用", "Most lines at once")),
        Column {
            total: Total::None,
            ..share("line_use", words("中继占用率", "Line use"), "lines_peak", "lines_max")
        },
        peak("agents_peak", words("最多签入坐席", "Most agents at once")),
        count("recordings", words("录音数", "Recordings")),
        duration("recorded_ms", words("录音时长", "Recorded")),
        count("bytes", words("录音字节", "Bytes")),
    ],
    figures: &["calls_peak", "lines_peak", "agents_peak", "recorded_ms", "bytes"],
    charts: &[
        Chart::Bar {
            title: words("每日通话", "Calls by day"), label: "day", series: DIRECTIONS
        },
        Chart::Pie { title: words("通话方向", "Directions"), pie: Pie::Totals(DIRECTIONS) },
        Chart::Heat {
            title: words("通话最大并发（日期 × 小时）", "Most calls at once by day and hour"),
            row: "day",
            column: "hour",
            value: "calls_peak",
        },
        Chart::Heat {
            title: words("中继最大占用（日期 × 小时）", "Most lines at once by day and hour"),
            row: "day",
            column: "hour",
            value: "lines_peak",
        },
    ],
    formulas: &[
        Formula {
            name: words("最大并发", "Most at once"),
            text: words(
                "该小时内同时进行的最大数量，期前开始的也计入；小计与合计为各小时中的最大值",
                "the greatest number at the same time within the hour, also of what began before; subtotals and the total are the greatest of any hour",
            ),
        },
        Formula {
            name: words("中继最大占用", "Most lines at once"),
            text: words("各中继合计的占用线路", "lines of all trunks together"),
        },
        Formula {
            name: words("中继占用率", "Line use"),
            text: words(
                "中继最大占用 ÷ 各中继并发上限之和 {lines_max}（现行设置）",
                "most lines at once ÷ the limits of all trunks together, {lines_max} as they are set now",
            ),
        },
        Formula {
            name: words("录音字节", "Bytes"),
            text: words(
                "该小时开始的录音文件大小，后来删除的也在内",
                "size of the files of recordings that began in the hour, those deleted later too",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

const fn peak(id: &'static str, header: Words) -> Column {
    Column { total: Total::Max, ..count(id, header) }
}

/// The first instant of every local hour of the period, and those of the period and of each change of
/// the clock: where it goes ahead by half an hour, an hour begins in its midst.
fn marks(window: &Window) -> String {
    let (days, segments) = (window.day_values(), window.segment_values());
    let hours = (0..24).map(|hour| format!("({hour})")).collect::<Vec<_>>().join(", ");
    let mark = "arrow_cast(h.local_us - g.shift_us, 'Timestamp(Microsecond, Some(\"UTC\"))')";
    format!(
        "SELECT {mark} AS turned_at
         FROM (SELECT d.day * {DAY_US} + c.hour * {HOUR_US} AS local_us
               FROM (VALUES {days}) AS d (day)
               CROSS JOIN (VALUES {hours}) AS c (hour)) AS h
         JOIN (VALUES {segments}) AS g (begins, ends, shift_us)
              ON {mark} >= g.begins AND {mark} < g.ends
         UNION ALL
         SELECT begins AS turned_at FROM (VALUES {segments}) AS g (begins, ends, shift_us)"
    )
}

/// The day and the hour of the time in `at`, as columns.
fn by_hour(window: &Window, at: &str) -> String {
    let (day, local) = (window.of_days().local_us(at), window.local_us(at));
    format!("{day} / {DAY_US} AS day, {local} / {HOUR_US} % 24 AS hour")
}

pub(super) fn sql(window: &Window) -> String {
    let (from, to) = (instant(window.from), instant(window.to));
    let taken = |what: &str, table: &str, only: &str| {
        format!(
            "SELECT '{what}' AS what, started_at, ended_at FROM {table}
             WHERE started_at < {to} AND ended_at > {from} AND ended_at > started_at{only}"
        )
    };
    let calls = taken("calls", "calls", "");
    let lines = taken("lines", "legs", " AND trunk_id IS NOT NULL");
    let agents = taken("agents", "agent_spans", "");
    let marks = marks(window);
    let most = |what: &str| format!("MAX(CASE WHEN what = '{what}' THEN held ELSE 0 END)");
    let towards =
        |direction: &str| format!("SUM(CASE WHEN direction = '{direction}' THEN 1 ELSE 0 END)");
    let (turned, began) = (by_hour(window, "turned_at"), by_hour(window, "started_at"));
    let in_period = window.holds("started_at");
    format!(
        "WITH taken AS ({calls} UNION ALL {lines} UNION ALL {agents}),
         turn AS (
             SELECT what, GREATEST(started_at, {from}) AS turned_at, 1 AS step FROM taken
             UNION ALL
             SELECT what, ended_at AS turned_at, -1 AS step FROM taken WHERE ended_at < {to}
             UNION ALL
             SELECT w.what, m.turned_at, 0 AS step
             FROM ({marks}) AS m
             CROSS JOIN (VALUES ('calls'), ('lines'), ('agents')) AS w (what)
         ),
         level AS (
             SELECT what, turned_at, SUM(step) OVER (
                        PARTITION BY what ORDER BY turned_at, step
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS held
             FROM turn
         ),
         placed AS (SELECT {turned}, what, held FROM level),
         begun AS (
             SELECT {began}, direction FROM calls WHERE {in_period}
         ),
         recorded AS (
             SELECT {began}, duration_ms, bytes FROM recordings
             WHERE {in_period} AND state <> 'refused'
         ),
         counted AS (
             SELECT day, hour, 0 AS calls, 0 AS inbound, 0 AS outbound, 0 AS internal,
                    {calls_peak} AS calls_peak, {lines_peak} AS lines_peak,
                    {agents_peak} AS agents_peak, 0 AS recordings, 0 AS recorded_ms, 0 AS bytes
             FROM placed
             GROUP BY day, hour
             UNION ALL
             SELECT day, hour, COUNT(*), {inbound}, {outbound}, {internal}, 0, 0, 0, 0, 0, 0
             FROM begun
             GROUP BY day, hour
             UNION ALL
             SELECT day, hour, 0, 0, 0, 0, 0, 0, 0, COUNT(*), SUM(duration_ms), SUM(bytes)
             FROM recorded
             GROUP BY day, hour
         ),
         summed AS (
             SELECT day, hour, SUM(calls) AS calls, SUM(inbound) AS inbound,
                    SUM(outbound) AS outbound, SUM(internal) AS internal,
                    SUM(calls_peak) AS calls_peak, SUM(lines_peak) AS lines_peak,
                    SUM(agents_peak) AS agents_peak, SUM(recordings) AS recordings,
                    SUM(recorded_ms) AS recorded_ms, SUM(bytes) AS bytes
             FROM counted
             GROUP BY day, hour
         )
         SELECT *, {lines_max} AS lines_max FROM summed
         WHERE calls + calls_peak + lines_peak + agents_peak + recordings > 0
         ORDER BY day, hour",
        lines_max = window.lines_max,
        calls_peak = most("calls"),
        lines_peak = most("lines"),
        agents_peak = most("agents"),
        inbound = towards("inbound"),
        outbound = towards("outbound"),
        internal = towards("internal"),
    )
}

/// The recordings of the hour.
fn recordings(window: &Window, row: &Fields, _: &'static str) -> Result<Condition, Error> {
    let calls = behind(window, row)?;
    let predicate = format!("{} AND state <> 'refused'", calls.predicate);
    Ok(Condition { table: "recordings", predicate, ..calls })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (day, hour) = (row.int("day")?.unwrap_or(0), row.int("hour")?.unwrap_or(0));
    let (days, local) = (window.of_days().local_us("started_at"), window.local_us("started_at"));
    let in_period = window.holds("started_at");
    let predicate =
        format!("{in_period} AND {days} / {DAY_US} = {day} AND {local} / {HOUR_US} % 24 = {hour}");
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
