//! Steps of items on their way to the event log. Each was written with its change; whoever tells them
//! goes on where the last one was acknowledged, so that a step is told twice rather than never.

use super::ItemAction;
use crate::error::During;
use crate::sql;
use crate::store::{id, id_opt};
use crate::{Result, Store};
use terms::event::{InItem, ItemTold};
use terms::item::Channel;
use terms::{AgentId, ItemId, QueueId, TenantId, UserId};

/// A step to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldStep {
    /// Which.
    pub step: i64,
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub item: ItemId,
    /// How that came.
    pub channel: Channel,
    /// Its queue from then on.
    pub queue: QueueId,
    /// Whose offer, or whose item it was.
    pub agent: Option<AgentId>,
    /// By whom; none for the box itself.
    pub by: Option<UserId>,
    /// What was done.
    pub action: ItemAction,
}

impl From<&ToldStep> for ItemTold {
    fn from(told: &ToldStep) -> Self {
        let ToldStep { step, item, channel, queue, agent, by, .. } = *told;
        let action = match told.action {
            ItemAction::Create => InItem::Create,
            ItemAction::Offer => InItem::Offer,
            ItemAction::Take => InItem::Take,
            ItemAction::Decline => InItem::Decline,
            ItemAction::Unanswered => InItem::Unanswered,
            ItemAction::Withdraw => InItem::Withdraw,
            ItemAction::Release => InItem::Release,
            ItemAction::Transfer => InItem::Transfer,
            ItemAction::Note => InItem::Note,
            ItemAction::Reply => InItem::Reply,
            ItemAction::Done => InItem::Done,
            ItemAction::Close => InItem::Close,
        };
        ItemTold { item, step, channel, queue, agent, by, action }
    }
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
                channel: super::channel(row)?,
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
