//! To which team an agent belongs, and did before. Each change is a row for the warehouse, written
//! in the same transaction, so that a report over the past counts the team of then.

use super::exists;
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, time, time_opt};
use crate::{Result, Store, agent, when};
use serde::Serialize;
use terms::{AgentId, TeamId, TenantId, Timestamp, record};
use utoipa::ToSchema;

/// A time that an agent belonged to a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stay {
    /// The team.
    #[schema(value_type = String)]
    pub team: TeamId,
    /// From when on.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Until when; none for the team of now.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT team_id, since, until FROM team_members
    WHERE tenant_id = $1 AND agent_id = $2 ORDER BY id DESC LIMIT 1000";

fn stay(row: &DbRow) -> Stay {
    Stay {
        team: TeamId(id(row, "team_id")),
        since: time(row, "since"),
        until: time_opt(row, "until"),
    }
}

impl Store {
    /// The teams that an agent belonged to, the latest first.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for an agent that does not exist.
    pub async fn agent_teams(&self, tenant: TenantId, agent_id: AgentId) -> Result<Vec<Stay>> {
        self.agent(tenant, agent_id).await?;
        let rows = sql::query(COLUMNS)
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list an agent's teams")?;
        Ok(rows.iter().map(stay).collect())
    }

    /// Puts an agent into a team, or into none, from now on.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for an agent or team that does not exist.
    pub async fn set_agent_team(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
        team: Option<TeamId>,
    ) -> Result<Vec<Stay>> {
        let doing = "change an agent's team";
        let mut write = self.write(doing).await?;
        agent::exists(&mut write, tenant, agent_id).await?;
        if let Some(team) = team {
            exists(&mut write, tenant, team).await?;
        }
        let last = sql::query(COLUMNS)
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .fetch_all(write.db())
            .await
            .during(doing)?;
        let last = last.first().map(stay);
        let now = last.as_ref().filter(|stay| stay.until.is_none()).map(|stay| stay.team);
        if now != team {
            // The wall clock may step back; the history of an agent never does.
            let since = last.map_or(by.at, |stay| by.at.max(stay.until.unwrap_or(stay.since)));
            end_stay(&mut write, tenant, agent_id, since).await?;
            begin_stay(&mut write, tenant, agent_id, (team, since)).await?;
            let named = team.map_or("-".to_owned(), |team| team.to_string());
            write.audit(tenant, by, "agent.team", format!("{agent_id} {named}")).await?;
            write.commit().await?;
        }
        self.agent_teams(tenant, agent_id).await
    }
}

async fn end_stay(
    write: &mut Write,
    tenant: TenantId,
    agent_id: AgentId,
    until: Timestamp,
) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE team_members SET until = $3
         WHERE tenant_id = $1 AND agent_id = $2 AND until IS NULL",
    )
    .bind(tenant.0 as i64)
    .bind(agent_id.0 as i64)
    .bind(until.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

async fn begin_stay(
    write: &mut Write,
    tenant: TenantId,
    agent_id: AgentId,
    (team, since): (Option<TeamId>, Timestamp),
) -> Result<()> {
    let doing = write.doing;
    let version_id = write.next_id("team member").await?;
    if let Some(team) = team {
        sql::query(
            "INSERT INTO team_members (id, tenant_id, agent_id, team_id, since)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(version_id)
        .bind(tenant.0 as i64)
        .bind(agent_id.0 as i64)
        .bind(team.0 as i64)
        .bind(since.0)
        .execute(write.db())
        .await
        .during(doing)?;
    }
    let row = record::TeamMember { tenant_id: tenant, version_id, agent_id, team_id: team, since };
    write.hand_over(&record::Row::TeamMember(row)).await
}
