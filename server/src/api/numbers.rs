//! Published numbers, callers that are not let in, and those that always are.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::allowed::{Allow, Allowed};
use desk::blocked::{Block, Blocked};
use desk::number::{Number, NumberDraft};
use serde::Deserialize;
use terms::NumberId;
use terms::routing::{NumberRule, Target};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What answers a number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTarget {
    /// `{"flow": "1"}`, `{"queue": "1"}`, `{"agent": "2"}`, `{"number": "1001"}`,
    /// `{"voicemail": "1"}`, `{"conference": "1"}`, `{"site": "1"}` or `"hangup"`.
    #[schema(value_type = Object)]
    target: Target,
}

/// What answers a number by trunk and time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRules {
    /// In order, the first that fits decides:
    /// `{"trunk": "1", "hours": "office", "closed": true, "target": {"flow": "2"}}`. Without `trunk`
    /// over any, without `hours` at any time.
    #[schema(value_type = Vec<Object>)]
    rules: Vec<NumberRule>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingWrite, routes!(create)))
        .routes(guard.may(Permission::RoutingWrite, routes!(set_target)))
        .routes(guard.may(Permission::RoutingWrite, routes!(set_rules)))
        .routes(guard.may(Permission::RoutingWrite, routes!(remove)))
        .routes(guard.may(Permission::RoutingRead, routes!(list_blocked)))
        .routes(guard.may(Permission::RoutingWrite, routes!(block)))
        .routes(guard.may(Permission::RoutingWrite, routes!(unblock)))
        .routes(guard.may(Permission::RoutingRead, routes!(list_allowed)))
        .routes(guard.may(Permission::RoutingWrite, routes!(allow)))
        .routes(guard.may(Permission::RoutingWrite, routes!(disallow)))
}

/// All numbers.
#[utoipa::path(get, path = "/api/v1/numbers", tag = "routing", responses((status = 200, body = Vec<Number>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Number>>, Problem> {
    Ok(Json(api.store.numbers(caller.tenant()).await?))
}

/// Publish a number.
#[utoipa::path(post, path = "/api/v1/numbers", tag = "routing", request_body = NumberDraft, responses((status = 201, body = Number)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<NumberDraft>,
) -> Result<(StatusCode, Json<Number>), Problem> {
    let made = api.store.create_number(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change what answers a number.
#[utoipa::path(put, path = "/api/v1/numbers/{id}/target", tag = "routing", params(("id" = String, Path, description = "The number's id")), request_body = NewTarget, responses((status = 204)))]
async fn set_target(
    State(api): State<Shared>,
    caller: Caller,
    Id(number): Id<NumberId>,
    Body(NewTarget { target }): Body<NewTarget>,
) -> Result<StatusCode, Problem> {
    api.store.set_number_target(caller.tenant(), &caller.by(), number, &target).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace what answers a number by trunk and time, for calls from outside.
#[utoipa::path(put, path = "/api/v1/numbers/{id}/rules", tag = "routing", params(("id" = String, Path, description = "The number's id")), request_body = NewRules, responses((status = 204)))]
async fn set_rules(
    State(api): State<Shared>,
    caller: Caller,
    Id(number): Id<NumberId>,
    Body(NewRules { rules }): Body<NewRules>,
) -> Result<StatusCode, Problem> {
    api.store.set_number_rules(caller.tenant(), &caller.by(), number, &rules).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a number out of use.
#[utoipa::path(delete, path = "/api/v1/numbers/{id}", tag = "routing", params(("id" = String, Path, description = "The number's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(number): Id<NumberId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_number(caller.tenant(), &caller.by(), number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Callers that are not let in.
#[utoipa::path(get, path = "/api/v1/blocked", tag = "routing", responses((status = 200, body = Vec<Blocked>)))]
pub(super) async fn list_blocked(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Blocked>>, Problem> {
    Ok(Json(api.store.blocked(caller.tenant()).await?))
}

/// Let a caller in no more, for some days or for ever.
#[utoipa::path(post, path = "/api/v1/blocked", tag = "routing", request_body = Block, responses((status = 201, body = Blocked)))]
async fn block(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<Block>,
) -> Result<(StatusCode, Json<Blocked>), Problem> {
    let blocked = api.store.block(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(blocked)))
}

/// Let a caller in again.
#[utoipa::path(delete, path = "/api/v1/blocked/{number}", tag = "routing", params(("number" = String, Path, description = "As listed")), responses((status = 204)))]
async fn unblock(
    State(api): State<Shared>,
    caller: Caller,
    Id(number): Id<String>,
) -> Result<StatusCode, Problem> {
    api.store.unblock(caller.tenant(), &caller.by(), &number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Callers that are let in whatever the list of blocked ones says.
#[utoipa::path(get, path = "/api/v1/allowed", tag = "routing", responses((status = 200, body = Vec<Allowed>)))]
pub(super) async fn list_allowed(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Allowed>>, Problem> {
    Ok(Json(api.store.allowed(caller.tenant()).await?))
}

/// Let a caller in from now on, whatever the list of blocked ones says.
#[utoipa::path(post, path = "/api/v1/allowed", tag = "routing", request_body = Allow, responses((status = 201, body = Allowed)))]
async fn allow(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<Allow>,
) -> Result<(StatusCode, Json<Allowed>), Problem> {
    let allowed = api.store.allow(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(allowed)))
}

/// Treat a caller like others again.
#[utoipa::path(delete, path = "/api/v1/allowed/{number}", tag = "routing", params(("number" = String, Path, description = "As listed")), responses((status = 204)))]
async fn disallow(
    State(api): State<Shared>,
    caller: Caller,
    Id(number): Id<String>,
) -> Result<StatusCode, Problem> {
    api.store.disallow(caller.tenant(), &caller.by(), &number).await?;
    Ok(StatusCode::NO_CONTENT)
}
