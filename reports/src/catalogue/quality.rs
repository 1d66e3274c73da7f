//! How calls sounded: loss, late packets, jitter and the E-model's score, by day, party and codec.
//!
//! A leg belongs to the day on which its call began, in the report's zone. Rates divide sums:
//! packets lost over packets sent to us, jitter weighted by packets, scores over legs that heard
//! anything. Late packets came, but too late to be heard.

use super::colour::{BAD, FAIR, GOOD};
use super::{PERIOD, ZONE, count, decimal, share, text};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use warehouse::query::literal;

const BANDS: &[(&str, &str)] = &[("good", GOOD), ("fair", FAIR), ("low", BAD)];

/// Quality of legs in a period.
pub static QUALITY: Report = Report {
    id: "quality",
    title: words("通话质量统计", "Call quality"),
    help: words(
        "按日、通话方和编码统计丢包、迟到、抖动与 MOS；按通话开始的日期归入。",
        "Loss, late packets, jitter and MOS by day, party and codec; a leg counts on the day on which its call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::agents(&["quality"])],
    sql,
    behind,
    numbers: &[
        Number::all("legs"),
        Number::only("good", "mos_cq >= 4.03"),
        Number::only("fair", "mos_cq >= 3.6 AND mos_cq < 4.03"),
        Number::only("low", "mos_cq < 3.6"),
    ],
    columns: &[
        text("day", words("日期", "Day"), Source::Day("day")),
        text("role", words("通话方", "Party"), Source::Word("role")),
        text("codec", words("编码", "Codec"), Source::Field("codec")),
        count("legs", words("通话腿", "Legs")),
        count("expected", words("应收包", "Packets")),
        count("lost", words("丢失", "Lost")),
        count("late", words("迟到", "Late")),
        share("loss_rate", words("丢包率", "Loss rate"), "lost", "expected"),
        share("late_rate", words("迟到率", "Late rate"), "late", "expected"),
        decimal("jitter", words("抖动 (ms)", "Jitter (ms)"), "jitter_packets", "received"),
        decimal("mos", words("平均 MOS", "Mean MOS"), "mos_sum", "scored"),
        count("good", words("良好", "Good")),
        count("fair", words("一般", "Fair")),
        count("low", words("较差", "Low")),
        share("low_rate", words("低 MOS 占比", "Low MOS"), "low", "scored"),
    ],
    figures: &["legs", "loss_rate", "late_rate", "mos", "low_rate"],
    charts: &[
        Chart::Bar {
            title: words("每日通话质量", "Quality by day"), label: "day", series: BANDS
        },
        Chart::Pie { title: words("质量构成", "All legs"), pie: Pie::Totals(BANDS) },
    ],
    formulas: &[
        Formula {
            name: words("丢包率", "Loss rate"),
            text: words("丢失 ÷ 应收包", "packets lost ÷ packets sent to us"),
        },
        Formula {
            name: words("迟到率", "Late rate"),
            text: words(
                "到达过晚而未播放的包 ÷ 应收包",
                "packets that came too late to be heard ÷ packets sent to us",
            ),
        },
        Formula {
            name: words("抖动 (ms)", "Jitter (ms)"),
            text: words(
                "按包数加权的抖动之和 ÷ 实收包（RFC 3550）",
                "jitter weighted by packets ÷ packets received (RFC 3550)",
            ),
        },
        Formula {
            name: words("平均 MOS", "Mean MOS"),
            text: words(
                "MOS-CQ 之和 ÷ 有评分的通话腿（ITU-T G.107）",
                "sum of MOS-CQ ÷ legs with a score (ITU-T G.107)",
            ),
        },
        Formula {
            name: words("低 MOS 占比", "Low MOS"),
            text: words(
                "MOS 低于 3.60 的通话腿 ÷ 有评分的通话腿；良好为 4.03 起",
                "legs with a MOS below 3.60 ÷ legs with a score; good is from 4.03",
            ),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

fn day(window: &Window, at: &str) -> String {
    format!("{} / {DAY_US}", window.of_days().local_us(at))
}

/// The same numbers out of counts of quarter-hours.
fn sql_of_counts(window: &Window) -> String {
    let (day, in_period) = (day(window, "from_at"), window.holds("from_at"));
    format!(
        "SELECT {day} AS day, role, codec,
                SUM(legs) AS legs,
                SUM(packets_expected) AS expected,
                SUM(packets_received) AS received,
                SUM(packets_lost) AS lost,
                SUM(packets_late) AS late,
                SUM(jitter_us_packets) / 10 AS jitter_packets,
                (SUM(mos_sum) + 50) / 100 AS mos_sum,
                SUM(scored) AS scored,
                SUM(scored) - SUM(mos_below_403) AS good,
                SUM(mos_below_403) - SUM(mos_below_360) AS fair,
                SUM(mos_below_360) AS low
         FROM quality_intervals
         WHERE {in_period}
         GROUP BY {day}, role, codec
         ORDER BY day, role, codec"
    )
}

fn sql(window: &Window) -> String {
    if window.quarters_fit() {
        return sql_of_counts(window);
    }
    let (day, in_period) = (day(window, "call_started_at"), window.holds("call_started_at"));
    format!(
        "SELECT {day} AS day, role, codec,
                COUNT(*) AS legs,
                SUM(packets_expected) AS expected,
                SUM(packets_received) AS received,
                SUM(packets_lost) AS lost,
                SUM(packets_late) AS late,
                SUM(CAST(jitter_us AS BIGINT) * packets_received) / 10 AS jitter_packets,
                COALESCE((SUM(CAST(ROUND(mos_cq * 10000) AS BIGINT)) + 50) / 100, 0) AS mos_sum,
                COUNT(mos_cq) AS scored,
                SUM(CASE WHEN mos_cq >= 4.03 THEN 1 ELSE 0 END) AS good,
                SUM(CASE WHEN mos_cq >= 3.6 AND mos_cq < 4.03 THEN 1 ELSE 0 END) AS fair,
                SUM(CASE WHEN mos_cq < 3.6 THEN 1 ELSE 0 END) AS low
         FROM quality
         WHERE {in_period}
         GROUP BY {day}, role, codec
         ORDER BY day, role, codec"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let (on, of) = (row.int("day")?.unwrap_or(0), |field| row.text(field));
    let word = |text: Option<String>| literal::text(&text.unwrap_or_default());
    let predicate = format!(
        "{} = {on} AND role = {} AND codec = {} AND {}",
        day(window, "call_started_at"),
        word(of("role")?),
        word(of("codec")?),
        window.holds("call_started_at")
    );
    Ok(Condition { table: "quality", key: "contact_id", predicate })
}
