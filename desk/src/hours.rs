//! Opening hours, and working time counted with them: several windows a day in the tenant's zone,
//! closed dates (holidays), and open dates (make-up working days 调休, with Monday's windows).

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, document};
use crate::{Error, Result, Store, text};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use terms::routing::{Hours, Window};
use terms::{TenantId, Timestamp};
use utoipa::ToSchema;

/// Named hours of one tenant.
pub const HOURS_MAX: i64 = 200;
/// Windows and dates of one entry.
const ENTRIES_MAX: usize = 1_000;
/// Days looked ahead for working time: ten years.
const DAYS_MAX: u64 = 3_660;
/// Longest gap in a zone's local time: a whole day (Samoa, 2011-12-30).
const GAP_MINUTES_MAX: i64 = 2 * 24 * 60;

/// Opening hours as the API speaks of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursDraft {
    /// Named in `hours` steps and order rules.
    pub name: String,
    /// Weekly windows: `{"weekday": 1, "from_minute": 510, "to_minute": 1080}`; 1 is Monday.
    #[schema(value_type = Vec<Object>)]
    pub windows: Vec<Window>,
    /// Closed on these local dates, `2026-10-01`.
    #[serde(default)]
    pub closed: Vec<String>,
    /// Open on these local dates although a weekend, with Monday's windows.
    #[serde(default)]
    pub open: Vec<String>,
}

fn check(draft: &HoursDraft) -> Result<Hours> {
    if draft.windows.len() + draft.closed.len() + draft.open.len() > ENTRIES_MAX {
        return Err(Error::invalid("windows", format!("at most {ENTRIES_MAX} entries are kept")));
    }
    for window in &draft.windows {
        let good = (1..=7).contains(&window.weekday)
            && window.from_minute < window.to_minute
            && window.to_minute <= 1440;
        if !good {
            return Err(Error::invalid(
                "windows",
                "weekday 1-7 and minutes with from < to <= 1440 are needed",
            ));
        }
    }
    for (field, dates) in [("closed", &draft.closed), ("open", &draft.open)] {
        for date in dates {
            if date.parse::<NaiveDate>().is_err() {
                return Err(Error::invalid(field, "dates such as 2026-10-01 are needed"));
            }
        }
    }
    Ok(Hours {
        name: text::name("name", &draft.name)?,
        windows: draft.windows.clone(),
        closed: draft.closed.clone(),
        open: draft.open.clone(),
    })
}

impl Store {
    /// The opening hours of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hours(&self, tenant: TenantId) -> Result<Vec<Hours>> {
        sql::query("SELECT name, document FROM hours WHERE tenant_id = $1 ORDER BY name LIMIT 200")
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list opening hours")?
            .iter()
            .map(|row| document(row, "document", "list opening hours", "opening hours"))
            .collect()
    }

    /// Makes or replaces opening hours.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn put_hours(&self, tenant: TenantId, by: &By, draft: &HoursDraft) -> Result<Hours> {
        let mut write = self.write("change opening hours").await?;
        let hours = put(&mut write, tenant, by, draft).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(hours)
    }
}

pub(crate) async fn put(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    draft: &HoursDraft,
) -> Result<Hours> {
    let hours = check(draft)?;
    let document = serde_json::to_string(&hours).expect("hours are always valid JSON");
    let doing = write.doing;
    let known = sql::query("UPDATE hours SET document = $3 WHERE tenant_id = $1 AND name = $2")
        .bind(tenant.0 as i64)
        .bind(&hours.name)
        .bind(&document)
        .execute(write.db())
        .await
        .during(doing)?;
    if known.rows_affected() == 0 {
        let count = "SELECT COUNT(*) FROM hours WHERE tenant_id = $1";
        write.room_for(tenant, count, HOURS_MAX).await?;
        sql::query("INSERT INTO hours (tenant_id, name, document) VALUES ($1, $2, $3)")
            .bind(tenant.0 as i64)
            .bind(&hours.name)
            .bind(document)
            .execute(write.db())
            .await
            .during(doing)?;
    }
    write.audit(tenant, by, "hours.put", &hours.name).await?;
    Ok(hours)
}

pub(crate) async fn by_name(
    write: &mut Write,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Hours>> {
    let doing = write.doing;
    let row = row_of(write, tenant, name).await?;
    row.map(|row| {
        serde_json::from_str(row.get::<&str>("document")).map_err(|e| Error::Stored {
            doing,
            what: "opening hours",
            problem: e.to_string(),
        })
    })
    .transpose()
}

async fn row_of(write: &mut Write, tenant: TenantId, name: &str) -> Result<Option<DbRow>> {
    let doing = write.doing;
    sql::query("SELECT document FROM hours WHERE tenant_id = $1 AND name = $2")
        .bind(tenant.0 as i64)
        .bind(name)
        .fetch_optional(write.db())
        .await
        .during(doing)
}

/// Refuses a name under which the tenant has no opening hours. `field` is where it stands.
pub(crate) async fn check_name(
    write: &mut Write,
    tenant: TenantId,
    field: &'static str,
    name: &str,
) -> Result<()> {
    if row_of(write, tenant, name).await?.is_none() {
        let name: String = name.chars().take(text::NAME_CHARS_MAX).collect();
        return Err(Error::invalid(field, format!("there are no opening hours \"{name}\"")));
    }
    Ok(())
}

/// The instant of a local minute, counted from the date's midnight. One that does not exist, in the
/// night when clocks go forward, is the first instant after the gap; of one that comes twice it is the
/// first.
pub(crate) fn instant(zone: Tz, date: NaiveDate, minute: i64) -> Timestamp {
    let local = date.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute);
    let exists = |after: i64| zone.from_local_datetime(&(local + TimeDelta::minutes(after)));
    let at = (0..=GAP_MINUTES_MAX)
        .find_map(|after| exists(after).earliest())
        .unwrap_or_else(|| zone.from_utc_datetime(&local));
    Timestamp(at.timestamp_micros())
}

