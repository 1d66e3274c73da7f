//! Which runs of a schedule are due. A machine that is told the time: no clock, no store.
//!
//! A run that is due while nothing runs here is late when it is found more than [`LATE_AFTER_US`]
//! after its time. Of late ones `run_once` makes the last and `skip` makes none; the others are told
//! as missed. A run's period is that of its due time, however late it is made.

use super::cron::Cron;
use crate::hours::{instant, local_date};
use crate::text::text_enum;
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use terms::Timestamp;
use terms::routing::Hours;

/// How long after its time a run is still on time.
pub const LATE_AFTER_US: i64 = 10 * 60 * 1_000_000;
/// Missed runs that are told at a time; older ones are not.
pub const MISSED_MAX: usize = 100;

text_enum! {
    /// What becomes of runs that were due while nothing ran here.
    Misfire, "misfire policy" {
        /// The last of them is made, late.
        RunOnce = "run_once",
        /// None of them is made.
        Skip = "skip",
    }
}

text_enum! {
    /// The days that a report of a schedule is about, seen from its due time.
    RelativePeriod, "period" {
        /// The local day before.
        Yesterday = "yesterday",
        /// The week before, Monday to Sunday.
        LastWeek = "last_week",
        /// The calendar month before.
        LastMonth = "last_month",
    }
}

impl RelativePeriod {
    /// The period as reports are asked for it: `2026-11-22`, `2026-W47`, `2026-10`, of days that begin
    /// so many minutes after midnight.
    pub fn at(self, due: Timestamp, zone: Tz, day_begins_min: u16) -> String {
        let date = local_date(zone, due);
        let has_begun = due >= instant(zone, date, i64::from(day_begins_min));
        let day = if has_begun { date } else { date.pred_opt().unwrap_or(date) };
        let before = |days| day.checked_sub_days(Days::new(days)).unwrap_or(day);
        match self {
            RelativePeriod::Yesterday => before(1).to_string(),
            RelativePeriod::LastWeek => {
                let week = before(7).iso_week();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            RelativePeriod::LastMonth => {
                let month = before(u64::from(day.day()));
                format!("{:04}-{:02}", month.year(), month.month())
            }
        }
    }
}

/// When runs are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// At which local times.
    pub cron: Cron,
    /// Whose.
    pub zone: Tz,
    /// Only on days on which these are open at all.
    pub calendar: Option<Hours>,
    /// What becomes of late ones.
    pub misfire: Misfire,
    /// None after this.
    pub until: Option<Timestamp>,
}

/// A run that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// At which time.
    pub at: Timestamp,
    /// It is not made.
    pub missed: bool,
}

/// Tell it the time, and it says what is due.
#[derive(Clone, Debug)]
pub struct Planner {
    rule: Rule,
    through: Timestamp,
}

impl Planner {
    /// Everything up to `through` was looked at before.
    pub fn new(rule: Rule, through: Timestamp) -> Planner {
        Planner { rule, through }
    }

    /// Everything up to here was looked at.
    pub fn through(&self) -> Timestamp {
        self.through
    }

