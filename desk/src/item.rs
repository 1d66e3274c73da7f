//! Items: pieces of work that are no call, a mail, a short message, what comes from a website. Each has a
//! queue, is offered to one agent at a time, and is done or closed in the end.
//!
//! ```text
//!            offer            take           done
//!   waiting ───────► offered ──────► taken ────────► done
//!      ▲  ◄───────────┘  │             │ │
//!      │ decline, unanswered, withdraw │ │
//!      ├─── transfer, release ─────────┘ │
//!      └──────────────────────────────── close ────► closed
//! ```
//!
//! Who is offered one is not decided here; whatever is done is one transaction with its step, its row of
//! the audit table and, at the end, the record for the warehouse.

pub(crate) mod fax;
pub(crate) mod message;
pub mod query;
pub mod reply;
pub mod rules;
pub(crate) mod texted;
mod told;
pub mod write;

use crate::store::{DbRow, id, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, when};
use serde::{Deserialize, Serialize};
use terms::item::{Channel, NoChannel};
use terms::{
    AgentId, FaxId, ItemId, OrderId, QueueId, TenantId, Timestamp, TrunkId, UserId, record,
};
pub use told::ToldStep;
use utoipa::ToSchema;

/// Items of a tenant that are not over.
pub const OPEN_MAX: i64 = 10_000;
/// Longest text of an item.
pub const CONTENT_CHARS_MAX: usize = 100_000;

text_enum! {
    /// How far an item is, in the order of its life.
    ItemState, "state of an item" {
        /// Nobody has it.
        Waiting = "waiting",
        /// An agent may take it.
        Offered = "offered",
        /// An agent has it.
        Taken = "taken",
        /// An agent has done it.
        Done = "done",
        /// It ended without an agent's answer.
        Closed = "closed",
    }
}

text_enum! {
    /// What was done to an item.
    ItemAction, "step of an item" {
        /// It came in.
        Create = "create",
        /// It was offered to an agent.
        Offer = "offer",
        /// They took it.
        Take = "take",
        /// They did not want it.
        Decline = "decline",
        /// They did not answer.
        Unanswered = "unanswered",
        /// They went away or had a call before they could answer, or the box started anew.
        Withdraw = "withdraw",
        /// Who had it gave it back.
        Release = "release",
        /// It went to another queue.
        Transfer = "transfer",
        /// A remark.
        Note = "note",
        /// An answer to whom it came from.
        Reply = "reply",
        /// It was done.
        Done = "done",
        /// It was closed without an answer.
        Close = "close",
    }
}

text_enum! {
    /// What became of the text of a reply.
    ReplyDelivery, "delivery of a reply" {
        /// A mail that goes out next.
        Waiting = "waiting",
        /// It is going out.
        Sending = "sending",
        /// The mail server has it, or the trunk.
        Sent = "sent",
        /// They did not take it.
        Failed = "failed",
        /// Whether they have it is not known; it is not sent again.
        Uncertain = "uncertain",
        /// Programs are told that it is there, to carry it.
        Told = "told",
    }
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Item {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ItemId,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// How it came: `email`, `sms`, `web`, `fax` or `message`.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// What it is called where it comes from: the Message-ID of a mail.
    pub external_id: Option<String>,
    /// The queue that hands it out.
    #[schema(value_type = String)]
    pub queue: QueueId,
    /// From whom: a mail address or a number; empty where nobody knows.
    pub address: String,
    /// What it says it is about.
    pub subject: String,
    /// Its text; left out in a list.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub content: String,
    /// Added to the queue's priority.
    pub priority: i32,
    /// Its age counts from here.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// How far it is.
    pub state: ItemState,
    /// Who is offered it, has it, or did it.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// An offer goes back then.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub offered_until: Option<Timestamp>,
    /// How often it was offered.
    pub offers: i32,
    /// Of these, how often it was declined or not answered.
    pub unanswered: i32,
    /// Who took it last.
    #[schema(value_type = Option<String>)]
    pub taken_by: Option<AgentId>,
    /// When.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub taken_at: Option<Timestamp>,
    /// Done or closed.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// The agent's choice at the end.
    pub disposition: Option<String>,
    /// The order that it belongs to.
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// Over which trunk it came as a text; a reply goes back over it.
    #[schema(value_type = Option<String>)]
    pub trunk: Option<TrunkId>,
    /// The received fax that it hands out; none where a program brought it in.
    #[schema(value_type = Option<String>)]
    pub fax: Option<FaxId>,
}

impl Item {
    /// The row for the warehouse, once it is over.
    pub(crate) fn record(&self) -> Option<record::Item> {
        let done_at = self.ended_at?;
        let between = |from: Timestamp, to: Timestamp| to.millis_since(from).max(0);
        let work = self.taken_at.filter(|_| self.agent.is_some());
        Some(record::Item {
            tenant_id: self.tenant,
            item_id: self.id,
            channel: self.channel.as_str().to_owned(),
            queue_id: self.queue,
            agent_id: self.taken_by,
            address: Some(self.address.clone()).filter(|address| !address.is_empty()),
            priority: self.priority,
            received_at: self.received_at,
            taken_at: self.taken_at,
            done_at,
            wait_ms: between(self.received_at, self.taken_at.unwrap_or(done_at)),
            work_ms: work.map_or(0, |taken_at| between(taken_at, done_at)),
            offers: self.offers,
            unanswered: self.unanswered,
            outcome: self.state.as_str().to_owned(),
            disposition: self.disposition.clone(),
            order_id: self.order,
        })
    }
}

/// One step of an item's life. Never changes, but for what becomes of a reply.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ItemStep {
    /// Rises with time.
    pub id: i64,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    pub action: ItemAction,
    /// By whom; none for the box itself.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// Whose offer, or whose item it was.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// Its queue from then on.
    #[schema(value_type = String)]
    pub queue: QueueId,
    /// Of an offer: why this agent.
    #[schema(value_type = Option<Object>)]
    pub why: Option<serde_json::Value>,
    /// The remark, or the reply.
    pub text: String,
    /// Of a reply: what became of it.
    pub delivery: Option<ReplyDelivery>,
    /// Why a reply did not go out; empty where it did.
    pub problem: String,
}

