//! Customers who wait to be called back: who they are, and taking one off. For supervisors and above, of
//! the queues that their agents serve; whoever takes one off is a row of the audit table before the
//! switch hears of it.

use super::agents::done;
use super::extract::Id;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::{Permission, when};
use serde::Serialize;
use terms::control::{Ask, CallAction, LiveCallback};
use terms::routing::CallFirst;
use terms::{CallId, ContactId, QueueId, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A customer who waits to be called back.
#[derive(Serialize, ToSchema)]
pub(super) struct CallbackLive {
    /// Names it; the call that is made for it has this id.
    #[schema(value_type = String)]
    id: CallId,
    /// The contact of the call in which they asked for it.
    #[schema(value_type = String)]
    contact: ContactId,
    /// The queue in which they keep their place.
    #[schema(value_type = String)]
    queue: QueueId,
    /// The number to be dialled, as shown.
    number: String,
    /// They asked for it then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    /// Who is called first: `agent` or `customer`.
    #[schema(value_type = String)]
    first: CallFirst,
    /// How often they were dialled.
    tries: u32,
    /// Their place, 1 is next; none while somebody is being called for it.
    position: Option<u32>,
    /// They are not dialled before: the pause after a try. None where it is a matter of their turn.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
}

impl From<LiveCallback> for CallbackLive {
    fn from(live: LiveCallback) -> Self {
        let LiveCallback { callback: id, contact, queue, number, asked_at, first, .. } = live;
        let LiveCallback { tries, position, not_before, .. } = live;
        CallbackLive { id, contact, queue, number, asked_at, first, tries, position, not_before }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsRead, routes!(list)))
        .routes(guard.may(Permission::CallsControl, routes!(cancel)))
}

/// Customers who wait to be called back, those who asked first before the others.
#[utoipa::path(get, path = "/api/v1/callbacks", tag = "queues", responses((status = 200, body = Vec<CallbackLive>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<CallbackLive>>, Problem> {
    Ok(Json(api.callbacks(&caller).await?.into_iter().map(CallbackLive::from).collect()))
}

/// Take a callback off: the customer is not called, and whatever rings for it stops.
#[utoipa::path(delete, path = "/api/v1/callbacks/{id}", tag = "queues", params(("id" = String, Path, description = "The callback's id")), responses((status = 204)))]
async fn cancel(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
) -> Result<StatusCode, Problem> {
    if !api.callbacks(&caller).await?.iter().any(|live| live.callback == call) {
        return Err(Problem::not_found("There is no such callback."));
    }
    let (tenant, by) = (caller.tenant(), caller.user());
    api.store.note(tenant, &caller.by(), "callback.cancel", &call.to_string()).await?;
    let action = CallAction::CancelCallback { by };
    done(api.calls.ask(Ask::Call { tenant, call, action }).await)
}

impl Api {
    /// Those in queues that `caller` sees.
    async fn callbacks(&self, caller: &Caller) -> Result<Vec<LiveCallback>, Problem> {
        let mut callbacks = self.live_state(caller).await?.callbacks;
        if let Some(seen) = self.queues_seen(caller).await? {
            callbacks.retain(|live| seen.contains(&live.queue));
        }
        Ok(callbacks)
    }
}
