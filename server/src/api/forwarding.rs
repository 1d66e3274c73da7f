//! Where an agent's calls go: always, when they are busy, when nobody answers.

use super::Shared;
use super::agents::done;
use super::calls::is_number;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use serde::{Deserialize, Serialize};
use terms::AgentId;
use terms::control::{AgentAction, Ask};
use terms::event::Forwarding;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long a phone rings where nobody says it, in seconds.
const NO_ANSWER_S: u32 = 20;

fn no_answer_s() -> u32 {
    NO_ANSWER_S
}

/// Where calls to an agent's extension go. A target is a short number, a published number, a number
/// outside that a trunk lets out, a short number of another site, `queue:<id>` or `site:<id>`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Forwards {
    /// 无条件转移: all of them; their phone does not ring.
    #[serde(default)]
    always: Option<String>,
    /// 遇忙转移: those that find them in another call or not to be disturbed, or that they decline.
    #[serde(default)]
    busy: Option<String>,
    /// 无应答转移: those that nobody answers, and all while no phone of theirs is registered.
    #[serde(default)]
    no_answer: Option<String>,
    /// Seconds that their phone rings before that, 5–120; 20 when left out.
    #[serde(default = "no_answer_s")]
    no_answer_s: u32,
}

impl From<&Forwarding> for Forwards {
    fn from(set: &Forwarding) -> Self {
        let Forwarding { always, busy, no_answer, no_answer_s } = set.clone();
        Forwards { always, busy, no_answer, no_answer_s }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::AgentStateOwn, routes!(set)))
}

/// Forward calls to an agent's extension so, and no others: one's own, or, with `agents.state`, those
/// of any agent. What is left out is not forwarded. `GET /api/v1/agents/{id}` shows it.
#[utoipa::path(put, path = "/api/v1/agents/{id}/forwarding", tag = "agents", params(("id" = String, Path, description = "The agent's id")), request_body = Forwards, responses((status = 204)))]
async fn set(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(forwards): Body<Forwards>,
) -> Result<StatusCode, Problem> {
    let is_own = caller.agent() == Some(agent);
    if !is_own {
        caller.must(Permission::AgentState)?;
        api.must_see(&caller, agent).await?;
    }
    api.store.agent(caller.tenant(), agent).await?;
    let Forwards { always, busy, no_answer, no_answer_s } = forwards;
    let targets = [("always", &always), ("busy", &busy), ("no_answer", &no_answer)];
    for (field, target) in targets {
        if target.as_deref().is_some_and(|target| !is_target(target)) {
            return Err(Problem::invalid(field, "a number, queue:<id> or site:<id> is needed"));
        }
    }
    if !is_own {
        let subject = agent.to_string();
        api.store.note(caller.tenant(), &caller.by(), "agent.forwarding", &subject).await?;
    }
    let action = AgentAction::Forward(Forwarding { always, busy, no_answer, no_answer_s });
    done(api.calls.ask(Ask::Agent { tenant: caller.tenant(), agent, action }).await)
}

/// A number, or the name of a queue or a site.
pub(super) fn is_target(text: &str) -> bool {
    is_number(["queue:", "site:"].iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text))
}
