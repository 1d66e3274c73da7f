//! Who takes a parked caller, and where they go whom nobody takes: a setting of the tenant.

use crate::audit::By;
use crate::setting::Setting;
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use terms::routing::{self, PARK_WAIT_S_MAX, PARK_WAIT_S_MIN};
use terms::{FlowId, QueueId, TenantId};
use utoipa::ToSchema;

/// Where it is kept.
const SETTING: Setting = Setting { column: "parking", what: "rule of parked callers" };

/// Who takes parked callers, and where they go whom nobody takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ParkRules {
    /// Only who parked a caller takes them, and who may pick up what rings at that agent's phone; any
    /// agent when left out.
    pub team_only: bool,
    /// Seconds until nobody has taken them, 10-3,600; two minutes when left out.
    pub wait_s: Option<u32>,
    /// The queue in which customers wait then, with their age; left out, they ring at who parked them.
    #[schema(value_type = Option<String>)]
    pub queue: Option<QueueId>,
    /// The published flow into which customers go then, in the place of a queue.
    #[schema(value_type = Option<String>)]
    pub flow: Option<FlowId>,
}

impl From<ParkRules> for routing::ParkRules {
    fn from(ParkRules { team_only, wait_s, queue, flow }: ParkRules) -> Self {
        routing::ParkRules { team_only, wait_s, queue, flow }
    }
}

impl Store {
    /// What a tenant says of parked callers.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn park_rules(&self, tenant: TenantId) -> Result<ParkRules> {
        self.setting(tenant, SETTING, "read who takes parked callers").await
    }

    /// Changes who takes parked callers, and where they go whom nobody takes.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for a queue or a published flow that the tenant has not.
    pub async fn put_park_rules(
        &self,
        tenant: TenantId,
        by: &By,
        rules: &ParkRules,
    ) -> Result<ParkRules> {
        let range = PARK_WAIT_S_MIN..=PARK_WAIT_S_MAX;
        if let Some(wait) = rules.wait_s.filter(|wait| !range.contains(wait)) {
            let problem = format!("{wait} is outside {PARK_WAIT_S_MIN}-{PARK_WAIT_S_MAX}");
            return Err(Error::invalid("wait_s", problem));
        }
        if rules.queue.is_some() && rules.flow.is_some() {
            let problem = "callers go to a queue or into a flow, not to both";
            return Err(Error::invalid("flow", problem));
        }
        let mut write = self.write("change who takes parked callers").await?;
        if let Some(queue) = rules.queue {
            let select = "SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2";
            if !write.has(tenant, select, queue.0).await? {
                return Err(Error::not_found("queue", queue));
            }
        }
        if let Some(flow) = rules.flow {
            let select = "SELECT 1 FROM flows WHERE tenant_id = $1 AND id = $2
                          AND published_version IS NOT NULL";
            if !write.has(tenant, select, flow.0).await? {
                return Err(Error::not_found("flow", flow));
            }
        }
        let written = serde_json::to_string(rules).expect("rules are always valid JSON");
        write.set(tenant, SETTING, &written).await?;
        write.audit(tenant, by, "parking.change", written).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(*rules)
    }
}
