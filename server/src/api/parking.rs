//! Who takes parked callers, and where they go whom nobody takes: a setting of the tenant.

use super::Shared;
use super::extract::Body;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::parking::ParkRules;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(rules)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put_rules)))
}

/// Who takes parked callers, and where they go whom nobody takes.
#[utoipa::path(get, path = "/api/v1/parking", tag = "routing", responses((status = 200, body = ParkRules)))]
async fn rules(State(api): State<Shared>, caller: Caller) -> Result<Json<ParkRules>, Problem> {
    Ok(Json(api.store.park_rules(caller.tenant()).await?))
}

/// Change who takes parked callers, and where they go whom nobody takes: who is parked from then on.
/// What is left out is as at first.
#[utoipa::path(put, path = "/api/v1/parking", tag = "routing", request_body = ParkRules, responses((status = 200, body = ParkRules)))]
async fn put_rules(
    State(api): State<Shared>,
    caller: Caller,
    Body(rules): Body<ParkRules>,
) -> Result<Json<ParkRules>, Problem> {
    Ok(Json(api.store.put_park_rules(caller.tenant(), &caller.by(), &rules).await?))
}
