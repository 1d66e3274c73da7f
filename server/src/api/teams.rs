//! Teams of agents, who belongs to them, and the supervisors who are limited to some.

use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::team::{Stay, Team, TeamDraft};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{AgentId, QueueId, TeamId, UserId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// To which team an agent belongs from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Membership {
    /// The team; null for none.
    #[schema(value_type = Option<String>)]
    team: Option<TeamId>,
}

/// The teams whose agents a supervisor sees.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Sight {
    /// These, and those below them; null for all agents.
    #[schema(value_type = Option<Vec<String>>)]
    teams: Option<Vec<TeamId>>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(list)))
        .routes(guard.may(Permission::AgentsWrite, routes!(create)))
        .routes(guard.may(Permission::FloorRead, routes!(get)))
        .routes(guard.may(Permission::AgentsWrite, routes!(change)))
        .routes(guard.may(Permission::AgentsWrite, routes!(dissolve)))
        .routes(guard.may(Permission::FloorRead, routes!(history)))
        .routes(guard.may(Permission::AgentsWrite, routes!(set_membership)))
        .routes(guard.may(Permission::UsersRead, routes!(sight)))
        .routes(guard.may(Permission::UsersWrite, routes!(set_sight)))
}

impl Api {
    /// Whether `caller`, who may see the rows of others, sees one of this agent and this queue.
    pub(super) async fn sees(
        &self,
        caller: &Caller,
        agent: Option<AgentId>,
        queue: Option<QueueId>,
    ) -> Result<bool, Problem> {
        Ok(self.store.sight(caller.identity()).await?.has(agent, queue))
    }

    /// 404 for an agent whom `caller`, who may act on others, does not see.
    pub(super) async fn must_see(&self, caller: &Caller, agent: AgentId) -> Result<(), Problem> {
        if self.sees(caller, Some(agent), None).await? {
            return Ok(());
        }
        Err(Problem::not_found("There is no such agent."))
    }

    /// The queues whose messages and callbacks `caller` sees: `None` for all. Who is limited to teams sees
    /// those of queues that an agent of these serves, and who is limited to queues those of these; who may
    /// not see the calls of others, those of the queues that they serve themselves.
    pub(super) async fn queues_seen(
        &self,
        caller: &Caller,
    ) -> Result<Option<BTreeSet<QueueId>>, Problem> {
        let (agents, limited) = match caller.may(Permission::CallsRead) {
            true => {
                let sight = self.store.sight(caller.identity()).await?;
                (sight.agents, sight.queues.unwrap_or_default())
            }
            false => (Some(caller.agent().into_iter().collect()), Vec::new()),
        };
        let Some(agents) = agents else { return Ok(None) };
        let queues = self.store.queues(caller.tenant()).await?.into_iter();
        let theirs = queues.filter(|queue| queue.agents.iter().any(|agent| agents.contains(agent)));
        Ok(Some(theirs.map(|queue| queue.id).chain(limited).collect()))
    }

    /// 403 for who is limited to teams or queues: what is asked for does not say of whom it is.
    pub(super) async fn must_see_all(&self, caller: &Caller) -> Result<(), Problem> {
        if self.sees(caller, None, None).await? { Ok(()) } else { Err(Problem::forbidden()) }
    }
}

/// All teams, each behind the one that it belongs to.
#[utoipa::path(get, path = "/api/v1/teams", tag = "teams", responses((status = 200, body = Vec<Team>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Team>>, Problem> {
    Ok(Json(api.store.teams(caller.tenant()).await?))
}

/// Make a team, or a department that teams belong to.
#[utoipa::path(post, path = "/api/v1/teams", tag = "teams", request_body = TeamDraft, responses((status = 201, body = Team)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<TeamDraft>,
) -> Result<(StatusCode, Json<Team>), Problem> {
    let made = api.store.create_team(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One team.
#[utoipa::path(get, path = "/api/v1/teams/{id}", tag = "teams", params(("id" = String, Path, description = "The team's id")), responses((status = 200, body = Team)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(team): Id<TeamId>,
) -> Result<Json<Team>, Problem> {
    Ok(Json(api.store.team(caller.tenant(), team).await?))
}

/// Give a team another name or place. Reports over the past print the new name too.
#[utoipa::path(put, path = "/api/v1/teams/{id}", tag = "teams", params(("id" = String, Path, description = "The team's id")), request_body = TeamDraft, responses((status = 200, body = Team)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(team): Id<TeamId>,
    Body(draft): Body<TeamDraft>,
) -> Result<Json<Team>, Problem> {
    Ok(Json(api.store.change_team(caller.tenant(), &caller.by(), team, &draft).await?))
}

/// Dissolve a team to which nobody belongs any more. Reports over its time still name it.
#[utoipa::path(delete, path = "/api/v1/teams/{id}", tag = "teams", params(("id" = String, Path, description = "The team's id")), responses((status = 204)))]
async fn dissolve(
    State(api): State<Shared>,
    caller: Caller,
    Id(team): Id<TeamId>,
) -> Result<StatusCode, Problem> {
    api.store.dissolve_team(caller.tenant(), &caller.by(), team).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The teams that an agent belonged to, the latest first.
#[utoipa::path(get, path = "/api/v1/agents/{id}/team", tag = "teams", params(("id" = String, Path, description = "The agent's id")), responses((status = 200, body = Vec<Stay>)))]
pub(super) async fn history(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<Vec<Stay>>, Problem> {
    Ok(Json(api.store.agent_teams(caller.tenant(), agent).await?))
}

/// Put an agent into a team, or into none, from now on. What was before stays with the team of then.
#[utoipa::path(put, path = "/api/v1/agents/{id}/team", tag = "teams", params(("id" = String, Path, description = "The agent's id")), request_body = Membership, responses((status = 200, body = Vec<Stay>)))]
async fn set_membership(
    State(api): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    Body(Membership { team }): Body<Membership>,
) -> Result<Json<Vec<Stay>>, Problem> {
    Ok(Json(api.store.set_agent_team(caller.tenant(), &caller.by(), agent, team).await?))
}

/// The teams that a supervisor is limited to.
#[utoipa::path(get, path = "/api/v1/users/{id}/teams", tag = "teams", params(("id" = String, Path, description = "The user's id")), responses((status = 200, body = Sight)))]
async fn sight(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<Json<Sight>, Problem> {
    Ok(Json(Sight { teams: api.store.user_teams(caller.tenant(), user).await? }))
}

/// Limit a supervisor to the agents of some teams and of those below them, or lift the limit. Calls,
/// recordings and reports of other agents do not exist for them then.
#[utoipa::path(put, path = "/api/v1/users/{id}/teams", tag = "teams", params(("id" = String, Path, description = "The user's id")), request_body = Sight, responses((status = 204)))]
async fn set_sight(
    State(api): State<Shared>,
    caller: Caller,
    Id(user): Id<UserId>,
    Body(Sight { teams }): Body<Sight>,
) -> Result<StatusCode, Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    api.store.set_user_teams(tenant, &by, user, teams.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
