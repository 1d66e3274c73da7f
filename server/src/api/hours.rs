//! Opening hours.

use super::Shared;
use super::extract::Body;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::hours::HoursDraft;
use terms::routing::Hours;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(list)))
        .routes(guard.may(Permission::QueuesWrite, routes!(put)))
}

/// All opening hours.
#[utoipa::path(get, path = "/api/v1/hours", tag = "queues", responses((status = 200, body = Vec<HoursDraft>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Hours>>, Problem> {
    Ok(Json(api.store.hours(caller.tenant()).await?))
}

/// Make or replace opening hours.
#[utoipa::path(put, path = "/api/v1/hours", tag = "queues", request_body = HoursDraft, responses((status = 200, body = HoursDraft)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<HoursDraft>,
) -> Result<Json<Hours>, Problem> {
    Ok(Json(api.store.put_hours(caller.tenant(), &caller.by(), &draft).await?))
}
