//! Callers that are not let in.

use crate::allowed::number_of;
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, time};
use crate::text::text_enum;
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::routing::{self, BlockedCaller};
use terms::{TenantId, Timestamp};
use utoipa::ToSchema;

/// Blocked callers of one tenant.
pub const BLOCKED_MAX: i64 = 100_000;
/// Longest time that a caller is blocked for, where it is no longer for ever.
pub const DAYS_MAX: u32 = 3_650;
const DAY: Duration = Duration::from_secs(86_400);

text_enum! {
    /// What becomes of the calls of who is not let in.
    Treatment, "treatment of a caller" {
        /// They are declined.
        HangUp = "hang_up",
        /// The caller hears that the line is busy.
        Busy = "busy",
        /// They are answered with an announcement.
        Announcement = "announcement",
    }
}

/// A caller that is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Blocked {
    /// Normalised; with `*` behind it every number that begins so; or `withheld`.
    pub number: String,
    /// Why.
    pub reason: String,
    /// What becomes of their calls: `hang_up`, `busy` or `announcement`.
    #[schema(value_type = String)]
    pub treatment: Treatment,
    /// The prompt of the announcement, without language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// They are let in from then on; left out, never.
    #[serde(with = "when::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Since.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A caller to be let in no more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Their number, however it is written; its beginning from the country code on with `*` behind it,
    /// such as `+1*`; or `withheld`, for who shows none.
    pub number: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// For so many days, 1–3,650; left out, for ever.
    #[serde(default)]
    pub days: Option<u32>,
    /// What becomes of their calls: `hang_up`, `busy` or `announcement`; left out, `hang_up`.
    #[serde(default = "Block::treatment_usual")]
    #[schema(value_type = String)]
    pub treatment: Treatment,
    /// The prompt of the announcement, by name without language; left out, `caller_blocked`.
    #[serde(default)]
    pub prompt: Option<String>,
}

impl Block {
    const fn treatment_usual() -> Treatment {
        Treatment::HangUp
    }

    /// Declined for ever.
    pub fn always(number: &str, reason: &str) -> Self {
        let (number, reason) = (number.to_owned(), reason.to_owned());
        let treatment = Block::treatment_usual();
        Block { number, reason, days: None, treatment, prompt: None }
    }

    fn check(&self, at: Timestamp, country: &str) -> Result<Blocked> {
        if let Some(days) = self.days.filter(|days| !(1..=DAYS_MAX).contains(days)) {
            return Err(Error::invalid("days", format!("{days} is outside 1-{DAYS_MAX}")));
        }
        let prompt = match (self.treatment, self.prompt.as_deref()) {
            (Treatment::Announcement, name) => {
                text::token("prompt", name.unwrap_or("caller_blocked"), 64)?
            }
            (Treatment::HangUp | Treatment::Busy, None) => String::new(),
            (Treatment::HangUp | Treatment::Busy, Some(_)) => {
                return Err(Error::invalid("prompt", "only an announcement has a prompt"));
            }
        };
        Ok(Blocked {
            number: number_of(&self.number, country)?,
            reason: text::line("reason", &self.reason)?,
            treatment: self.treatment,
            prompt,
            until: self.days.map(|days| at + DAY * days),
            created_at: at,
        })
    }
}

impl From<Blocked> for BlockedCaller {
    fn from(Blocked { number, treatment, prompt, until, .. }: Blocked) -> Self {
        let treatment = match treatment {
            Treatment::HangUp => routing::Treatment::HangUp,
            Treatment::Busy => routing::Treatment::Busy,
            Treatment::Announcement => routing::Treatment::Announcement(prompt),
        };
        BlockedCaller { number, until, treatment }
    }
}

fn blocked(row: &DbRow) -> Result<Blocked> {
    let treatment: String = row.get("treatment");
    Ok(Blocked {
        number: row.get("number"),
        reason: row.get("reason"),
        treatment: Treatment::stored("list blocked callers", &treatment)?,
        prompt: row.get("prompt"),
        until: row.get::<Option<i64>>("until").map(Timestamp),
        created_at: time(row, "created_at"),
    })
}

impl Store {
    /// The blocked callers of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn blocked(&self, tenant: TenantId) -> Result<Vec<Blocked>> {
        sql::query(
            "SELECT number, reason, treatment, prompt, until, created_at FROM blocked
             WHERE tenant_id = $1 ORDER BY number LIMIT 100000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list blocked callers")?
        .iter()
        .map(blocked)
        .collect()
    }

    /// Lets a caller in no more. Those whose time is over are forgotten with it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Refused`] when the list is full.
    pub async fn block(&self, tenant: TenantId, by: &By, draft: &Block) -> Result<Blocked> {
        let country = self.tenant(tenant).await?.profile.country;
        let blocked = draft.check(by.at, &country)?;
        let mut write = self.write("block a caller").await?;
        sql::query("DELETE FROM blocked WHERE tenant_id = $1 AND until <= $2")
            .bind(tenant.0 as i64)
            .bind(by.at.0)
            .execute(write.db())
            .await
            .during("block a caller")?;
        write
            .room_for(tenant, "SELECT COUNT(*) FROM blocked WHERE tenant_id = $1", BLOCKED_MAX)
            .await?;
        sql::query(
            "INSERT INTO blocked (tenant_id, number, reason, treatment, prompt, until, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, number) DO UPDATE SET reason = excluded.reason,
             treatment = excluded.treatment, prompt = excluded.prompt, until = excluded.until",
        )
        .bind(tenant.0 as i64)
        .bind(&blocked.number)
        .bind(&blocked.reason)
        .bind(blocked.treatment.as_str())
        .bind(&blocked.prompt)
        .bind(blocked.until.map(|until| until.0))
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during("block a caller")?;
        write.audit(tenant, by, "caller.block", &blocked.number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(blocked)
    }

    /// Lets a caller in again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn unblock(&self, tenant: TenantId, by: &By, number: &str) -> Result<()> {
        let mut write = self.write("unblock a caller").await?;
        let done = sql::query("DELETE FROM blocked WHERE tenant_id = $1 AND number = $2")
            .bind(tenant.0 as i64)
            .bind(number)
            .execute(write.db())
            .await
            .during("unblock a caller")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("blocked caller", crate::audit::clean(number)));
        }
        write.audit(tenant, by, "caller.unblock", number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}
