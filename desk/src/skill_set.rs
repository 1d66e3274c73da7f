//! Parts of their skills and queues that agents may choose when they sign in. A set takes away for one
//! sitting and never gives: what the agent has not is not theirs by it.

use crate::audit::By;
use crate::error::During;
use crate::skill::{SKILLS_MAX, check_names};
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::routing;
use terms::{AgentId, QueueId, SkillSetId, TenantId};
use utoipa::ToSchema;

/// Skill sets of one tenant.
pub const SKILL_SETS_MAX: i64 = 200;
/// The highest number by which one is dialled.
pub const SKILL_SET_NUMBER_MAX: u32 = 999;

/// A skill set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SkillSet)]
pub struct SkillSet {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SkillSetId,
    /// What it is.
    #[serde(flatten)]
    pub draft: SkillSetDraft,
}

/// A skill set to be, or as it shall be from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillSetDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// By which it is dialled, as in `*41*3`: 1-999, unique in the tenant.
    pub number: u32,
    /// Names of the skills that count, at most 32; left out, all do.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The queues that are served; left out, all are.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub queues: BTreeSet<QueueId>,
    /// Who may choose it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub agents: BTreeSet<AgentId>,
}

impl From<SkillSet> for routing::SkillSet {
    fn from(SkillSet { id, draft }: SkillSet) -> Self {
        let SkillSetDraft { number, skills, queues, agents, .. } = draft;
        routing::SkillSet { id, number, skills: skills.into_iter().collect(), queues, agents }
    }
}

impl SkillSetDraft {
    /// The draft with its name trimmed, when it can be.
    fn checked(&self) -> Result<SkillSetDraft> {
        let name = text::name("name", &self.name)?;
        if !(1..=SKILL_SET_NUMBER_MAX).contains(&self.number) {
            let problem = format!("{} is outside 1-{SKILL_SET_NUMBER_MAX}", self.number);
            return Err(Error::invalid("number", problem));
        }
        check_names("skills", self.skills.iter().map(String::as_str), SKILLS_MAX)?;
        if self.skills.is_empty() && self.queues.is_empty() {
            return Err(Error::invalid("skills", "a skill set names skills, queues, or both"));
        }
        Ok(SkillSetDraft { name, ..self.clone() })
    }
}

fn skill_set(row: &DbRow) -> Result<SkillSet> {
    let draft = document(row, "document", "list skill sets", "skill set")?;
    Ok(SkillSet { id: SkillSetId(id(row, "id")), draft })
}

impl Store {
    /// The skill sets of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn skill_sets(&self, tenant: TenantId) -> Result<Vec<SkillSet>> {
        sql::query(
            "SELECT id, document FROM skill_sets WHERE tenant_id = $1 ORDER BY number LIMIT 1000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list skill sets")?
        .iter()
        .map(skill_set)
        .collect()
    }

    /// The same as the call path has them.
    pub(crate) async fn skill_sets_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<routing::SkillSet>> {
        Ok(self.skill_sets(tenant).await?.into_iter().map(routing::SkillSet::from).collect())
    }

    /// Refuses a skill set that this agent may not choose: one that is not given to them, or that the
    /// tenant has not.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn must_be_given(
        &self,
        tenant: TenantId,
        agent: AgentId,
        id: SkillSetId,
    ) -> Result<()> {
        let given = |set: &SkillSet| set.id == id && set.draft.agents.contains(&agent);
        match self.skill_sets(tenant).await?.iter().any(given) {
            true => Ok(()),
            false => Err(Error::invalid("skill_set", "this skill set is not given to the agent")),
        }
    }

    /// Makes a skill set.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::NotFound`] for a queue or an agent,
    /// [`Error::Refused`] when there are too many.
    pub async fn create_skill_set(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &SkillSetDraft,
    ) -> Result<SkillSet> {
        let draft = draft.checked()?;
        let mut write = self.write("make a skill set").await?;
        check_members(&mut write, tenant, &draft).await?;
        let count = "SELECT COUNT(*) FROM skill_sets WHERE tenant_id = $1";
        write.room_for(tenant, count, SKILL_SETS_MAX).await?;
        let id = SkillSetId(write.next_id("skill_set").await? as u64);
        let insert = "INSERT INTO skill_sets (id, tenant_id, name, number, document)
             VALUES ($2, $1, $3, $4, $5)";
        put(&mut write, insert, tenant, id, &draft).await?;
        write.audit(tenant, by, "skill_set.create", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(SkillSet { id, draft })
    }

    /// Changes a skill set, also for who sits with it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a queue or an agent, [`Error::Invalid`], [`Error::Taken`].
    pub async fn put_skill_set(
        &self,
        tenant: TenantId,
        by: &By,
        id: SkillSetId,
        draft: &SkillSetDraft,
    ) -> Result<SkillSet> {
        let draft = draft.checked()?;
        let mut write = self.write("change a skill set").await?;
        check_members(&mut write, tenant, &draft).await?;
        let update = "UPDATE skill_sets SET name = $3, number = $4, document = $5
             WHERE tenant_id = $1 AND id = $2";
        if put(&mut write, update, tenant, id, &draft).await? == 0 {
            return Err(Error::not_found("skill set", id));
        }
        write.audit(tenant, by, "skill_set.change", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(SkillSet { id, draft })
    }

    /// Takes a skill set away. For who sits with it all that they can counts again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_skill_set(&self, tenant: TenantId, by: &By, id: SkillSetId) -> Result<()> {
        let mut write = self.write("remove a skill set").await?;
        let delete = "DELETE FROM skill_sets WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("skill set", id.0)).await?;
        write.audit(tenant, by, "skill_set.remove", id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}

/// Refuses queues and agents that the tenant has not.
async fn check_members(write: &mut Write, tenant: TenantId, draft: &SkillSetDraft) -> Result<()> {
    for &queue in &draft.queues {
        crate::queue::exists(write, tenant, queue).await?;
    }
    for &agent in &draft.agents {
        crate::agent::exists(write, tenant, agent).await?;
    }
    Ok(())
}

async fn put(
    write: &mut Write,
    sql: &'static str,
    tenant: TenantId,
    id: SkillSetId,
    draft: &SkillSetDraft,
) -> Result<u64> {
    let doing = write.doing;
    let done = sql::query(sql)
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .bind(&draft.name)
        .bind(i64::from(draft.number))
        .bind(serde_json::to_string(draft).expect("a skill set is always valid JSON"))
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(done.rows_affected())
}
