//! A caller says to whom they talk whether they agree to be recorded; whoever hears it notes it. Who
//! noted what is a row of the audit table first, and what was said a row of the table `consents`.

use super::Shared;
use super::agents::done;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use serde::Deserialize;
use terms::CallId;
use terms::control::{Ask, CallAction};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the caller said of being recorded.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConsentSaid {
    /// They agree.
    given: bool,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsControlOwn, routes!(note)))
}

/// Note whether the caller of a live conversation agrees to be recorded. One's own, or, with
/// `calls.control`, any.
///
/// Who does not agree is not recorded for the rest of the call, whatever a rule or a person says; who
/// agrees after all is recorded as the rules say.
#[utoipa::path(post, path = "/api/v1/calls/{id}/consent", tag = "calls", params(("id" = String, Path, description = "The call's id")), request_body = ConsentSaid, responses((status = 204)))]
async fn note(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
    Body(ConsentSaid { given }): Body<ConsentSaid>,
) -> Result<StatusCode, Problem> {
    let own = api.is_live_call_of(&caller, call).await?;
    if !own {
        caller.must(Permission::CallsControl)?;
    }
    let (tenant, by) = (caller.tenant(), caller.user());
    let name = if given { "recording.agreed" } else { "recording.not_agreed" };
    api.store.note(tenant, &caller.by(), name, &call.to_string()).await?;
    let action = CallAction::Consent { given, own, by };
    done(api.calls.ask(Ask::Call { tenant, call, action }).await)
}
