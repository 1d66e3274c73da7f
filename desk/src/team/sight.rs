//! Whose agents a supervisor sees: all, or those of some teams and of the teams below them.

use super::{exists, tree};
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, id};
use crate::user::Identity;
use crate::{Error, Result, Role, Store};
use std::collections::BTreeSet;
use terms::{AgentId, TeamId, TenantId, UserId};

/// Teams that a supervisor may be limited to.
const LIMIT_MAX: usize = 100;

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

    /// The agents whose rows somebody sees who may see those of others: `None` for all. A supervisor
    /// who is limited to teams sees who belongs to these teams now, and to those below them, and what
    /// is their own.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn agents_seen(&self, who: &Identity) -> Result<Option<Vec<AgentId>>> {
        if who.role != Role::Supervisor {
            return Ok(None);
        }
        let Some(teams) = self.user_teams(who.tenant, who.user).await? else { return Ok(None) };
        let doing = "read a supervisor's teams";
        let below = tree(self.reader(), who.tenant, doing).await?.with_below(&teams);
        let members = sql::query(
            "SELECT agent_id, team_id FROM team_members WHERE tenant_id = $1 AND until IS NULL
             ORDER BY agent_id",
        )
        .bind(who.tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during(doing)?;
        let mut seen = agents_of(&members, &below);
        if let Some(own) = who.agent
            && !seen.contains(&own)
        {
            seen.push(own);
        }
        Ok(Some(seen))
    }
}

fn agents_of(members: &[DbRow], teams: &BTreeSet<TeamId>) -> Vec<AgentId> {
    let is_theirs = |member: &&DbRow| teams.contains(&TeamId(id(member, "team_id")));
    members.iter().filter(is_theirs).map(|member| AgentId(id(member, "agent_id"))).collect()
}

fn limit(row: &DbRow) -> Result<Option<Vec<TeamId>>> {
    let Some(kept) = row.get::<Option<String>>("team_scope") else { return Ok(None) };
    let read = serde_json::from_str(&kept).map_err(|error| Error::Stored {
        doing: "read a supervisor's teams",
        what: "list of teams",
        problem: error.to_string(),
    })?;
    Ok(Some(read))
}
