//! Making items and moving them on.

use super::{Item, ItemAction, ItemState, NewItem, OPEN_MAX, ReplyDelivery, item};
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result, Store, queue, text};
use terms::item::Channel;
use terms::{AgentId, ItemId, OrderId, PhoneNumber, QueueId, TenantId, Timestamp, record};

/// Characters of what an item is called where it comes from.
const EXTERNAL_CHARS_MAX: usize = 400;

/// What is done to an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// An agent is offered it, whoever had it.
    Offer {
        /// Who.
        agent: AgentId,
        /// Until then.
        until: Timestamp,
        /// Why they, as JSON.
        why: String,
    },
    /// The offer ended without an answer.
    Return {
        /// Whose it was.
        agent: AgentId,
        /// They had their time; else it was withdrawn.
        unanswered: bool,
    },
    /// An agent takes it, offered to them or waiting.
    Take {
        /// Who.
        agent: AgentId,
    },
    /// An agent does not want what they are offered.
    Decline {
        /// Who.
        agent: AgentId,
    },
    /// Who has it gives it back.
    Release {
        /// A remark.
        note: String,
    },
    /// It waits in another queue.
    Transfer {
        /// Which.
        queue: QueueId,
        /// A remark.
        note: String,
    },
    /// A remark.
    Note {
        /// It.
        note: String,
    },
    /// An answer to whom it came from, by who has it.
    Reply {
        /// It.
        text: String,
        /// How it goes out.
        way: ReplyWay,
    },
    /// Who has it has done it.
    Done {
        /// What it was about.
        disposition: Option<String>,
        /// A remark.
        note: String,
        /// The order that it was made into.
        order: Option<OrderId>,
    },
    /// It ends without an answer.
    Close {
        /// A remark.
        note: String,
    },
}

/// How a reply goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyWay {
    /// As a mail, by itself.
    Mail,
    /// As a text over a trunk: whoever writes it down asks the switch next.
    Text,
    /// Programs are told, and carry it.
    Told,
}

impl ReplyWay {
    /// How far it is at first.
    fn delivery(self) -> ReplyDelivery {
        match self {
            ReplyWay::Mail => ReplyDelivery::Waiting,
            ReplyWay::Text => ReplyDelivery::Sending,
            ReplyWay::Told => ReplyDelivery::Told,
        }
    }
}

impl ItemChange {
    fn action(&self) -> ItemAction {
        match self {
            ItemChange::Offer { .. } => ItemAction::Offer,
            ItemChange::Return { unanswered: true, .. } => ItemAction::Unanswered,
            ItemChange::Return { unanswered: false, .. } => ItemAction::Withdraw,
            ItemChange::Take { .. } => ItemAction::Take,
            ItemChange::Decline { .. } => ItemAction::Decline,
            ItemChange::Release { .. } => ItemAction::Release,
            ItemChange::Transfer { .. } => ItemAction::Transfer,
            ItemChange::Note { .. } => ItemAction::Note,
            ItemChange::Reply { .. } => ItemAction::Reply,
            ItemChange::Done { .. } => ItemAction::Done,
            ItemChange::Close { .. } => ItemAction::Close,
        }
    }

    /// What a person wrote with it.
    fn words(&self) -> Result<String> {
        match self {
            ItemChange::Reply { text, .. } => {
                let text = text::content("text", text)?;
                if text.is_empty() {
                    return Err(Error::invalid("text", "a text is needed, at least one character"));
                }
                Ok(text)
            }
            ItemChange::Release { note }
            | ItemChange::Transfer { note, .. }
            | ItemChange::Note { note }
            | ItemChange::Done { note, .. }
            | ItemChange::Close { note } => text::prose("note", note),
            ItemChange::Offer { .. }
            | ItemChange::Return { .. }
            | ItemChange::Take { .. }
            | ItemChange::Decline { .. } => Ok(String::new()),
        }
    }

