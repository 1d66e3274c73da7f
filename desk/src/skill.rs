//! What agents can do, and what queues ask of them.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::routing;
use terms::{AgentId, TenantId};
use utoipa::ToSchema;

/// Skills of an agent.
pub const SKILLS_MAX: usize = 32;
/// Skills that a queue asks for.
pub const NEEDS_MAX: usize = 8;
/// The best level of a skill, and the last level of a queue's agents.
pub const LEVEL_MAX: u32 = 9;
/// Longest wait for a skill in seconds.
pub const UNTIL_S_MAX: u32 = 3_600;

/// What an agent can do, and how well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// Its name, such as `粤语`.
    pub name: String,
    /// 1–9, higher is better; 1 when left out.
    #[serde(default = "level_usual")]
    pub level: u32,
}

/// A skill that a queue asks of its agents, or that they must not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Its name.
    pub skill: String,
    /// At least this level, 1–9; 1 when left out.
    #[serde(default = "level_usual")]
    pub level: u32,
    /// Seconds that a contact waits for somebody who has it, at most 3,600; with 0 those who have it
    /// only go first. Left out: who lacks it never serves the queue.
    #[serde(default)]
    pub until_s: Option<u32>,
    /// The other way round: who has it at this level never serves the queue, or with `until_s` only
    /// after so many seconds, or with 0 only after all others.
    #[serde(default)]
    pub excluded: bool,
}

pub(crate) const fn level_usual() -> u32 {
    1
}

pub(crate) fn check_level(field: &'static str, level: u32) -> Result<()> {
    if (1..=LEVEL_MAX).contains(&level) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{level} is outside 1-{LEVEL_MAX}")))
}

/// Each once, and not too many.
pub(crate) fn check_names<'a>(
    field: &'static str,
    names: impl ExactSizeIterator<Item = &'a str>,
    max: usize,
) -> Result<()> {
    if names.len() > max {
        return Err(Error::invalid(field, format!("at most {max} skills are kept")));
    }
    let mut seen = BTreeSet::new();
    for name in names {
        if text::name(field, name)? != name || !seen.insert(name) {
            let problem = "each skill stands once, without blanks around it";
            return Err(Error::invalid(field, problem));
        }
    }
    Ok(())
}

pub(crate) fn check_needs(needs: &[Need]) -> Result<()> {
    check_names("needs", needs.iter().map(|need| need.skill.as_str()), NEEDS_MAX)?;
    for need in needs {
        check_level("needs", need.level)?;
        if let Some(until_s) = need.until_s.filter(|until_s| *until_s > UNTIL_S_MAX) {
            return Err(Error::invalid("needs", format!("{until_s} is outside 0-{UNTIL_S_MAX}")));
        }
    }
    Ok(())
}

impl From<Skill> for routing::Skill {
    fn from(Skill { name, level }: Skill) -> Self {
        routing::Skill { name, level }
    }
}

impl From<Need> for routing::Need {
    fn from(Need { skill, level, until_s, excluded }: Need) -> Self {
        routing::Need { skill, level, until_s, excluded }
    }
}

impl Store {
    /// Says what an agent can do from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn set_agent_skills(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
        skills: &[Skill],
    ) -> Result<crate::agent::Agent> {
        check_names("skills", skills.iter().map(|skill| skill.name.as_str()), SKILLS_MAX)?;
        skills.iter().try_for_each(|skill| check_level("skills", skill.level))?;
        let document = serde_json::to_string(skills).expect("skills are always valid JSON");
        let mut write = self.write("change what an agent can do").await?;
        crate::agent::exists(&mut write, tenant, agent_id).await?;
        sql::query("UPDATE agents SET skills = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .bind(document)
            .execute(write.db())
            .await
            .during("change what an agent can do")?;
        write.audit(tenant, by, "agent.skills", agent_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        self.agent(tenant, agent_id).await
    }
}
