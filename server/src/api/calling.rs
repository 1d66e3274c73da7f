//! What agents may call outside, who is barred from it, and what agents set for their phones.

pub mod follow;

use super::Shared;
use super::extract::{Body, Id};
use super::forwarding::Forwards;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::agent::Agent;
use desk::calling::{CallingRight, CallingRules};
use serde::Serialize;
use terms::AgentId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What an agent set for their phone. It lasts over every stop.
#[derive(Serialize, ToSchema)]
struct PhoneSettings {
    /// Nobody may ring there.
    do_not_disturb: bool,
    /// Where calls to their extension go.
    forwarding: Forwards,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(rules)))
        .routes(guard.may(Permission::CallingWrite, routes!(put_rules)))
        .routes(guard.may(Permission::CallingWrite, routes!(set_right)))
        .routes(guard.may(Permission::CallingWrite, routes!(lift_bar)))
        .routes(guard.may(Permission::AgentStateOwn, routes!(phone)))
}

/// What agents may call outside who have no right of their own.
#[utoipa::path(get, path = "/api/v1/calling-rules", tag = "routing", responses((status = 200, body = CallingRules)))]
async fn rules(State(api): State<Shared>, caller: Caller) -> Result<Json<CallingRules>, Problem> {
    Ok(Json(api.store.calling_rules(caller.tenant()).await?))
}

/// Change what agents may call outside. What is left out is as at first: the country, and no prefix
/// in a class of one's own.
#[utoipa::path(put, path = "/api/v1/calling-rules", tag = "routing", request_body = CallingRules, responses((status = 204)))]
async fn put_rules(
    State(api): State<Shared>,
    caller: Caller,
    Body(rules): Body<CallingRules>,
) -> Result<StatusCode, Problem> {
    api.store.put_calling_rules(caller.tenant(), &caller.by(), &rules).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an agent a right to call out of their own, or take it back. What is left out is the tenant's.
#[utoipa::path(put, path = "/api/v1/agents/{id}/calling-right", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = CallingRight, responses((status = 200, body = Agent)))]
async fn set_right(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(right): Body<CallingRight>,
) -> Result<Json<Agent>, Problem> {
    Ok(Json(api.store.set_calling_right(caller.tenant(), &caller.by(), agent, right).await?))
}

/// Let an agent call out again who was barred: renew the phone's password first, if it was stolen.
#[utoipa::path(delete, path = "/api/v1/agents/{id}/bar", tag = "agents", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = Agent)))]
async fn lift_bar(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<Agent>, Problem> {
    Ok(Json(api.store.lift_bar(caller.tenant(), &caller.by(), agent).await?))
}

/// Do not disturb and forwarding, whether the switch runs or not: one's own, or, with
/// `agents.state`, those of any agent.
#[utoipa::path(get, path = "/api/v1/agents/{id}/phone-settings", tag = "agents", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = PhoneSettings)))]
async fn phone(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<PhoneSettings>, Problem> {
    if caller.agent() != Some(agent) {
        caller.must(Permission::AgentState)?;
        api.must_see(&caller, agent).await?;
    }
    let kept = api.store.phone_settings(caller.tenant(), agent).await?;
    // The switch knows of what was set a moment ago.
    let live = api.live_state(&caller).await.ok();
    let live = live.and_then(|live| live.agents.into_iter().find(|live| live.agent == agent));
    let (do_not_disturb, forwarding) = match live {
        Some(live) => (live.do_not_disturb, live.forwarding),
        None => (kept.do_not_disturb, kept.forwarding),
    };
    Ok(Json(PhoneSettings { do_not_disturb, forwarding: Forwards::from(&forwarding) }))
}