/// The local date of an instant.
pub(crate) fn local_date(zone: Tz, at: Timestamp) -> NaiveDate {
    let utc = DateTime::<Utc>::from_timestamp_micros(at.0).unwrap_or_default();
    utc.with_timezone(&zone).date_naive()
}

/// The open stretches from the local day of `from` on, in order.
fn stretches(
    hours: &Hours,
    zone: Tz,
    from: Timestamp,
) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
    let first = local_date(zone, from);
    (0..DAYS_MAX).filter_map(move |n| first.checked_add_days(Days::new(n))).flat_map(move |date| {
        let weekday = date.weekday().number_from_monday() as u8;
        let mut windows: Vec<Window> = hours.windows_on(&date.to_string(), weekday).collect();
        windows.sort_by_key(|window| window.from_minute);
        windows.into_iter().map(move |window| {
            let at = |minute: u16| instant(zone, date, minute.into());
            (at(window.from_minute), at(window.to_minute))
        })
    })
}

/// When `minutes` of working time after `from` are over; `None` when the hours never open for
/// that long in ten years.
pub fn after_working_minutes(
    hours: &Hours,
    zone: Tz,
    from: Timestamp,
    minutes: i64,
) -> Option<Timestamp> {
    let mut left = minutes.checked_mul(60_000_000)?;
    let mut reached = from;
    for (start, end) in stretches(hours, zone, from) {
        // Windows of one day may overlap: no minute counts twice.
        let start = start.max(reached);
        if end <= start {
            continue;
        }
        if left <= end.0 - start.0 {
            return Some(Timestamp(start.0 + left));
        }
        left -= end.0 - start.0;
        reached = end;
    }
    None
}

/// Whole minutes of working time between two instants.
pub fn working_minutes_between(hours: &Hours, zone: Tz, from: Timestamp, to: Timestamp) -> i64 {
    let mut micros = 0;
    let mut reached = from;
    for (start, end) in stretches(hours, zone, from) {
        if start >= to {
            break;
        }
        let (start, end) = (start.max(reached), end.min(to));
        if end > start {
            micros += end.0 - start.0;
            reached = end;
        }
    }
    micros / 60_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Hours {
        let window = |weekday, from_minute, to_minute| Window { weekday, from_minute, to_minute };
        Hours {
            name: "office".into(),
            windows: (1..=5)
                .flat_map(|day| [window(day, 9 * 60, 12 * 60), window(day, 14 * 60, 18 * 60)])
                .collect(),
            closed: vec!["2026-10-01".into()],
            open: vec!["2026-09-27".into()],
        }
    }

    fn at(text: &str) -> Timestamp {
        crate::when::parse(text).unwrap()
    }

    const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;

    #[test]
    fn a_deadline_jumps_lunch_night_and_weekend() {
        let due = |from: &str, minutes| {
            after_working_minutes(&office(), SHANGHAI, at(from), minutes).unwrap()
        };
        assert_eq!(due("2026-11-20T11:30:00+08:00", 60), at("2026-11-20T14:30:00+08:00"));
        assert_eq!(due("2026-11-20T17:30:00+08:00", 60), at("2026-11-23T09:30:00+08:00"));
        assert_eq!(due("2026-11-21T03:00:00+08:00", 0), at("2026-11-23T09:00:00+08:00"));
    }

    #[test]
    fn a_holiday_is_jumped_and_a_make_up_sunday_counts() {
        let due = |from: &str, minutes| {
            after_working_minutes(&office(), SHANGHAI, at(from), minutes).unwrap()
        };
        assert_eq!(due("2026-09-30T17:00:00+08:00", 120), at("2026-10-02T10:00:00+08:00"));
        assert_eq!(due("2026-09-26T10:00:00+08:00", 60), at("2026-09-27T10:00:00+08:00"));
    }

    #[test]
    fn a_pause_is_measured_in_working_time() {
        let minutes = working_minutes_between(
            &office(),
            SHANGHAI,
            at("2026-11-20T17:00:00+08:00"),
            at("2026-11-23T09:10:00+08:00"),
        );
        assert_eq!(minutes, 70);
    }

    #[test]
    fn a_window_that_begins_in_the_gap_of_a_spring_night_is_open_from_its_end_on() {
        let berlin = chrono_tz::Europe::Berlin;
        let early = Window { weekday: 7, from_minute: 150, to_minute: 240 };
        let night = Hours { windows: vec![early], ..office() };
        let worked =
            |from: &str, to: &str| working_minutes_between(&night, berlin, at(from), at(to));
        // 02:30 does not exist; 03:00 to 04:00 does.
        assert_eq!(worked("2026-03-29T00:00:00+01:00", "2026-03-29T12:00:00+02:00"), 60);
        assert_eq!(worked("2026-04-05T00:00:00+02:00", "2026-04-05T12:00:00+02:00"), 90);
        // 02:30 comes twice: from the first one on.
        assert_eq!(worked("2026-10-25T00:00:00+02:00", "2026-10-25T12:00:00+01:00"), 150);
    }

    #[test]
    fn hours_that_never_open_give_no_deadline() {
        let never = Hours { windows: Vec::new(), ..office() };
        assert_eq!(after_working_minutes(&never, SHANGHAI, Timestamp(0), 1), None);
    }
}
