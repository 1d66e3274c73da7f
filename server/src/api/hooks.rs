//! Hooks: programs that are told of events over HTTP. What they are told and when is in [`tell`].

pub mod tell;

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::hook::{Delivery, Hook, HookDraft};
use serde::{Deserialize, Serialize};
use terms::HookId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A hook that was just made.
#[derive(Serialize, ToSchema)]
struct MadeHook {
    /// What it is told is signed with it. Shown once.
    secret: String,
    /// The hook.
    #[serde(flatten)]
    hook: Hook,
}

/// A hook's new secret.
#[derive(Serialize, ToSchema)]
struct HookSecret {
    /// Shown once.
    secret: String,
}

/// How a hook goes on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Resumption {
    /// Leave out the event that fails; else it is sent again first.
    #[serde(default)]
    skip: bool,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::HooksWrite, routes!(list)))
        .routes(guard.may(Permission::HooksWrite, routes!(create)))
        .routes(guard.may(Permission::HooksWrite, routes!(get)))
        .routes(guard.may(Permission::HooksWrite, routes!(put)))
        .routes(guard.may(Permission::HooksWrite, routes!(delete)))
        .routes(guard.may(Permission::HooksWrite, routes!(renew_secret)))
        .routes(guard.may(Permission::HooksWrite, routes!(resume)))
        .routes(guard.may(Permission::HooksWrite, routes!(deliveries)))
}

/// All hooks, and whether they can be told.
#[utoipa::path(get, path = "/api/v1/hooks", tag = "hooks", responses((status = 200, body = Vec<Hook>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Hook>>, Problem> {
    Ok(Json(api.store.hooks(caller.tenant()).await?))
}

/// Have a program told of events, from now on. Each is a POST whose body is the event as
/// `GET /api/v1/events` has it, signed in the header `Switchgrid-Signature`.
#[utoipa::path(post, path = "/api/v1/hooks", tag = "hooks", request_body = HookDraft, responses((status = 201, body = MadeHook)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<HookDraft>,
) -> Result<(StatusCode, Json<MadeHook>), Problem> {
    let through = api.events.through();
    let made = api.store.create_hook(caller.tenant(), &caller.by(), &draft, through).await?;
    let (hook, secret) = made;
    Ok((StatusCode::CREATED, Json(MadeHook { secret: secret.expose().to_owned(), hook })))
}

/// One hook.
#[utoipa::path(get, path = "/api/v1/hooks/{id}", tag = "hooks", params(("id" = String, Path, description = "The hook's id")), responses((status = 200, body = Hook)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(hook): Id<HookId>,
) -> Result<Json<Hook>, Problem> {
    Ok(Json(api.store.hook(caller.tenant(), hook).await?))
}

/// Change a hook. What happens while it is not enabled is sent afterwards.
#[utoipa::path(put, path = "/api/v1/hooks/{id}", tag = "hooks", params(("id" = String, Path, description = "The hook's id")), request_body = HookDraft, responses((status = 200, body = Hook)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(hook): Id<HookId>,
    Body(draft): Body<HookDraft>,
) -> Result<Json<Hook>, Problem> {
    Ok(Json(api.store.put_hook(caller.tenant(), &caller.by(), hook, &draft).await?))
}

/// Take a hook away, with what is known of its deliveries.
#[utoipa::path(delete, path = "/api/v1/hooks/{id}", tag = "hooks", params(("id" = String, Path, description = "The hook's id")), responses((status = 204)))]
async fn delete(
    State(api): State<Shared>,
    caller: Caller,
    Id(hook): Id<HookId>,
) -> Result<StatusCode, Problem> {
    api.store.delete_hook(caller.tenant(), &caller.by(), hook).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a hook a new secret: the one before signs nothing any more.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/secret", tag = "hooks", params(("id" = String, Path, description = "The hook's id")), responses((status = 200, body = HookSecret)))]
async fn renew_secret(
    State(api): State<Shared>,
    caller: Caller,
    Id(hook): Id<HookId>,
) -> Result<Json<HookSecret>, Problem> {
    let secret = api.store.renew_hook_secret(caller.tenant(), &caller.by(), hook).await?;
    Ok(Json(HookSecret { secret: secret.expose().to_owned() }))
}

/// Send again, at once and from where it stood, what a hook could not be told, whether it is paused
/// or waits for its next attempt.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/resume", tag = "hooks", params(("id" = String, Path, description = "The hook's id")), request_body = Resumption, responses((status = 200, body = Hook)))]
async fn resume(
    State(api): State<Shared>,
    caller: Caller,
    Id(hook): Id<HookId>,
    Body(Resumption { skip }): Body<Resumption>,
) -> Result<Json<Hook>, Problem> {
    Ok(Json(api.store.resume_hook(caller.tenant(), &caller.by(), hook, skip).await?))
}

/// The last 200 deliveries of a hook, the latest first.
#[utoipa::path(get, path = "/api/v1/hooks/{id}/deliveries", tag = "hooks", params(("id" = String, Path, description = "The hook's id")), responses((status = 200, body = Vec<Delivery>)))]
pub(super) async fn deliveries(
    State(api): State<Shared>,
    caller: Caller,
    Id(hook): Id<HookId>,
) -> Result<Json<Vec<Delivery>>, Problem> {
    Ok(Json(api.store.hook_deliveries(caller.tenant(), hook).await?))
}
