//! By which numbers the reports of a tenant count where nobody gives others, and when its day begins.
//! Reports over the past go by them too: what is stored are counters and times, never shares.

use crate::audit::By;
use crate::setting::Setting;
use crate::text::text_enum;
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use terms::TenantId;
use utoipa::ToSchema;

/// Where it is kept.
const SETTING: Setting = Setting { column: "report_settings", what: "setting of reports" };

/// Shortest and longest threshold of service level, in seconds.
const SERVICE_LEVEL_S: RangeInclusive<u32> = 1..=3_600;
/// Shortest and longest threshold of a short abandon, in seconds.
const SHORT_ABANDON_S: RangeInclusive<u32> = 0..=3_600;
/// Fewest and most days of a repeat.
const REPEAT_DAYS: RangeInclusive<u32> = 1..=90;
/// Shortest and longest target of items, in seconds: a minute and thirty days.
const ITEM_TARGET_S: RangeInclusive<u32> = 60..=2_592_000;

text_enum! {
    /// Which service level stands first.
    ServiceLevelFormula, "formula of service level" {
        /// Answered in time ÷ (answered + abandoned − short abandoned).
        Usual = "default",
        /// (Answered in time + abandoned in time) ÷ (answered + abandoned).
        F1 = "f1",
        /// Answered in time ÷ answered.
        F2 = "f2",
        /// Answered in time ÷ (answered + abandoned).
        F3 = "f3",
        /// Answered in time ÷ (answered + abandoned later).
        F4 = "f4",
    }
}

/// What reports of a tenant go by. What is left out is as at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportSettings {
    /// Answered within this many seconds is in time: 1-3600, 20 at first.
    pub service_level_s: u32,
    /// Abandoned within this many seconds is short: 0-3600, 5 at first.
    pub short_abandon_s: u32,
    /// Who calls again for the same reason within this many days has not been helped: 1-90, 7 at
    /// first.
    pub repeat_days: u32,
    /// An item that is done within this many seconds after it came is in time: 60-2592000, 14400 at
    /// first.
    pub item_target_s: u32,
    /// Which service level stands first.
    pub service_level_formula: ServiceLevelFormula,
    /// When a day, week, month or year of reports begins on the local clock: `00:00` at first.
    pub day_begins: String,
}

impl Default for ReportSettings {
    fn default() -> Self {
        ReportSettings {
            service_level_s: 20,
            short_abandon_s: 5,
            repeat_days: 7,
            item_target_s: 4 * 3_600,
            service_level_formula: ServiceLevelFormula::Usual,
            day_begins: "00:00".to_owned(),
        }
    }
}

impl ReportSettings {
    /// When a day begins, in minutes after local midnight.
    pub fn day_begins_minute(&self) -> u16 {
        minute(&self.day_begins).unwrap_or(0)
    }

    fn check(&self) -> Result<()> {
        for (field, number, range) in [
            ("service_level_s", self.service_level_s, SERVICE_LEVEL_S),
            ("short_abandon_s", self.short_abandon_s, SHORT_ABANDON_S),
            ("repeat_days", self.repeat_days, REPEAT_DAYS),
            ("item_target_s", self.item_target_s, ITEM_TARGET_S),
        ] {
            if !range.contains(&number) {
                let problem = format!("{number} is outside {}-{}", range.start(), range.end());
                return Err(Error::invalid(field, problem));
            }
        }
        match minute(&self.day_begins) {
            Some(_) => Ok(()),
            None => Err(Error::invalid("day_begins", "a time from 00:00 to 23:59 is needed")),
        }
    }
}

/// `04:30` in minutes after midnight.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_plain.then(|| text.parse::<u16>().ok()).flatten()?;
        (number < below).then_some(number)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

impl Store {
    /// What the reports of a tenant go by.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn report_settings(&self, tenant: TenantId) -> Result<ReportSettings> {
        self.setting(tenant, SETTING, "read what reports go by").await
    }

    /// Changes what the reports of a tenant go by, those over the past too.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn put_report_settings(
        &self,
        tenant: TenantId,
        by: &By,
        settings: &ReportSettings,
    ) -> Result<()> {
        settings.check()?;
        let mut write = self.write("change what reports go by").await?;
        let written = serde_json::to_string(settings).expect("a setting is always valid JSON");
        write.set(tenant, SETTING, &written).await?;
        write.audit(tenant, by, "report_settings.change", written).await?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: ReportSettings) -> &'static str {
        match settings.check() {
            Ok(()) => "",
            Err(Error::Invalid { field, .. }) => field,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused_by_their_field() {
        let usual = ReportSettings::default;
        assert_eq!(refused(usual()), "");
        assert_eq!(refused(ReportSettings { service_level_s: 0, ..usual() }), "service_level_s");
        assert_eq!(
            refused(ReportSettings { short_abandon_s: 3_601, ..usual() }),
            "short_abandon_s"
        );
        assert_eq!(refused(ReportSettings { short_abandon_s: 0, ..usual() }), "");
        assert_eq!(refused(ReportSettings { repeat_days: 91, ..usual() }), "repeat_days");
        for item_target_s in [59, 2_592_001] {
            assert_eq!(refused(ReportSettings { item_target_s, ..usual() }), "item_target_s");
        }
    }

    #[test]
    fn a_day_begins_at_a_minute_of_the_clock() {
        let begins = |text: &str| ReportSettings {
            day_begins: text.to_owned(),
            ..ReportSettings::default()
        };
        assert_eq!(begins("04:30").day_begins_minute(), 270);
        assert_eq!(begins("23:59").day_begins_minute(), 1_439);
        for text in ["24:00", "04:60", "4:30", "0430", "+4:30", "04:30:00", "", "午夜"] {
            assert_eq!(refused(begins(text)), "day_begins", "{text}");
        }
    }
}
