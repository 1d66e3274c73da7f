//! Connectors to business databases. Their passwords go in and never come out.

use super::Shared;
use super::extract::{Id, Returned};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::connector::{Connector, ConnectorDraft};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ConnectorsWrite, routes!(list)))
        .routes(guard.may(Permission::ConnectorsWrite, routes!(put)))
        .routes(guard.may(Permission::ConnectorsWrite, routes!(remove)))
}

/// All connectors, without their passwords.
#[utoipa::path(get, path = "/api/v1/connectors", tag = "flows", responses((status = 200, body = Vec<Connector>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Connector>>, Problem> {
    Ok(Json(api.store.connectors(caller.tenant()).await?))
}

/// Make or change a connector. A password that is left out stays as it is, as long as address and user
/// do.
#[utoipa::path(put, path = "/api/v1/connectors/{name}", tag = "flows", params(("name" = String, Path, description = "The connector's name")), request_body = ConnectorDraft, responses((status = 200, body = Connector)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    Returned(draft, _): Returned<ConnectorDraft, Connector>,
) -> Result<Json<Connector>, Problem> {
    Ok(Json(api.store.put_connector(caller.tenant(), &caller.by(), &name, &draft).await?))
}

/// Take a connector away that no published flow names.
#[utoipa::path(delete, path = "/api/v1/connectors/{name}", tag = "flows", params(("name" = String, Path, description = "The connector's name")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, Problem> {
    api.store.remove_connector(caller.tenant(), &caller.by(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
