//! Finding items.

use super::{Item, ItemState, ItemStep, item, step};
use crate::error::During;
use crate::sql::{self, Builder};
use crate::{Error, Result, Store};
use std::collections::BTreeSet;
use std::time::Duration;
use terms::item::Channel;
use terms::{AgentId, ItemId, QueueId, TenantId, Timestamp};

/// Items on one page.
pub const PAGE_MAX: u32 = 500;
/// Steps of one item that are told.
const STEPS_MAX: i64 = 10_000;
/// Items that are over for longer are forgotten here; their rows in the warehouse stay.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How many of them are forgotten at a time.
const FORGET_MAX: i64 = 500;

/// Items without their texts, of which each may be long, and there may be many.
macro_rules! select {
    () => {
        "SELECT id, tenant_id, channel, external_id, queue_id, address, subject, '' AS content,
         priority, received_at, state, agent_id, offered_until, offers, unanswered, taken_by,
         taken_at, ended_at, disposition, order_id, trunk_id, fax_id FROM items
         WHERE tenant_id = "
    };
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct ItemFilter {
    /// How it came.
    pub channel: Option<Channel>,
    /// How far it is.
    pub state: Option<ItemState>,
    /// The queue.
    pub queue: Option<QueueId>,
    /// Who is offered it, has it, or did it.
    pub agent: Option<AgentId>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub to: Option<Timestamp>,
    /// Of these queues alone, whatever else is asked for.
    pub queues: Option<BTreeSet<QueueId>>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Items on the page.
    pub limit: u32,
}

/// A page of items, and where the next one begins.
#[derive(Clone, Debug)]
pub struct ItemPage {
    /// The items, without their texts.
    pub items: Vec<Item>,
    /// Give it back as `cursor`; none at the end.
    pub next: Option<String>,
}

impl Store {
    /// Finds items, the latest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a broken cursor.
    pub async fn items(&self, tenant: TenantId, filter: &ItemFilter) -> Result<ItemPage> {
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let mut query = Builder::new(select!());
        query.push_bind(tenant.0 as i64);
        conditions(&mut query, filter);
        if let Some(cursor) = &filter.cursor {
            let (at, id) = place(cursor)?;
            query.push(" AND (received_at, id) < (").push_bind(at);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY received_at DESC, id DESC LIMIT ");
        query.push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(self.reader()).await.during("list items")?;
        let mut items = rows.iter().map(item).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more);
        let next = last.map(|item| format!("{}.{}", item.received_at.0, item.id));
        Ok(ItemPage { items, next })
    }

    /// One item.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn item(&self, tenant: TenantId, item_id: ItemId) -> Result<Item> {
        let row = sql::query("SELECT * FROM items WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(item_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read an item")?;
        item(&row.ok_or_else(|| Error::not_found("item", item_id))?)
    }

    /// The life of an item, from its beginning.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn item_steps(&self, tenant: TenantId, item_id: ItemId) -> Result<Vec<ItemStep>> {
        self.item(tenant, item_id).await?;
        sql::query(
            "SELECT * FROM item_steps WHERE tenant_id = $1 AND item_id = $2 ORDER BY id LIMIT $3",
        )
        .bind(tenant.0 as i64)
        .bind(item_id.0 as i64)
        .bind(STEPS_MAX)
        .fetch_all(self.reader())
        .await
        .during("read the steps of an item")?
        .iter()
        .map(step)
        .collect()
    }

    /// Items of a tenant that are not over, without their texts, in the order in which they came in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_items(&self, tenant: TenantId) -> Result<Vec<Item>> {
        sql::query(concat!(select!(), "$1 AND ended_at IS NULL ORDER BY id LIMIT $2"))
            .bind(tenant.0 as i64)
            .bind(super::OPEN_MAX)
            .fetch_all(self.reader())
            .await
            .during("list open items")?
            .iter()
            .map(item)
            .collect()
    }

    /// Items of a tenant that wait and came in after this one, without their texts, in that order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn items_waiting_after(
        &self,
        tenant: TenantId,
        item_id: ItemId,
    ) -> Result<Vec<Item>> {
        sql::query(concat!(
            select!(),
            "$1 AND id > $2 AND state = 'waiting' AND ended_at IS NULL ORDER BY id LIMIT $3"
        ))
        .bind(tenant.0 as i64)
        .bind(item_id.0 as i64)
        .bind(super::OPEN_MAX)
        .fetch_all(self.reader())
        .await
        .during("list new items")?
        .iter()
        .map(item)
        .collect()
    }

    /// Forgets some items that have been over for long; says how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tidy_items(&self, now: Timestamp) -> Result<u64> {
        let doing = "forget old items";
        let mut write = self.write(doing).await?;
        let before = now.0 - KEPT.as_micros() as i64;
        sql::query(
            "DELETE FROM item_steps WHERE item_id IN
             (SELECT id FROM items WHERE ended_at < $1 ORDER BY ended_at, id LIMIT $2)",
        )
        .bind(before)
        .bind(FORGET_MAX)
        .execute(write.db())
        .await
        .during(doing)?;
        let done = sql::query(
            "DELETE FROM items WHERE id IN
             (SELECT id FROM items WHERE ended_at < $1 ORDER BY ended_at, id LIMIT $2)",
        )
        .bind(before)
        .bind(FORGET_MAX)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}

fn conditions(query: &mut Builder, filter: &ItemFilter) {
    if let Some(channel) = filter.channel {
        query.push(" AND channel = ").push_bind(channel.as_str());
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.as_str());
    }
    if let Some(queue) = filter.queue {
        query.push(" AND queue_id = ").push_bind(queue.0 as i64);
    }
    if let Some(agent) = filter.agent {
        query.push(" AND agent_id = ").push_bind(agent.0 as i64);
    }
    if let Some(from) = filter.from {
        query.push(" AND received_at >= ").push_bind(from.0);
    }
    if let Some(to) = filter.to {
        query.push(" AND received_at < ").push_bind(to.0);
    }
    if let Some(queues) = &filter.queues {
        query.push(" AND queue_id IN (-1");
        for queue in queues {
            query.push(", ").push_bind(queue.0 as i64);
        }
        query.push(")");
    }
}

/// Where a page ended.
fn place(cursor: &str) -> Result<(i64, i64)> {
    let parsed = cursor
        .split_once('.')
        .and_then(|(at, id)| Some((at.parse::<i64>().ok()?, id.parse::<ItemId>().ok()?.0 as i64)));
    parsed.ok_or_else(|| Error::invalid("cursor", "give back the `next` of the page before"))
}
