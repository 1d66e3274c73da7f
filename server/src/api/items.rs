//! Items: pieces of work that are no call. Programs bring them in, queues hand them out, agents take
//! them, answer and are done. An agent sees those that are offered to them, that they have, and that they
//! did; who sees the calls of others sees the items of the queues whose messages they see. Whoever does
//! something to one is a step of it, and a row of the audit table.

mod capacity;
pub mod handing;
pub mod replies;
pub mod tell;

use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::texts::{Asked, Wanted};
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::item::query::ItemFilter;
use desk::item::write::{ItemChange, ReplyWay};
use desk::item::{Item, ItemState, ItemStep, NewItem, ReplyDelivery};
use desk::{Permission, when};
use handing::NOT_TAKEN;
use serde::{Deserialize, Serialize};
use terms::item::Channel;
use terms::number::masked_address;
use terms::{AgentId, ItemId, OrderId, QueueId, Timestamp};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An item with all that was done to it.
#[derive(Serialize, ToSchema)]
struct ItemView {
    /// The item.
    #[serde(flatten)]
    item: Item,
    /// Its life, from the beginning.
    steps: Vec<ItemStep>,
}

/// A page of items.
#[derive(Serialize, ToSchema)]
#[schema(as = ItemPage)]
pub(super) struct Page {
    /// The items, without their texts.
    items: Vec<Item>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// `email`, `sms`, `web`, `fax` or `message`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    channel: Option<Channel>,
    /// `waiting`, `offered`, `taken`, `done` or `closed`.
    #[serde(default)]
    #[param(inline)]
    state: Option<ItemState>,
    /// The queue.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// Who is offered it, has it, or did it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// Received at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Received before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Items on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A remark.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemRemark {
    /// It.
    #[serde(default)]
    note: String,
}

/// Where an item goes: to a queue or to an agent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemOnward {
    /// It waits in this queue, with its age.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// It is offered to this agent at once.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// A remark.
    #[serde(default)]
    note: String,
}

/// How an item ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemEnding {
    /// What it was about.
    #[serde(default)]
    disposition: Option<String>,
    /// The order that it was made into.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    order: Option<OrderId>,
    /// A remark.
    #[serde(default)]
    note: String,
}

/// An answer to whom an item came from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemAnswer {
    /// It.
    text: String,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::OrdersWrite, routes!(create)))
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(get)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(take)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(decline)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(release)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(transfer)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(note)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(reply)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(done)))
        .routes(guard.may(Permission::CallsControl, routes!(close)))
        .merge(capacity::routes(guard))
}

/// Bring an item in: a mail, a short message, what somebody wrote on a website. It waits in its queue
/// and is handed to an agent. With the `external_id` of one that came before in the same channel
/// nothing is made, and that one is answered with 200; without address, subject and text where one does
/// not see it.
#[utoipa::path(
    post, path = "/api/v1/items", tag = "items", request_body = NewItem,
    responses(
        (status = 201, description = "It waits", body = Item),
        (status = 200, description = "It came before", body = Item),
        (status = 404, description = "There is no such queue or order", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Too many are not over", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewItem>,
) -> Result<(StatusCode, Json<Item>), Problem> {
    let (item, is_new) = api.items.create(caller.tenant(), caller.by(), new).await?;
    if is_new {
        return Ok((StatusCode::CREATED, Json(shown(&caller, item))));
    }
    // A name may be guessed: it tells nobody what they do not see otherwise.
    let item = match api.item_seen(&caller, item.id).await {
        Ok(_) => shown(&caller, item),
        Err(_) => without_words(item),
    };
    Ok((StatusCode::OK, Json(item)))
}

/// Find items, the latest first: one's own, and, with `calls.read`, those of the queues that one sees.
#[utoipa::path(get, path = "/api/v1/items", tag = "items", params(Search), responses((status = 200, body = Page)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<Page>, Problem> {
    let mut filter = ItemFilter {
        channel: search.channel,
        state: search.state,
        queue: search.queue,
        agent: search.agent,
        from: search.from,
        to: search.to,
        queues: None,
        cursor: search.cursor,
        limit: super::rows::page_limit(search.limit),
    };
    if caller.may(Permission::CallsRead) {
        filter.queues = api.queues_seen(&caller).await?;
    } else {
        let own = caller.agent().filter(|own| filter.agent.is_none_or(|agent| agent == *own));
        let Some(own) = own else { return Ok(Json(Page { items: Vec::new(), next: None })) };
        filter.agent = Some(own);
    }
    let page = api.store.items(caller.tenant(), &filter).await?;
    let items = page.items.into_iter().map(|item| shown(&caller, item)).collect();
    Ok(Json(Page { items, next: page.next }))
}

