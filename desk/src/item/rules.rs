//! How many items of a channel an agent has at a time: of a tenant, and of single agents.

use crate::audit::By;
use crate::error::During;
use crate::setting::Setting;
use crate::sql;
use crate::store::{document, id};
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::item::{ByChannel, Channel, ItemRules};
use terms::{AgentId, TenantId};
use utoipa::ToSchema;

/// Most items of a channel that one agent has at a time.
pub const CAPACITY_MAX: u32 = 100;
const DOING: &str = "read how many items agents have";
/// Where a tenant's is kept.
const SETTING: Setting = Setting { column: "items", what: "rule of items" };

/// What a tenant says of items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ItemCapacity {
    /// How many an agent has at a time, offered or taken, by channel, 0-100; of a channel that is left
    /// out 3, and of `fax` and `message` 1.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub capacity: ByChannel,
    /// Channels of which one is offered to agents who are talking, ringing or in after-call work, too.
    #[schema(value_type = Vec<String>)]
    pub while_talking: BTreeSet<Channel>,
}

/// How many items of a channel one agent has at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentItemCapacity {
    /// By channel, 0-100; of a channel that is left out, as the tenant says.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub capacity: ByChannel,
}

fn check(capacity: &ByChannel) -> Result<()> {
    match capacity.values().find(|number| **number > CAPACITY_MAX) {
        Some(number) => {
            Err(Error::invalid("capacity", format!("{number} is outside 0-{CAPACITY_MAX}")))
        }
        None => Ok(()),
    }
}

impl Store {
    /// What a tenant says of items.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn item_capacity(&self, tenant: TenantId) -> Result<ItemCapacity> {
        self.setting(tenant, SETTING, DOING).await
    }

    /// Changes it, from the next offer on.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn put_item_capacity(
        &self,
        tenant: TenantId,
        by: &By,
        setting: &ItemCapacity,
    ) -> Result<()> {
        check(&setting.capacity)?;
        let written = serde_json::to_string(setting).expect("a setting is always valid JSON");
        let mut write = self.write("change how many items agents have").await?;
        write.set(tenant, SETTING, &written).await?;
        write.audit(tenant, by, "item_capacity.change", written).await?;
        write.commit().await
    }

    /// An agent's own numbers.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn agent_item_capacity(
        &self,
        tenant: TenantId,
        agent: AgentId,
    ) -> Result<AgentItemCapacity> {
        let row = sql::query("SELECT items FROM agents WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during(DOING)?
            .ok_or_else(|| Error::not_found("agent", agent))?;
        document(&row, "items", DOING, "capacity")
    }

    /// Changes them, from the next offer on.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn put_agent_item_capacity(
        &self,
        tenant: TenantId,
        by: &By,
        agent: AgentId,
        own: &AgentItemCapacity,
    ) -> Result<()> {
        check(&own.capacity)?;
        let doing = "change how many items an agent has";
        let written = serde_json::to_string(own).expect("a setting is always valid JSON");
        let mut write = self.write(doing).await?;
        let done = sql::query("UPDATE agents SET items = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent.0 as i64)
            .bind(&written)
            .execute(write.db())
            .await
            .during(doing)?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("agent", agent));
        }
        write.audit(tenant, by, "agent.item_capacity", format!("{agent} {written}")).await?;
        write.commit().await
    }

    /// All that is said of items, for who hands them out.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn item_rules(&self, tenant: TenantId) -> Result<ItemRules> {
        let ItemCapacity { capacity, while_talking } = self.item_capacity(tenant).await?;
        let rows =
            sql::query("SELECT id, items FROM agents WHERE tenant_id = $1 AND items <> '{}'")
                .bind(tenant.0 as i64)
                .fetch_all(self.reader())
                .await
                .during(DOING)?;
        let mut own = BTreeMap::new();
        for row in &rows {
            let AgentItemCapacity { capacity } = document(row, "items", DOING, "capacity")?;
            own.insert(AgentId(id(row, "id")), capacity);
        }
        let queues = self.queues(tenant).await?;
        let offer_s = queues.into_iter().map(|queue| (queue.id, queue.settings.item_offer_s));
        Ok(ItemRules { capacity, own, while_talking, offer_s: offer_s.collect() })
    }
}
