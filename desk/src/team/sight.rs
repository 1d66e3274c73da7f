//! What a person sees of what their role allows: the agents of all teams or of some, all queues or some,
//! telephone numbers or what is left of them. Whoever is limited sees a row that is of an agent or of a
//! queue of theirs, and what is of neither not at all.

use super::{exists, tree};
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, id};
use crate::user::Identity;
use crate::{Error, Result, Role, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{AgentId, QueueId, TeamId, TenantId, UserId};
use utoipa::ToSchema;

/// Teams, or queues, that a person may be limited to.
const LIMIT_MAX: usize = 100;

/// What an administrator set for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = UserSight)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Telephone numbers are shown to them as `+86138****8000`, and cannot be searched for.
    pub mask_numbers: bool,
    /// Of the calls and recordings of others they see those of these queues, beside those of the teams
    /// that they are limited to; null for no limit to queues.
    #[schema(value_type = Option<Vec<String>>)]
    pub queues: Option<Vec<QueueId>>,
}

/// What somebody sees who may see the rows of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The rows of these agents; `None` for all. Never `None` where `queues` is a limit.
    pub agents: Option<Vec<AgentId>>,
    /// And the rows of these queues; `None` where they are not told apart by queues.
    pub queues: Option<Vec<QueueId>>,
    /// Telephone numbers with their middle hidden.
    pub mask_numbers: bool,
}

impl Sight {
    /// All rows, numbers shown.
    pub const WHOLE: Sight = Sight { agents: None, queues: None, mask_numbers: false };

    /// Whether a row of this agent and this queue is seen.
    pub fn has(&self, agent: Option<AgentId>, queue: Option<QueueId>) -> bool {
        let of_agent = |seen: &Vec<AgentId>| agent.is_some_and(|agent| seen.contains(&agent));
        let of_queue = |seen: &Vec<QueueId>| queue.is_some_and(|queue| seen.contains(&queue));
        self.agents.as_ref().is_none_or(of_agent) || self.queues.as_ref().is_some_and(of_queue)
    }
}