const READ: &str = "read an item";

fn channel(row: &DbRow) -> Result<Channel> {
    let text: &str = row.get("channel");
    text.parse().map_err(|error: NoChannel| {
        let problem = error.to_string();
        Error::Stored { doing: READ, what: "channel", problem }
    })
}

fn item(row: &DbRow) -> Result<Item> {
    let number = |column: &str| i32::try_from(row.get::<i64>(column)).unwrap_or(i32::MAX);
    Ok(Item {
        id: ItemId(id(row, "id")),
        tenant: TenantId(id(row, "tenant_id")),
        channel: channel(row)?,
        external_id: row.get("external_id"),
        queue: QueueId(id(row, "queue_id")),
        address: row.get("address"),
        subject: row.get("subject"),
        content: row.get("content"),
        priority: number("priority"),
        received_at: time(row, "received_at"),
        state: ItemState::stored(READ, row.get("state"))?,
        agent: id_opt(row, "agent_id").map(AgentId),
        offered_until: time_opt(row, "offered_until"),
        offers: number("offers"),
        unanswered: number("unanswered"),
        taken_by: id_opt(row, "taken_by").map(AgentId),
        taken_at: time_opt(row, "taken_at"),
        ended_at: time_opt(row, "ended_at"),
        disposition: row.get("disposition"),
        order: id_opt(row, "order_id").map(OrderId),
        trunk: id_opt(row, "trunk_id").map(TrunkId),
        fax: id_opt(row, "fax_id").map(FaxId),
    })
}

fn step(row: &DbRow) -> Result<ItemStep> {
    let delivery: Option<&str> = row.get("delivery");
    let why: Option<&str> = row.get("why");
    let stored = |error: serde_json::Error| Error::Stored {
        doing: READ,
        what: "reason of an offer",
        problem: error.to_string(),
    };
    Ok(ItemStep {
        id: row.get("id"),
        at: time(row, "at"),
        action: ItemAction::stored(READ, row.get("action"))?,
        user: id_opt(row, "user_id").map(UserId),
        agent: id_opt(row, "agent_id").map(AgentId),
        queue: QueueId(id(row, "queue_id")),
        why: why.map(serde_json::from_str).transpose().map_err(stored)?,
        text: row.get("text"),
        delivery: delivery.map(|text| ReplyDelivery::stored(READ, text)).transpose()?,
        problem: row.get("problem"),
    })
}

/// An item to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// How it comes: `email`, `sms`, `web`, `fax` or `message`.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// The queue that hands it out.
    #[schema(value_type = String)]
    pub queue: QueueId,
    /// What it is called where it comes from, the Message-ID of a mail. A second one of the same channel
    /// and name is the first one.
    #[serde(default)]
    pub external_id: Option<String>,
    /// From whom: a mail address or a number.
    #[serde(default)]
    pub address: String,
    /// What it says it is about.
    #[serde(default)]
    pub subject: String,
    /// Its text, at most 100,000 characters.
    #[serde(default)]
    pub content: String,
    /// Added to the queue's priority, -1000 to 1000.
    #[serde(default)]
    pub priority: i32,
    /// Its age counts from here; left out, from now.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub received_at: Option<Timestamp>,
    /// The order that it belongs to.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
}
