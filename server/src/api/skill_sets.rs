//! Skill sets: who signs in sees what there is to choose, who changes queues changes it.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::skill_set::{SkillSet, SkillSetDraft};
use terms::SkillSetId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(list)))
        .routes(guard.may(Permission::QueuesWrite, routes!(create)))
        .routes(guard.may(Permission::QueuesWrite, routes!(put, remove)))
}

/// Skill sets, each with the agents who may choose it when they sign in.
#[utoipa::path(get, path = "/api/v1/skill-sets", tag = "queues", responses((status = 200, body = Vec<SkillSet>)))]
pub(in crate::api) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<SkillSet>>, Problem> {
    Ok(Json(api.store.skill_sets(caller.tenant()).await?))
}

/// Make a skill set: for one sitting it leaves an agent of their own skills and queues those that it
/// names.
#[utoipa::path(post, path = "/api/v1/skill-sets", tag = "queues", request_body = SkillSetDraft, responses((status = 201, body = SkillSet)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<SkillSetDraft>,
) -> Result<(StatusCode, Json<SkillSet>), Problem> {
    let made = api.store.create_skill_set(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a skill set, also for agents who sit with it.
#[utoipa::path(put, path = "/api/v1/skill-sets/{id}", tag = "queues", params(("id" = String, Path, description = "The skill set's id")), request_body = SkillSetDraft, responses((status = 200, body = SkillSet)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<SkillSetId>,
    Body(draft): Body<SkillSetDraft>,
) -> Result<Json<SkillSet>, Problem> {
    Ok(Json(api.store.put_skill_set(caller.tenant(), &caller.by(), id, &draft).await?))
}

/// Take a skill set away. For agents who sit with it all that they can counts again.
#[utoipa::path(delete, path = "/api/v1/skill-sets/{id}", tag = "queues", params(("id" = String, Path, description = "The skill set's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<SkillSetId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_skill_set(caller.tenant(), &caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
