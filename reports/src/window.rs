//! The time a report is about, as pieces of SQL. Only numbers that we computed and quoted text
//! ever get into a query.

use crate::period::{Period, Segment};
use terms::Timestamp;
use warehouse::query::literal::instant;

/// Microseconds of an hour.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// Microseconds of a day of 24 hours.
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// A period, the time of asking and the thresholds, ready for SQL.
#[derive(Clone, Debug)]
pub struct Window {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// When it is asked.
    pub now: Timestamp,
    /// Stretches of constant clock, together the whole period.
    pub segments: Vec<Segment>,
    /// Answered within this many seconds is in time.
    pub service_level_s: u32,
    /// Abandoned within this many seconds is short.
    pub short_abandon_s: u32,
}

impl Window {
    /// The window of `period`, asked at `now`.
    pub fn new(
        period: &Period,
        now: Timestamp,
        service_level_s: u32,
        short_abandon_s: u32,
    ) -> Self {
        Window {
            from: period.from,
            to: period.to,
            now,
            segments: period.segments(),
            service_level_s,
            short_abandon_s,
        }
    }

    /// `column` lies in the period.
    pub fn holds(&self, column: &str) -> String {
        format!("{column} >= {} AND {column} < {}", instant(self.from), instant(self.to))
    }

    /// The local clock at the time in `column`, in microseconds: `x / HOUR_US % 24` is the hour.
    /// Right for times within the period.
    pub fn local_us(&self, column: &str) -> String {
        let utc = format!("CAST({column} AS BIGINT)");
        let shift = |segment: &Segment| i64::from(segment.shift_secs) * 1_000_000;
        let Some((last, before)) = self.segments.split_last() else { return utc };
        if before.is_empty() {
            return format!("({utc} + {})", shift(last));
        }
        let mut sql = format!("({utc} + CASE");
        for segment in before {
            sql += &format!(" WHEN {column} < {} THEN {}", instant(segment.to), shift(segment));
        }
        sql + &format!(" ELSE {} END)", shift(last))
    }

    /// The rows of a VALUES list (from, to, shift in microseconds), one a segment. A period
    /// without a single instant gives one row that nothing can overlap.
    pub fn segment_values(&self) -> String {
        let row = |from, to, shift: i32| {
            format!("({}, {}, {})", instant(from), instant(to), i64::from(shift) * 1_000_000)
        };
        let rows: Vec<String> =
            self.segments.iter().map(|s| row(s.from, s.to, s.shift_secs)).collect();
        if rows.is_empty() { row(self.from, self.from, 0) } else { rows.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_clock_follows_the_zone() {
        let window = |text, zone| {
            let period = Period::parse(text, zone, Timestamp(0)).expect("a good period");
            Window::new(&period, Timestamp(0), 20, 5)
        };
        assert_eq!(
            window("2026-11", "Asia/Shanghai").local_us("at"),
            "(CAST(at AS BIGINT) + 28800000000)"
        );
        let berlin = window("2026-10-25", "Europe/Berlin").local_us("at");
        assert!(berlin.contains("THEN 7200000000 ELSE 3600000000 END"), "{berlin}");
    }
}
