//! Agents: their phones, their queues, and what they do right now.

use super::Shared;
use super::extract::{Body, Id};
use super::forwarding::Forwards;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::agent::{Agent, NewAgent};
use desk::ringing::Ringing;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::control::{AgentAction, Answer, Ask, LiveAgent, LiveState};
use terms::event::Activity;
use terms::{AgentId, CallId, SkillSetId, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest reason or disposition.
const REASON_CHARS_MAX: usize = 80;

/// An agent that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeAgent)]
struct Made {
    /// For the phone and the first sign-in. Shown once.
    password: String,
    /// The agent.
    #[serde(flatten)]
    agent: Agent,
}

/// A phone's new password.
#[derive(Serialize, ToSchema)]
struct PhonePassword {
    /// Shown once.
    password: String,
}

/// A PIN of an agent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInPin {
    /// 4–16 digits; null takes it away.
    pin: Option<String>,
}

/// An agent and what they do.
#[derive(Serialize, ToSchema)]
pub(super) struct AgentView {
    /// The agent.
    #[serde(flatten)]
    agent: Agent,
    /// What they do now; left out while the switch does not answer.
    live: Option<AgentLive>,
}

/// What an agent does right now.
#[derive(Serialize, ToSchema)]
pub(super) struct AgentLive {
    /// Who.
    #[schema(value_type = String)]
    agent: AgentId,
    /// `signed_out`, `break`, `idle`, `ringing`, `talking`, `holding` or `wrap_up`.
    #[schema(value_type = String)]
    activity: Activity,
    /// Reason of a break.
    reason: Option<String>,
    /// In it since.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Their call; of others only with the permission `calls.read`.
    #[schema(value_type = Option<String>)]
    call: Option<CallId>,
    /// Their phone is registered.
    registered: bool,
    /// Nobody may ring there.
    do_not_disturb: bool,
    /// Where calls to their extension go; of others only with the permission `agents.state`.
    forwarding: Option<Forwards>,
    /// They are kept from calling out.
    barred: bool,
    /// At whose phone they are signed in, where it is not their own.
    #[schema(value_type = Option<String>)]
    at: Option<AgentId>,
    /// The skill set that they chose when they signed in.
    #[schema(value_type = Option<String>)]
    skill_set: Option<SkillSetId>,
    /// They keep their line open.
    line: bool,
}

impl AgentLive {
    /// In which call a colleague is, is for those with the permission `calls.read`: it would tell an
    /// agent who listens in.
    ///
    /// `seen` are the agents whose calls and settings are shown to who may see those of others; none
    /// for all.
    pub(super) fn seen_by(caller: &Caller, seen: Option<&[AgentId]>, live: &LiveAgent) -> Self {
        let is_own = caller.agent() == Some(live.agent);
        let sees = seen.is_none_or(|seen| seen.contains(&live.agent));
        let all = caller.may(Permission::CallsRead) && sees || is_own;
        let sets = caller.may(Permission::AgentState) && sees || is_own;
        AgentLive {
            agent: live.agent,
            activity: live.activity,
            reason: live.reason.clone(),
            since: live.since,
            call: live.call.filter(|_| all),
            registered: live.registered,
            do_not_disturb: live.do_not_disturb,
            forwarding: sets.then(|| Forwards::from(&live.forwarding)),
            barred: live.barred,
            at: live.at,
            skill_set: live.skill_set,
            line: live.line.is_some(),
        }
    }
}

/// What an agent wants.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum StateChange {
    /// 签入: present, and ready at once.
    SignIn {
        /// One of the skill sets that are given to the agent: until they sign in or out again they are
        /// offered what it covers. Left out, all that they can counts.
        #[serde(default)]
        #[schema(value_type = Option<String>)]
        skill_set: Option<SkillSetId>,
    },
    /// 签出. During a conversation it takes effect afterwards.
    SignOut,
    /// 示闲.
    Ready,
    /// 示忙.
    Break {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// After-call work is done.
    EndWrapUp {
        /// What the call was about.
        #[serde(default)]
        disposition: Option<String>,
    },
    /// 免打扰: nobody is offered to their phone or rings there, whether they are signed in or not.
    /// `ready` ends it too.
    DoNotDisturb {
        /// It begins; else it ends.
        on: bool,
    },
    /// Their phone is rung once, and its line stays open: what is offered to them is told by a tone there
    /// and rings no more.
    OpenLine,
    /// The line is hung up, and whoever is on it.
    CloseLine,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(list)))
        .routes(guard.may(Permission::AgentsWrite, routes!(create)))
        .routes(guard.may(Permission::FloorRead, routes!(get)))
        .routes(guard.may(Permission::AgentStateOwn, routes!(set_state)))
        .routes(guard.may(Permission::AgentsWrite, routes!(renew_phone_password)))
        .routes(guard.may(Permission::AgentsWrite, routes!(set_ringing)))
        .routes(guard.may(Permission::AgentStateOwn, routes!(set_pin)))
}

/// All agents and what they do.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", responses((status = 200, body = Vec<AgentView>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<AgentView>>, Problem> {
    let agents = api.store.agents(caller.tenant()).await?;
    let live = api.live_state(&caller).await.ok();
    let seen = api.store.agents_seen(caller.identity()).await?;
    let view = |agent| view(&caller, seen.as_deref(), agent, live.as_ref());
    Ok(Json(agents.into_iter().map(view).collect()))
}

