//! Messages for single agents. An agent sees, hears and deletes their own; who supervises them does
//! the same, and nobody else learns that there are any. Whoever says that one was heard, deletes
//! one, or sets the mailbox of somebody else is a row of the audit table first.

use super::agents::done;
use super::deletion::Erased;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::mailbox::{AgentMessage, Mailbox, MailboxDraft};
use serde::Deserialize;
use std::collections::BTreeSet;
use terms::control::Ask;
use terms::event::{InMailbox, Mailbox as Happened};
use terms::{AgentId, RecordingId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whether an agent drives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Driving {
    /// From now on every caller is asked for a message at once.
    on: bool,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::AgentStateOwn, routes!(read, set)))
        .routes(guard.may(Permission::AgentStateOwn, routes!(drive)))
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(heard)))
        .routes(guard.may(Permission::CallsOwn, routes!(delete)))
}

/// The mailbox of an agent: one's own, or, with `agents.state`, that of any agent.
#[utoipa::path(get, path = "/api/v1/agents/{id}/mailbox", tag = "agents", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = Mailbox)))]
async fn read(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<Mailbox>, Problem> {
    api.own_mailbox(&caller, agent).await?;
    Ok(Json(api.store.mailbox(caller.tenant(), agent).await?))
}

/// Say which callers of an agent are asked for a message: one's own, or, with `agents.state`, those
/// of any agent.
#[utoipa::path(put, path = "/api/v1/agents/{id}/mailbox", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = MailboxDraft, responses((status = 204)))]
async fn set(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(draft): Body<MailboxDraft>,
) -> Result<StatusCode, Problem> {
    api.own_mailbox(&caller, agent).await?;
    api.can_greet(&caller, &draft).await?;
    api.store.set_mailbox(caller.tenant(), &caller.by(), agent, &draft).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An agent drives, or no longer: every caller is asked for a message at once, and no queue offers
/// them a contact. One's own, or, with `agents.state`, any agent.
#[utoipa::path(put, path = "/api/v1/agents/{id}/driving", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = Driving, responses((status = 204)))]
async fn drive(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(Driving { on }): Body<Driving>,
) -> Result<StatusCode, Problem> {
    api.own_mailbox(&caller, agent).await?;
    let tenant = caller.tenant();
    if caller.agent() != Some(agent) {
        let subject = format!("{agent} {on}");
        api.store.note(tenant, &caller.by(), "agent.driving", &subject).await?;
    }
    let what = InMailbox::Driving { on };
    done(api.calls.ask(Ask::Mailbox(tenant, Happened { agent, what })).await)
}

/// Messages for oneself, and, with `calls.read`, for every agent whom one sees, the latest first;
/// 500 at most.
#[utoipa::path(get, path = "/api/v1/agent-messages", tag = "calls", responses((status = 200, body = Vec<AgentMessage>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<AgentMessage>>, Problem> {
    let tenant = caller.tenant();
    if !caller.may(Permission::CallsRead) {
        let Some(own) = caller.agent() else { return Ok(Json(Vec::new())) };
        return Ok(Json(api.store.agent_messages(tenant, Some(own)).await?));
    }
    let mut all = api.store.agent_messages(tenant, None).await?;
    if let Some(seen) = api.store.agents_seen(caller.identity()).await? {
        let seen: BTreeSet<AgentId> = seen.into_iter().chain(caller.agent()).collect();
        all.retain(|message| seen.contains(&message.agent));
    }
    Ok(Json(all))
}

/// Somebody has heard this message. Said again, it changes nothing.
#[utoipa::path(post, path = "/api/v1/agent-messages/{id}/heard", tag = "calls", params(("id" = String, Path, description = "The id of the message's recording")), responses((status = 204)))]
async fn heard(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
) -> Result<StatusCode, Problem> {
    let message = api.agent_message(&caller, recording).await?;
    if message.heard_at.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (tenant, agent, by) = (caller.tenant(), message.agent, caller.user());
    let subject = recording.to_string();
    api.store.note(tenant, &caller.by(), "agent_message.heard", &subject).await?;
    let what = InMailbox::Heard { recording, by };
    done(api.calls.ask(Ask::Mailbox(tenant, Happened { agent, what })).await)
}

/// Delete a message for good, with its recording.
#[utoipa::path(
    delete, path = "/api/v1/agent-messages/{id}", tag = "calls",
    params(("id" = String, Path, description = "The id of the message's recording")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 202, description = "It is deleted; its files go within the hour"),
        (status = 404, description = "There is no such message", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A legal hold keeps it", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
) -> Result<StatusCode, Problem> {
    api.agent_message(&caller, recording).await?;
    let tenant = caller.tenant();
    let found = api.warehouse.recording(tenant, recording).await?;
    let found = found.ok_or_else(|| Problem::not_found("There is no such recording."))?;
    let subject = recording.to_string();
    api.store.note(tenant, &caller.by(), "agent_message.delete", &subject).await?;
    match api.deletion.erase(&found.recording, "a message for an agent", caller.now()).await? {
        Erased::Done => Ok(StatusCode::NO_CONTENT),
        Erased::Later => Ok(StatusCode::ACCEPTED),
        Erased::Held => {
            Err(Problem::conflict("A legal hold keeps this recording; it must be lifted first."))
        }
    }
}

impl Api {
    /// The message of this recording, where this person may hear it; 404 where not, and where it is
    /// none.
    async fn agent_message(
        &self,
        caller: &Caller,
        recording: RecordingId,
    ) -> Result<AgentMessage, Problem> {
        let found = self.store.agent_message(caller.tenant(), recording).await?;
        if let Some(message) = found {
            let own = caller.agent() == Some(message.agent);
            let sees = caller.may(Permission::CallsRead)
                && self.sees(caller, Some(message.agent), None).await?;
            if own || sees {
                return Ok(message);
            }
        }
        Err(Problem::not_found("There is no such message."))
    }

    /// 404 for the mailbox of an agent whom this person does not see.
    async fn own_mailbox(&self, caller: &Caller, agent: AgentId) -> Result<(), Problem> {
        if caller.agent() != Some(agent) {
            if !caller.may(Permission::AgentState) {
                return Err(Problem::not_found("There is no such agent."));
            }
            self.must_see(caller, agent).await?;
        }
        self.store.agent(caller.tenant(), agent).await?;
        Ok(())
    }

    /// Refuses a greeting that there is no prompt for in the tenant's language.
    async fn can_greet(&self, caller: &Caller, draft: &MailboxDraft) -> Result<(), Problem> {
        let Some(name) = &draft.greeting else { return Ok(()) };
        let plan = self.store.compile_plan(caller.tenant()).await?;
        let languages = BTreeSet::from([plan.language.as_str()]);
        if self.audible(&plan).await?.names(&languages).contains(name) {
            return Ok(());
        }
        let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        let problem = format!("the prompt \"{name}\" does not exist in {}", plan.language);
        Err(Problem::invalid("greeting", problem))
    }
}