    /// When the next run is due; none when the schedule is over or never comes.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.times().next()
    }

    /// What is due at `now` and was not before, in order. A clock that goes back changes nothing.
    pub fn handle_time(&mut self, now: Timestamp) -> Vec<Due> {
        let times: Vec<Timestamp> = self.times().take_while(|at| *at <= now).collect();
        self.through = self.through.max(now);
        let is_late = |at: Timestamp| now.0.saturating_sub(at.0) > LATE_AFTER_US;
        let last_late = times.iter().rposition(|at| is_late(*at));
        let skip = self.rule.misfire == Misfire::Skip;
        // With one on time as well, the late one before it is still the last of the late ones.
        let missed = |place: usize, at| is_late(at) && (skip || last_late != Some(place));
        let dues =
            times.iter().enumerate().map(|(place, at)| Due { at: *at, missed: missed(place, *at) });
        let mut dues: Vec<Due> = dues.collect();
        let excess = dues.iter().filter(|due| due.missed).count().saturating_sub(MISSED_MAX);
        // Missed ones are the oldest.
        dues.drain(..excess);
        dues
    }

    fn times(&self) -> impl Iterator<Item = Timestamp> + '_ {
        let until = self.rule.until.unwrap_or(Timestamp(i64::MAX));
        let open = move |date: NaiveDate| match &self.rule.calendar {
            Some(hours) => {
                let weekday = u8::try_from(date.weekday().number_from_monday()).unwrap_or(0);
                hours.windows_on(&date.to_string(), weekday).next().is_some()
            }
            None => true,
        };
        self.rule.cron.after(self.through, self.rule.zone, open).take_while(move |at| *at <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::routing::Window;

    fn at(text: &str) -> Timestamp {
        crate::when::parse(text).unwrap()
    }

    fn rule(cron: &str, misfire: Misfire) -> Rule {
        let cron = Cron::parse(cron).unwrap();
        Rule { cron, zone: chrono_tz::Asia::Shanghai, calendar: None, misfire, until: None }
    }

    fn shown(dues: &[Due]) -> Vec<String> {
        let word = |due: &Due| if due.missed { "missed" } else { "run" };
        dues.iter().map(|due| format!("{} {}", &due.at.to_string()[5..16], word(due))).collect()
    }

    #[test]
    fn a_run_is_due_once_at_its_time() {
        let mut planner =
            Planner::new(rule("0 8 * * *", Misfire::Skip), at("2026-11-23T00:30:00Z"));
        assert_eq!(planner.next_timeout(), Some(at("2026-11-24T00:00:00Z")));
        assert!(planner.handle_time(at("2026-11-23T23:59:59Z")).is_empty());
        assert_eq!(shown(&planner.handle_time(at("2026-11-24T00:00:00Z"))), ["11-24T00:00 run"]);
        assert!(planner.handle_time(at("2026-11-24T00:00:01Z")).is_empty());
        // The clock goes back, and comes again.
        assert!(planner.handle_time(at("2026-11-23T12:00:00Z")).is_empty());
        assert!(planner.handle_time(at("2026-11-24T00:00:05Z")).is_empty());
        assert_eq!(planner.next_timeout(), Some(at("2026-11-25T00:00:00Z")));
    }

    #[test]
    fn of_late_runs_the_last_is_made_or_none() {
        let from = at("2026-11-20T00:30:00Z");
        let now = at("2026-11-23T05:00:00Z");
        let mut once = Planner::new(rule("0 8 * * *", Misfire::RunOnce), from);
        assert_eq!(
            shown(&once.handle_time(now)),
            ["11-21T00:00 missed", "11-22T00:00 missed", "11-23T00:00 run"]
        );
        let mut skip = Planner::new(rule("0 8 * * *", Misfire::Skip), from);
        assert_eq!(
            shown(&skip.handle_time(now)),
            ["11-21T00:00 missed", "11-22T00:00 missed", "11-23T00:00 missed"]
        );
    }

    #[test]
    fn ten_minutes_are_not_late() {
        let plan = |now: &str| {
            let from = at("2026-11-23T00:30:00Z");
            let mut planner = Planner::new(rule("0 8 * * *", Misfire::Skip), from);
            shown(&planner.handle_time(at(now)))
        };
        assert_eq!(plan("2026-11-24T00:10:00Z"), ["11-24T00:00 run"]);
        assert_eq!(plan("2026-11-24T00:10:01Z"), ["11-24T00:00 missed"]);
    }

    #[test]
    fn a_year_of_missed_runs_is_told_by_its_end() {
        let mut planner =
            Planner::new(rule("0 * * * *", Misfire::RunOnce), at("2025-11-23T00:30:00Z"));
        let dues = planner.handle_time(at("2026-11-23T00:30:00Z"));
        assert_eq!(dues.len(), MISSED_MAX + 1);
        assert_eq!(dues.last(), Some(&Due { at: at("2026-11-23T00:00:00Z"), missed: false }));
    }

    #[test]
    fn closed_days_of_the_calendar_have_no_runs_and_make_up_days_have() {
        let window = |weekday| Window { weekday, from_minute: 540, to_minute: 1080 };
        let calendar = Some(Hours {
            name: "office".into(),
            windows: (1..=5).map(window).collect(),
            closed: vec!["2026-10-01".into()],
            open: vec!["2026-09-27".into()],
        });
        let rule = Rule { calendar, ..rule("0 8 * * *", Misfire::Skip) };
        // 2026-09-26 is a Saturday.
        let mut planner = Planner::new(rule, at("2026-09-26T01:00:00Z"));
        let mut days = Vec::new();
        while days.len() < 5 {
            let next = planner.next_timeout().unwrap();
            planner.handle_time(next);
            days.push(next.to_string()[5..13].to_owned());
        }
        assert_eq!(days, ["09-27T00", "09-28T00", "09-29T00", "09-30T00", "10-02T00"]);
    }

    #[test]
    fn a_schedule_ends_with_its_last_time() {
        let until = Some(at("2026-11-25T00:00:00Z"));
        let rule = Rule { until, ..rule("0 8 * * *", Misfire::Skip) };
        let mut planner = Planner::new(rule, at("2026-11-24T12:00:00Z"));
        assert_eq!(planner.handle_time(at("2026-11-25T00:00:30Z")).len(), 1);
        assert_eq!(planner.next_timeout(), None);
    }

    #[test]
    fn the_period_comes_from_the_due_time_in_the_zone() {
        let shanghai = chrono_tz::Asia::Shanghai;
        // Still the 30th in UTC, the first of December and a Tuesday in Shanghai.
        let due = at("2026-11-30T16:30:00Z");
        assert_eq!(RelativePeriod::Yesterday.at(due, shanghai, 0), "2026-11-30");
        assert_eq!(RelativePeriod::Yesterday.at(due, chrono_tz::UTC, 0), "2026-11-29");
        assert_eq!(RelativePeriod::LastWeek.at(due, shanghai, 0), "2026-W48");
        assert_eq!(RelativePeriod::LastMonth.at(due, shanghai, 0), "2026-11");
        assert_eq!(RelativePeriod::LastMonth.at(due, chrono_tz::UTC, 0), "2026-10");
        // Half past midnight; the day begins at four, or has just begun.
        let begins = |period: RelativePeriod, minutes| period.at(due, shanghai, minutes);
        assert_eq!(begins(RelativePeriod::Yesterday, 240), "2026-11-29");
        assert_eq!(begins(RelativePeriod::Yesterday, 31), "2026-11-29");
        assert_eq!(begins(RelativePeriod::Yesterday, 30), "2026-11-30");
        assert_eq!(begins(RelativePeriod::LastMonth, 240), "2026-10");
        let new_year = at("2027-01-01T00:30:00Z");
        assert_eq!(RelativePeriod::LastWeek.at(new_year, chrono_tz::UTC, 0), "2026-W52");
        assert_eq!(RelativePeriod::LastMonth.at(new_year, chrono_tz::UTC, 0), "2026-12");
    }
}
