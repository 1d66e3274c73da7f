//! The system day by day: how long its processes ran, what it carried at most, whom it refused, what
//! recording lost, and what came into its stores and left them.
//!
//! Processes and the files of the warehouse are those of the box, whatever tenant asks; everything else
//! is the tenant's own. The event log is counted in entries.

use super::colour::{BAD, GOOD, HOLD, WORK, WORSE};
use super::{PERIOD, ZONE, capacity, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::{Words, words};
use crate::number::Number;
use crate::ran;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};

const LOSSES: &[(&str, &str)] = &[("refused", BAD), ("unrecorded", WORSE)];
const STORES: &[(&str, &str)] =
    &[("recording_bytes", GOOD), ("fax_bytes", HOLD), ("warehouse_bytes", WORK)];

/// The system by day.
pub static SYSTEM: Report = Report {
    id: "system",
    title: words("系统运行", "System"),
    help: words(
        "按日期统计各进程的可用率、最大并发、拒绝的呼叫、录音缺失，以及各类存储的增减。",
        "By day: how long the processes of the box ran, the most at once, refused calls, what recording lost, and what came into the stores and left them.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("refused", "outcome = 'refused'"),
        Number::apart("recordings", recordings),
        Number::apart("unrecorded", recordings),
    ],
    columns: &[
        text("day", words("日期", "Day"), Source::Day("day")),
        share("calls_up", words("通话进程可用率", "Calls available"), "calls_up_ms", "calls_ms"),
        duration("calls_down_ms", words("通话进程中断", "Calls down")),
        share("api_up", words("接口进程可用率", "API available"), "api_up_ms", "api_ms"),
        share("work_up", words("后台进程可用率", "Work available"), "work_up_ms", "work_ms"),
        count("calls", words("通话", "Calls")),
        count("refused", words("拒绝的呼叫", "Refused")),
        share("refused_rate", words("拒绝率", "Refused rate"), "refused", "calls"),
        most("calls_peak", words("通话最大并发", "Most calls at once")),
        most("lines_peak", words("中继最大占用", "Most lines at once")),
        count("recordings", words("录音数", "Recordings")),
        count("unrecorded", words("未能录音", "Not recorded")),
        count("frames_lost", words("录音缺失帧", "Frames lost")),
        count("recording_bytes", words("录音字节", "Recording bytes")),
        count("fax_bytes", words("传真字节", "Fax bytes")),
        count("deleted_bytes", words("已删录音字节", "Deleted bytes")),
        count("events", words("事件日志条数", "Log entries")),
        count("warehouse_bytes", words("数据仓库字节", "Warehouse bytes")),
    ],
    figures: &["calls_up", "refused", "lines_peak", "frames_lost", "recording_bytes"],
    charts: &[
        Chart::Bar {
            title: words("每日拒绝与未录", "Refused and not recorded by day"),
            label: "day",
            series: LOSSES,
        },
        Chart::Line {
            title: words("每日最大并发", "Most at once by day"),
            label: "day",
            series: &[("calls_peak", GOOD), ("lines_peak", HOLD)],
        },
        Chart::Pie { title: words("存储构成", "Stores"), pie: Pie::Totals(STORES) },
    ],
    formulas: &[
        Formula { name: words("通话进程可用率", "Calls available"), text: AVAILABLE },
        Formula { name: words("接口进程可用率", "API available"), text: AVAILABLE },
        Formula { name: words("后台进程可用率", "Work available"), text: AVAILABLE },
        Formula {
            name: words("拒绝率", "Refused rate"),
            text: words("拒绝的呼叫 ÷ 通话", "refused ÷ calls"),
        },
        Formula {
            name: words("最大并发", "Most at once"),
            text: words(
                "同时进行的最大数量；合计为各日中的最大值",
                "the greatest number at the same time; the total is the greatest of any day",
            ),
        },
        Formula {
            name: words("录音缺失帧", "Frames lost"),
            text: words(
                "已交给录音而未写入磁盘的 20 毫秒帧",
                "frames of 20 ms that were handed to the recorder and are not on disk",
            ),
        },
        Formula {
            name: words("已删录音字节", "Deleted bytes"),
            text: words(
                "该日删除的录音在录制时的文件大小",
                "size, when they were made, of the files of recordings that were deleted on the day",
            ),
        },
        Formula {
            name: words("数据仓库字节", "Warehouse bytes"),
            text: words(
                "整个系统数据仓库中该日（UTC）数据文件的现有大小，尚未写成文件的行不计",
                "what the files of the whole box's warehouse with rows of the day (UTC) take now; rows that are in no file yet do not count",
            ),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

const AVAILABLE: Words = words(
    "运行时长 ÷（运行 + 非计划中断时长），停机维护不计",
    "time it ran ÷ time it ran or was down without being stopped",
);

const fn most(id: &'static str, header: Words) -> Column {
    Column { total: Total::Max, ..count(id, header) }
}

fn sql(window: &Window) -> String {
    let days = window.of_days();
    let day = |column: &str| format!("{} / {DAY_US}", days.local_us(column));
    let (ran, stored) = (ran::rows(&window.ran), ran::stored_rows(&window.stored));
    let capacity = capacity::sql(window);
    let [began, ended, deleted, at] = ["started_at", "ended_at", "d.deleted_at", "e.happened_at"]
        .map(|column| window.holds(column));
    let (begin_day, end_day) = (day("started_at"), day("ended_at"));
    let (delete_day, at_day) = (day("d.deleted_at"), day("e.happened_at"));
    // Of the numbers of one source.
    let sum = |what: &str, number: &str| {
        format!("SUM(CASE WHEN what = '{what}' THEN {number} ELSE 0 END)")
    };
    let most = |number: &str| format!("MAX(CASE WHEN what = 'hours' THEN {number} ELSE 0 END)");
    format!(
        "WITH hours AS ({capacity}),
         ran AS ({ran}),
         files AS ({stored}),
         told AS (
             SELECT day, 'hours' AS what, SUM(calls) AS a, SUM(recordings) AS b, SUM(bytes) AS c,
                    MAX(calls_peak) AS d, MAX(lines_peak) AS e
             FROM hours
             GROUP BY day
             UNION ALL
             SELECT {begin_day}, 'refused', COUNT(*), 0, 0, 0, 0
             FROM calls
             WHERE outcome = 'refused' AND {began}
             GROUP BY {begin_day}
             UNION ALL
             SELECT {begin_day}, 'recorded',
                    SUM(CASE WHEN state = 'refused' THEN 1 ELSE 0 END), SUM(frames_missing),
                    0, 0, 0
             FROM recordings
             WHERE {began}
             GROUP BY {begin_day}
             UNION ALL
             SELECT {end_day}, 'faxes', SUM(bytes), 0, 0, 0, 0
             FROM faxes
             WHERE {ended}
             GROUP BY {end_day}
             UNION ALL
             SELECT {delete_day}, 'deleted', SUM(r.bytes), 0, 0, 0, 0
             FROM recording_deletions d
             JOIN recordings r ON r.recording_id = d.recording_id
             WHERE {deleted}
             GROUP BY {delete_day}
             UNION ALL
             SELECT {at_day}, 'events', COUNT(*), 0, 0, 0, 0
             FROM (SELECT events.at AS happened_at FROM events) AS e
             WHERE {at}
             GROUP BY {at_day}
             UNION ALL
             SELECT day, process, SUM(up_ms), SUM(down_ms), 0, 0, 0
             FROM ran
             GROUP BY day, process
             UNION ALL
             SELECT day, 'warehouse', SUM(bytes), 0, 0, 0, 0
             FROM files
             GROUP BY day
         ),
         summed AS (
             SELECT day,
                    {calls_up} AS calls_up_ms, {calls_down} AS calls_down_ms,
                    {api_up} AS api_up_ms, {api_down} AS api_down_ms,
                    {work_up} AS work_up_ms, {work_down} AS work_down_ms,
                    {calls} AS calls, {recordings} AS recordings,
                    {recording_bytes} AS recording_bytes,
                    {calls_peak} AS calls_peak, {lines_peak} AS lines_peak,
                    {refused} AS refused, {unrecorded} AS unrecorded,
                    {frames_lost} AS frames_lost, {fax_bytes} AS fax_bytes,
                    {deleted_bytes} AS deleted_bytes, {events} AS events,
                    {warehouse_bytes} AS warehouse_bytes
             FROM told
             GROUP BY day
         )
         SELECT *, calls_up_ms + calls_down_ms AS calls_ms, api_up_ms + api_down_ms AS api_ms,
                work_up_ms + work_down_ms AS work_ms
         FROM summed
         ORDER BY day",
        calls_up = sum("calls", "a"),
        calls_down = sum("calls", "b"),
        api_up = sum("api", "a"),
        api_down = sum("api", "b"),
        work_up = sum("work", "a"),
        work_down = sum("work", "b"),
        calls = sum("hours", "a"),
        recordings = sum("hours", "b"),
        recording_bytes = sum("hours", "c"),
        calls_peak = most("d"),
        lines_peak = most("e"),
        refused = sum("refused", "a"),
        unrecorded = sum("recorded", "a"),
        frames_lost = sum("recorded", "b"),
        fax_bytes = sum("faxes", "a"),
        deleted_bytes = sum("deleted", "a"),
        events = sum("events", "a"),
        warehouse_bytes = sum("warehouse", "a"),
    )
}

/// What was recorded on the day, and what was not.
fn recordings(window: &Window, row: &Fields, column: &'static str) -> Result<Condition, Error> {
    let calls = behind(window, row)?;
    let is = if column == "unrecorded" { "=" } else { "<>" };
    let predicate = format!("{} AND state {is} 'refused'", calls.predicate);
    Ok(Condition { table: "recordings", predicate, ..calls })
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let day = row.int("day")?.unwrap_or(0);
    let predicate = format!(
        "{} AND {} / {DAY_US} = {day}",
        window.holds("started_at"),
        window.of_days().local_us("started_at")
    );
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
