//! Whom those reach who call back the number that an agent's call showed them: a setting of the tenant.

use crate::audit::By;
use crate::setting::Setting;
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use terms::routing::{self, TRACE_KEEP_S_MAX, TRACE_WAIT_S_MAX};
use terms::{PhoneNumber, TenantId};
use utoipa::ToSchema;

/// Numbers that are left out.
const NOT_AT_MAX: usize = 1_000;
/// Where it is kept.
const SETTING: Setting = Setting { column: "trace_back", what: "trace-back rule" };

/// Whoever was called from a number of the tenant and calls it back reaches the agent who called them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TraceBack {
    /// Seconds from the end of the call out, 0-604,800; 0 is never; 7,200 when left out.
    pub keep_s: u32,
    /// Seconds that a busy agent is waited for, 0-120; 0 waits for nobody; 20 when left out.
    pub wait_s: u32,
    /// Published numbers where what answers them always comes first.
    pub not_at: Vec<String>,
}

impl Default for TraceBack {
    fn default() -> Self {
        let routing::TraceBack { keep_s, wait_s, not_at } = routing::TraceBack::default();
        TraceBack { keep_s, wait_s, not_at }
    }
}

impl From<TraceBack> for routing::TraceBack {
    fn from(TraceBack { keep_s, wait_s, not_at }: TraceBack) -> Self {
        routing::TraceBack { keep_s, wait_s, not_at }
    }
}

impl Store {
    /// Whom those reach who call back.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn trace_back(&self, tenant: TenantId) -> Result<TraceBack> {
        self.setting(tenant, SETTING, "read whom callers reach who call back").await
    }

    /// Changes whom those reach who call back.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn put_trace_back(
        &self,
        tenant: TenantId,
        by: &By,
        rules: &TraceBack,
    ) -> Result<TraceBack> {
        let limits = [
            ("keep_s", rules.keep_s, TRACE_KEEP_S_MAX),
            ("wait_s", rules.wait_s, TRACE_WAIT_S_MAX),
        ];
        for (field, value, max) in limits {
            if value > max {
                return Err(Error::invalid(field, format!("{value} is outside 0-{max}")));
            }
        }
        if rules.not_at.len() > NOT_AT_MAX {
            let problem = format!("at most {NOT_AT_MAX} entries are kept");
            return Err(Error::invalid("not_at", problem));
        }
        let country = self.tenant(tenant).await?.profile.country;
        let own = self.numbers(tenant).await?;
        let normal = |text: &String| PhoneNumber::parse(text, &country).normal;
        let rules = TraceBack { not_at: rules.not_at.iter().map(normal).collect(), ..*rules };
        if rules.not_at.iter().any(|number| !own.iter().any(|own| own.digits == *number)) {
            let problem = "published numbers of the tenant are needed";
            return Err(Error::invalid("not_at", problem));
        }
        let mut write = self.write("change whom callers reach who call back").await?;
        let written = serde_json::to_string(&rules).expect("rules are always valid JSON");
        write.set(tenant, SETTING, &written).await?;
        write.audit(tenant, by, "trace_back.change", written).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(rules)
    }
}
