//! People who sign in.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::team::Limits;
use desk::user::{NewUser, User, UserChange};
use serde::Deserialize;
use terms::UserId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A password for somebody else.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The one from now on.
    password: String,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::UsersRead, routes!(list)))
        .routes(guard.may(Permission::UsersWrite, routes!(create)))
        .routes(guard.may(Permission::UsersRead, routes!(get)))
        .routes(guard.may(Permission::UsersWrite, routes!(change)))
        .routes(guard.may(Permission::UsersWrite, routes!(set_password)))
        .routes(guard.may(Permission::UsersRead, routes!(sight)))
        .routes(guard.may(Permission::UsersWrite, routes!(set_sight)))
}

/// Everybody who signs in.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = Vec<User>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<User>>, Problem> {
    Ok(Json(api.store.users(caller.tenant()).await?))
}

/// Make a person.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUser, responses((status = 201, body = User)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let made = api.store.create_user(caller.tenant(), &caller.by(), &new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One person.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "The user's id")), responses((status = 200, body = User)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<Json<User>, Problem> {
    Ok(Json(api.store.user(caller.tenant(), user).await?))
}

/// Change name, role, or whether they may sign in.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "The user's id")), request_body = UserChange, responses((status = 200, body = User)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
    Body(change): Body<UserChange>,
) -> Result<Json<User>, Problem> {
    Ok(Json(api.store.change_user(caller.tenant(), &caller.by(), user, &change).await?))
}

/// Give a person a new password; their sessions and tokens end.
#[utoipa::path(put, path = "/api/v1/users/{id}/password", tag = "users", params(("id" = String, Path, description = "The user's id")), request_body = Password, responses((status = 204)))]
async fn set_password(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
    Body(Password { password }): Body<Password>,
) -> Result<StatusCode, Problem> {
    api.store.set_password(caller.tenant(), &caller.by(), user, &password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a person sees of what their role allows: whether numbers are hidden from them, and of which
/// queues they see the calls of others.
#[utoipa::path(get, path = "/api/v1/users/{id}/sight", tag = "users", params(("id" = String, Path, description = "The user's id")), responses((status = 200, body = Limits)))]
async fn sight(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<Json<Limits>, Problem> {
    Ok(Json(api.store.user_limits(caller.tenant(), user).await?))
}

/// Hide telephone numbers from a person, or limit them to the calls of some queues. It holds for all
/// that they ask from now on, in SQL and of reports, and for what their schedules make.
#[utoipa::path(put, path = "/api/v1/users/{id}/sight", tag = "users", params(("id" = String, Path, description = "The user's id")), request_body = Limits, responses((status = 204)))]
async fn set_sight(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
    Body(limits): Body<Limits>,
) -> Result<StatusCode, Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    api.store.set_user_limits(tenant, &by, user, &limits).await?;
    Ok(StatusCode::NO_CONTENT)
}
