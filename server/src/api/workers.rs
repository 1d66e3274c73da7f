//! Field workers: their phones, their leave, and who stands in for them.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::worker::{Worker, WorkerDraft};
use terms::WorkerId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::WorkersWrite, routes!(create)))
        .routes(guard.may(Permission::RoutingRead, routes!(get)))
        .routes(guard.may(Permission::WorkersWrite, routes!(change)))
        .routes(guard.may(Permission::WorkersWrite, routes!(remove)))
}

/// All field workers, and where they work.
#[utoipa::path(get, path = "/api/v1/workers", tag = "areas", responses((status = 200, body = Vec<Worker>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Worker>>, Problem> {
    Ok(Json(api.store.workers(caller.tenant()).await?))
}

/// Make a field worker. An area says that they work there.
#[utoipa::path(post, path = "/api/v1/workers", tag = "areas", request_body = WorkerDraft, responses((status = 201, body = Worker)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<WorkerDraft>,
) -> Result<(StatusCode, Json<Worker>), Problem> {
    let made = api.store.create_worker(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One field worker.
#[utoipa::path(get, path = "/api/v1/workers/{id}", tag = "areas", params(("id" = String, Path, description = "The field worker's id")), responses((status = 200, body = Worker)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(worker): Id<WorkerId>,
) -> Result<Json<Worker>, Problem> {
    Ok(Json(api.store.worker(caller.tenant(), worker).await?))
}

/// Change a field worker: another phone, bound or not, a leave, a substitute. The published numbers
/// stay as they are; it counts from the next call on.
#[utoipa::path(put, path = "/api/v1/workers/{id}", tag = "areas", params(("id" = String, Path, description = "The field worker's id")), request_body = WorkerDraft, responses((status = 200, body = Worker)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(worker): Id<WorkerId>,
    Body(draft): Body<WorkerDraft>,
) -> Result<Json<Worker>, Problem> {
    Ok(Json(api.store.change_worker(caller.tenant(), &caller.by(), worker, &draft).await?))
}

/// Take a field worker away who works nowhere and stands in for nobody.
#[utoipa::path(delete, path = "/api/v1/workers/{id}", tag = "areas", params(("id" = String, Path, description = "The field worker's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(worker): Id<WorkerId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_worker(caller.tenant(), &caller.by(), worker).await?;
    Ok(StatusCode::NO_CONTENT)
}
