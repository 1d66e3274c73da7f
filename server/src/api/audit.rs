//! Who did what.

use super::Shared;
use super::extract::Params;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::audit::AuditRow;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The smallest id of the page before.
    #[serde(default)]
    before: Option<i64>,
    /// Rows on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::AuditRead, routes!(list)))
}

/// Who did what, the latest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Page), responses((status = 200, body = Vec<AuditRow>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(Page { before, limit }): Params<Page>,
) -> Result<Json<Vec<AuditRow>>, Problem> {
    let limit = super::rows::page_limit(limit);
    Ok(Json(api.store.audit(caller.tenant(), before, limit).await?))
}