    /// The item afterwards; `None` where it cannot be done now.
    fn after(&self, before: &Item, at: Timestamp) -> Option<Item> {
        use ItemState::{Closed, Done, Offered, Taken, Waiting};
        let is_theirs = |agent: &AgentId| before.agent == Some(*agent);
        let waits = || Item { state: Waiting, agent: None, offered_until: None, ..before.clone() };
        let missed = || Item { unanswered: before.unanswered.saturating_add(1), ..waits() };
        Some(match (before.state, self) {
            (Done | Closed, ItemChange::Note { .. }) => before.clone(),
            (Done | Closed, _) => return None,
            (_, ItemChange::Offer { agent, until, .. }) => Item {
                state: Offered,
                agent: Some(*agent),
                offered_until: Some(*until),
                offers: before.offers.saturating_add(1),
                ..before.clone()
            },
            (Offered, ItemChange::Return { agent, unanswered }) if is_theirs(agent) => {
                if *unanswered {
                    missed()
                } else {
                    waits()
                }
            }
            (Offered, ItemChange::Decline { agent }) if is_theirs(agent) => missed(),
            (Offered, ItemChange::Take { agent }) if !is_theirs(agent) => return None,
            (Waiting | Offered, ItemChange::Take { agent }) => Item {
                state: Taken,
                agent: Some(*agent),
                offered_until: None,
                taken_by: Some(*agent),
                taken_at: Some(at),
                ..before.clone()
            },
            (Taken, ItemChange::Release { .. }) => waits(),
            (_, ItemChange::Transfer { queue, .. }) => Item { queue: *queue, ..waits() },
            (_, ItemChange::Note { .. }) | (Taken, ItemChange::Reply { .. }) => before.clone(),
            (Taken, ItemChange::Done { disposition, order, .. }) => Item {
                state: Done,
                ended_at: Some(at),
                disposition: disposition.clone(),
                order: order.or(before.order),
                ..before.clone()
            },
            (_, ItemChange::Close { .. }) => {
                let agent = before.agent.filter(|_| before.state == Taken);
                let ended_at = Some(at);
                Item { state: Closed, agent, offered_until: None, ended_at, ..before.clone() }
            }
            (
                Waiting | Offered | Taken,
                ItemChange::Return { .. }
                | ItemChange::Take { .. }
                | ItemChange::Decline { .. }
                | ItemChange::Release { .. }
                | ItemChange::Reply { .. }
                | ItemChange::Done { .. },
            ) => return None,
        })
    }
}

impl Store {
    /// Makes an item, or finds the one that has this name in this channel: then nothing is changed, and
    /// the second value is false.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::NotFound`] for a queue or order that the tenant has not;
    /// [`Error::Refused`] where too many are not over.
    pub async fn create_item(
        &self,
        tenant: TenantId,
        by: &By,
        new: &NewItem,
    ) -> Result<(Item, bool)> {
        let country = self.tenant(tenant).await?.profile.country;
        let made = checked(tenant, by, new, &country)?;
        let mut write = self.write("take in an item").await?;
        let added = add(&mut write, by, made).await?;
        write.commit().await?;
        Ok(added)
    }

    /// Does something to an item.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`]; [`Error::Refused`] where its state does not allow it.
    pub async fn change_item(
        &self,
        tenant: TenantId,
        by: &By,
        item_id: ItemId,
        change: &ItemChange,
    ) -> Result<Item> {
        Ok(self.change_item_by_step(tenant, by, item_id, change).await?.0)
    }

    /// The same, with the id of the step that it is.
    ///
    /// # Errors
    /// See [`Store::change_item`].
    pub async fn change_item_by_step(
        &self,
        tenant: TenantId,
        by: &By,
        item_id: ItemId,
        change: &ItemChange,
    ) -> Result<(Item, i64)> {
        let words = change.words()?;
        let change = &cleaned(change)?;
        let mut write = self.write("change an item").await?;
        let before = read(&mut write, tenant, item_id).await?;
        if let ItemChange::Transfer { queue, .. } = change {
            queue::exists(&mut write, tenant, *queue).await?;
        }
        if let ItemChange::Done { order, .. } = change {
            order_exists(&mut write, tenant, *order).await?;
        }
        let action = change.action();
        let after = change.after(&before, by.at).ok_or_else(|| {
            let (state, action) = (before.state.as_str(), action.as_str());
            Error::Refused(format!("item {item_id} is {state}: {action} is not possible now"))
        })?;
        update(&mut write, &after).await?;
        let (why, delivery) = match change {
            ItemChange::Offer { why, .. } => (Some(why.clone()), None),
            ItemChange::Reply { way, .. } => (None, Some(way.delivery())),
            _ => (None, None),
        };
        let agent = after.agent.or(before.agent);
        let step = Step { action, agent, text: words, why, delivery };
        let step = put_down(&mut write, by, &after, step).await?;
        if before.ended_at.is_none()
            && let Some(row) = after.record()
        {
            write.hand_over(&record::Row::Item(row)).await?;
        }
        write.commit().await?;
        Ok((after, step))
    }
}

