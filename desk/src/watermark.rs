//! Which files that leave the house say who fetched them and when: a setting of the tenant.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::document;
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use terms::TenantId;
use utoipa::ToSchema;

/// Which files say who fetched them and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Watermark {
    /// Those that people fetch: reports, lists, recordings and sets of them; left out, they do.
    pub fetched: bool,
    /// Those that schedules make; left out, they do not.
    pub delivered: bool,
}

impl Default for Watermark {
    fn default() -> Self {
        Watermark { fetched: true, delivered: false }
    }
}

impl Store {
    /// Which files of a tenant say who fetched them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn watermark(&self, tenant: TenantId) -> Result<Watermark> {
        let doing = "read which files are marked";
        let row = sql::query("SELECT watermark FROM tenants WHERE id = $1")
            .bind(tenant.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during(doing)?
            .ok_or_else(|| Error::not_found("tenant", tenant))?;
        document(&row, "watermark", doing, "setting of watermarks")
    }

    /// Changes which files say who fetched them: those that are fetched or made from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn put_watermark(
        &self,
        tenant: TenantId,
        by: &By,
        setting: Watermark,
    ) -> Result<Watermark> {
        let doing = "change which files are marked";
        let mut write = self.write(doing).await?;
        let written = serde_json::to_string(&setting).expect("a setting is always valid JSON");
        let done = sql::query("UPDATE tenants SET watermark = $2 WHERE id = $1")
            .bind(tenant.0 as i64)
            .bind(&written)
            .execute(write.db())
            .await
            .during(doing)?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("tenant", tenant));
        }
        write.audit(tenant, by, "watermark.change", written).await?;
        write.commit().await?;
        Ok(setting)
    }
}
