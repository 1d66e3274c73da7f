//! From what people write (`2026-11`, `yesterday`, `2026-W47`) to a half-open range of instants.
//!
//! A period is whole local days of an IANA zone, so the night in which clocks change gives a day
//! of 23 or 25 hours. Where local midnight does not exist, the day begins with its first instant.
//! Weeks are those of ISO 8601: from Monday, number 1 holds the year's first Thursday.
//!
//! Where a tenant's day begins later than midnight, the day 2026-11-23 goes from that minute of the
//! 23rd to the same of the 24th, and weeks, months and years begin and end with it.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday,
};
use chrono_tz::{OffsetComponents, Tz};
use terms::Timestamp;

/// The longest period, in days.
pub const DAYS_MAX: i64 = 3_660;

/// Years that a period may name.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// What may be written, for error texts.
const ALLOWED: &str = "write a day (2026-11-23), a week (2026-W47), a month (2026-11), \
     a year (2026), a range of days (2026-11-01..2026-11-15), today or yesterday";

/// Whole local days: from the first instant of the first to the first instant after the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// First day.
    pub first: NaiveDate,
    /// Last day.
    pub last: NaiveDate,
    /// Whose days.
    pub zone: Tz,
    /// When each day begins, in minutes after midnight on the local clock.
    pub day_begins_min: u16,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// In no form that we know.
    #[error("\"{0}\" is not a period: {ALLOWED}")]
    Unknown(String),
    /// In a form that we know, but not in the calendar.
    #[error("\"{text}\" is not a period: there is no {what}; {ALLOWED}")]
    NoSuchDay {
        /// What was written.
        text: String,
        /// What the calendar lacks.
        what: String,
    },
    /// A range that ends before it begins.
    #[error(
        "\"{0}\" ends before it begins: write the earlier day first, as in 2026-11-01..2026-11-15"
    )]
    Backwards(String),
    /// Too long.
    #[error("\"{text}\" is {days} days long: at most {DAYS_MAX} are allowed")]
    TooLong {
        /// What was written.
        text: String,
        /// How long it is.
        days: i64,
    },
    /// No such zone.
    #[error("\"{0}\" is not a time zone: write an IANA name such as Asia/Shanghai or UTC")]
    UnknownZone(String),
}

/// A stretch of time in which the zone's clocks do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// Local clock minus UTC, in seconds.
    pub shift_secs: i32,
}

impl Period {
    /// Reads `text` as days of the zone named `zone`; `now` says what `today` is.
    ///
    /// # Errors
    /// See [`PeriodError`]; each says what would be right.
    pub fn parse(text: &str, zone: &str, now: Timestamp) -> Result<Period, PeriodError> {
        Self::parse_by(text, zone, 0, now)
    }

    /// The same where each day begins so many minutes after midnight.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn parse_by(
        text: &str,
        zone: &str,
        day_begins_min: u16,
        now: Timestamp,
    ) -> Result<Period, PeriodError> {
        Self::parse_in(text, parse_zone(zone)?, day_begins_min, now)
    }

    /// Reads `text` as days of `zone`, each of which begins so many minutes after midnight; `now` says
    /// what `today` is.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn parse_in(
        text: &str,
        zone: Tz,
        day_begins_min: u16,
        now: Timestamp,
    ) -> Result<Period, PeriodError> {
        let text = text.trim();
        let (first, last) = days(text, (zone, day_begins_min), now)?;
        if last < first {
            return Err(PeriodError::Backwards(quoted(text)));
        }
        let count = (last - first).num_days() + 1;
        if count > DAYS_MAX {
            return Err(PeriodError::TooLong { text: quoted(text), days: count });
        }
        let after = last.succ_opt().expect("years end long before the calendar does");
        Ok(Period {
            from: first_instant(first, zone, day_begins_min),
            to: first_instant(after, zone, day_begins_min),
            first,
            last,
            zone,
            day_begins_min,
        })
    }

    /// How many days.
    pub fn days(&self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    /// The instant at which the clock of `day` shows so many minutes after midnight; 24 hours are
    /// the end of the day.
    pub(crate) fn clock(&self, day: NaiveDate, minutes: i64) -> Timestamp {
        instant_of(day.and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes), self.zone)
    }

    /// The first instant after the tenant's day so many days after 1970-01-01.
    pub(crate) fn end_of_day(&self, day: i64) -> Option<Timestamp> {
        let day = NaiveDate::default().checked_add_signed(TimeDelta::try_days(day)?)?;
        Some(self.clock(day, 24 * 60 + i64::from(self.day_begins_min)))
    }

    /// The days of the period in order: each in days after 1970-01-01, with its first instant and the
    /// first one after it.
    pub fn day_spans(&self) -> Vec<(i64, Timestamp, Timestamp)> {
        let number = |day: NaiveDate| day.signed_duration_since(NaiveDate::default()).num_days();
        let span = |day: i64| Some((day, self.end_of_day(day - 1)?, self.end_of_day(day)?));
        let within = |(day, from, to): (i64, Timestamp, Timestamp)| {
            (day, from.max(self.from), to.min(self.to))
        };
        (number(self.first)..=number(self.last))
            .filter_map(span)
            .map(within)
            .filter(|(_, from, to)| from < to)
            .collect()
    }

    /// The stretches between changes of the zone's clocks, in order, together the whole period.
    pub fn segments(&self) -> Vec<Segment> {
        segments(self.from, self.to, self.zone)
    }
}

