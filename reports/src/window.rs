//! The time a report is about, as pieces of SQL. Only numbers that we computed and quoted text
//! ever get into a query.

use crate::level::LevelFormula;
use crate::period::{Period, Segment, segments};
use crate::ran::{Ran, Stored};
use crate::rates::Rates;
use chrono_tz::Tz;
use terms::{Timestamp, UserId};
use warehouse::ROLLUP_THRESHOLDS_S;
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
    /// Whose clock.
    pub zone: Tz,
    /// Stretches of constant clock, together the whole period.
    pub segments: Vec<Segment>,
    /// When a day begins, in minutes after midnight on that clock.
    pub day_begins_min: u16,
    /// Answered within this many seconds is in time.
    pub service_level_s: u32,
    /// Abandoned within this many seconds is short.
    pub short_abandon_s: u32,
    /// Who calls again within this many days has not been helped.
    pub repeat_days: u32,
    /// An item that is done within this many seconds after it came is in time.
    pub item_target_s: u32,
    /// The service level that stands first.
    pub level: LevelFormula,
    /// Only what this person did, where a report asks for it.
    pub user: Option<UserId>,
    /// Only this action, or those of this kind, where a report asks for it.
    pub action: Option<String>,
    /// What agents and trunks cost, where a report asks for it.
    pub rates: Option<Rates>,
    /// The most lines that all trunks together have, where a report asks for it.
    pub lines_max: u64,
    /// How long the processes of the box ran, where a report asks for it.
    pub ran: Vec<Ran>,
    /// What the files of the warehouse take, where a report asks for it.
    pub stored: Vec<Stored>,
    /// Read counts of quarter-hours where they give the same numbers.
    pub rollups: bool,
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
            zone: period.zone,
            segments: period.segments(),
            day_begins_min: period.day_begins_min,
            service_level_s,
            short_abandon_s,
            repeat_days: 7,
            item_target_s: 4 * 3_600,
            level: LevelFormula::Usual,
            user: None,
            action: None,
            rates: None,
            lines_max: 0,
            ran: Vec::new(),
            stored: Vec::new(),
            rollups: true,
        }
    }

    /// Whether counts of quarter-hours give the numbers of this window: the period and its clock
    /// begin, end and change with a quarter-hour.
    pub fn quarters_fit(&self) -> bool {
        let whole = |us: i64| us.rem_euclid(HOUR_US / 4) == 0;
        let even = |segment: &Segment| whole(segment.from.0) && whole(shift_us(segment));
        self.rollups && whole(self.from.0) && whole(self.to.0) && self.segments.iter().all(even)
    }

    /// The same where the numbers depend on the thresholds: the counts know two of them.
    pub fn counts_fit(&self) -> bool {
        self.quarters_fit() && (self.service_level_s, self.short_abandon_s) == ROLLUP_THRESHOLDS_S
    }

    /// The same, but from an earlier instant on.
    pub fn since(&self, from: Timestamp) -> Window {
        Window { from, segments: segments(from, self.to, self.zone), ..self.clone() }
    }

    /// The same on the clock of days: it shows midnight when a day of the tenant begins, so that the
    /// date it shows is that day. Hours of the day are those of the window as it is.
    pub fn of_days(&self) -> Window {
        let segments = day_segments(&self.segments, i32::from(self.day_begins_min) * 60);
        Window { segments, day_begins_min: 0, ..self.clone() }
    }

    /// `column` lies in the period.
    pub fn holds(&self, column: &str) -> String {
        format!("{column} >= {} AND {column} < {}", instant(self.from), instant(self.to))
    }

    /// The local clock at the time in `column`, in microseconds: `x / HOUR_US % 24` is the hour.
    /// Right for times within the period.
    pub fn local_us(&self, column: &str) -> String {
        let utc = format!("CAST({column} AS BIGINT)");
        let Some((last, before)) = self.segments.split_last() else { return utc };
        if before.is_empty() {
            return format!("({utc} + {})", shift_us(last));
        }
        let mut sql = format!("({utc} + CASE");
        for segment in before {
            sql += &format!(" WHEN {column} < {} THEN {}", instant(segment.to), shift_us(segment));
        }
        sql + &format!(" ELSE {} END)", shift_us(last))
    }

    /// Local clock minus UTC in microseconds, where it is the same in the whole period.
    pub fn only_shift_us(&self) -> Option<i64> {
        match self.segments.as_slice() {
            [only] => Some(shift_us(only)),
            _ => None,
        }
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

    /// The rows of a VALUES list (day), the local days of the period counted from 1970-01-01. A
    /// period without a single instant gives one row that nothing can touch.
    pub fn day_values(&self) -> String {
        let day = |at: i64, segment: &Segment| (at + shift_us(segment)).div_euclid(DAY_US);
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else {
            return "(0)".to_owned();
        };
        let days = day(self.from.0, first)..=day(self.to.0 - 1, last);
        days.map(|day| format!("({day})")).collect::<Vec<_>>().join(", ")
    }

    /// How many local days of the period have begun by the time of asking, by weekday from Monday on;
    /// at least the first one has.
    pub fn weekdays_begun(&self) -> [i64; 7] {
        let day = |at: i64| {
            let within = self.segments.iter().rfind(|segment| segment.from.0 <= at);
            (at + within.map_or(0, shift_us)).div_euclid(DAY_US)
        };
        let first = day(self.from.0);
        let last = day(self.now.min(self.to).0 - 1).max(first);
        let mut begun = [0; 7];
        for day in first..=last {
            begun[weekday(day)] += 1;
        }
        begun
    }

    /// What goes from the time in `begins` to that in `ends` has a part in the local day `day` of
    /// the period.
    pub fn touches_day(&self, day: i64, begins: &str, ends: &str) -> String {
        let within = |segment: &Segment| {
            let local = |days: i64| days * DAY_US - shift_us(segment);
            (segment.from.0.max(local(day)), segment.to.0.min(local(day + 1)))
        };
        let parts: Vec<(i64, i64)> =
            self.segments.iter().map(within).filter(|(from, to)| from < to).collect();
        let from = parts.iter().map(|part| part.0).min().unwrap_or(self.from.0);
        let to = parts.iter().map(|part| part.1).max().unwrap_or(self.from.0);
        let (from, to) = (instant(Timestamp(from)), instant(Timestamp(to)));
        format!("{begins} < {to} AND {ends} > {from}")
    }
}

