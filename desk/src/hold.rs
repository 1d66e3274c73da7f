//! Legal holds: what must not be deleted, whatever its age and whoever asks. A hold is on one
//! recording, on one received fax, on one contact, or on a telephone number, and several may be on
//! the same thing: each is lifted on its own.

use crate::audit::By;
use crate::error::During;
use crate::number::dialable;
use crate::sql;
use crate::store::{DbRow, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{ContactId, FaxId, PhoneNumber, RecordingId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Holds of one tenant that are in force.
pub const HOLDS_MAX: i64 = 100_000;

text_enum! {
    /// What a hold is on.
    HoldKind, "kind of hold" {
        /// One recording, by its id.
        Recording = "recording",
        /// One received fax, by its id.
        Fax = "fax",
        /// Everything of one contact, by its id.
        Contact = "contact",
        /// Everything of one customer's telephone number.
        Number = "number",
    }
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hold {
    /// Its number.
    pub id: i64,
    /// What it is on.
    pub kind: HoldKind,
    /// Which recording, fax, contact or number (normalised).
    pub value: String,
    /// Why it was set.
    pub reason: String,
    /// When it was set.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Timestamp,
    /// Who set it.
    #[schema(value_type = Option<String>)]
    pub set_by: Option<UserId>,
    /// When it was lifted; none while it is in force.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub lifted_at: Option<Timestamp>,
    /// Who lifted it.
    #[schema(value_type = Option<String>)]
    pub lifted_by: Option<UserId>,
    /// Why it was lifted.
    pub lifted_reason: Option<String>,
}

/// A hold to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// What it is on.
    pub kind: HoldKind,
    /// Which recording, fax or contact, by id, or which telephone number.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// What is held now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Recordings.
    pub recordings: BTreeSet<RecordingId>,
    /// Received faxes.
    pub faxes: BTreeSet<FaxId>,
    /// Contacts.
    pub contacts: BTreeSet<ContactId>,
    /// Numbers, normalised.
    pub numbers: BTreeSet<String>,
}

impl Held {
    /// Whether a recording of this contact and number must stay.
    pub fn covers(&self, recording: RecordingId, contact: ContactId, number: &str) -> bool {
        self.recordings.contains(&recording)
            || self.contacts.contains(&contact)
            || self.numbers.contains(number)
    }

    /// Whether a fax of this contact and number must stay.
    pub fn covers_fax(&self, fax: FaxId, contact: ContactId, number: &str) -> bool {
        self.faxes.contains(&fax)
            || self.contacts.contains(&contact)
            || self.numbers.contains(number)
    }

    /// Whether a fax must stay of which nobody knows the contact and the number: it may be of any
    /// that is held.
    pub fn covers_unknown_fax(&self, fax: FaxId) -> bool {
        self.faxes.contains(&fax) || !self.contacts.is_empty() || !self.numbers.is_empty()
    }
}

const COLUMNS: &str = "SELECT id, kind, value, reason, set_at, set_by, lifted_at, lifted_by, \
                       lifted_reason FROM holds WHERE tenant_id = $1";

fn hold(row: &DbRow) -> Result<Hold> {
    Ok(Hold {
        id: row.get("id"),
        kind: HoldKind::stored("read a hold", row.get("kind"))?,
        value: row.get("value"),
        reason: row.get("reason"),
        set_at: time(row, "set_at"),
        set_by: id_opt(row, "set_by").map(UserId),
        lifted_at: time_opt(row, "lifted_at"),
        lifted_by: id_opt(row, "lifted_by").map(UserId),
        lifted_reason: row.get("lifted_reason"),
    })
}

impl Store {
    /// The holds of a tenant, those in force and those that were lifted, the latest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn holds(
        &self,
        tenant: TenantId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Hold>> {
        let text = format!("{COLUMNS} AND id < $2 ORDER BY id DESC LIMIT $3");
        let rows = sql::query(sqlx::AssertSqlSafe(text))
            .bind(tenant.0 as i64)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit.min(crate::store::LIST_MAX)))
            .fetch_all(self.reader())
            .await
            .during("list holds")?;
        rows.iter().map(hold).collect()
    }

    /// The holds of a tenant that are in force.
    ///
    /// # Errors
    /// When the store does not answer: then nothing may be deleted either.
    pub async fn holds_in_force(&self, tenant: TenantId) -> Result<Vec<Hold>> {
        let text = format!("{COLUMNS} AND lifted_at IS NULL ORDER BY id");
        let rows = sql::query(sqlx::AssertSqlSafe(text))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("read what is held")?;
        rows.iter().map(hold).collect()
    }

    /// What is held of a tenant now.
    ///
    /// # Errors
    /// When the store does not answer: then nothing may be deleted either.
    pub async fn held(&self, tenant: TenantId) -> Result<Held> {
        let text = format!("{COLUMNS} AND lifted_at IS NULL");
        let rows = sql::query(sqlx::AssertSqlSafe(text))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("read what is held")?;
        let mut held = Held::default();
        for row in &rows {
            let Hold { kind, value, .. } = hold(row)?;
            let bad = |_| Error::Stored {
                doing: "read what is held",
                what: "hold",
                problem: format!("\"{value}\" is no id"),
            };
            match kind {
                HoldKind::Recording => {
                    held.recordings.insert(value.parse().map_err(bad)?);
                }
                HoldKind::Fax => {
                    held.faxes.insert(value.parse().map_err(bad)?);
                }
                HoldKind::Contact => {
                    held.contacts.insert(value.parse().map_err(bad)?);
                }
                HoldKind::Number => {
                    held.numbers.insert(value);
                }
            }
        }
        Ok(held)
    }

    /// Sets a hold.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Refused`] when there are too many.
    pub async fn set_hold(&self, tenant: TenantId, by: &By, new: &NewHold) -> Result<Hold> {
        let country = self.tenant(tenant).await?.profile.country;
        let reason = text::line("reason", &new.reason)?;
        if reason.is_empty() {
            return Err(Error::invalid("reason", "a hold needs a reason"));
        }
        let id_text = |text: &str| {
            let id: std::result::Result<RecordingId, _> = text.trim().parse();
            id.map(|id| id.to_string()).map_err(|_| {
                Error::invalid("value", "the id of a recording, fax or contact is needed")
            })
        };
        let value = match new.kind {
            HoldKind::Recording | HoldKind::Fax | HoldKind::Contact => id_text(&new.value)?,
            HoldKind::Number => {
                // As people write it: 138 0013 8000, (010) 5560-0000.
                let is_space = |c: char| c.is_whitespace() || matches!(c, '-' | '(' | ')' | '.');
                let digits: String = new.value.chars().filter(|&c| !is_space(c)).collect();
                dialable("value", &digits)?;
                text::name("value", &PhoneNumber::parse(&digits, &country).normal)?
            }
        };
        let mut write = self.write("set a hold").await?;
        let count = "SELECT COUNT(*) FROM holds WHERE tenant_id = $1 AND lifted_at IS NULL";
        write.room_for(tenant, count, HOLDS_MAX).await?;
        let id = write.next_id("hold").await?;
        sql::query(
            "INSERT INTO holds (id, tenant_id, kind, value, reason, set_at, set_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(tenant.0 as i64)
        .bind(new.kind.as_str())
        .bind(&value)
        .bind(&reason)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during("set a hold")?;
        let subject = format!("{} {value}: {reason}", new.kind.as_str());
        write.audit(tenant, by, "hold.set", subject).await?;
        write.commit().await?;
        Ok(Hold {
            id,
            kind: new.kind,
            value,
            reason,
            set_at: by.at,
            set_by: by.user,
            lifted_at: None,
            lifted_by: None,
            lifted_reason: None,
        })
    }

    /// Lifts a hold.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none with this number is in force, [`Error::Invalid`] without a
    /// reason.
    pub async fn lift_hold(&self, tenant: TenantId, by: &By, id: i64, reason: &str) -> Result<()> {
        let reason = text::line("reason", reason)?;
        if reason.is_empty() {
            return Err(Error::invalid("reason", "lifting a hold needs a reason"));
        }
        let mut write = self.write("lift a hold").await?;
        let row = sql::query(
            "UPDATE holds SET lifted_at = $3, lifted_by = $4, lifted_reason = $5
             WHERE tenant_id = $1 AND id = $2 AND lifted_at IS NULL RETURNING kind, value",
        )
        .bind(tenant.0 as i64)
        .bind(id)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .bind(&reason)
        .fetch_optional(write.db())
        .await
        .during("lift a hold")?;
        let Some(row) = row else { return Err(Error::not_found("hold", id)) };
        let (kind, value): (String, String) = (row.get("kind"), row.get("value"));
        write.audit(tenant, by, "hold.lift", format!("{kind} {value}: {reason}")).await?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fax_is_held_by_its_id_its_contact_and_its_number_and_an_unknown_one_by_any() {
        let (fax, contact) = (FaxId(7), ContactId(5));
        let nothing = Held::default();
        assert!(!nothing.covers_fax(fax, contact, "+8610") && !nothing.covers_unknown_fax(fax));
        let other = Held { recordings: [RecordingId(7)].into(), ..Held::default() };
        assert!(!other.covers_fax(fax, contact, "+8610") && !other.covers_unknown_fax(fax));
        for held in [
            Held { faxes: [fax].into(), ..Held::default() },
            Held { contacts: [contact].into(), ..Held::default() },
            Held { numbers: ["+8610".to_owned()].into(), ..Held::default() },
        ] {
            assert!(held.covers_fax(fax, contact, "+8610"), "{held:?}");
            assert!(held.covers_unknown_fax(fax), "{held:?}");
        }
        let held = Held { numbers: ["+8613".to_owned()].into(), ..Held::default() };
        assert!(!held.covers_fax(fax, contact, "+8610") && held.covers_unknown_fax(fax));
    }
}
