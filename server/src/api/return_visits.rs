//! Return visits 回访: customers are called and asked about orders that were done.

use super::Shared;
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::{Cursor, page_limit, page_of};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::return_visit::{NewReturnVisit, Noted, Outcome, ReturnVisit, VisitFilter};
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::{OrderId, Timestamp};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Due at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Due before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Of this order.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    order: Option<OrderId>,
    /// With this result: `satisfied`, `neutral`, `dissatisfied`, `unreached`.
    #[serde(default)]
    #[param(inline)]
    result: Option<Outcome>,
    /// Only those with a result, or only those without.
    #[serde(default)]
    done: Option<bool>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Visits on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of return visits, the first that is due first.
#[derive(Serialize, ToSchema)]
pub(super) struct ReturnVisitPage {
    /// The visits.
    return_visits: Vec<ReturnVisit>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::OrdersRead, routes!(list)))
        .routes(guard.may(Permission::OrdersAssign, routes!(plan)))
        .routes(guard.may(Permission::OrdersWrite, routes!(note)))
        .routes(guard.may(Permission::OrdersAssign, routes!(withdraw)))
}

/// Return visits: planned ones, and what those brought that were done.
#[utoipa::path(get, path = "/api/v1/return-visits", tag = "orders", params(Search), responses((status = 200, body = ReturnVisitPage)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<ReturnVisitPage>, Problem> {
    let limit = page_limit(search.limit);
    let after = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let filter = VisitFilter {
        from: search.from,
        to: search.to,
        order: search.order,
        result: search.result,
        done: search.done,
        after: after.map(|Cursor { key, id }| (Timestamp(key), id as i64)),
    };
    let read = api.store.return_visits(caller.tenant(), &filter, limit + 1).await?;
    let at = |last: &ReturnVisit| Cursor { key: last.due_at.0, id: last.id as u64 };
    let (visits, next) = page_of(read, limit as usize, at);
    Ok(Json(ReturnVisitPage { return_visits: visits, next }))
}

/// Plan a return visit to the customer of an order that is done.
#[utoipa::path(post, path = "/api/v1/return-visits", tag = "orders", request_body = NewReturnVisit, responses((status = 201, body = ReturnVisit)))]
async fn plan(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewReturnVisit>,
) -> Result<(StatusCode, Json<ReturnVisit>), Problem> {
    let made = api.store.plan_return_visit(caller.tenant(), &caller.by(), &new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Note what a return visit brought, or revise it. What was noted before stays in the warehouse.
#[utoipa::path(put, path = "/api/v1/return-visits/{id}/result", tag = "orders", params(("id" = String, Path, description = "The visit's number")), request_body = Noted, responses((status = 200, body = ReturnVisit)))]
async fn note(
    State(api): State<Shared>,
    caller: Caller,
    Id(visit): Id<i64>,
    Body(noted): Body<Noted>,
) -> Result<Json<ReturnVisit>, Problem> {
    Ok(Json(api.store.note_return_visit(caller.tenant(), &caller.by(), visit, noted).await?))
}

/// Withdraw a return visit that has no result.
#[utoipa::path(delete, path = "/api/v1/return-visits/{id}", tag = "orders", params(("id" = String, Path, description = "The visit's number")), responses((status = 204)))]
async fn withdraw(
    State(api): State<Shared>,
    caller: Caller,
    Id(visit): Id<i64>,
) -> Result<StatusCode, Problem> {
    api.store.withdraw_return_visit(caller.tenant(), &caller.by(), visit).await?;
    Ok(StatusCode::NO_CONTENT)
}
