//! How many items of a channel an agent has at a time, and how it stands now.

use crate::api::Shared;
use crate::api::extract::{Body, Id};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::item::rules::{AgentItemCapacity, ItemCapacity};
use desk::{Permission, when};
use serde::Serialize;
use terms::item::Channel;
use terms::{AgentId, QueueId, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Items right now.
#[derive(Serialize, ToSchema)]
struct ItemsLive {
    /// What waits, of the queues that one serves or sees.
    waiting: Vec<ItemsWaiting>,
    /// What one has oneself as an agent; empty for who is none.
    own: Vec<ItemsOwn>,
}

/// What waits in a queue of one channel.
#[derive(Serialize, ToSchema)]
struct ItemsWaiting {
    /// The queue.
    #[schema(value_type = String)]
    queue: QueueId,
    /// How they came.
    #[schema(value_type = String)]
    channel: Channel,
    /// How many wait, without those that are offered.
    items: u32,
    /// The next one was received then.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    received_at: Option<Timestamp>,
}

/// What an agent has of one channel.
#[derive(Serialize, ToSchema)]
struct ItemsOwn {
    /// The channel.
    #[schema(value_type = String)]
    channel: Channel,
    /// How many they are offered or have.
    open: u32,
    /// How many they may have.
    capacity: u32,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(live)))
        .routes(guard.may(Permission::FloorRead, routes!(read)))
        .routes(guard.may(Permission::QueuesWrite, routes!(put)))
        .routes(guard.may(Permission::FloorRead, routes!(read_own)))
        .routes(guard.may(Permission::AgentsWrite, routes!(put_own)))
}

/// How many items wait in the queues that one serves or sees, and how many one has oneself.
#[utoipa::path(get, path = "/api/v1/items-live", tag = "items", responses((status = 200, body = ItemsLive)))]
async fn live(State(api): State<Shared>, caller: Caller) -> Result<Json<ItemsLive>, Problem> {
    let tenant = caller.tenant();
    let seen = api.queues_seen(&caller).await?;
    let queues = api.store.queues(tenant).await?.into_iter().map(|queue| queue.id);
    let queues: Vec<QueueId> =
        queues.filter(|queue| seen.as_ref().is_none_or(|seen| seen.contains(queue))).collect();
    let waiting = api.items.waiting(tenant, &queues).await?.into_iter();
    let waiting = waiting.map(|(queue, channel, waiting)| ItemsWaiting {
        queue,
        channel,
        items: waiting.items,
        received_at: waiting.first,
    });
    let own = match caller.agent() {
        Some(agent) => api.items.open_of(tenant, agent).await?,
        None => Vec::new(),
    };
    let own = own.into_iter();
    let own = own.map(|(channel, open, capacity)| ItemsOwn { channel, open, capacity });
    Ok(Json(ItemsLive { waiting: waiting.collect(), own: own.collect() }))
}

/// How many items of a channel agents have at a time, where they have no numbers of their own.
#[utoipa::path(get, path = "/api/v1/item-capacity", tag = "items", responses((status = 200, body = ItemCapacity)))]
async fn read(State(api): State<Shared>, caller: Caller) -> Result<Json<ItemCapacity>, Problem> {
    Ok(Json(api.store.item_capacity(caller.tenant()).await?))
}

/// Change how many items of a channel agents have at a time, from the next offer on. What is left out
/// is as at first.
#[utoipa::path(put, path = "/api/v1/item-capacity", tag = "items", request_body = ItemCapacity, responses((status = 204)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Body(setting): Body<ItemCapacity>,
) -> Result<StatusCode, Problem> {
    api.store.put_item_capacity(caller.tenant(), &caller.by(), &setting).await?;
    api.items.rules_changed(caller.tenant()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many items of a channel an agent has at a time by numbers of their own.
#[utoipa::path(get, path = "/api/v1/agents/{id}/item-capacity", tag = "items", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = AgentItemCapacity)))]
async fn read_own(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<AgentItemCapacity>, Problem> {
    Ok(Json(api.store.agent_item_capacity(caller.tenant(), agent).await?))
}

/// Change how many items of a channel an agent has at a time, from the next offer on. Of a channel that
/// is left out they have as many as others.
#[utoipa::path(put, path = "/api/v1/agents/{id}/item-capacity", tag = "items", params(("id" = String, Path, description = "The agent's id")), request_body = AgentItemCapacity, responses((status = 204)))]
async fn put_own(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(own): Body<AgentItemCapacity>,
) -> Result<StatusCode, Problem> {
    api.store.put_agent_item_capacity(caller.tenant(), &caller.by(), agent, &own).await?;
    api.items.rules_changed(caller.tenant()).await?;
    Ok(StatusCode::NO_CONTENT)
}
