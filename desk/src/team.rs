//! Teams of agents. They form a tree, so that departments have teams; a team that is dissolved is
//! kept for the reports over its time.

mod member;
mod sight;
mod tree;

pub use member::Stay;
pub use sight::{Limits, Sight};

use crate::audit::By;
use crate::error::During;
use crate::sql::{self, On};
use crate::store::{DbRow, Write, id, id_opt, time};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use terms::{AgentId, TeamId, TenantId, Timestamp};
use tree::{Node, Tree};
use utoipa::ToSchema;

/// Teams of one tenant.
pub const TEAMS_MAX: i64 = 1_000;
/// Levels of the tree.
pub const DEPTH_MAX: usize = 8;

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Team {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TeamId,
    /// Its name; unique among those that belong to the same team.
    pub name: String,
    /// The team or department that it belongs to; none at the top.
    #[schema(value_type = Option<String>)]
    pub parent: Option<TeamId>,
    /// Its name behind the names of those above it, `客服部 / 一班`, as reports print it.
    pub path: String,
    /// Who belongs to it now, those of teams below it not included.
    #[schema(value_type = Vec<String>)]
    pub agents: Vec<AgentId>,
    /// Made.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A team to be, or as it is to be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamDraft {
    /// Its name.
    pub name: String,
    /// The team or department that it belongs to; none at the top.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub parent: Option<TeamId>,
}

impl Store {
    /// The teams of a tenant, each behind the one that it belongs to.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn teams(&self, tenant: TenantId) -> Result<Vec<Team>> {
        let doing = "list teams";
        let tree = tree(self.reader(), tenant, doing).await?;
        let members = sql::query(
            "SELECT agent_id, team_id FROM team_members
             WHERE tenant_id = $1 AND until IS NULL ORDER BY agent_id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during(doing)?;
        let rows = sql::query(
            "SELECT id, name, parent_id, created_at FROM teams
             WHERE tenant_id = $1 AND dissolved_at IS NULL",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during(doing)?;
        let mut teams: Vec<Team> = rows.iter().map(|row| team(row, &tree, &members)).collect();
        teams.sort_by(|one, other| (&one.path, one.id).cmp(&(&other.path, other.id)));
        Ok(teams)
    }

    /// One team.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn team(&self, tenant: TenantId, team_id: TeamId) -> Result<Team> {
        let all = self.teams(tenant).await?;
        let found = all.into_iter().find(|team| team.id == team_id);
        found.ok_or_else(|| Error::not_found("team", team_id))
    }

    /// How reports print the teams, those that were dissolved included.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn team_names(&self, tenant: TenantId) -> Result<Vec<(TeamId, String)>> {
        let doing = "list teams";
        let rows = sql::query("SELECT id, name, parent_id FROM teams WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during(doing)?;
        let tree = Tree::new(rows.iter().map(node));
        let names = rows.iter().map(|row| TeamId(id(row, "id")));
        Ok(names.map(|team| (team, tree.path(team))).collect())
    }

    /// Makes a team.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a parent that cannot be, [`Error::Taken`], [`Error::Refused`] when
    /// there are too many.
    pub async fn create_team(&self, tenant: TenantId, by: &By, draft: &TeamDraft) -> Result<Team> {
        let doing = "make a team";
        let name = text::name("name", &draft.name)?;
        let mut write = self.write(doing).await?;
        let count = "SELECT COUNT(*) FROM teams WHERE tenant_id = $1";
        write.room_for(tenant, count, TEAMS_MAX).await?;
        tree(write.db(), tenant, doing).await?.check_place(None, draft.parent)?;
        let made = TeamId(write.next_id("team").await? as u64);
        sql::query(
            "INSERT INTO teams (id, tenant_id, parent_id, name, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(made.0 as i64)
        .bind(tenant.0 as i64)
        .bind(draft.parent.map(|parent| parent.0 as i64))
        .bind(&name)
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "team.create", format!("{made} {name}")).await?;
        write.commit().await?;
        self.team(tenant, made).await
    }

    /// Gives a team another name or place. Reports over the past print the new name too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a parent that cannot be, [`Error::Taken`].
    pub async fn change_team(
        &self,
        tenant: TenantId,
        by: &By,
        team_id: TeamId,
        draft: &TeamDraft,
    ) -> Result<Team> {
        let doing = "change a team";
        let name = text::name("name", &draft.name)?;
        let mut write = self.write(doing).await?;
        exists(&mut write, tenant, team_id).await?;
        tree(write.db(), tenant, doing).await?.check_place(Some(team_id), draft.parent)?;
        sql::query("UPDATE teams SET name = $3, parent_id = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(team_id.0 as i64)
            .bind(&name)
            .bind(draft.parent.map(|parent| parent.0 as i64))
            .execute(write.db())
            .await
            .during(doing)?;
        write.audit(tenant, by, "team.change", format!("{team_id} {name}")).await?;
        write.commit().await?;
        self.team(tenant, team_id).await
    }

    /// Dissolves a team to which nobody belongs any more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] while agents or teams belong to it.
    pub async fn dissolve_team(&self, tenant: TenantId, by: &By, team_id: TeamId) -> Result<()> {
        let doing = "dissolve a team";
        let mut write = self.write(doing).await?;
        exists(&mut write, tenant, team_id).await?;
        let used = "SELECT 1 FROM team_members
             WHERE tenant_id = $1 AND team_id = $2 AND until IS NULL
             UNION ALL
             SELECT 1 FROM teams WHERE tenant_id = $1 AND parent_id = $2 AND dissolved_at IS NULL
             LIMIT 1";
        if write.has(tenant, used, team_id.0).await? {
            return Err(Error::Refused("agents or teams still belong to this team".to_owned()));
        }
        sql::query("UPDATE teams SET dissolved_at = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(team_id.0 as i64)
            .bind(by.at.0)
            .execute(write.db())
            .await
            .during(doing)?;
        write.audit(tenant, by, "team.dissolve", team_id).await?;
        write.commit().await
    }
}

/// The teams that are not dissolved.
async fn tree(db: On<'_>, tenant: TenantId, doing: &'static str) -> Result<Tree> {
    let rows = sql::query(
        "SELECT id, name, parent_id FROM teams WHERE tenant_id = $1 AND dissolved_at IS NULL",
    )
    .bind(tenant.0 as i64)
    .fetch_all(db)
    .await
    .during(doing)?;
    Ok(Tree::new(rows.iter().map(node)))
}

fn node(row: &DbRow) -> (TeamId, Node) {
    let parent = id_opt(row, "parent_id").map(TeamId);
    (TeamId(id(row, "id")), Node { parent, name: row.get("name") })
}

fn team(row: &DbRow, tree: &Tree, members: &[DbRow]) -> Team {
    let team = TeamId(id(row, "id"));
    let of_it = members.iter().filter(|member| id(member, "team_id") == team.0);
    Team {
        id: team,
        name: row.get("name"),
        parent: id_opt(row, "parent_id").map(TeamId),
        path: tree.path(team),
        agents: of_it.map(|member| AgentId(id(member, "agent_id"))).collect(),
        created_at: time(row, "created_at"),
    }
}

async fn exists(write: &mut Write, tenant: TenantId, team_id: TeamId) -> Result<()> {
    let select = "SELECT 1 FROM teams WHERE tenant_id = $1 AND id = $2 AND dissolved_at IS NULL";
    let found = write.has(tenant, select, team_id.0).await?;
    if found { Ok(()) } else { Err(Error::not_found("team", team_id)) }
}