impl Store {
    /// The teams that a person is limited to as a supervisor; none where they see all agents.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user_teams(
        &self,
        tenant: TenantId,
        user_id: UserId,
    ) -> Result<Option<Vec<TeamId>>> {
        let row = sql::query("SELECT team_scope FROM users WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(user_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a supervisor's teams")?;
        limit(&row.ok_or_else(|| Error::not_found("user", user_id))?)
    }

    /// Limits a supervisor to the agents of some teams, or to none, or lifts the limit.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a person or team that does not exist, [`Error::Invalid`] for too many
    /// teams, [`Error::Refused`] for a person with another role.
    pub async fn set_user_teams(
        &self,
        tenant: TenantId,
        by: &By,
        user_id: UserId,
        teams: Option<&[TeamId]>,
    ) -> Result<()> {
        let doing = "change a supervisor's teams";
        if teams.is_some_and(|teams| teams.len() > LIMIT_MAX) {
            return Err(Error::invalid("teams", format!("at most {LIMIT_MAX} entries are kept")));
        }
        let role = self.user(tenant, user_id).await?.role;
        if teams.is_some() && role != Role::Supervisor {
            return Err(Error::Refused("only a supervisor can be limited to teams".to_owned()));
        }
        let mut write = self.write(doing).await?;
        for team in teams.unwrap_or_default() {
            exists(&mut write, tenant, *team).await?;
        }
        let kept = teams
            .map(|teams| serde_json::to_string(teams).expect("a list of ids is always valid JSON"));
        sql::query("UPDATE users SET team_scope = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(user_id.0 as i64)
            .bind(kept.as_deref())
            .execute(write.db())
            .await
            .during(doing)?;
        let subject = format!("{user_id} {}", kept.as_deref().unwrap_or("-"));
        write.audit(tenant, by, "user.teams", subject).await?;
        write.commit().await
    }

    /// What an administrator set for a person.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user_limits(&self, tenant: TenantId, user_id: UserId) -> Result<Limits> {
        let doing = "read what a person sees";
        let row = sql::query(
            "SELECT mask_numbers, queue_scope FROM users WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(user_id.0 as i64)
        .fetch_optional(self.reader())
        .await
        .during(doing)?;
        let row = row.ok_or_else(|| Error::not_found("user", user_id))?;
        let queues = kept(&row, "queue_scope", doing, "list of queues")?;
        Ok(Limits { mask_numbers: row.get("mask_numbers"), queues })
    }

    /// Sets what a person sees. It holds whatever their role is later; an administrator, who could lift
    /// it, is not limited.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a person or queue that does not exist, [`Error::Invalid`] for too many
    /// queues, [`Error::Refused`] for an administrator, and for queues of an agent, who sees their own
    /// rows alone.
    pub async fn set_user_limits(
        &self,
        tenant: TenantId,
        by: &By,
        user_id: UserId,
        limits: &Limits,
    ) -> Result<()> {
        let doing = "change what a person sees";
        let queues = limits.queues.as_deref();
        if queues.is_some_and(|queues| queues.len() > LIMIT_MAX) {
            return Err(Error::invalid("queues", format!("at most {LIMIT_MAX} entries are kept")));
        }
        let role = self.user(tenant, user_id).await?.role;
        if *limits != Limits::default() && role == Role::Administrator {
            let why = "an administrator, who could lift it, is not limited";
            return Err(Error::Refused(why.to_owned()));
        }
        if queues.is_some() && role == Role::Agent {
            let why = "an agent sees their own calls alone and is not limited to queues";
            return Err(Error::Refused(why.to_owned()));
        }
        for queue in queues.unwrap_or_default() {
            self.queue(tenant, *queue).await?;
        }
        let text = queues
            .map(|ids| serde_json::to_string(ids).expect("a list of ids is always valid JSON"));
        let mut write = self.write(doing).await?;
        sql::query(
            "UPDATE users SET mask_numbers = $3, queue_scope = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(user_id.0 as i64)
        .bind(limits.mask_numbers)
        .bind(text.as_deref())
        .execute(write.db())
        .await
        .during(doing)?;
        let shown = if limits.mask_numbers { "masked" } else { "shown" };
        let subject =
            format!("{user_id} numbers {shown}, queues {}", text.as_deref().unwrap_or("-"));
        write.audit(tenant, by, "user.sight", subject).await?;
        write.commit().await
    }

    /// What somebody sees who may see the rows of others. A supervisor who is limited to teams sees who
    /// belongs to these teams now, and to those below them; whoever is limited to queues and to no teams
    /// sees no other agent. What is their own everybody sees.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody, and when the store does not answer.
    pub async fn sight(&self, who: &Identity) -> Result<Sight> {
        let Limits { mask_numbers, queues } = self.user_limits(who.tenant, who.user).await?;
        let teams = match who.role {
            Role::Supervisor => self.user_teams(who.tenant, who.user).await?,
            _ => None,
        };
        let mut agents = match (teams, &queues) {
            (None, None) => return Ok(Sight { mask_numbers, ..Sight::WHOLE }),
            (None, Some(_)) => Vec::new(),
            (Some(teams), _) => self.agents_below(who.tenant, &teams).await?,
        };
        if let Some(own) = who.agent
            && !agents.contains(&own)
        {
            agents.push(own);
        }
        Ok(Sight { agents: Some(agents), queues, mask_numbers })
    }

    /// What a person sees whose role is the one that they have now: who has become an agent sees their
    /// own rows alone. A schedule makes reports for them while they are not there.
    ///
    /// # Errors
    /// As [`Store::sight`].
    pub async fn sight_of(&self, tenant: TenantId, user: UserId) -> Result<Sight> {
        let known = self.user(tenant, user).await?;
        let agents = self.agents(tenant).await?;
        let agent = agents.iter().map(|agent| agent.id).find(|agent| agent.0 == user.0);
        let (login, name, role) = (known.login, known.name, known.role);
        if role == Role::Agent {
            let Limits { mask_numbers, .. } = self.user_limits(tenant, user).await?;
            return Ok(Sight { agents: Some(Vec::from_iter(agent)), queues: None, mask_numbers });
        }
        self.sight(&Identity { tenant, user, login, name, role, agent, mask_numbers: false }).await
    }

    /// The agents whose rows somebody sees who may see those of others: `None` for all.
    ///
    /// # Errors
    /// As [`Store::sight`].
    pub async fn agents_seen(&self, who: &Identity) -> Result<Option<Vec<AgentId>>> {
        Ok(self.sight(who).await?.agents)
    }

    /// Who belongs to a team now, and to those below it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a team that was dissolved.
    pub async fn team_agents(&self, tenant: TenantId, team: TeamId) -> Result<Vec<AgentId>> {
        self.team(tenant, team).await?;
        self.agents_below(tenant, &[team]).await
    }

    /// Who belongs to these teams now, and to those below them.
    async fn agents_below(&self, tenant: TenantId, teams: &[TeamId]) -> Result<Vec<AgentId>> {
        let doing = "read a supervisor's teams";
        let below = tree(self.reader(), tenant, doing).await?.with_below(teams);
        let members = sql::query(
            "SELECT agent_id, team_id FROM team_members WHERE tenant_id = $1 AND until IS NULL
             ORDER BY agent_id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during(doing)?;
        Ok(agents_of(&members, &below))
    }
}

fn agents_of(members: &[DbRow], teams: &BTreeSet<TeamId>) -> Vec<AgentId> {
    let is_theirs = |member: &&DbRow| teams.contains(&TeamId(id(member, "team_id")));
    members.iter().filter(is_theirs).map(|member| AgentId(id(member, "agent_id"))).collect()
}

fn limit(row: &DbRow) -> Result<Option<Vec<TeamId>>> {
    kept(row, "team_scope", "read a supervisor's teams", "list of teams")
}

/// The list of ids in a column; none where it is empty.
fn kept<T: DeserializeOwned>(
    row: &DbRow,
    column: &str,
    doing: &'static str,
    what: &'static str,
) -> Result<Option<Vec<T>>> {
    let Some(kept) = row.get::<Option<String>>(column) else { return Ok(None) };
    let read = serde_json::from_str(&kept);
    read.map(Some).map_err(|error| Error::Stored { doing, what, problem: error.to_string() })
}