/// The same in a change that is going on.
pub(super) async fn add(write: &mut Write, by: &By, mut made: Item) -> Result<(Item, bool)> {
    let tenant = made.tenant;
    if let Some(known) = known(write, tenant, &made).await? {
        return Ok((known, false));
    }
    queue::exists(write, tenant, made.queue).await?;
    order_exists(write, tenant, made.order).await?;
    let count = "SELECT COUNT(*) FROM items WHERE tenant_id = $1 AND ended_at IS NULL";
    write.room_for(tenant, count, OPEN_MAX).await?;
    made.id = ItemId(write.next_id("item").await? as u64);
    insert(write, by, &made).await?;
    let step = Step { action: ItemAction::Create, ..Step::default() };
    put_down(write, by, &made, step).await?;
    Ok((made, true))
}

/// Adds what nobody asked for: what may not be must not stop what follows in the log.
pub(super) async fn take_in(write: &mut Write, by: &By, made: Result<Item>) -> Result<()> {
    let added = match made {
        Ok(made) => add(write, by, made).await.map(drop),
        Err(error) => Err(error),
    };
    match added {
        // What may not be must not stop what follows in the log.
        Err(error @ (Error::Refused(_) | Error::NotFound { .. } | Error::Invalid { .. })) => {
            tracing::warn!(%error, "what came in is no item");
            Ok(())
        }
        added => added,
    }
}

/// What goes into the table as it was sent.
fn cleaned(change: &ItemChange) -> Result<ItemChange> {
    let ItemChange::Done { disposition: Some(disposition), note, order } = change else {
        return Ok(change.clone());
    };
    let disposition = Some(text::line("disposition", disposition)?).filter(|text| !text.is_empty());
    Ok(ItemChange::Done { disposition, note: note.clone(), order: *order })
}

/// An item as it was sent, where it can be so. It has no id yet.
pub(super) fn checked(tenant: TenantId, by: &By, new: &NewItem, country: &str) -> Result<Item> {
    if !(-1_000..=1_000).contains(&new.priority) {
        let problem = format!("{} is outside -1000 to 1000", new.priority);
        return Err(Error::invalid("priority", problem));
    }
    let external = new.external_id.as_deref().map(|text| text::line("external_id", text));
    let external = external.transpose()?.filter(|text| !text.is_empty());
    if external.as_ref().is_some_and(|text| text.chars().count() > EXTERNAL_CHARS_MAX) {
        let problem = format!("at most {EXTERNAL_CHARS_MAX} characters are kept");
        return Err(Error::invalid("external_id", problem));
    }
    let address = text::line("address", &new.address)?;
    let address = match new.channel {
        Channel::Sms | Channel::Fax | Channel::Message if !address.is_empty() => {
            PhoneNumber::parse(&address, country).normal
        }
        _ => address,
    };
    Ok(Item {
        id: ItemId(0),
        tenant,
        channel: new.channel,
        external_id: external,
        queue: new.queue,
        address,
        subject: text::line("subject", &new.subject)?,
        content: text::content("content", &new.content)?,
        priority: new.priority,
        // What is said to come from tomorrow has no age below nothing.
        received_at: new.received_at.unwrap_or(by.at).min(by.at),
        state: ItemState::Waiting,
        agent: None,
        offered_until: None,
        offers: 0,
        unanswered: 0,
        taken_by: None,
        taken_at: None,
        ended_at: None,
        disposition: None,
        order: new.order,
        trunk: None,
        fax: None,
    })
}