/// The zone called `name`.
///
/// # Errors
/// [`PeriodError::UnknownZone`].
pub fn parse_zone(name: &str) -> Result<Tz, PeriodError> {
    name.trim().parse().map_err(|_| PeriodError::UnknownZone(quoted(name)))
}

/// At most 40 characters of what was written, so that an error cannot be made a page long.
fn quoted(text: &str) -> String {
    text.chars().take(40).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The day that goes on at `now`.
fn today(zone: Tz, day_begins_min: u16, now: Timestamp) -> NaiveDate {
    let date = crate::cell::local(now, zone).date_naive();
    if now < first_instant(date, zone, day_begins_min) {
        return date.pred_opt().expect("today has a yesterday");
    }
    date
}

fn days(
    text: &str,
    (zone, day_begins_min): (Tz, u16),
    now: Timestamp,
) -> Result<(NaiveDate, NaiveDate), PeriodError> {
    let today = today(zone, day_begins_min, now);
    match text {
        "today" | "今天" => return Ok((today, today)),
        "yesterday" | "昨天" => {
            let day = today.pred_opt().expect("today has a yesterday");
            return Ok((day, day));
        }
        _ => {}
    }
    if let Some((first, last)) = text.split_once("..") {
        return Ok((day(text, first)?, day(text, last)?));
    }
    if let Some((year, week)) = text.split_once("-W") {
        return days_of_week(text, year, week);
    }
    match text.split('-').count() {
        1 => days_of_year(text),
        2 => days_of_month(text),
        _ => day(text, text).map(|day| (day, day)),
    }
}

/// A number of exactly `digits` digits.
fn number(text: &str, part: &str, digits: usize) -> Result<u32, PeriodError> {
    let fits = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| part.parse().ok()).flatten().ok_or_else(|| PeriodError::Unknown(quoted(text)))
}

fn year(text: &str, part: &str) -> Result<i32, PeriodError> {
    let year = number(text, part, 4)? as i32;
    if YEARS.contains(&year) {
        return Ok(year);
    }
    let what = format!("year {year} here, only {} to {}", YEARS.start(), YEARS.end());
    Err(PeriodError::NoSuchDay { text: quoted(text), what })
}

fn day(text: &str, part: &str) -> Result<NaiveDate, PeriodError> {
    let mut parts = part.trim().split('-');
    let (Some(y), Some(m), Some(d), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(PeriodError::Unknown(quoted(text)));
    };
    let (y, m, d) = (year(text, y)?, number(text, m, 2)?, number(text, d, 2)?);
    NaiveDate::from_ymd_opt(y, m, d).ok_or_else(|| PeriodError::NoSuchDay {
        text: quoted(text),
        what: format!("day {y:04}-{m:02}-{d:02}"),
    })
}

fn days_of_week(text: &str, y: &str, week: &str) -> Result<(NaiveDate, NaiveDate), PeriodError> {
    let (y, week) = (year(text, y)?, number(text, week, 2)?);
    let monday = NaiveDate::from_isoywd_opt(y, week, Weekday::Mon).ok_or_else(|| {
        PeriodError::NoSuchDay { text: quoted(text), what: format!("week {week} in {y}") }
    })?;
    Ok((monday, monday + Days::new(6)))
}

