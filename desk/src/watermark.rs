//! Which files that leave the house say who fetched them and when: a setting of the tenant.

use crate::audit::By;
use crate::setting::Setting;
use crate::{Result, Store};
use serde::{Deserialize, Serialize};
use terms::TenantId;
use utoipa::ToSchema;

/// Where it is kept.
const SETTING: Setting = Setting { column: "watermark", what: "setting of watermarks" };

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
    /// [`crate::Error::NotFound`].
    pub async fn watermark(&self, tenant: TenantId) -> Result<Watermark> {
        self.setting(tenant, SETTING, "read which files are marked").await
    }

    /// Changes which files say who fetched them: those that are fetched or made from then on.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub async fn put_watermark(
        &self,
        tenant: TenantId,
        by: &By,
        setting: Watermark,
    ) -> Result<Watermark> {
        let mut write = self.write("change which files are marked").await?;
        let written = serde_json::to_string(&setting).expect("a setting is always valid JSON");
        write.set(tenant, SETTING, &written).await?;
        write.audit(tenant, by, "watermark.change", written).await?;
        write.commit().await?;
        Ok(setting)
    }
}
