//! What the reports on agents' time share.

use super::{duration, share};
use crate::definition::Column;
use crate::messages::words;
use crate::window::Window;
use warehouse::query::literal::instant;

pub(super) const TALK: Column = duration("talk_ms", words("通话", "Talk"));
pub(super) const HOLD_TIME: Column = duration("hold_ms", words("保持", "Hold"));
pub(super) const WRAP_UP: Column = duration("wrap_up_ms", words("话后", "Wrap-up"));
pub(super) const BREAK: Column = duration("break_ms", words("小休", "Break"));
pub(super) const OCCUPANCY: Column =
    share("occupancy", words("工时利用率", "Occupancy"), "handle_ms", "on_duty_ms");

/// `columns` of the agents' stretches `s`, cut at the period's edges and where the zone's clocks
/// change, with `begins_us` and `ends_us` on the local clock, which is UTC plus `shift_us` there.
pub(super) fn pieces(window: &Window, columns: &str) -> String {
    pieces_of(window, "agent_spans", columns)
}

/// The same of other stretches.
pub(super) fn pieces_of(window: &Window, stretches: &str, columns: &str) -> String {
    let (from, to) = (instant(window.from), instant(window.to));
    let cut = |begins: &str, ends: &str, shift: &str| {
        format!(
            "SELECT {columns}, {shift} AS shift_us,
                CAST(GREATEST(s.started_at, {begins}) AS BIGINT) + {shift} AS begins_us,
                CAST(LEAST(s.ended_at, {ends}) AS BIGINT) + {shift} AS ends_us
         FROM {stretches} s"
        )
    };
    let touches = format!("s.started_at < {to} AND s.ended_at > {from}");
    // Where no clock changes the period is one segment, and a join by comparing takes long.
    if let Some(shift) = window.only_shift_us() {
        return format!("{} WHERE {touches}", cut(&from, &to, &shift.to_string()));
    }
    let (cut, segments) = (cut("g.begins", "g.ends", "g.shift_us"), window.segment_values());
    format!(
        "{cut}
         JOIN (VALUES {segments}) AS g (begins, ends, shift_us)
              ON s.started_at < g.ends AND s.ended_at > g.begins
         WHERE {touches}"
    )
}