/// The weekday of a day counted from 1970-01-01, from 0 for Monday: that day was a Thursday.
fn weekday(day: i64) -> usize {
    (day + 3).rem_euclid(7) as usize
}

/// `segments` on a clock that is behind by `begins_secs`. Where clocks go back over the beginning of a
/// day, that day has begun at the first of the two times, and goes on until the second.
fn day_segments(segments: &[Segment], begins_secs: i32) -> Vec<Segment> {
    if begins_secs == 0 {
        return segments.to_vec();
    }
    let mut days: Vec<Segment> = Vec::with_capacity(segments.len());
    let mut before: Option<i32> = None;
    for segment in segments {
        let shift_secs = segment.shift_secs - begins_secs;
        let mut from = segment.from;
        if let Some(before) = before.filter(|before| *before > shift_secs) {
            let day = |at: i64, secs: i32| (at + i64::from(secs) * 1_000_000).div_euclid(DAY_US);
            let begun = day(from.0 - 1, before);
            if day(from.0, shift_secs) < begun {
                let again = begun * DAY_US - i64::from(shift_secs) * 1_000_000;
                let to = Timestamp(again.min(segment.to.0));
                days.push(Segment { from, to, shift_secs: before });
                from = to;
            }
        }
        if from < segment.to {
            days.push(Segment { from, to: segment.to, shift_secs });
        }
        before = Some(shift_secs);
    }
    days
}

