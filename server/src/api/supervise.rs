//! Supervision of live calls: listen in, coach, barge in, take over. For supervisors and above, in
//! their own tenant; each use is a row of the audit table before the switch hears of it.

use super::agents::done;
use super::calls::is_number;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use serde::{Deserialize, Serialize};
use terms::control::{Ask, CallAction, LiveSupervision, SupervisorPhone};
use terms::event::SupervisionMode;
use terms::{AgentId, CallId, UserId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How a supervisor takes part.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// 监听: hears all, nobody hears them.
    Listen,
    /// 督导: hears all, the agent alone hears them.
    Whisper,
    /// 强插: hears all, all hear them.
    Barge,
}

impl Mode {
    fn of(mode: SupervisionMode) -> Self {
        match mode {
            SupervisionMode::Listen => Mode::Listen,
            SupervisionMode::Whisper => Mode::Whisper,
            SupervisionMode::Barge => Mode::Barge,
        }
    }

    /// The mode and its name in the audit table.
    fn begun(self) -> (SupervisionMode, &'static str) {
        match self {
            Mode::Listen => (SupervisionMode::Listen, "call.supervise.listen"),
            Mode::Whisper => (SupervisionMode::Whisper, "call.supervise.whisper"),
            Mode::Barge => (SupervisionMode::Barge, "call.supervise.barge"),
        }
    }
}

/// How somebody wants to supervise a call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Supervise {
    /// How they take part.
    mode: Mode,
    /// The phone to ring, a short number or an outside number; left out, one's own phone as an
    /// agent.
    #[serde(default)]
    phone: Option<String>,
}

/// What follows.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Next {
    /// Listen from now on.
    Listen,
    /// Be heard by the agent alone.
    Whisper,
    /// Be heard by all.
    Barge,
    /// Stay with the customer; the agent is released.
    TakeOver,
}

/// What follows in a supervision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// How one takes part from now on.
    mode: Next,
}

/// Who supervises a call right now.
#[derive(Serialize, ToSchema)]
pub(super) struct SupervisionLive {
    /// Who asked for it.
    #[schema(value_type = String)]
    by: UserId,
    /// The supervisor as an agent; none at a phone outside.
    #[schema(value_type = Option<String>)]
    supervisor: Option<AgentId>,
    /// Whom.
    #[schema(value_type = String)]
    agent: AgentId,
    /// How.
    mode: Mode,
    /// They answered; until then their phone rings.
    joined: bool,
}

impl From<LiveSupervision> for SupervisionLive {
    fn from(live: LiveSupervision) -> Self {
        SupervisionLive {
            by: live.of.by,
            supervisor: live.of.supervisor,
            agent: live.of.agent,
            mode: Mode::of(live.mode),
            joined: live.joined,
        }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsControl, routes!(begin, change, end)))
}

/// Listen in, coach or barge in: one's phone rings and, answered, is in the conversation.
///
/// On that phone the keys 4, 5 and 6 change to listening, coaching and barging in. The supervisor is
/// on the recording while all hear them. The agent's phone is told nothing.
#[utoipa::path(post, path = "/api/v1/calls/{id}/supervise", tag = "calls", params(("id" = String, Path, description = "The call's id")), request_body = Supervise, responses((status = 204)))]
async fn begin(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
    Body(wanted): Body<Supervise>,
) -> Result<StatusCode, Problem> {
    let phone = match (wanted.phone, caller.agent()) {
        (Some(number), _) if is_number(&number) => SupervisorPhone::Number(number),
        (Some(_), _) => {
            let message = "a short number or an outside number is needed";
            return Err(Problem::invalid("phone", message));
        }
        (None, Some(agent)) => SupervisorPhone::Agent(agent),
        (None, None) => {
            let message = "you have no phone as an agent: say which one to ring";
            return Err(Problem::invalid("phone", message));
        }
    };
    let (mode, name) = wanted.mode.begun();
    let by = caller.user();
    api.supervise(&caller, call, name, CallAction::Supervise { by, phone, mode }).await
}

/// Take part otherwise, or take the call over. For the one who supervises.
#[utoipa::path(patch, path = "/api/v1/calls/{id}/supervise", tag = "calls", params(("id" = String, Path, description = "The call's id")), request_body = Change, responses((status = 204)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
    Body(Change { mode }): Body<Change>,
) -> Result<StatusCode, Problem> {
    let by = caller.user();
    let mode = match mode {
        Next::Listen => Mode::Listen,
        Next::Whisper => Mode::Whisper,
        Next::Barge => Mode::Barge,
        Next::TakeOver => {
            let action = CallAction::TakeOver { by };
            return api.supervise(&caller, call, "call.take_over", action).await;
        }
    };
    let (mode, name) = mode.begun();
    api.supervise(&caller, call, name, CallAction::ChangeSupervision { by, mode }).await
}

/// The supervisor leaves, or need not come; the conversation goes on.
#[utoipa::path(delete, path = "/api/v1/calls/{id}/supervise", tag = "calls", params(("id" = String, Path, description = "The call's id")), responses((status = 204)))]
async fn end(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
) -> Result<StatusCode, Problem> {
    api.supervise(&caller, call, "call.supervise.end", CallAction::EndSupervision).await
}

impl Api {
    /// Writes down who wants what of a live call of their tenant, and asks the switch for it.
    async fn supervise(
        &self,
        caller: &Caller,
        call: CallId,
        name: &'static str,
        action: CallAction,
    ) -> Result<StatusCode, Problem> {
        self.is_live_call_of(caller, call).await?;
        let tenant = caller.tenant();
        self.store.note(tenant, &caller.by(), name, &call.to_string()).await?;
        done(self.calls.ask(Ask::Call { tenant, call, action }).await)
    }
}
