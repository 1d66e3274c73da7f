//! Other sites of the tenant: who writes flows and numbers sees them, administrators change them.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::site::{Site, SiteDraft};
use terms::SiteId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::TrunksWrite, routes!(create)))
        .routes(guard.may(Permission::TrunksWrite, routes!(put, remove)))
}

/// Other sites, each behind a trunk of its own.
#[utoipa::path(get, path = "/api/v1/sites", tag = "routing", responses((status = 200, body = Vec<Site>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Site>>, Problem> {
    Ok(Json(api.store.sites(caller.tenant()).await?))
}

/// Make a site. Refused where its short numbers stand for somebody here or at another site.
#[utoipa::path(post, path = "/api/v1/sites", tag = "routing", request_body = SiteDraft, responses((status = 201, body = Site)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<SiteDraft>,
) -> Result<(StatusCode, Json<Site>), Problem> {
    let made = api.store.create_site(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a site. Its number stays while something leads there.
#[utoipa::path(put, path = "/api/v1/sites/{id}", tag = "routing", params(("id" = String, Path, description = "The site's id")), request_body = SiteDraft, responses((status = 200, body = Site)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<SiteId>,
    Body(draft): Body<SiteDraft>,
) -> Result<Json<Site>, Problem> {
    Ok(Json(api.store.put_site(caller.tenant(), &caller.by(), id, &draft).await?))
}

/// Take a site away. Refused while a number or a published flow leads there.
#[utoipa::path(delete, path = "/api/v1/sites/{id}", tag = "routing", params(("id" = String, Path, description = "The site's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<SiteId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_site(caller.tenant(), &caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
