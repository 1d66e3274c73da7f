//! Tokens of programs.

use super::Shared;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::token::{NewToken, Token};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A token that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeToken)]
struct Made {
    /// Send it as `Authorization: Bearer <secret>`. Shown once.
    secret: String,
    /// What is kept of it.
    #[serde(flatten)]
    token: Token,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::SelfService, routes!(list)))
        .routes(guard.may(Permission::SelfService, routes!(create)))
        .routes(guard.may(Permission::SelfService, routes!(revoke)))
}

/// One's own sessions and tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "session", responses((status = 200, body = Vec<Token>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Token>>, Problem> {
    Ok(Json(api.store.tokens(caller.tenant(), caller.user(), caller.now()).await?))
}

/// Make a token for a program.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "session", request_body = NewToken, responses((status = 201, body = Made)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    // A token with a lower role must not be a way to a higher one.
    if new.role > caller.identity().role {
        return Err(Problem::forbidden());
    }
    let (token, secret) =
        api.store.create_token(caller.tenant(), &caller.by(), caller.user(), &new).await?;
    Ok((StatusCode::CREATED, Json(Made { secret: secret.expose().to_owned(), token })))
}

/// Take a token back: one's own, or, with the permission `tokens.write`, anybody's.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "session", params(("id" = String, Path, description = "The token's id")), responses((status = 204)))]
async fn revoke(
    State(api): State<Shared>,
    caller: Caller,
    Id(token): Id<i64>,
) -> Result<StatusCode, Problem> {
    let owner = (!caller.may(Permission::TokensWrite)).then(|| caller.user());
    api.store.revoke_token(caller.tenant(), &caller.by(), token, owner).await?;
    Ok(StatusCode::NO_CONTENT)
}
