//! SIP trunks. Their passwords go in and never come out.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::trunk::{Trunk, TrunkDraft};
use terms::TrunkId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::TrunksRead, routes!(list)))
        .routes(guard.may(Permission::TrunksWrite, routes!(create)))
        .routes(guard.may(Permission::TrunksWrite, routes!(change)))
}

/// All trunks.
#[utoipa::path(get, path = "/api/v1/trunks", tag = "routing", responses((status = 200, body = Vec<Trunk>)))]
async fn list(State(api): State<Shared>, caller: Caller) -> Result<Json<Vec<Trunk>>, Problem> {
    Ok(Json(api.store.trunks(caller.tenant()).await?))
}

/// Make a trunk.
#[utoipa::path(post, path = "/api/v1/trunks", tag = "routing", request_body = TrunkDraft, responses((status = 201, body = Trunk)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<TrunkDraft>,
) -> Result<(StatusCode, Json<Trunk>), Problem> {
    let made = api.store.create_trunk(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a trunk. A password that is left out stays as it is.
#[utoipa::path(put, path = "/api/v1/trunks/{id}", tag = "routing", params(("id" = String, Path, description = "The trunk's id")), request_body = TrunkDraft, responses((status = 200, body = Trunk)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(trunk): Id<TrunkId>,
    Body(draft): Body<TrunkDraft>,
) -> Result<Json<Trunk>, Problem> {
    Ok(Json(api.store.change_trunk(caller.tenant(), &caller.by(), trunk, &draft).await?))
}
