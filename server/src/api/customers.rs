//! Customers.

use super::Shared;
use super::extract::{Id, Params, Returned};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::customer::{Card, Customer};
use serde::Deserialize;
use terms::CustomerId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What to find.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// A part of number, name or address.
    #[serde(default)]
    q: String,
    /// The whole number, in whatever form it is written.
    #[serde(default)]
    number: Option<String>,
    /// The last id of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Option<CustomerId>,
    /// Customers on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// What is known about the customer with a number.
#[derive(Deserialize, ToSchema)]
struct NumberedCard {
    /// Their number, in whatever form.
    number: String,
    /// Who they are.
    #[serde(flatten)]
    card: Card,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CustomersRead, routes!(list)))
        .routes(guard.may(Permission::CustomersWrite, routes!(put)))
        .routes(guard.may(Permission::CustomersRead, routes!(get)))
}

/// Find customers.
#[utoipa::path(get, path = "/api/v1/customers", tag = "customers", params(Search), responses((status = 200, body = Vec<Customer>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<Vec<Customer>>, Problem> {
    let tenant = caller.tenant();
    if let Some(number) = &search.number {
        let found = api.store.customer_by_number(tenant, number).await?;
        return Ok(Json(found.into_iter().collect()));
    }
    let limit = super::rows::page_limit(search.limit);
    Ok(Json(api.store.customers(tenant, &search.q, search.after, limit).await?))
}

/// Make the customer with this number, or replace what is known about them.
#[utoipa::path(put, path = "/api/v1/customers", tag = "customers", request_body = NumberedCard, responses((status = 200, body = Customer)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Returned(NumberedCard { number, card }, _): Returned<NumberedCard, Customer>,
) -> Result<Json<Customer>, Problem> {
    Ok(Json(api.store.put_customer(caller.tenant(), &caller.by(), &number, &card).await?))
}

/// One customer.
#[utoipa::path(get, path = "/api/v1/customers/{id}", tag = "customers", params(("id" = String, Path, description = "The customer's id")), responses((status = 200, body = Customer)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(customer): Id<CustomerId>,
) -> Result<Json<Customer>, Problem> {
    Ok(Json(api.store.customer(caller.tenant(), customer).await?))
}
