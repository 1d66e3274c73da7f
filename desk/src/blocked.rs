//! Callers that are refused.

use crate::audit::By;
use crate::error::During;
use crate::store::time;
use crate::{Error, Result, Store, text, when};
use serde::Serialize;
use sqlx::Row;
use terms::{PhoneNumber, TenantId, Timestamp};
use utoipa::ToSchema;

/// Blocked callers of one tenant.
pub const BLOCKED_MAX: i64 = 100_000;

/// A caller that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Blocked {
    /// Normalised.
    pub number: String,
    /// Why.
    pub reason: String,
    /// Since.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Store {
    /// The blocked callers of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn blocked(&self, tenant: TenantId) -> Result<Vec<Blocked>> {
        Ok(sqlx::query(
            "SELECT number, reason, created_at FROM blocked WHERE tenant_id = $1
             ORDER BY number LIMIT 100000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list blocked callers")?
        .iter()
        .map(|row| Blocked {
            number: row.get("number"),
            reason: row.get("reason"),
            created_at: time(row, "created_at"),
        })
        .collect())
    }

    /// Refuses a caller from now on.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Refused`] when the list is full.
    pub async fn block(
        &self,
        tenant: TenantId,
        by: &By,
        number: &str,
        reason: &str,
    ) -> Result<Blocked> {
        let country = self.tenant(tenant).await?.profile.country;
        let blocked = Blocked {
            number: text::name("number", &PhoneNumber::parse(number, &country).normal)?,
            reason: text::line("reason", reason)?,
            created_at: by.at,
        };
        let mut write = self.write("block a caller").await?;
        write
            .room_for(tenant, "SELECT COUNT(*) FROM blocked WHERE tenant_id = $1", BLOCKED_MAX)
            .await?;
        sqlx::query(
            "INSERT INTO blocked (tenant_id, number, reason, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, number) DO UPDATE SET reason = excluded.reason",
        )
        .bind(tenant.0 as i64)
        .bind(&blocked.number)
        .bind(&blocked.reason)
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
        let done = sqlx::query("DELETE FROM blocked WHERE tenant_id = $1 AND number = $2")
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
