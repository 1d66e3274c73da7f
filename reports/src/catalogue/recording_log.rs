//! Recording log: every recording and every refusal of the period, what is missing of it, and
//! whether it was deleted.
//!
//! A row belongs to the time of its first sample; a refusal to the time at which it would have been.

use super::{AGENT_NAME, PERIOD, ZONE, count, duration, share, text, time};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Recordings and refusals.
pub static RECORDING_LOG: Report = Report {
    id: "recording_log",
    title: words("录音日志", "Recording log"),
    help: words(
        "统计期内的全部录音与未录音记录，最新的在前；包括完整率、暂停、原因与删除时间。",
        "Every recording of the period and every one that was refused, newest first: how whole it is, pauses, reasons, and when it was deleted.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["recordings"]), Narrowing::agents(&["recordings"])],
    sql,
    behind,
    numbers: &[],
    columns: &[
        time("started_at", words("开始时间", "Started")),
        text("kind", words("种类", "Kind"), Source::Word("kind")),
        AGENT_NAME,
        text("queue", words("队列", "Queue"), Source::QueueName("queue_id")),
        text("caller", words("客户号码", "Customer"), Source::Field("caller")),
        text("state", words("状态", "State"), Source::Word("state")),
        duration("duration_ms", words("时长", "Length")),
        duration("paused_ms", words("其中暂停", "Paused")),
        count("frames_missing", words("缺失帧", "Missing frames")),
        share("whole", words("完整率", "Whole"), "frames_there", "frames_expected"),
        text("reason", words("原因", "Reason"), Source::Field("reason")),
        time("deleted_at", words("删除时间", "Deleted")),
        text("recording_id", words("录音编号", "Recording"), Source::Field("recording_text")),
    ],
    figures: &["duration_ms", "paused_ms", "frames_missing", "whole"],
    charts: &[
        Chart::CountBar {
            title: words("各队列录音数", "Recordings by queue"), column: "queue"
        },
        Chart::Pie { title: words("状态构成", "States"), pie: Pie::CountBy("state") },
    ],
    formulas: &[
        Formula {
            name: words("完整率", "Whole"),
            text: words(
                "(应录帧 − 缺失帧) ÷ 应录帧，每帧 20 毫秒，各声道合计",
                "(frames handed to the recorder − missing frames) ÷ frames handed to the recorder, of 20 ms, all tracks together",
            ),
        },
        Formula {
            name: words("状态", "State"),
            text: words(
                "已录音；部分缺失；未录音（按规则或因故障）；已修复（录音中进程结束，重启后补齐）",
                "recorded; partial: frames are missing; not recorded: by a rule or a fault; repaired: the process ended meanwhile, the next one put it together",
            ),
        },
    ],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let in_period = window.holds("r.started_at");
    format!(
        "SELECT r.started_at, r.kind, r.agent_id, r.queue_id, r.caller, r.duration_ms,
                CASE WHEN r.state = 'refused' THEN 'not_recorded' ELSE r.state END AS state,
                r.paused_ms, r.frames_missing, r.frames_expected,
                r.frames_expected - r.frames_missing AS frames_there, r.reason, d.deleted_at,
                r.recording_id, CAST(r.recording_id AS VARCHAR) AS recording_text
         FROM recordings r
         LEFT JOIN recording_deletions d ON d.recording_id = r.recording_id
         WHERE {in_period}
         ORDER BY r.started_at DESC, r.recording_id DESC"
    )
}

fn behind(_: &Window, row: &Fields) -> Result<Condition, Error> {
    let recording = row.int("recording_id")?.unwrap_or(0);
    let predicate = format!("recording_id = {recording}");
    Ok(Condition { table: "recordings", key: "contact_id", predicate })
}
