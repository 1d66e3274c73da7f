//! Areas of the field grid.

use super::Shared;
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::area::{Area, AreaDraft};
use serde::Deserialize;
use terms::AreaId;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingRead, routes!(at)))
        .routes(guard.may(Permission::RoutingWrite, routes!(create)))
        .routes(guard.may(Permission::RoutingRead, routes!(get)))
        .routes(guard.may(Permission::RoutingWrite, routes!(change)))
        .routes(guard.may(Permission::RoutingWrite, routes!(remove)))
}

/// All areas, by code.
#[utoipa::path(get, path = "/api/v1/areas", tag = "areas", responses((status = 200, body = Vec<Area>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Area>>, Problem> {
    Ok(Json(api.store.areas(caller.tenant()).await?))
}

/// An address.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Place {
    /// As people write it.
    address: String,
}

/// The area in which an address lies: the whole address before its longest beginning, that before the
/// longest word in it.
#[utoipa::path(get, path = "/api/v1/area-of-address", tag = "areas", params(Place), responses((status = 200, body = Area)))]
async fn at(
    State(api): State<Shared>,
    caller: Caller,
    Params(place): Params<Place>,
) -> Result<Json<Area>, Problem> {
    let found = api.store.area_at(caller.tenant(), &place.address).await?;
    found.map(Json).ok_or_else(|| Problem::not_found("This address lies in no area."))
}

/// Make an area.
#[utoipa::path(post, path = "/api/v1/areas", tag = "areas", request_body = AreaDraft, responses((status = 201, body = Area)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<AreaDraft>,
) -> Result<(StatusCode, Json<Area>), Problem> {
    let made = api.store.create_area(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One area.
#[utoipa::path(get, path = "/api/v1/areas/{id}", tag = "areas", params(("id" = String, Path, description = "The area's id")), responses((status = 200, body = Area)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(area): Id<AreaId>,
) -> Result<Json<Area>, Problem> {
    Ok(Json(api.store.area(caller.tenant(), area).await?))
}

/// Change an area: who works there, which queue stands behind them, which callers belong there. It
/// counts from the next call on.
#[utoipa::path(put, path = "/api/v1/areas/{id}", tag = "areas", params(("id" = String, Path, description = "The area's id")), request_body = AreaDraft, responses((status = 200, body = Area)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(area): Id<AreaId>,
    Body(draft): Body<AreaDraft>,
) -> Result<Json<Area>, Problem> {
    Ok(Json(api.store.change_area(caller.tenant(), &caller.by(), area, &draft).await?))
}

/// Take an area away. Its field workers stay.
#[utoipa::path(delete, path = "/api/v1/areas/{id}", tag = "areas", params(("id" = String, Path, description = "The area's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(area): Id<AreaId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_area(caller.tenant(), &caller.by(), area).await?;
    Ok(StatusCode::NO_CONTENT)
}
