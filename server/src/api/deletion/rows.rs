//! Rows of the warehouse whose time is over, by the tenant's rule: what is held is left out, the rest
//! goes day by day, and the audit table has the counts.

use super::{Deletion, Error};
use desk::By;
use desk::hold::Held;
use desk::retention::{RowRetention, over_before};
use terms::{Subscriber, TenantId, Timestamp};
use warehouse::age::{Aged, Holds, Stays};

/// The tables that each setting is about.
static TABLES: [(&str, &[&str]); 8] = [
    ("calls", &["calls", "legs", "queue_visits", "ivr_steps", "area_tries"]),
    ("events", &["events", "emergencies"]),
    ("surveys", &["surveys"]),
    ("quality", &["quality"]),
    ("agents", &["agent_spans", "shifts"]),
    ("recordings", &["recordings", "recording_deletions", "faxes", "consents"]),
    ("orders", &["orders", "order_steps", "return_visits"]),
    ("items", &["items"]),
];

/// Tables whose rows are never over: a membership is good until the agent's next, and who did what is
/// asked for after years.
#[cfg(test)]
const ALWAYS: [&str; 2] = ["audit", "team_members"];

/// The tables that a setting is about.
fn tables_of(name: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(of, _)| *of == name).map_or(&[], |(_, tables)| *tables)
}

/// The tables whose rows go by a rule, each with the moment before whose UTC day they are over at `now`.
pub fn tables_over(kept: &RowRetention, now: Timestamp) -> Vec<(&'static str, Timestamp)> {
    let over = |(name, days)| Some((name, over_before(days, now)?));
    let settings = kept.all().into_iter().filter_map(over);
    let of = |(name, until)| tables_of(name).iter().map(move |table| (*table, until));
    settings.flat_map(of).collect()
}

/// What was held when it was last asked for, and the rows that stay because of it.
#[derive(Default)]
struct Known {
    held: Held,
    stays: Stays,
}

impl Deletion {
    /// Takes a tenant's rows out whose time is over.
    pub(super) async fn rows_of(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let kept = self.store.retention(tenant).await?.rows;
        let mut known = Known::default();
        for (name, days) in kept.all() {
            let Some(until) = over_before(days, now) else { continue };
            let tables = tables_of(name);
            if name == "events" {
                self.texts_of(tenant, (days, until), now).await?;
            }
            let (mut aged, mut dates) = (Aged::default(), 0);
            for table in tables {
                self.stays(tenant, &mut known).await?;
                let over = self.warehouse.days_over(tenant, table, until, &known.stays).await?;
                for day in over {
                    // A hold that was answered is respected by every day that goes later.
                    let _gate = self.gate.lock().await;
                    self.stays(tenant, &mut known).await?;
                    let one = self.warehouse.age_day(tenant, (table, &day), &known.stays).await?;
                    dates += u64::from(one.rows > 0);
                    aged = aged.and(one);
                }
            }
            if aged.rows > 0 {
                let subject = format!(
                    "{} rows of {name} of {dates} days kept for {days} days; {} held",
                    aged.rows, aged.held
                );
                let by = By::system("retention", now);
                self.store.note(tenant, &by, "rows.retention", &subject).await?;
                tracing::info!(%tenant, "{subject}");
            }
        }
        Ok(())
    }

    /// What texts and mails say stands in `events` too, and goes with it.
    async fn texts_of(
        &self,
        tenant: TenantId,
        (days, until): (u32, Timestamp),
        now: Timestamp,
    ) -> Result<(), Error> {
        let _gate = self.gate.lock().await;
        let held = self.store.held(tenant).await?;
        let held = self.holds(tenant, &held).await?.numbers;
        let texts = self.store.forget_texts(tenant, until, &held).await?;
        let mails = self.store.forget_mails(tenant, until, &held).await?;
        for (count, what, action) in
            [(texts, "texts", "texts.retention"), (mails, "mails", "mails.retention")]
        {
            if count > 0 {
                let subject = format!("{count} {what} kept for {days} days");
                let by = By::system("retention", now);
                self.store.note(tenant, &by, action, &subject).await?;
                tracing::info!(%tenant, "{subject}");
            }
        }
        Ok(())
    }

    /// Brings what is known of holds up to date.
    async fn stays(&self, tenant: TenantId, known: &mut Known) -> Result<(), Error> {
        let held = self.store.held(tenant).await?;
        if held != known.held {
            let holds = self.holds(tenant, &held).await?;
            known.stays = self.warehouse.held_rows(tenant, &holds).await?;
            known.held = held;
        }
        Ok(())
    }

    /// What is held, as the warehouse looks for it.
    async fn holds(&self, tenant: TenantId, held: &Held) -> Result<Holds, Error> {
        let country = self.store.tenant(tenant).await?.profile.country;
        let person = |normal: &String| {
            Subscriber::of_normal(normal, &country).or_else(|| Subscriber::short(normal))
        };
        Ok(Holds {
            recordings: held.recordings.clone(),
            faxes: held.faxes.clone(),
            contacts: held.contacts.clone(),
            numbers: held.numbers.iter().filter_map(person).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_is_kept_by_one_setting_or_always_and_every_setting_keeps_some() {
        let mut tables: Vec<&str> =
            TABLES.iter().flat_map(|(_, tables)| *tables).copied().chain(ALWAYS).collect();
        tables.sort_unstable();
        let all: Vec<&str> = warehouse::schema::layouts().keys().copied().collect();
        assert_eq!(tables, all);
        let named: BTreeSet<&str> = TABLES.iter().map(|(name, _)| *name).collect();
        let set: BTreeSet<&str> = RowRetention::default().all().map(|(name, _)| name).into();
        assert_eq!(named, set);
    }
}
