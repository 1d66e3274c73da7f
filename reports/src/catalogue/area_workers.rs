//! Attendance and traffic of field workers 网格员: how often each was tried for callers of an area,
//! whether they were there, and whether they answered.
//!
//! Who is on leave, or has no phone bound, is passed over: that is a try of somebody absent. A try
//! belongs to the time at which its call began.

use super::area_traffic::AREA;
use super::colour::{BAD, FAIR, GOOD, HOLD, PAUSE, WORSE};
use super::{PERIOD, ZONE, count, duration, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

const ENDS: &[(&str, &str)] = &[
    ("answered", GOOD),
    ("no_answer", FAIR),
    ("busy", HOLD),
    ("refused", BAD),
    ("away", PAUSE),
    ("otherwise", WORSE),
];

/// Tries of field workers by area and worker.
pub static AREA_WORKERS: Report = Report {
    id: "area_workers",
    title: words("网格员出勤与话务统计", "Attendance and traffic of field workers"),
    help: words(
        "按片区和网格员统计：被呼叫次数、在岗与请假、接听与未接听及通话时长；按通话开始时间归入统计期。",
        "By area and field worker: how often they were tried, whether they were there or on leave, whether they answered, and how long they talked; counted when the call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[],
    sql,
    behind,
    numbers: &[
        Number::all("tried"),
        Number::only("stood_in", "stands_in_id IS NOT NULL"),
        Number::only("answered", "outcome = 'answered'"),
        Number::only("no_answer", "outcome = 'no_answer'"),
        Number::only("busy", "outcome = 'busy'"),
        Number::only("refused", "outcome = 'refused'"),
        Number::only("away", "outcome IN ('absent', 'unbound')"),
        Number::only("otherwise", OTHERWISE),
    ],
    columns: &[
        AREA,
        text("worker", words("网格员", "Field worker"), Source::WorkerName("worker_id")),
        count("tried", words("呼叫次数", "Tried")),
        count("stood_in", words("其中替班", "Standing in")),
        count("answered", words("接听", "Answered")),
        count("no_answer", words("无人接听", "No answer")),
        count("busy", words("忙", "Busy")),
        count("refused", words("拒接", "Declined")),
        count("away", words("请假或未绑定", "Away")),
        count("otherwise", words("其他", "Otherwise")),
        share("attendance", words("在岗率", "Attendance"), "present", "tried"),
        share("answer_rate", words("接听率", "Answer rate"), "answered", "present"),
        duration("talk_ms", words("通话时长", "Talk")),
    ],
    figures: &["tried", "answered", "attendance", "answer_rate", "talk_ms"],
    charts: &[
        Chart::Bar {
            title: words("各网格员呼叫结果", "Tries by field worker"),
            label: "worker",
            series: ENDS,
        },
        Chart::Pie {
            title: words("呼叫结果构成", "How tries ended"), pie: Pie::Totals(ENDS)
        },
    ],
    formulas: &[
        Formula {
            name: words("呼叫次数", "Tried"),
            text: words(
                "接听 + 无人接听 + 忙 + 拒接 + 请假或未绑定 + 其他",
                "answered + no answer + busy + declined + away + otherwise",
            ),
        },
        Formula {
            name: words("在岗率", "Attendance"),
            text: words("(呼叫次数 − 请假或未绑定) ÷ 呼叫次数", "(tried − away) ÷ tried"),
        },
        Formula {
            name: words("接听率", "Answer rate"),
            text: words("接听 ÷ (呼叫次数 − 请假或未绑定)", "answered ÷ (tried − away)"),
        },
    ],
    subtotals: false,
    order: Order::FirstColumn,
};

/// How a try ended that no other column counts.
const OTHERWISE: &str = "outcome NOT IN \
     ('answered', 'no_answer', 'busy', 'refused', 'absent', 'unbound')";

fn sql(window: &Window) -> String {
    let in_period = window.holds("t.call_started_at");
    let ended = |words: &str| format!("SUM(CASE WHEN t.outcome IN ({words}) THEN 1 ELSE 0 END)");
    let (answered, no_answer, busy) = (ended("'answered'"), ended("'no_answer'"), ended("'busy'"));
    let (refused, away) = (ended("'refused'"), ended("'absent', 'unbound'"));
    format!(
        "SELECT area_id, worker_id, tried, stood_in, answered, no_answer, busy, refused, away,
                tried - answered - no_answer - busy - refused - away AS otherwise,
                tried - away AS present, talk_ms
         FROM (
             SELECT t.area_id, t.worker_id, COUNT(*) AS tried,
                    SUM(CASE WHEN t.stands_in_id IS NULL THEN 0 ELSE 1 END) AS stood_in,
                    {answered} AS answered, {no_answer} AS no_answer, {busy} AS busy,
                    {refused} AS refused, {away} AS away,
                    SUM(CASE WHEN t.outcome = 'answered'
                        THEN CAST(COALESCE(c.talk_ms, 0) AS BIGINT) ELSE 0 END) AS talk_ms
             FROM area_tries t
             LEFT JOIN calls c ON c.call_id = t.call_id
             WHERE t.hop = 'worker' AND {in_period}
             GROUP BY t.area_id, t.worker_id
         ) AS summed
         ORDER BY area_id, worker_id"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let area = row.int("area_id")?.unwrap_or(0);
    let worker = row.int("worker_id")?.unwrap_or(0);
    let in_period = window.holds("call_started_at");
    let predicate =
        format!("area_id = {area} AND hop = 'worker' AND worker_id = {worker} AND {in_period}");
    Ok(Condition { table: "area_tries", key: "contact_id", predicate })
}