/// The item that has the same name in the same channel.
async fn known(write: &mut Write, tenant: TenantId, new: &Item) -> Result<Option<Item>> {
    let Some(external) = &new.external_id else { return Ok(None) };
    let doing = write.doing;
    let row = sql::query(
        "SELECT * FROM items WHERE tenant_id = $1 AND channel = $2 AND external_id = $3",
    )
    .bind(tenant.0 as i64)
    .bind(new.channel.as_str())
    .bind(external)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    row.as_ref().map(item).transpose()
}

async fn order_exists(write: &mut Write, tenant: TenantId, order: Option<OrderId>) -> Result<()> {
    let Some(order) = order else { return Ok(()) };
    let select = "SELECT 1 FROM orders WHERE tenant_id = $1 AND id = $2";
    let found = write.has(tenant, select, order.0).await?;
    if found { Ok(()) } else { Err(Error::not_found("order", order)) }
}

async fn read(write: &mut Write, tenant: TenantId, id: ItemId) -> Result<Item> {
    let doing = write.doing;
    let row = sql::query("SELECT * FROM items WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    item(&row.ok_or_else(|| Error::not_found("item", id))?)
}

async fn insert(write: &mut Write, by: &By, item: &Item) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "INSERT INTO items (id, tenant_id, channel, external_id, queue_id, address, subject,
         content, priority, received_at, state, offers, unanswered, order_id, created_at, trunk_id,
         fax_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, $12, $13, $14, $15)",
    )
    .bind(item.id.0 as i64)
    .bind(item.tenant.0 as i64)
    .bind(item.channel.as_str())
    .bind(&item.external_id)
    .bind(item.queue.0 as i64)
    .bind(&item.address)
    .bind(&item.subject)
    .bind(&item.content)
    .bind(i64::from(item.priority))
    .bind(item.received_at.0)
    .bind(item.state.as_str())
    .bind(item.order.map(|order| order.0 as i64))
    .bind(by.at.0)
    .bind(item.trunk.map(|trunk| trunk.0 as i64))
    .bind(item.fax.map(|fax| fax.0 as i64))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

async fn update(write: &mut Write, item: &Item) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE items SET queue_id = $3, state = $4, agent_id = $5, offered_until = $6,
         offers = $7, unanswered = $8, taken_by = $9, taken_at = $10, ended_at = $11,
         disposition = $12, order_id = $13 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(item.tenant.0 as i64)
    .bind(item.id.0 as i64)
    .bind(item.queue.0 as i64)
    .bind(item.state.as_str())
    .bind(item.agent.map(|agent| agent.0 as i64))
    .bind(item.offered_until.map(|at| at.0))
    .bind(i64::from(item.offers))
    .bind(i64::from(item.unanswered))
    .bind(item.taken_by.map(|agent| agent.0 as i64))
    .bind(item.taken_at.map(|at| at.0))
    .bind(item.ended_at.map(|at| at.0))
    .bind(&item.disposition)
    .bind(item.order.map(|order| order.0 as i64))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// A step to be put down.
struct Step {
    action: ItemAction,
    agent: Option<AgentId>,
    text: String,
    why: Option<String>,
    delivery: Option<ReplyDelivery>,
}

impl Default for Step {
    fn default() -> Self {
        let (text, why, delivery) = (String::new(), None, None);
        Step { action: ItemAction::Note, agent: None, text, why, delivery }
    }
}

