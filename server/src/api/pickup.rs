//! Call pickup: one's own phone rings and, answered, has the call that rings at a colleague's, or
//! the caller who is parked on a slot. The switch knows who may pick up: those who serve a queue
//! together, and who was given the right to all. A parked caller may be taken by any agent, or by these
//! alone, as the tenant says (`parking`).

use super::agents::done;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::agent::Agent;
use serde::Deserialize;
use terms::AgentId;
use terms::control::Ask;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whose calls an agent may pick up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PickupRight {
    /// Anybody's; else those of who serve a queue together with them.
    any: bool,
}

/// Where a caller is parked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ParkSlot {
    /// The slot, from 1 on.
    slot: u8,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsControlOwn, routes!(pick_up_of_team)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(pick_up)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(take_parked)))
        .routes(guard.may(Permission::UsersWrite, routes!(set_right)))
}

/// Pick up the call that rings longest in one's team: one's phone rings and, answered, has it.
#[utoipa::path(post, path = "/api/v1/pick-up", tag = "calls", responses((status = 204)))]
async fn pick_up_of_team(State(api): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    api.pick_up(&caller, None).await
}

/// Pick up the call that rings at this agent's phone: one's own rings and, answered, has it. Until
/// then the other rings on, and who answers first has the caller.
#[utoipa::path(post, path = "/api/v1/agents/{id}/pick-up", tag = "calls", params(("id" = String, Path, description = "The agent's id")), responses((status = 204)))]
async fn pick_up(
    State(api): State<Shared>,
    caller: Caller,
    Id(from): Id<AgentId>,
) -> Result<StatusCode, Problem> {
    api.store.agent(caller.tenant(), from).await?;
    api.pick_up(&caller, Some(from)).await
}

/// Take the caller who is parked on a slot: one's phone rings and, answered, has them.
#[utoipa::path(post, path = "/api/v1/take-parked", tag = "calls", request_body = ParkSlot, responses((status = 204)))]
async fn take_parked(
    State(api): State<Shared>,
    caller: Caller,
    Body(ParkSlot { slot }): Body<ParkSlot>,
) -> Result<StatusCode, Problem> {
    let by = phone_of(&caller)?;
    done(api.calls.ask(Ask::TakeParked { tenant: caller.tenant(), by, slot }).await)
}

/// Let an agent pick up anybody's calls, or those of their own team alone.
#[utoipa::path(put, path = "/api/v1/agents/{id}/pickup-right", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = PickupRight, responses((status = 200, body = Agent)))]
async fn set_right(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(PickupRight { any }): Body<PickupRight>,
) -> Result<Json<Agent>, Problem> {
    Ok(Json(api.store.set_pickup_any(caller.tenant(), &caller.by(), agent, any).await?))
}

impl Api {
    async fn pick_up(&self, caller: &Caller, from: Option<AgentId>) -> Result<StatusCode, Problem> {
        let by = phone_of(caller)?;
        done(self.calls.ask(Ask::PickUp { tenant: caller.tenant(), by, from }).await)
    }
}

fn phone_of(caller: &Caller) -> Result<AgentId, Problem> {
    caller.agent().ok_or_else(|| Problem::conflict("you have no phone as an agent"))
}
