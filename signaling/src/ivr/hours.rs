//! Opening hours: is a place open at this moment, by the wall clock of its own zone?

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;
use terms::Timestamp;
use terms::routing::Hours;

/// True when `hours` are open at `at` in `zone`.
pub fn is_open(hours: &Hours, zone: Tz, at: Timestamp) -> bool {
    let Some(local) = local(zone, at) else { return false };
    let weekday = local.weekday().number_from_monday() as u8;
    let minute = (local.hour() * 60 + local.minute()) as u16;
    hours
        .windows_on(&local.date_naive().to_string(), weekday)
        .any(|window| (window.from_minute..window.to_minute).contains(&minute))
}

/// True on a local date that `hours` name as closed.
pub fn is_holiday(hours: &Hours, zone: Tz, at: Timestamp) -> bool {
    let date = local(zone, at).map(|local| local.date_naive().to_string());
    date.is_some_and(|date| hours.closed.contains(&date))
}

fn local(zone: Tz, at: Timestamp) -> Option<DateTime<Tz>> {
    DateTime::from_timestamp_micros(at.0).map(|utc| utc.with_timezone(&zone))
}

/// The zone of that name; UTC when there is none, so that a call is never lost to a spelling.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::routing::Window;

    fn office() -> Hours {
        let window = |weekday, from_minute, to_minute| Window { weekday, from_minute, to_minute };
        Hours {
            name: "office".into(),
            windows: (1..=5)
                .flat_map(|day| [window(day, 9 * 60, 12 * 60), window(day, 14 * 60, 18 * 60)])
                .collect(),
            closed: vec!["2026-10-01".into()],
            open: vec!["2026-10-10".into()],
        }
    }

    fn shanghai(text: &str) -> Timestamp {
        let at = DateTime::parse_from_rfc3339(&format!("{text}:00+08:00")).unwrap();
        Timestamp(at.timestamp_micros())
    }

    #[test]
    fn lunch_holiday_and_make_up_day_are_seen() {
        let zone = zone("Asia/Shanghai");
        let open = |text: &str| is_open(&office(), zone, shanghai(text));
        assert!(open("2026-11-23T09:00"), "Monday morning");
        assert!(!open("2026-11-23T08:59"));
        assert!(!open("2026-11-23T12:00"), "lunch");
        assert!(open("2026-11-23T17:59"));
        assert!(!open("2026-11-22T10:00"), "Sunday");
        assert!(!open("2026-10-01T10:00"), "holiday on a Thursday");
        assert!(open("2026-10-10T10:00"), "a Saturday that is worked");
    }

    #[test]
    fn the_local_day_counts_in_the_night_with_23_hours() {
        let hours = Hours {
            name: "night".into(),
            windows: vec![Window { weekday: 7, from_minute: 3 * 60, to_minute: 4 * 60 }],
            closed: vec![],
            open: vec![],
        };
        // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        let at =
            |text: &str| Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros());
        assert!(!is_open(&hours, zone("Europe/Berlin"), at("2026-03-29T00:59:00Z")));
        assert!(is_open(&hours, zone("Europe/Berlin"), at("2026-03-29T01:00:00Z")));
        assert!(!is_open(&hours, zone("Europe/Berlin"), at("2026-03-29T02:00:00Z")));
    }
}
