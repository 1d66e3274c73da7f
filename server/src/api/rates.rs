//! What an hour of an agent and a minute of a trunk cost.

use super::Shared;
use super::extract::Body;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::rates::Rates;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RatesWrite, routes!(get)))
        .routes(guard.may(Permission::RatesWrite, routes!(set)))
}

/// The rates that the cost of a contact is made of; null before they are set.
#[utoipa::path(get, path = "/api/v1/rates", tag = "reports", responses((status = 200, description = "The rates; null before they are set", body = Rates)))]
async fn get(State(api): State<Shared>, caller: Caller) -> Result<Json<Option<Rates>>, Problem> {
    Ok(Json(api.store.rates(caller.tenant()).await?))
}

/// Set the rates, in hundredths of the currency. Reports over the past go by them too.
#[utoipa::path(put, path = "/api/v1/rates", tag = "reports", request_body = Rates, responses((status = 204)))]
async fn set(
    State(api): State<Shared>,
    caller: Caller,
    Body(rates): Body<Rates>,
) -> Result<StatusCode, Problem> {
    api.store.set_rates(caller.tenant(), &caller.by(), &rates).await?;
    Ok(StatusCode::NO_CONTENT)
}
