//! How long rows of the warehouse are kept, by what they tell of.

use super::DAYS_MAX;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write};
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use terms::TenantId;
use utoipa::ToSchema;

/// Days that rows of the warehouse are kept after the day that they belong to; 0 is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RowRetention {
    /// Calls, their legs, stays in queues and steps of flows.
    pub calls: u32,
    /// Everything that happened, as it was told, and emergency plans as they were switched.
    pub events: u32,
    /// Answers to surveys.
    pub surveys: u32,
    /// How calls sounded.
    pub quality: u32,
    /// What agents did, and their shifts.
    pub agents: u32,
    /// Recordings and faxes: what is known of them, and that they were deleted. At least as long as
    /// the recordings themselves.
    pub recordings: u32,
    /// Work orders, from the day on which they were made, and return visits, from that on which they
    /// were planned.
    pub orders: u32,
    /// Mails, messages and other items that were no calls, from the day on which they ended.
    pub items: u32,
}

impl RowRetention {
    /// Nothing ever goes.
    pub fn is_for_ever(&self) -> bool {
        *self == RowRetention::default()
    }

    /// Each by its name.
    pub fn all(&self) -> [(&'static str, u32); 8] {
        [
            ("calls", self.calls),
            ("events", self.events),
            ("surveys", self.surveys),
            ("quality", self.quality),
            ("agents", self.agents),
            ("recordings", self.recordings),
            ("orders", self.orders),
            ("items", self.items),
        ]
    }

    fn set(&mut self, name: &str, days: u32) {
        match name {
            "calls" => self.calls = days,
            "events" => self.events = days,
            "surveys" => self.surveys = days,
            "quality" => self.quality = days,
            "agents" => self.agents = days,
            "recordings" => self.recordings = days,
            "orders" => self.orders = days,
            "items" => self.items = days,
            // A newer program knows more of them.
            _ => {}
        }
    }

    /// Refuses what is too long, and rows of recordings that would go before these; `longest` is the
    /// longest time of recordings, `None` where some are kept for ever.
    pub(super) fn check(&self, longest: Option<u32>) -> Result<()> {
        if let Some((_, days)) = self.all().iter().find(|(_, days)| *days > DAYS_MAX) {
            let problem = format!("{days} is above {DAYS_MAX}; 0 keeps for ever");
            return Err(Error::invalid("rows", problem));
        }
        let fits = self.recordings == 0 || longest.is_some_and(|days| self.recordings >= days);
        if fits {
            return Ok(());
        }
        let problem = "rows of recordings stay at least as long as recordings do";
        Err(Error::invalid("rows", problem))
    }
}

/// What is said in the audit table; empty where nothing ever goes.
pub(super) fn said(rows: &RowRetention) -> String {
    let some = rows.all().into_iter().filter(|(_, days)| *days > 0);
    some.map(|(name, days)| format!(", rows of {name} {days}")).collect()
}

/// Replaces what is kept.
pub(super) async fn replace(
    write: &mut Write,
    tenant: TenantId,
    rows: &RowRetention,
) -> Result<()> {
    let doing = write.doing;
    sql::query("DELETE FROM row_retention WHERE tenant_id = $1")
        .bind(tenant.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
    for (name, days) in rows.all().into_iter().filter(|(_, days)| *days > 0) {
        sql::query("INSERT INTO row_retention (tenant_id, name, days) VALUES ($1, $2, $3)")
            .bind(tenant.0 as i64)
            .bind(name)
            .bind(i64::from(days))
            .execute(write.db())
            .await
            .during(doing)?;
    }
    Ok(())
}

impl Store {
    /// How long rows of a tenant are kept.
    pub(super) async fn row_retention(&self, tenant: TenantId) -> Result<RowRetention> {
        let found = sql::query(
            "SELECT name, days FROM row_retention WHERE tenant_id = $1 ORDER BY name LIMIT 100",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("read how long rows are kept")?;
        let mut rows = RowRetention::default();
        let days = |row: &DbRow| u32::try_from(row.get::<i64>("days")).unwrap_or(DAYS_MAX);
        found.iter().for_each(|row| rows.set(row.get("name"), days(row)));
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_under_the_name_that_it_is_written_under() {
        let mut rows = RowRetention::default();
        for (at, (name, _)) in RowRetention::default().all().into_iter().enumerate() {
            rows.set(name, at as u32 + 1);
        }
        assert_eq!(rows.all().map(|(_, days)| days), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(!rows.is_for_ever() && RowRetention::default().is_for_ever());
        let named = serde_json::to_value(rows).unwrap();
        for (name, days) in rows.all() {
            assert_eq!(named[name], days, "{name}");
        }
    }

    #[test]
    fn rows_of_recordings_stay_as_long_as_recordings() {
        let rows = |recordings| RowRetention { recordings, ..RowRetention::default() };
        assert!(rows(0).check(Some(90)).is_ok() && rows(0).check(None).is_ok());
        assert!(rows(90).check(Some(90)).is_ok());
        for (days, longest) in [(89, Some(90)), (36_500, None)] {
            let refused = rows(days).check(longest).unwrap_err().to_string();
            assert!(refused.contains("at least as long as recordings do"), "{refused}");
        }
        assert!(rows(36_501).check(None).unwrap_err().to_string().contains("above 36500"));
    }
}
