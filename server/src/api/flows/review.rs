//! Four eyes on a flow: a checked draft is shown to somebody who did not write it, and published
//! once they approved that revision.

use super::{Publishing, wrong_flow};
use crate::api::Shared;
use crate::api::extract::{Body, Id, Names};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::flow::{Decision, Review};
use terms::FlowId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list_reviews)))
        .routes(guard.may(Permission::RoutingWrite, routes!(ask_review)))
        .routes(guard.may(Permission::RoutingApprove, routes!(decide_review)))
}

/// The reviews of a flow, the latest first.
#[utoipa::path(get, path = "/api/v1/flows/{id}/reviews", tag = "flows", params(("id" = String, Path, description = "The flow's id")), responses((status = 200, body = Vec<Review>)))]
pub(in crate::api) async fn list_reviews(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
) -> Result<Json<Vec<Review>>, Problem> {
    Ok(Json(api.store.flow_reviews(caller.tenant(), flow).await?))
}

/// Ask for a review of the draft, which has to pass the checker. One that waits is withdrawn.
#[utoipa::path(post, path = "/api/v1/flows/{id}/reviews", tag = "flows", params(("id" = String, Path, description = "The flow's id")), request_body = Publishing, responses((status = 201, body = Review)))]
async fn ask_review(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Body(Publishing { revision, note }): Body<Publishing>,
) -> Result<(StatusCode, Json<Review>), Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    let draft = api.store.flow(tenant, flow).await?.draft;
    let problems = api.problems_of(&caller, &draft).await?;
    if !problems.is_empty() {
        return Err(wrong_flow(problems));
    }
    let asked = api.store.ask_flow_review(tenant, &by, flow, revision, &note).await?;
    Ok((StatusCode::CREATED, Json(asked)))
}

/// Approve or reject a draft. Who wrote it or asked for the review may only reject, where the tenant
/// has more than one administrator.
#[utoipa::path(post, path = "/api/v1/flows/{id}/reviews/{review}", tag = "flows", params(("id" = String, Path, description = "The flow's id"), ("review" = String, Path, description = "The review's id")), request_body = Decision, responses((status = 200, body = Review)))]
async fn decide_review(
    State(api): State<Shared>,
    caller: Caller,
    Names(flow, review): Names,
    Body(decision): Body<Decision>,
) -> Result<Json<Review>, Problem> {
    let nothing = || Problem::not_found("There is nothing with this id.");
    let flow = flow.parse::<FlowId>().map_err(|_| nothing())?;
    let review = review.parse::<i64>().map_err(|_| nothing())?;
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.decide_flow_review(tenant, &by, flow, review, &decision).await?))
}
