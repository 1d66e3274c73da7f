//! An urgent fault 紧急故障: the order is made and dispatched, and its caller goes to the expert, in one
//! action. The order comes first: where the call cannot be passed on, the order is there all the same
//! and the answer says why nobody took the caller.

use super::Shared;
use super::calls::transfer_target;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use desk::Permission;
use desk::order::Order;
use desk::order::write::NewOrder;
use serde::{Deserialize, Serialize};
use terms::CallId;
use terms::control::{Answer, Ask, CallAction};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An order out of a live call, and who takes the caller.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToExpert {
    /// The order; its call is this one.
    order: NewOrder,
    /// Where the expert on duty is reached: a short number, an outside number, or `queue:<id>`.
    target: String,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
struct WithExpert {
    /// The order that was made.
    order: Order,
    /// The caller is on the way to the expert.
    passed_on: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsControlOwn, routes!(pass_on)))
}

/// Make an order of a live call and pass its caller on to the expert on duty, in one action. One's own
/// call, or, with `calls.control`, any; `orders.write` is needed too.
///
/// `passed_on` is false, and `problem` says why, where the caller could not be passed on: the order is
/// made all the same.
#[utoipa::path(post, path = "/api/v1/calls/{id}/expert", tag = "calls", params(("id" = String, Path, description = "The call's id")), request_body = ToExpert, responses((status = 201, body = WithExpert)))]
async fn pass_on(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Id(call): Id<CallId>,
    Body(ToExpert { order, target }): Body<ToExpert>,
) -> Result<(StatusCode, Json<WithExpert>), Problem> {
    caller.must(Permission::OrdersWrite)?;
    let own = api.is_live_call_of(&caller, call).await?;
    if !own {
        caller.must(Permission::CallsControl)?;
    }
    let target = transfer_target(target)?;
    let (tenant, by) = (caller.tenant(), caller.user());
    let new = NewOrder { call: Some(call), ..order };
    let order = api.store.create_order(tenant, &caller.by(), &new).await?;
    let subject = format!("{call} to {target}, order {}", order.number);
    api.store.note(tenant, &caller.by(), "call.expert", &subject).await?;
    let action = match own {
        true => CallAction::Transfer { target },
        false => CallAction::ForceTransfer { by, target },
    };
    let problem = match api.calls.ask(Ask::Call { tenant, call, action }).await {
        Answer::Done => None,
        Answer::Refused(why) => {
            let chinese = super::messages::prefers_chinese(&headers);
            Some(super::messages::in_chinese(&why).filter(|_| chinese).unwrap_or(why))
        }
        other => return Err(Problem::internal(format!("the switch answered {other:?}"))),
    };
    let passed_on = problem.is_none();
    Ok((StatusCode::CREATED, Json(WithExpert { order, passed_on, problem })))
}
