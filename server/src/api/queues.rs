//! Queues, who serves them, and what agents can do.

use super::Shared;
use super::extract::{Body, Id, Returned};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::agent::Agent;
use desk::queue::{Queue, QueueDraft, Seat};
use desk::skill::Skill;
use serde::Deserialize;
use terms::{AgentId, QueueId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who serves a queue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Members {
    /// All of them, in the order that `linear` and `round_robin` go by.
    #[schema(value_type = Vec<String>)]
    agents: Vec<AgentId>,
    /// Those of them who differ from the rest.
    #[serde(default)]
    seats: Vec<Seat>,
}

/// What an agent can do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Skills {
    /// All of it, at most 32.
    skills: Vec<Skill>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(list)))
        .routes(guard.may(Permission::QueuesWrite, routes!(create)))
        .routes(guard.may(Permission::FloorRead, routes!(get)))
        .routes(guard.may(Permission::QueuesWrite, routes!(change)))
        .routes(guard.may(Permission::QueuesWrite, routes!(set_agents)))
        .routes(guard.may(Permission::QueuesWrite, routes!(set_skills)))
}

/// All queues.
#[utoipa::path(get, path = "/api/v1/queues", tag = "queues", responses((status = 200, body = Vec<Queue>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Queue>>, Problem> {
    Ok(Json(api.store.queues(caller.tenant()).await?))
}

/// Make a queue.
#[utoipa::path(post, path = "/api/v1/queues", tag = "queues", request_body = QueueDraft, responses((status = 201, body = Queue)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<QueueDraft>,
) -> Result<(StatusCode, Json<Queue>), Problem> {
    check_expression(&draft)?;
    let made = api.store.create_queue(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Refuses an expression that agents cannot be scored by.
fn check_expression(draft: &QueueDraft) -> Result<(), Problem> {
    let Some(text) = &draft.settings.expression else { return Ok(()) };
    signaling::acd::check_score(text).map_err(|problem| {
        let message = format!("expression: agents cannot be scored by this: {problem}");
        Problem::invalid("expression", message).with_errors(vec![problem])
    })
}

/// One queue.
#[utoipa::path(get, path = "/api/v1/queues/{id}", tag = "queues", params(("id" = String, Path, description = "The queue's id")), responses((status = 200, body = Queue)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(queue): Id<QueueId>,
) -> Result<Json<Queue>, Problem> {
    Ok(Json(api.store.queue(caller.tenant(), queue).await?))
}

/// Change a queue.
#[utoipa::path(put, path = "/api/v1/queues/{id}", tag = "queues", params(("id" = String, Path, description = "The queue's id")), request_body = QueueDraft, responses((status = 200, body = Queue)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(queue): Id<QueueId>,
    Returned(draft, _): Returned<QueueDraft, Queue>,
) -> Result<Json<Queue>, Problem> {
    check_expression(&draft)?;
    Ok(Json(api.store.change_queue(caller.tenant(), &caller.by(), queue, &draft).await?))
}

/// Say who serves a queue from now on.
#[utoipa::path(put, path = "/api/v1/queues/{id}/agents", tag = "queues", params(("id" = String, Path, description = "The queue's id")), request_body = Members, responses((status = 200, body = Queue)))]
async fn set_agents(
    State(api): State<Shared>,
    caller: Caller,
    Id(queue): Id<QueueId>,
    Body(Members { agents, seats }): Body<Members>,
) -> Result<Json<Queue>, Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.set_queue_agents(tenant, &by, queue, &agents, &seats).await?))
}

/// Say what an agent can do from now on: queues ask for it by `needs`.
#[utoipa::path(put, path = "/api/v1/agents/{id}/skills", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = Skills, responses((status = 200, body = Agent)))]
async fn set_skills(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(Skills { skills }): Body<Skills>,
) -> Result<Json<Agent>, Problem> {
    Ok(Json(api.store.set_agent_skills(caller.tenant(), &caller.by(), agent, &skills).await?))
}