/// The step and the audit row of a change. The step's id.
async fn put_down(write: &mut Write, by: &By, item: &Item, step: Step) -> Result<i64> {
    let doing = write.doing;
    let id = write.next_id("item_step").await?;
    sql::query(
        "INSERT INTO item_steps (id, tenant_id, item_id, at, action, user_id, agent_id, queue_id,
         why, text, delivery, send_at, problem, told)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', FALSE)",
    )
    .bind(id)
    .bind(item.tenant.0 as i64)
    .bind(item.id.0 as i64)
    .bind(by.at.0)
    .bind(step.action.as_str())
    .bind(by.user.map(|user| user.0 as i64))
    .bind(step.agent.map(|agent| agent.0 as i64))
    .bind(item.queue.0 as i64)
    .bind(&step.why)
    .bind(&step.text)
    .bind(step.delivery.map(ReplyDelivery::as_str))
    .bind(step.delivery.map(|_| by.at.0))
    .execute(write.db())
    .await
    .during(doing)?;
    let subject = format!("{} {}", item.id, step.action.as_str());
    write.audit(item.tenant, by, "item.step", subject).await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AgentId = AgentId(1);
    const B: AgentId = AgentId(2);

    fn waiting() -> Item {
        let new = NewItem {
            channel: Channel::Email,
            queue: QueueId(1),
            external_id: None,
            address: "a@b.example".into(),
            subject: String::new(),
            content: String::new(),
            priority: 0,
            received_at: None,
            order: None,
        };
        checked(TenantId(1), &By::system("test", Timestamp(1_000_000)), &new, "86").unwrap()
    }

    fn offer(agent: AgentId) -> ItemChange {
        ItemChange::Offer { agent, until: Timestamp(9), why: "{}".into() }
    }

    fn done() -> ItemChange {
        ItemChange::Done { disposition: None, note: String::new(), order: None }
    }

    #[test]
    fn an_offer_is_taken_or_declined_by_who_has_it_alone() {
        let offered = offer(A).after(&waiting(), Timestamp(5)).unwrap();
        assert_eq!((offered.state, offered.offers), (ItemState::Offered, 1));
        let take = |agent| ItemChange::Take { agent };
        let decline = |agent| ItemChange::Decline { agent };
        assert_eq!(take(B).after(&offered, Timestamp(6)), None);
        assert_eq!(decline(B).after(&offered, Timestamp(6)), None);
        let back = decline(A).after(&offered, Timestamp(6)).unwrap();
        assert_eq!((back.state, back.agent, back.unanswered), (ItemState::Waiting, None, 1));
        let taken = take(A).after(&offered, Timestamp(6)).unwrap();
        assert_eq!((taken.taken_by, taken.taken_at), (Some(A), Some(Timestamp(6))));
        assert_eq!(take(B).after(&taken, Timestamp(7)), None);
        assert_eq!(done().after(&offered, Timestamp(7)), None, "nobody has it yet");
    }

    #[test]
    fn what_is_over_takes_a_remark_and_nothing_else() {
        let close = ItemChange::Close { note: String::new() };
        let closed = close.after(&waiting(), Timestamp(5)).unwrap();
        let note = ItemChange::Note { note: "spam".into() };
        assert_eq!(note.after(&closed, Timestamp(6)), Some(closed.clone()));
        let transfer = ItemChange::Transfer { queue: QueueId(2), note: String::new() };
        for change in [offer(A), close, transfer, done(), ItemChange::Take { agent: A }] {
            assert_eq!(change.after(&closed, Timestamp(6)), None, "{change:?}");
        }
    }

    #[test]
    fn the_row_tells_waiting_from_work() {
        let at = |second: i64| Timestamp(1_000_000 * second);
        let taken = ItemChange::Take { agent: A }.after(&waiting(), at(61)).unwrap();
        let row = done().after(&taken, at(91)).unwrap().record().unwrap();
        assert_eq!((row.wait_ms, row.work_ms, row.outcome.as_str()), (60_000, 30_000, "done"));
        assert_eq!((row.agent_id, row.address.as_deref()), (Some(A), Some("a@b.example")));
        let release = ItemChange::Release { note: String::new() };
        let released = release.after(&taken, at(70)).unwrap();
        let close = ItemChange::Close { note: String::new() };
        let row = close.after(&released, at(900)).unwrap().record().unwrap();
        assert_eq!((row.work_ms, row.outcome.as_str()), (0, "closed"), "nobody worked on it");
        let row = close.after(&waiting(), at(11)).unwrap().record().unwrap();
        assert_eq!((row.wait_ms, row.agent_id, row.taken_at), (10_000, None, None));
        assert_eq!(taken.record(), None, "it is not over");
    }
}