fn view(
    caller: &Caller,
    seen: Option<&[AgentId]>,
    agent: Agent,
    live: Option<&LiveState>,
) -> AgentView {
    let live = live
        .and_then(|live| live.agents.iter().find(|other| other.agent == agent.id))
        .map(|live| AgentLive::seen_by(caller, seen, live));
    AgentView { agent, live }
}

/// Make an agent: a phone, and a person who signs in with the agent's number.
#[utoipa::path(post, path = "/api/v1/agents", tag = "agents", request_body = NewAgent, responses((status = 201, body = Made)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewAgent>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let (agent, password) = api.store.create_agent(caller.tenant(), &caller.by(), &new).await?;
    Ok((StatusCode::CREATED, Json(Made { password: password.expose().to_owned(), agent })))
}

/// One agent and what they do.
#[utoipa::path(get, path = "/api/v1/agents/{id}", tag = "agents", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = AgentView)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<AgentView>, Problem> {
    let agent = api.store.agent(caller.tenant(), agent).await?;
    let live = api.live_state(&caller).await.ok();
    let seen = api.store.agents_seen(caller.identity()).await?;
    Ok(Json(view(&caller, seen.as_deref(), agent, live.as_ref())))
}

/// Sign in or out, ready, break: one's own state, or, with `agents.state`, that of any agent.
#[utoipa::path(post, path = "/api/v1/agents/{id}/state", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = StateChange, responses((status = 204)))]
async fn set_state(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(change): Body<StateChange>,
) -> Result<StatusCode, Problem> {
    let is_own = caller.agent() == Some(agent);
    if !is_own {
        caller.must(Permission::AgentState)?;
        api.must_see(&caller, agent).await?;
    }
    api.store.agent(caller.tenant(), agent).await?;
    let action = match change {
        StateChange::SignIn { skill_set: None } => AgentAction::SignIn,
        StateChange::SignIn { skill_set: Some(set) } => {
            api.store.must_be_given(caller.tenant(), agent, set).await?;
            AgentAction::SignInWith(set)
        }
        StateChange::SignOut => AgentAction::SignOut,
        StateChange::Ready => AgentAction::Ready,
        StateChange::Break { reason } => AgentAction::Break { reason: short("reason", reason)? },
        StateChange::EndWrapUp { disposition } => AgentAction::EndWrapUp {
            disposition: disposition.map(|text| short("disposition", text)).transpose()?,
        },
        StateChange::DoNotDisturb { on } => AgentAction::DoNotDisturb { on },
        StateChange::OpenLine => AgentAction::OpenLine,
        StateChange::CloseLine => AgentAction::CloseLine,
    };
    if !is_own {
        api.store.note(caller.tenant(), &caller.by(), "agent.state", &agent.to_string()).await?;
    }
    done(api.calls.ask(Ask::Agent { tenant: caller.tenant(), agent, action }).await)
}

fn short(field: &str, text: String) -> Result<String, Problem> {
    if text.chars().count() > REASON_CHARS_MAX || text.chars().any(char::is_control) {
        let message = format!("{field}: at most {REASON_CHARS_MAX} printable characters are taken");
        return Err(Problem::invalid(field, message));
    }
    Ok(text)
}

/// Give an agent's phone a new password.
#[utoipa::path(post, path = "/api/v1/agents/{id}/phone-password", tag = "agents", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = PhonePassword)))]
async fn renew_phone_password(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<PhonePassword>, Problem> {
    let password = api.store.renew_phone_password(caller.tenant(), &caller.by(), agent).await?;
    Ok(Json(PhonePassword { password: password.expose().to_owned() }))
}

/// Say how an agent's phone is rung: whether a call to them alone waits while they are in another one,
/// and whether the phone answers by itself what queues offer.
#[utoipa::path(put, path = "/api/v1/agents/{id}/ringing", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = Ringing, responses((status = 200, body = Agent)))]
async fn set_ringing(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(ringing): Body<Ringing>,
) -> Result<Json<Agent>, Problem> {
    Ok(Json(api.store.set_ringing(caller.tenant(), &caller.by(), agent, ringing).await?))
}

/// Set the PIN with which an agent signs in at the phones of others (`*41` and their number): one's own,
/// or, with `agents.state`, that of any agent.
#[utoipa::path(put, path = "/api/v1/agents/{id}/sign-in-pin", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = SignInPin, responses((status = 200, body = Agent)))]
async fn set_pin(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(SignInPin { pin }): Body<SignInPin>,
) -> Result<Json<Agent>, Problem> {
    if caller.agent() != Some(agent) {
        caller.must(Permission::AgentState)?;
        api.must_see(&caller, agent).await?;
    }
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.set_sign_in_pin(tenant, &by, agent, pin.as_deref()).await?))
}

/// 204 when it was done, 409 with the switch's sentence when not.
pub(super) fn done(answer: Answer) -> Result<StatusCode, Problem> {
    match answer {
        Answer::Done => Ok(StatusCode::NO_CONTENT),
        Answer::Refused(why) => Err(Problem::conflict(why)),
        other => Err(Problem::internal(format!("the switch answered {other:?}"))),
    }
}