fn days_of_month(text: &str) -> Result<(NaiveDate, NaiveDate), PeriodError> {
    let (y, m) = text.split_once('-').expect("two parts were counted");
    let (y, m) = (year(text, y)?, number(text, m, 2)?);
    let first = NaiveDate::from_ymd_opt(y, m, 1).ok_or_else(|| PeriodError::NoSuchDay {
        text: quoted(text),
        what: format!("month {m:02}"),
    })?;
    Ok((first, first + Days::new(u64::from(first.num_days_in_month()) - 1)))
}

fn days_of_year(text: &str) -> Result<(NaiveDate, NaiveDate), PeriodError> {
    let y = year(text, text)?;
    let day = |m, d| NaiveDate::from_ymd_opt(y, m, d).expect("every year has these days");
    Ok((day(1, 1), day(12, 31)))
}

/// The first instant of `day`, or, when the zone skipped that day altogether, the first instant after
/// it.
fn first_instant(day: NaiveDate, zone: Tz, day_begins_min: u16) -> Timestamp {
    let begins = TimeDelta::minutes(i64::from(day_begins_min));
    instant_of(day.and_time(NaiveTime::MIN) + begins, zone)
}

/// The first instant at which clocks show `local`, or, when they skip it, the first after it.
fn instant_of(local: NaiveDateTime, zone: Tz) -> Timestamp {
    // Clocks jump over midnight by an hour in some zones, over a whole day once in a life
    // (Samoa, 2011-12-30). Offsets are whole quarters of an hour since long before 2000.
    let exists = |minutes: i64| zone.from_local_datetime(&(local + TimeDelta::minutes(minutes)));
    let instant = (0..=2 * 24 * 4)
        .find_map(|quarter| exists(quarter * 15).earliest())
        .unwrap_or_else(|| zone.from_utc_datetime(&local));
    Timestamp(instant.timestamp_micros())
}

fn shift_secs(at: Timestamp, zone: Tz) -> i32 {
    let utc: NaiveDateTime = DateTime::from_timestamp_micros(at.0).unwrap_or_default().naive_utc();
    let offset = zone.offset_from_utc_datetime(&utc);
    (offset.base_utc_offset() + offset.dst_offset()).num_seconds() as i32
}