/// One item, with its text and all that was done to it: each offer says why this agent.
#[utoipa::path(get, path = "/api/v1/items/{id}", tag = "items", params(("id" = String, Path, description = "The item's id")), responses((status = 200, body = ItemView)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
) -> Result<Json<ItemView>, Problem> {
    let item = api.item_seen(&caller, id).await?;
    let steps = api.store.item_steps(caller.tenant(), id).await?;
    Ok(Json(ItemView { item: shown(&caller, item), steps }))
}

/// Take an item that one is offered, or that waits in a queue that one serves.
#[utoipa::path(
    post, path = "/api/v1/items/{id}/take", tag = "items",
    params(("id" = String, Path, description = "The item's id")),
    responses(
        (status = 200, body = Item),
        (status = 409, description = "Somebody else has it, or one has as many as one may have", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn take(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
) -> Result<Json<Item>, Problem> {
    let agent = own_agent(&caller)?;
    let item = api.items.take(caller.tenant(), caller.by(), id, agent).await?;
    Ok(Json(shown(&caller, item)))
}

/// Say that one does not want what one is offered. It is offered to others.
#[utoipa::path(post, path = "/api/v1/items/{id}/decline", tag = "items", params(("id" = String, Path, description = "The item's id")), responses((status = 204)))]
async fn decline(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
) -> Result<StatusCode, Problem> {
    let agent = own_agent(&caller)?;
    api.item_seen(&caller, id).await?;
    api.change_item(&caller, (id, None), ItemChange::Decline { agent }).await
}

/// Give an item back: it waits in its queue with its age. One's own, or, with `calls.control`, any.
#[utoipa::path(post, path = "/api/v1/items/{id}/release", tag = "items", params(("id" = String, Path, description = "The item's id")), request_body = ItemRemark, responses((status = 204)))]
async fn release(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
    Body(ItemRemark { note }): Body<ItemRemark>,
) -> Result<StatusCode, Problem> {
    let (_, holder) = api.item_held(&caller, id).await?;
    api.change_item(&caller, (id, holder), ItemChange::Release { note }).await
}

/// Pass an item on, to a queue, in which it keeps its age, or to an agent who is signed in, has no call
/// and may have one more. One's own, or, with `calls.control`, any.
#[utoipa::path(
    post, path = "/api/v1/items/{id}/transfer", tag = "items", request_body = ItemOnward,
    params(("id" = String, Path, description = "The item's id")),
    responses(
        (status = 204),
        (status = 409, description = "The agent cannot have it", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn transfer(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
    Body(ItemOnward { queue, agent, note }): Body<ItemOnward>,
) -> Result<StatusCode, Problem> {
    let (_, holder) = api.item_held(&caller, id).await?;
    match (queue, agent) {
        (Some(queue), None) => {
            api.change_item(&caller, (id, holder), ItemChange::Transfer { queue, note }).await
        }
        (None, Some(agent)) => {
            api.store.agent(caller.tenant(), agent).await?;
            let whose = (id, holder);
            api.items.give(caller.tenant(), caller.by(), whose, (agent, note)).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(Problem::invalid("queue", "name a queue or an agent, one of them")),
    }
}

/// Write a remark into an item.
#[utoipa::path(post, path = "/api/v1/items/{id}/note", tag = "items", params(("id" = String, Path, description = "The item's id")), request_body = ItemRemark, responses((status = 204)))]
async fn note(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
    Body(ItemRemark { note }): Body<ItemRemark>,
) -> Result<StatusCode, Problem> {
    api.item_seen(&caller, id).await?;
    api.change_item(&caller, (id, None), ItemChange::Note { note }).await
}

/// Answer whom an item came from. The reply to a mail goes out by the mail server of the box, where
/// there is one, and to a text over the trunk that it came over, by your right to call out; of any other
/// a program is told by the event `item`, and carries it. 409 says why nobody gets it.
#[utoipa::path(post, path = "/api/v1/items/{id}/reply", tag = "items", params(("id" = String, Path, description = "The item's id")), request_body = ItemAnswer, responses((status = 204)))]
async fn reply(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
    Body(ItemAnswer { text }): Body<ItemAnswer>,
) -> Result<StatusCode, Problem> {
    let (item, holder) = api.item_held(&caller, id).await?;
    match api.items.reply_way(&item) {
        // What is begun is finished, also when who asked hangs up.
        ReplyWay::Text => handing::whole(by_text(api, caller, (item, holder), text)).await,
        way => api.change_item(&caller, (id, holder), ItemChange::Reply { text, way }).await,
    }
}

/// Say that an item is done. One's own, or, with `calls.control`, any that somebody has.
#[utoipa::path(post, path = "/api/v1/items/{id}/done", tag = "items", params(("id" = String, Path, description = "The item's id")), request_body = ItemEnding, responses((status = 204)))]
async fn done(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
    Body(ItemEnding { disposition, order, note }): Body<ItemEnding>,
) -> Result<StatusCode, Problem> {
    let (_, holder) = api.item_held(&caller, id).await?;
    api.change_item(&caller, (id, holder), ItemChange::Done { disposition, note, order }).await
}

/// Close an item without an answer, whoever has it.
#[utoipa::path(post, path = "/api/v1/items/{id}/close", tag = "items", params(("id" = String, Path, description = "The item's id")), request_body = ItemRemark, responses((status = 204)))]
async fn close(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ItemId>,
    Body(ItemRemark { note }): Body<ItemRemark>,
) -> Result<StatusCode, Problem> {
    api.item_seen(&caller, id).await?;
    api.change_item(&caller, (id, None), ItemChange::Close { note }).await
}

/// Has a reply sent over the trunk that its item came over. It is written down before the switch is asked
/// for it.
async fn by_text(
    api: Shared,
    caller: Caller,
    (item, holder): (Item, Option<AgentId>),
    text: String,
) -> Result<StatusCode, Problem> {
    let (tenant, store) = (caller.tenant(), &api.store);
    let wanted = Wanted::checked(item.address, text.trim(), item.trunk)?;
    let said = wanted.text.0.clone();
    let step = api.items.reply_by_text(tenant, caller.by(), (item.id, holder), said).await?;
    let asked = match api.ask_text(&caller, wanted).await {
        Ok(asked) => asked,
        Err(problem) => {
            let unasked = (ReplyDelivery::Failed, "");
            store.note_reply_untexted(tenant, step, unasked).await?;
            return Err(problem);
        }
    };
    let (delivery, why) = match asked {
        Asked::Going(text) => {
            store.note_reply_text(tenant, step, text.id).await?;
            return Ok(StatusCode::NO_CONTENT);
        }
        Asked::Refused(why) => (ReplyDelivery::Failed, why),
        Asked::Unsure(why) => (ReplyDelivery::Uncertain, why),
    };
    store.note_reply_untexted(tenant, step, (delivery, &why)).await?;
    Err(Problem::conflict(why))
}

/// As `caller` may see it.
fn shown(caller: &Caller, item: Item) -> Item {
    if !caller.hides_numbers() {
        return item;
    }
    let address = masked_address(&item.address);
    Item { address, ..item }
}

/// An item of which one learns that it is there.
fn without_words(item: Item) -> Item {
    Item { address: String::new(), subject: String::new(), content: String::new(), ..item }
}

fn own_agent(caller: &Caller) -> Result<AgentId, Problem> {
    caller.agent().ok_or_else(|| Problem::conflict("only an agent takes and declines items"))
}

impl Api {
    /// An item that `caller` sees; 404 where not.
    async fn item_seen(&self, caller: &Caller, id: ItemId) -> Result<Item, Problem> {
        let item = self.store.item(caller.tenant(), id).await?;
        if item.agent.is_some() && item.agent == caller.agent() {
            return Ok(item);
        }
        if caller.may(Permission::CallsRead) {
            let seen = self.queues_seen(caller).await?;
            if seen.is_none_or(|seen| seen.contains(&item.queue)) {
                return Ok(item);
            }
        }
        Err(Problem::not_found("There is no such item."))
    }

    /// An item that `caller` has, or sees and may act on whoever has it. In the first case with who must
    /// have it still when it is acted on.
    async fn item_held(
        &self,
        caller: &Caller,
        id: ItemId,
    ) -> Result<(Item, Option<AgentId>), Problem> {
        let item = self.item_seen(caller, id).await?;
        if caller.may(Permission::CallsControl) {
            return Ok((item, None));
        }
        match item.agent.filter(|_| item.state == ItemState::Taken) {
            Some(holder) if caller.agent() == Some(holder) => Ok((item, Some(holder))),
            _ => Err(Problem::conflict(NOT_TAKEN)),
        }
    }

    async fn change_item(
        &self,
        caller: &Caller,
        whose: (ItemId, Option<AgentId>),
        change: ItemChange,
    ) -> Result<StatusCode, Problem> {
        self.items.change(caller.tenant(), caller.by(), whose, change).await?;
        Ok(StatusCode::NO_CONTENT)
    }
}