/// Local clock minus UTC, in microseconds.
fn shift_us(segment: &Segment) -> i64 {
    i64::from(segment.shift_secs) * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn window(text: &str, zone: &str) -> Window {
        let period = Period::parse(text, zone, Timestamp(0)).expect("a good period");
        Window::new(&period, Timestamp(0), 20, 5)
    }

    #[test]
    fn counts_of_quarter_hours_fit_the_usual_thresholds_and_clocks() {
        assert!(window("2026-11", "Asia/Shanghai").counts_fit());
        assert!(window("2026-10-25", "Europe/Berlin").counts_fit());
        assert!(window("2026-11", "Asia/Kathmandu").counts_fit());
        let shanghai = window("2026-11", "Asia/Shanghai");
        assert!(!Window { service_level_s: 30, ..shanghai.clone() }.counts_fit());
        assert!(Window { service_level_s: 30, ..shanghai.clone() }.quarters_fit());
        assert!(!Window { short_abandon_s: 10, ..shanghai.clone() }.counts_fit());
        assert!(!Window { rollups: false, ..shanghai.clone() }.counts_fit());
        assert!(!Window { from: Timestamp(shanghai.from.0 + 1), ..shanghai }.counts_fit());
    }

    #[test]
    fn the_days_of_a_period_are_local_and_as_long_as_the_clock_makes_them() {
        assert_eq!(window("2026-11-23", "Asia/Shanghai").day_values(), "(20780)");
        let berlin = window("2026-10-24..2026-10-26", "Europe/Berlin");
        assert_eq!(berlin.day_values(), "(20750), (20751), (20752)");
        // From 22:00 UTC, 25 hours.
        let sunday = 1_792_879_200_000_000;
        let touches = berlin.touches_day(20_751, "a", "b");
        let (from, to) = (instant(Timestamp(sunday)), instant(Timestamp(sunday + 25 * HOUR_US)));
        assert_eq!(touches, format!("a < {to} AND b > {from}"));
        // Samoa skipped this day.
        assert_eq!(window("2011-12-30", "Pacific/Apia").day_values(), "(0)");
    }

    #[test]
    fn the_clock_of_days_shows_midnight_when_a_day_begins() {
        let days = |text: &str, zone: &str, begins: u16| {
            let period = Period::parse_by(text, zone, begins, Timestamp(0)).expect("a period");
            Window::new(&period, Timestamp(0), 20, 5).of_days()
        };
        let shanghai = days("2026-11-23", "Asia/Shanghai", 240);
        assert_eq!(shanghai.local_us("at"), "(CAST(at AS BIGINT) + 14400000000)");
        assert_eq!(shanghai.day_values(), "(20780)");
        // Each day of a month is one, whatever the clocks do in the night and when a day begins.
        for (zone, begins) in [
            ("Europe/Berlin", 0),
            ("Europe/Berlin", 60),
            ("Europe/Berlin", 150),
            ("Europe/Berlin", 240),
            ("America/Havana", 30),
            ("Australia/Lord_Howe", 105),
        ] {
            for text in ["2026-03", "2026-04", "2026-10", "2026-11"] {
                let month = days(text, zone, begins);
                let spans = |number: u32| {
                    let day = format!("{text}-{number:02}");
                    let day = Period::parse_by(&day, zone, begins, Timestamp(0)).expect("a day");
                    (day.from, day.to)
                };
                let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d");
                let first = first.expect("a date").signed_duration_since(NaiveDate::default());
                for number in 1..=28 {
                    let (from, to) = spans(number);
                    let day = first.num_days() + i64::from(number) - 1;
                    let touches = month.touches_day(day, "a", "b");
                    let (from, to) = (instant(from), instant(to));
                    assert_eq!(touches, format!("a < {to} AND b > {from}"), "{zone} {begins}");
                }
            }
        }
    }

    #[test]
    fn where_half_past_two_comes_twice_the_day_has_begun_at_the_first() {
        let period = Period::parse_by("2026-10-24..2026-10-25", "Europe/Berlin", 150, Timestamp(0));
        let days = Window::new(&period.expect("a period"), Timestamp(0), 20, 5).of_days();
        let shown: Vec<_> = days
            .segments
            .iter()
            .map(|s| (s.from.to_string(), s.to.to_string(), s.shift_secs / 60))
            .collect();
        let told = |from: &str, to: &str, minutes| (from.to_owned(), to.to_owned(), minutes);
        assert_eq!(
            shown,
            [
                told("2026-10-24T00:30:00.000Z", "2026-10-25T01:00:00.000Z", 120 - 150),
                told("2026-10-25T01:00:00.000Z", "2026-10-25T01:30:00.000Z", 120 - 150),
                told("2026-10-25T01:30:00.000Z", "2026-10-26T01:30:00.000Z", 60 - 150),
            ]
        );
    }

    #[test]
    fn days_have_begun_by_the_local_clock() {
        let asked = |text: &str, zone: &str, now: i64| {
            let period = Period::parse(text, zone, Timestamp(0)).expect("a good period");
            Window::new(&period, Timestamp(now * HOUR_US), 20, 5).weekdays_begun()
        };
        // 2026-10-25 00:00 and 2026-11-02 00:00 in Berlin, eight days and an hour apart.
        let (first, after) = (498_022, 498_215);
        // From a Sunday to a Saturday, and to the Sunday after.
        let (week, longer) = ("2026-10-25..2026-10-31", "2026-10-25..2026-11-01");
        assert_eq!(asked(week, "Europe/Berlin", after), [1; 7]);
        assert_eq!(asked(longer, "Europe/Berlin", after), [1, 1, 1, 1, 1, 1, 2]);
        assert_eq!(asked(week, "Europe/Berlin", first + 24), [0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(asked(week, "Europe/Berlin", first + 26), [1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(asked(week, "Europe/Berlin", first - 5), [0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn the_local_clock_follows_the_zone() {
        assert_eq!(
            window("2026-11", "Asia/Shanghai").local_us("at"),
            "(CAST(at AS BIGINT) + 28800000000)"
        );
        assert_eq!(window("2026-11", "Asia/Shanghai").only_shift_us(), Some(8 * HOUR_US));
        assert_eq!(window("2026-11", "America/Bogota").only_shift_us(), Some(-5 * HOUR_US));
        let berlin = window("2026-10-25", "Europe/Berlin");
        assert_eq!(berlin.only_shift_us(), None);
        let berlin = berlin.local_us("at");
        assert!(berlin.contains("THEN 7200000000 ELSE 3600000000 END"), "{berlin}");
    }
}
