//! Satisfaction by area 网格: who was asked after a call that led to an order there, what callers
//! pressed, 满意率.
//!
//! The area of a call is that of its orders; where they name several, that of the first.

use super::satisfaction::{ALL_ANSWERS, ANSWERS, COUNTS, SATISFACTION, sql_from};
use super::{beside, text};
use crate::definition::{Chart, Report, Source};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::{DAY_US, Window};
use terms::Timestamp;
use warehouse::query::literal::{self, instant};

/// Satisfaction by area. A question belongs to the time when it was asked.
pub static SATISFACTION_BY_AREA: Report = Report {
    id: "satisfaction_by_area",
    title: words("片区满意度统计", "Satisfaction by area"),
    help: words(
        "通话结束后邀请客户评价，按该通话所建工单的片区（网格）统计评价结果；按邀请时间归入统计期。",
        "What callers pressed when they were asked after the call, by the area of the order that was made from it, counted when they were asked.",
    ),
    sql,
    behind,
    columns: &beside::<9>(&[text("area", words("片区", "Area"), Source::Word("told"))], COUNTS),
    charts: &[
        Chart::Bar {
            title: words("各片区评价分布", "Answers by area"),
            label: "area",
            series: ANSWERS,
        },
        ALL_ANSWERS,
    ],
    ..SATISFACTION
};

/// Every question with the area of its call, `no_area` where no order names one. An order is made
/// during its call or after it, and no call lasts a day.
fn placed(window: &Window) -> String {
    let earliest = instant(Timestamp(window.from.0 - DAY_US));
    format!(
        "SELECT s.*, COALESCE(p.area, 'no_area') AS told
         FROM surveys s
         LEFT JOIN (
             SELECT call_id, FIRST_VALUE(area ORDER BY order_id) AS area
             FROM orders_latest
             WHERE call_id IS NOT NULL AND area <> '' AND created_at >= {earliest}
             GROUP BY call_id
         ) AS p ON p.call_id = s.call_id"
    )
}

fn sql(window: &Window) -> String {
    sql_from(window, &format!("({}) AS placed", placed(window)), "told")
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let told = literal::text(&row.text("told")?.unwrap_or_default());
    let (placed, in_period) = (placed(window), window.holds("asked_at"));
    let predicate = format!(
        "survey_id IN (SELECT survey_id FROM ({placed}) AS placed \
         WHERE told = {told} AND {in_period})"
    );
    Ok(Condition { table: "surveys", key: "contact_id", predicate })
}
