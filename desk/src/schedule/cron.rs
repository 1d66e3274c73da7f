//! Five fields of cron, `minute hour day month weekday`, and the instants they name in a zone.
//!
//! A field is `*`, a number, a range `1-5`, a step `*/2` or `8-18/2`, or a list of these; months and
//! weekdays may be named (`JAN`, `MON`), and Sunday is 0 or 7. Where both day and weekday are
//! restricted, a day that fits either counts, as in the cron of Unix (POSIX.1-2024, crontab). The
//! minute is one number: a report is made at most once an hour.
//!
//! **A local time that does not exist**, in the night when clocks go forward, counts at the first
//! instant after the gap. **One that comes twice**, when they go back, counts the first time.

use crate::hours::{instant, local_date};
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use terms::Timestamp;

/// Longest text of a schedule.
const TEXT_CHARS_MAX: usize = 100;
/// Days looked ahead: twelve years have a 29 February, whatever century begins.
const DAYS_MAX: u64 = 4_400;

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A schedule of local times. Of each field one bit for a number that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minute: u16,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both day and weekday are restricted: one of them has to fit.
    either: bool,
}

struct Field {
    what: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { what: "minute", min: 0, max: 59, names: &[] };
const HOUR: Field = Field { what: "hour", min: 0, max: 23, names: &[] };
const DAY: Field = Field { what: "day", min: 1, max: 31, names: &[] };
const MONTH: Field = Field { what: "month", min: 1, max: 12, names: MONTHS };
const WEEKDAY: Field = Field { what: "weekday", min: 0, max: 7, names: WEEKDAYS };

impl Field {
    fn wrong(&self, text: &str) -> String {
        let text: String =
            text.chars().take(20).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("\"{text}\" is no {}; {}-{} are allowed", self.what, self.min, self.max)
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let upper = text.to_ascii_uppercase();
        if let Some(at) = self.names.iter().position(|name| *name == upper) {
            return Ok(self.min + u32::try_from(at).unwrap_or(0));
        }
        let digits =
            !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<u32>().ok()).flatten();
        number
            .filter(|number| (self.min..=self.max).contains(number))
            .ok_or_else(|| self.wrong(text))
    }

    fn part(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => {
                let digits = step.bytes().all(|b| b.is_ascii_digit()) && step.len() <= 2;
                let step = if digits { step.parse::<u32>().unwrap_or(0) } else { 0 };
                if step == 0 {
                    return Err(self.wrong(text));
                }
                (range, Some(step))
            }
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None => {
                let first = self.number(range)?;
                (first, if step.is_some() { self.max } else { first })
            }
        };
        if first > last {
            return Err(self.wrong(text));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
        Ok((first..=last).step_by(step).fold(0, |bits, number| bits | 1_u64 << number))
    }

    fn parse(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |bits, part| Ok(bits | self.part(part)?))
    }
}

fn has(bits: u64, number: u32) -> bool {
    bits >> number & 1 == 1
}

