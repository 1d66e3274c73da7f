//! Steps of items on their way to the event log. Each was written with its change; whoever tells them
//! goes on where the last one was acknowledged, so that a step is told twice rather than never.

use super::ItemAction;
use crate::error::During;
use crate::sql;
use crate::store::{id, id_opt};
use crate::{Result, Store};
use terms::{AgentId, ItemId, QueueId, TenantId, UserId};

/// A step to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldStep {
    /// Which.
    pub step: i64,
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub item: ItemId,
    /// How that came.
    pub channel: String,
    /// Its queue from then on.
    pub queue: QueueId,
    /// Whose offer, or whose item it was.
    pub agent: Option<AgentId>,
    /// By whom; none for the box itself.
    pub by: Option<UserId>,
    /// What was done.
    pub action: ItemAction,
}

impl Store {
    /// Steps of all tenants that nobody was told of, in the order of commits.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn untold_item_steps(&self, limit: u32) -> Result<Vec<ToldStep>> {
        let doing = "read steps of items";
        sql::query(
            "SELECT s.id, s.tenant_id, s.item_id, s.queue_id, s.agent_id, s.user_id, s.action,
             i.channel FROM item_steps s JOIN items i ON i.id = s.item_id
             WHERE s.told = FALSE ORDER BY s.id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .during(doing)?
        .iter()
        .map(|row| {
            Ok(ToldStep {
                step: row.get("id"),
                tenant: TenantId(id(row, "tenant_id")),
                item: ItemId(id(row, "item_id")),
                channel: row.get("channel"),
                queue: QueueId(id(row, "queue_id")),
                agent: id_opt(row, "agent_id").map(AgentId),
                by: id_opt(row, "user_id").map(UserId),
                action: ItemAction::stored(doing, row.get("action"))?,
            })
        })
        .collect()
    }

    /// Steps up to this one are told.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_item_steps_told(&self, through: i64) -> Result<()> {
        let doing = "note steps of items";
        let mut write = self.write(doing).await?;
        sql::query("UPDATE item_steps SET told = TRUE WHERE told = FALSE AND id <= $1")
            .bind(through)
            .execute(write.db())
            .await
            .during(doing)?;
        write.commit().await
    }
}
