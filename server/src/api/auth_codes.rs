//! Authorisation codes: one more phone or app of an agent registers by one, until it is taken back.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::auth_code::AuthCode;
use serde::{Deserialize, Serialize};
use terms::AgentId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A code to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAuthCode {
    /// Which phone or app it is for, in people's words.
    name: String,
}

/// A code that was just issued.
#[derive(Serialize, ToSchema)]
struct IssuedAuthCode {
    /// What the phone proves itself with, as its password. Shown once.
    code: String,
    /// Which it is.
    #[serde(flatten)]
    of: AuthCode,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::AgentsWrite, routes!(list)))
        .routes(guard.may(Permission::AgentsWrite, routes!(issue)))
        .routes(guard.may(Permission::AgentsWrite, routes!(revoke)))
}

/// The codes of an agent, without their secrets.
#[utoipa::path(get, path = "/api/v1/agents/{id}/auth-codes", tag = "agents", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = Vec<AuthCode>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<Vec<AuthCode>>, Problem> {
    Ok(Json(api.store.auth_codes(caller.tenant(), agent).await?))
}

/// Issue a code for one more phone or app of an agent.
#[utoipa::path(post, path = "/api/v1/agents/{id}/auth-codes", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = NewAuthCode, responses((status = 201, body = IssuedAuthCode)))]
async fn issue(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(new): Body<NewAuthCode>,
) -> Result<(StatusCode, Json<IssuedAuthCode>), Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    let (of, code) = api.store.issue_auth_code(tenant, &by, agent, &new.name).await?;
    Ok((StatusCode::CREATED, Json(IssuedAuthCode { code: code.expose().to_owned(), of })))
}

/// Take a code back: what registered with it is registered no more.
#[utoipa::path(delete, path = "/api/v1/auth-codes/{id}", tag = "agents", params(("id" = String, Path, description = "The code's id")), responses((status = 204)))]
async fn revoke(
    State(api): State<Shared>,
    caller: Caller,
    Id(code): Id<i64>,
) -> Result<StatusCode, Problem> {
    api.store.revoke_auth_code(caller.tenant(), &caller.by(), code).await?;
    Ok(StatusCode::NO_CONTENT)
}