impl Cron {
    /// Reads five fields.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hours, days, months, weekdays] = fields[..] else {
            return Err("five fields are needed: minute, hour, day, month, weekday, such as \
                        0 8 * * 1"
                .to_owned());
        };
        if text.len() > TEXT_CHARS_MAX {
            return Err(format!("at most {TEXT_CHARS_MAX} characters are kept"));
        }
        let minutes = MINUTE.parse(minute)?;
        if minutes.count_ones() != 1 {
            return Err(
                "the minute has to be one number: a report is made at most once an hour".to_owned()
            );
        }
        let weekday_bits = WEEKDAY.parse(weekdays)?;
        Ok(Cron {
            minute: u16::try_from(minutes.trailing_zeros()).unwrap_or(0),
            hours: HOUR.parse(hours)?,
            days: DAY.parse(days)?,
            months: MONTH.parse(months)?,
            // 7 is Sunday too.
            weekdays: (weekday_bits | weekday_bits >> 7) & 0x7f,
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        })
    }

    fn has_day(&self, date: NaiveDate) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().num_days_from_sunday());
        let fits = if self.either { day || weekday } else { day && weekday };
        fits && has(self.months, date.month())
    }

    /// The instants after `after`, in order, on the local days that `open` lets through.
    pub fn after<'a>(
        &'a self,
        after: Timestamp,
        zone: Tz,
        open: impl Fn(NaiveDate) -> bool + 'a,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let first = local_date(zone, after);
        let days = (0..DAYS_MAX).filter_map(move |n| first.checked_add_days(Days::new(n)));
        let mut last = after;
        days.filter(move |date| self.has_day(*date) && open(*date))
            .flat_map(move |date| {
                let (bits, minute) = (self.hours, self.minute);
                let hours = (0..24).filter(move |hour| has(bits, *hour));
                hours.map(move |hour| instant(zone, date, i64::from(60 * hour + u32::from(minute))))
            })
            // Two local times of one gap are the same instant.
            .filter(move |at| {
                let later = *at > last;
                last = last.max(*at);
                later
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        crate::when::parse(text).unwrap()
    }

    fn next(cron: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron).unwrap();
        let found = cron.after(at(after), zone, |_| true).take(count);
        found.map(|at| at.to_string()).collect()
    }

    const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;
    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    #[test]
    fn each_field_has_its_forms() {
        // 2026-11-23 is a Monday.
        let from = "2026-11-23T00:00:00Z";
        assert_eq!(next("30 8 * * *", SHANGHAI, from, 1), ["2026-11-23T00:30:00.000Z"]);
        assert_eq!(
            next("0 8-18/5 * * *", SHANGHAI, from, 3),
            ["2026-11-23T05:00:00.000Z", "2026-11-23T10:00:00.000Z", "2026-11-24T00:00:00.000Z"]
        );
        assert_eq!(next("0 0 * * sun", chrono_tz::UTC, from, 1), ["2026-11-29T00:00:00.000Z"]);
        assert_eq!(next("0 0 * * 7", chrono_tz::UTC, from, 1), ["2026-11-29T00:00:00.000Z"]);
        assert_eq!(next("0 0 29 FEB *", chrono_tz::UTC, from, 1), ["2028-02-29T00:00:00.000Z"]);
        // The time itself is not after itself.
        assert_eq!(next("0 0 * * *", chrono_tz::UTC, from, 1), ["2026-11-24T00:00:00.000Z"]);
    }

    #[test]
    fn a_restricted_day_or_a_restricted_weekday_fits() {
        let found = next("0 0 1 * 5", chrono_tz::UTC, "2026-11-25T00:00:00Z", 3);
        let days =
            ["2026-11-27T00:00:00.000Z", "2026-12-01T00:00:00.000Z", "2026-12-04T00:00:00.000Z"];
        assert_eq!(found, days);
    }

    #[test]
    fn a_time_that_does_not_exist_counts_when_the_gap_ends() {
        // Clocks go from 02:00 to 03:00, which is 01:00Z.
        let found = next("30 2 * * *", BERLIN, "2026-03-28T12:00:00Z", 2);
        assert_eq!(found, ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
        // 02:00 and 03:00 of that night are one instant and count once.
        let found = next("0 2,3 * * *", BERLIN, "2026-03-28T12:00:00Z", 2);
        assert_eq!(found, ["2026-03-29T01:00:00.000Z", "2026-03-30T00:00:00.000Z"]);
        // A whole day is missing.
        let found = next("0 8 30 12 *", chrono_tz::Pacific::Apia, "2011-12-29T00:00:00Z", 1);
        assert_eq!(found, ["2011-12-30T10:00:00.000Z"]);
    }

    #[test]
    fn a_time_that_comes_twice_counts_the_first_time() {
        // Clocks go from 03:00 back to 02:00.
        let found = next("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", 2);
        assert_eq!(found, ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);
        let again = next("30 2 * * *", BERLIN, "2026-10-25T00:45:00Z", 1);
        assert_eq!(again, ["2026-10-26T01:30:00.000Z"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        let refused = |text: &str| Cron::parse(text).unwrap_err();
        assert!(refused("0 8 * *").contains("five fields are needed"));
        assert_eq!(refused("0 24 * * *"), "\"24\" is no hour; 0-23 are allowed");
        assert_eq!(refused("0 8 0 * *"), "\"0\" is no day; 1-31 are allowed");
        assert_eq!(refused("0 8 * FOO *"), "\"FOO\" is no month; 1-12 are allowed");
        assert_eq!(refused("0 8 * * 5-1"), "\"5-1\" is no weekday; 0-7 are allowed");
        assert_eq!(refused("0 */0 * * *"), "\"*/0\" is no hour; 0-23 are allowed");
        assert!(refused("* 8 * * *").contains("once an hour"));
        for text in ["", "0 8 * * 1 2026", "0 -1 * * *", "0 ٣ * * *", "0 1- * * *", "0 , * * *"] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
        assert!(refused(&"9".repeat(10_000)).len() < 200);
    }

    #[test]
    fn every_day_of_a_year_has_its_one_time_in_every_zone() {
        use chrono_tz::{America, Australia};
        for zone in [SHANGHAI, BERLIN, America::Havana, America::New_York, Australia::Lord_Howe] {
            for text in ["30 0 * * *", "30 1 * * *", "15 2 * * *"] {
                let cron = Cron::parse(text).unwrap();
                let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
                let eve = instant(zone, first.pred_opt().unwrap(), 23 * 60);
                let days = cron.after(eve, zone, |_| true).take(365);
                for (n, at) in (0..).zip(days) {
                    assert_eq!(local_date(zone, at), first + Days::new(n), "{zone} {text}");
                }
            }
        }
    }

    #[test]
    fn whatever_is_written_is_read_or_refused_and_comes_in_order() {
        const PIECES: &[&str] = &[
            "*", "0", "7", "12", "31", "59", "1-5", "*/2", "8-18/5", "SUN", "jan", "-", "/", "60",
            "5-1", "",
        ];
        let mut state = 42_u64;
        let mut read = 0;
        for _ in 0..20_000 {
            let mut field = || {
                // Xorshift, G. Marsaglia 2003.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let [first, second, both, ..] = state.to_le_bytes();
                let piece = |byte: u8| PIECES[usize::from(byte) % PIECES.len()];
                match both % 4 {
                    0 => format!("{},{}", piece(first), piece(second)),
                    _ => piece(first).to_owned(),
                }
            };
            let text = [field(), field(), field(), field(), field()].join(" ");
            let Ok(cron) = Cron::parse(&text) else { continue };
            read += 1;
            let times: Vec<_> = cron.after(Timestamp(0), BERLIN, |_| true).take(3).collect();
            assert!(times.is_sorted() && times.first().is_none_or(|at| at.0 > 0), "{text}");
        }
        assert!(read > 0, "some of it is a schedule");
    }

    #[test]
    fn a_day_that_never_comes_is_no_endless_search() {
        assert!(next("0 0 30 2 *", SHANGHAI, "2026-11-23T00:00:00Z", 1).is_empty());
    }
}