/// The stretches between changes of the zone's clocks from `from` to `to`, in order.
pub(crate) fn segments(from: Timestamp, to: Timestamp, zone: Tz) -> Vec<Segment> {
    const STEP_US: i64 = 6 * 3_600_000_000;
    const SECOND_US: i64 = 1_000_000;
    let mut out = Vec::new();
    let mut begin = from;
    let mut at = from;
    while at < to {
        let next = Timestamp((at.0 + STEP_US).min(to.0));
        let shift = shift_secs(at, zone);
        if shift_secs(next, zone) != shift {
            // Clocks change within the step: find the second.
            let (mut before, mut after) = (at.0, next.0);
            while after - before > SECOND_US {
                let middle = before + (after - before) / 2 / SECOND_US * SECOND_US;
                if shift_secs(Timestamp(middle), zone) == shift {
                    before = middle
                } else {
                    after = middle
                }
            }
            if after < to.0 {
                out.push(Segment { from: begin, to: Timestamp(after), shift_secs: shift });
                begin = Timestamp(after);
            }
            at = Timestamp(after);
        } else {
            at = next;
        }
    }
    if begin < to {
        out.push(Segment { from: begin, to, shift_secs: shift_secs(begin, zone) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 00:30 in Shanghai, still the 22nd in UTC.
    const NOW: Timestamp = Timestamp::from_secs(1_795_365_000);

    fn range(text: &str, zone: &str) -> String {
        let period = Period::parse(text, zone, NOW).expect("a good period");
        format!("{} {} {}h", period.from, period.to, (period.to.0 - period.from.0) / 3_600_000_000)
    }

    fn refusal(text: &str) -> String {
        Period::parse(text, "Asia/Shanghai", NOW).unwrap_err().to_string()
    }

    #[test]
    fn every_form_gives_its_days_in_the_zone() {
        let shanghai = |text| range(text, "Asia/Shanghai");
        assert_eq!(shanghai("2026-11-23"), "2026-11-22T16:00:00.000Z 2026-11-23T16:00:00.000Z 24h");
        assert_eq!(shanghai("today"), shanghai("2026-11-23"));
        assert_eq!(shanghai("yesterday"), shanghai("2026-11-22"));
        assert_eq!(shanghai("2026-11"), shanghai("2026-11-01..2026-11-30"));
        assert_eq!(shanghai("2028-02"), shanghai("2028-02-01..2028-02-29"));
        assert_eq!(shanghai("2026"), shanghai("2026-01-01..2026-12-31"));
        assert_eq!(shanghai("2026-W47"), shanghai("2026-11-16..2026-11-22"));
        assert_eq!(shanghai("2026-W01"), shanghai("2025-12-29..2026-01-04"));
        assert_eq!(range("today", "UTC"), range("2026-11-22", "UTC"));
    }

    #[test]
    fn nights_in_which_clocks_change_have_23_and_25_hours() {
        assert!(range("2026-03-29", "Europe/Berlin").ends_with("23h"));
        assert!(range("2026-10-25", "Europe/Berlin").ends_with("25h"));
        assert!(range("2026-03-08", "America/New_York").ends_with("23h"));
        assert!(range("2026-11-01", "America/New_York").ends_with("25h"));
    }

    /// The same with days that begin so many minutes after midnight.
    fn business(text: &str, zone: &str, begins: u16) -> String {
        let period = Period::parse_by(text, zone, begins, NOW).expect("a good period");
        format!("{} {} {}h", period.from, period.to, (period.to.0 - period.from.0) / 3_600_000_000)
    }

    #[test]
    fn a_day_that_begins_at_four_takes_weeks_months_and_years_with_it() {
        let four = |text| business(text, "Asia/Shanghai", 240);
        assert_eq!(four("2026-11-23"), "2026-11-22T20:00:00.000Z 2026-11-23T20:00:00.000Z 24h");
        // Half past midnight on the 23rd is still the 22nd.
        assert_eq!(four("today"), four("2026-11-22"));
        assert_eq!(four("yesterday"), four("2026-11-21"));
        assert_eq!(four("2026-W47"), four("2026-11-16..2026-11-22"));
        assert_eq!(four("2026-11"), "2026-10-31T20:00:00.000Z 2026-11-30T20:00:00.000Z 720h");
        assert_eq!(four("2026"), four("2026-01-01..2026-12-31"));
        // At half past midnight to the minute the new day has begun.
        let half = |begins| business("today", "Asia/Shanghai", begins);
        assert_eq!(half(30), business("2026-11-23", "Asia/Shanghai", 30));
        assert_eq!(half(31), business("2026-11-22", "Asia/Shanghai", 31));
    }

    #[test]
    fn the_day_in_which_clocks_change_is_the_one_that_holds_the_hour() {
        // Clocks change at two or three in the night: a day from four has it in the day before.
        let hours = |day: &str, begins: u16| {
            let made = business(day, "Europe/Berlin", begins);
            made.rsplit(' ').next().map(str::to_owned).expect("hours")
        };
        assert_eq!([hours("2026-03-28", 240), hours("2026-03-29", 240)], ["23h", "24h"]);
        assert_eq!([hours("2026-10-24", 240), hours("2026-10-25", 240)], ["25h", "24h"]);
        assert_eq!([hours("2026-10-24", 60), hours("2026-10-25", 60)], ["24h", "25h"]);
        // Half past two is left out in spring, and comes twice in autumn: the first counts.
        assert_eq!(
            business("2026-03-29", "Europe/Berlin", 150),
            "2026-03-29T01:00:00.000Z 2026-03-30T00:30:00.000Z 23h"
        );
        assert_eq!(
            business("2026-10-25", "Europe/Berlin", 150),
            "2026-10-25T00:30:00.000Z 2026-10-26T01:30:00.000Z 25h"
        );
    }

    #[test]
    fn a_day_without_midnight_begins_with_its_first_instant() {
        // Brazil's clocks went from 23:59:59 to 01:00.
        let day = range("2018-11-04", "America/Sao_Paulo");
        assert_eq!(day, "2018-11-04T03:00:00.000Z 2018-11-05T02:00:00.000Z 23h");
        // Samoa skipped a whole day: it has no hours, and its neighbours touch.
        assert!(range("2011-12-30", "Pacific/Apia").ends_with(" 0h"));
        assert!(range("2011-12-29..2011-12-31", "Pacific/Apia").ends_with(" 48h"));
    }

    #[test]
    fn a_midnight_that_comes_twice_counts_from_the_first() {
        // Cuba's clocks went from 01:00 back to 00:00.
        let day = range("2026-11-01", "America/Havana");
        assert_eq!(day, "2026-11-01T04:00:00.000Z 2026-11-02T05:00:00.000Z 25h");
    }

    #[test]
    fn a_clock_of_a_day_is_an_instant_and_its_end_the_next_days_first() {
        let period = Period::parse("2026-10-25", "Europe/Berlin", Timestamp(0)).unwrap();
        let hours =
            |minutes| (period.clock(period.last, minutes).0 - period.from.0) / 3_600_000_000;
        // The hour from two to three comes twice; its first counts.
        assert_eq!([hours(60), hours(120), hours(180), hours(24 * 60)], [1, 2, 4, 25]);
        assert_eq!(period.end_of_day(20_751), Some(period.to));
        assert_eq!(period.end_of_day(i64::MAX), None);
    }

    #[test]
    fn segments_meet_where_the_clocks_change() {
        let period = Period::parse("2026", "Europe/Berlin", NOW).expect("a good period");
        let segments = period.segments();
        let shown: Vec<_> =
            segments.iter().map(|s| (s.from.to_string(), s.shift_secs / 3600)).collect();
        assert_eq!(
            shown,
            [
                ("2025-12-31T23:00:00.000Z".to_owned(), 1),
                ("2026-03-29T01:00:00.000Z".to_owned(), 2),
                ("2026-10-25T01:00:00.000Z".to_owned(), 1),
            ]
        );
        assert!(segments.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!(segments[2].to, period.to);
        let shanghai = Period::parse("2026", "Asia/Shanghai", NOW).expect("a good period");
        assert_eq!(shanghai.segments().len(), 1);
    }

    #[test]
    fn a_change_at_the_edge_of_a_period_makes_no_empty_segment() {
        for text in ["2018-11-03", "2018-11-04", "2018-11-03..2018-11-04"] {
            let period = Period::parse(text, "America/Sao_Paulo", NOW).expect("a good period");
            let segments = period.segments();
            assert!(segments.iter().all(|s| s.from < s.to), "{text}: {segments:?}");
            assert_eq!(segments[0].from, period.from);
            assert_eq!(segments[segments.len() - 1].to, period.to);
        }
    }

    #[test]
    fn a_bad_period_is_told_what_is_allowed() {
        assert_eq!(
            refusal("last week"),
            "\"last week\" is not a period: write a day (2026-11-23), a week (2026-W47), \
             a month (2026-11), a year (2026), a range of days (2026-11-01..2026-11-15), \
             today or yesterday"
        );
        for text in
            ["", "2026-1-1", "26-11-23", "2026-11-23T00", "+2026", "2026-W7", "..", "二〇二六"]
        {
            assert!(refusal(text).contains("is not a period: write a day"), "{text}");
        }
        assert!(refusal("2026-02-30").contains("there is no day 2026-02-30"));
        assert!(refusal("2026-13").contains("there is no month 13"));
        assert!(refusal("2025-W53").contains("there is no week 53 in 2025"));
        assert!(refusal("1999").contains("only 2000 to 2100"));
        assert!(refusal("2026-11-15..2026-11-01").contains("ends before it begins"));
        assert!(refusal("2000-01-01..2020-01-01").contains("at most 3660 are allowed"));
        assert!(refusal(&"9".repeat(100_000)).len() < 400);
        let zone = Period::parse("2026", "Mars/Olympus", NOW).unwrap_err().to_string();
        assert_eq!(
            zone,
            "\"Mars/Olympus\" is not a time zone: write an IANA name such as Asia/Shanghai or UTC"
        );
    }

    #[test]
    fn every_day_of_a_year_begins_where_the_last_one_ended() {
        let zones = ["Asia/Shanghai", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe"];
        for (zone, begins) in zones.into_iter().flat_map(|zone| [(zone, 0), (zone, 150)]) {
            let mut day = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
            let mut end = None;
            while day.year() == 2026 {
                let period = Period::parse_by(&day.to_string(), zone, begins, NOW);
                let period = period.expect("a good period");
                assert!(end.is_none_or(|end| end == period.from), "{zone} {day}");
                end = Some(period.to);
                day = day.succ_opt().expect("a next day");
            }
        }
    }
}
