//! How an agent's phone is rung: whether a call may wait while they are in another one, and whether the
//! phone answers by itself what queues offer.

use crate::agent::Agent;
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, document};
use crate::{Result, Store};
use serde::{Deserialize, Serialize};
use terms::routing;
use terms::{AgentId, TenantId};
use utoipa::ToSchema;

/// How an agent's phone is rung. What is left out is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ringing {
    /// Call waiting: a call to them alone (their extension, a number of their own, a transfer) rings
    /// the phone while they are in another conversation. A queue never does.
    pub call_waiting: bool,
    /// The phone is told to answer by itself what queues offer. A tone says so before they are heard.
    pub auto_answer: bool,
}

impl From<Ringing> for routing::Ringing {
    fn from(Ringing { call_waiting, auto_answer }: Ringing) -> Self {
        routing::Ringing { call_waiting, auto_answer }
    }
}

/// Of a row of `agents`.
pub(crate) fn ringing(row: &DbRow) -> Result<Ringing> {
    document(row, "ringing", "read how a phone is rung", "way of ringing")
}

impl Store {
    /// Changes how an agent's phone is rung, from the next call on.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub async fn set_ringing(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
        ringing: Ringing,
    ) -> Result<Agent> {
        let mut agent = self.agent(tenant, agent_id).await?;
        let doing = "change how a phone is rung";
        let written = serde_json::to_string(&ringing).expect("a setting is always valid JSON");
        let mut write = self.write(doing).await?;
        sql::query("UPDATE agents SET ringing = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .bind(&written)
            .execute(write.db())
            .await
            .during(doing)?;
        write.audit(tenant, by, "agent.ringing", format!("{agent_id} {written}")).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        agent.ringing = ringing;
        Ok(agent)
    }
}
