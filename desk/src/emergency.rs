//! Emergency mode: plans of routing and prompts that people prepare in quiet times and bring into force
//! with one switch. A plan in force is part of the tenant's plan, so that it holds after a restart;
//! calls that run are not touched. Beside it stand who is on duty ([`rota`]) and what was done each
//! time, or practised ([`occasion`]).

pub mod occasion;
pub mod rota;

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, document, id_opt, time_opt};
use crate::{Error, Result, Store, text, when};
use rota::Duty;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use terms::routing::Emergency as InForce;
use terms::{FlowId, NumberId, TenantId, Timestamp, UserId, record};
use utoipa::ToSchema;

/// Emergency plans of one tenant.
pub const EMERGENCIES_MAX: i64 = 50;
/// Numbers of one plan.
const NUMBERS_MAX: usize = 1_000;
/// Points of one checklist.
const POINTS_MAX: usize = 100;
/// Longest name.
const NAME_CHARS_MAX: usize = 40;

/// An emergency plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EmergencyPlan)]
pub struct Emergency {
    /// Its name, by which it is switched.
    pub name: String,
    /// What it does.
    #[serde(flatten)]
    pub draft: EmergencyDraft,
    /// Who is on duty, and when.
    pub rota: Vec<Duty>,
    /// In force since then; none where it is not.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub active_since: Option<Timestamp>,
    /// Who switched it on.
    #[schema(value_type = Option<String>)]
    pub active_by: Option<UserId>,
}

/// What an emergency plan does: a flow, an announcement, or both; and what people do besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmergencyDraft {
    /// Ids of the published numbers that it is about; empty is all of them.
    #[schema(value_type = Vec<String>)]
    pub numbers: Vec<NumberId>,
    /// The published flow that answers in place of what usually does.
    #[schema(value_type = Option<String>)]
    pub flow: Option<FlowId>,
    /// The prompt that callers hear first, without its language.
    pub announcement: Option<String>,
    /// What is to be done, point by point; ticked off each time anew.
    pub checklist: Vec<String>,
}

impl EmergencyDraft {
    fn covers_some_of(&self, other: &EmergencyDraft) -> bool {
        let all = self.numbers.is_empty() || other.numbers.is_empty();
        all || self.numbers.iter().any(|number| other.numbers.contains(number))
    }
}

const COLUMNS: &str =
    "SELECT name, document, rota, active_since, active_by FROM emergencies WHERE tenant_id = $1";

fn emergency(row: &DbRow) -> Result<Emergency> {
    Ok(Emergency {
        name: row.get("name"),
        draft: document(row, "document", "list emergency plans", "emergency plan")?,
        rota: document(row, "rota", "list emergency plans", "rota")?,
        active_since: time_opt(row, "active_since"),
        active_by: id_opt(row, "active_by").map(UserId),
    })
}

impl Store {
    /// The emergency plans of a tenant, in force or not.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn emergencies(&self, tenant: TenantId) -> Result<Vec<Emergency>> {
        sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY name LIMIT 100")))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list emergency plans")?
            .iter()
            .map(emergency)
            .collect()
    }

    /// One emergency plan.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn emergency(&self, tenant: TenantId, name: &str) -> Result<Emergency> {
        let all = self.emergencies(tenant).await?;
        let own = all.into_iter().find(|plan| plan.name == name);
        own.ok_or_else(|| Error::not_found("emergency plan", crate::audit::clean(name)))
    }

    /// Those in force, as the call path has them.
    pub(crate) async fn emergencies_for_plan(&self, tenant: TenantId) -> Result<Vec<InForce>> {
        let all = self.emergencies(tenant).await?.into_iter();
        let active = all.filter(|plan| plan.active_since.is_some());
        let in_force = |Emergency { name, draft, .. }: Emergency| InForce {
            name,
            numbers: draft.numbers,
            flow: draft.flow,
            announcement: draft.announcement,
        };
        Ok(active.map(in_force).collect())
    }

    /// Prepares an emergency plan, or changes one that is not in force. Whether the announcement is a
    /// prompt that can be heard, the caller has checked.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what the tenant does not have; [`Error::Refused`] while it is in force,
    /// or when there are too many.
    pub async fn put_emergency(
        &self,
        tenant: TenantId,
        by: &By,
        name: &str,
        draft: &EmergencyDraft,
    ) -> Result<Emergency> {
        let name = text::token("name", name, NAME_CHARS_MAX)?;
        let mut write = self.write("prepare an emergency plan").await?;
        check(&mut write, tenant, draft).await?;
        let draft = EmergencyDraft { checklist: points(&draft.checklist)?, ..draft.clone() };
        let rota = match own(&mut write, tenant, &name).await? {
            Some(before) if before.active_since.is_some() => return Err(in_force(&name)),
            Some(before) => before.rota,
            None => {
                let count = "SELECT COUNT(*) FROM emergencies WHERE tenant_id = $1";
                write.room_for(tenant, count, EMERGENCIES_MAX).await?;
                Vec::new()
            }
        };
        let doing = write.doing;
        sql::query(
            "INSERT INTO emergencies (tenant_id, name, document) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, name) DO UPDATE SET document = excluded.document",
        )
        .bind(tenant.0 as i64)
        .bind(&name)
        .bind(serde_json::to_string(&draft).expect("a plan is always valid JSON"))
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "emergency.prepare", &name).await?;
        write.commit().await?;
        Ok(Emergency { name, draft, rota, active_since: None, active_by: None })
    }

    /// Takes an emergency plan away that is not in force.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] while it is in force or practised.
    pub async fn remove_emergency(&self, tenant: TenantId, by: &By, name: &str) -> Result<()> {
        let mut write = self.write("remove an emergency plan").await?;
        if known(&mut write, tenant, name).await?.active_since.is_some() {
            return Err(in_force(name));
        }
        occasion::refuse_drill(&mut write, tenant, name).await?;
        let doing = write.doing;
        sql::query("DELETE FROM emergencies WHERE tenant_id = $1 AND name = $2")
            .bind(tenant.0 as i64)
            .bind(name)
            .execute(write.db())
            .await
            .during(doing)?;
        write.audit(tenant, by, "emergency.remove", name).await?;
        write.commit().await
    }

    /// Brings a plan into force, or out of it: calls that come afterwards go by it. What is so already
    /// stays as it is, with who did it first. The log of it begins or ends, and a drill of it ends.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when what it names has gone meanwhile;
    /// [`Error::Refused`] when another plan in force is about one of its numbers.
    pub async fn switch_emergency(
        &self,
        tenant: TenantId,
        by: &By,
        name: &str,
        on: bool,
    ) -> Result<Emergency> {
        let mut write = self.write("switch an emergency plan").await?;
        let before = known(&mut write, tenant, name).await?;
        if before.active_since.is_some() == on {
            return Ok(before);
        }
        if on {
            check(&mut write, tenant, &before.draft).await?;
            is_free(&mut write, tenant, &before.draft).await?;
        }
        let (active_since, active_by) = if on { (Some(by.at), by.user) } else { (None, None) };
        let doing = write.doing;
        sql::query(
            "UPDATE emergencies SET active_since = $3, active_by = $4
             WHERE tenant_id = $1 AND name = $2",
        )
        .bind(tenant.0 as i64)
        .bind(name)
        .bind(active_since.map(|at| at.0))
        .bind(active_by.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during(doing)?;
        let action = if on { "emergency.on" } else { "emergency.off" };
        write.audit(tenant, by, action, name).await?;
        hand_over(&mut write, tenant, by, name, on).await?;
        occasion::end_open(&mut write, tenant, by, name).await?;
        if on {
            occasion::begin(&mut write, tenant, by, &before, false).await?;
        }
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Emergency { active_since, active_by, ..before })
    }
}

fn in_force(name: &str) -> Error {
    Error::Refused(format!("the emergency plan {name} is in force; switch it off first"))
}

async fn own(write: &mut Write, tenant: TenantId, name: &str) -> Result<Option<Emergency>> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND name = $2")))
        .bind(tenant.0 as i64)
        .bind(name)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    row.as_ref().map(emergency).transpose()
}

async fn known(write: &mut Write, tenant: TenantId, name: &str) -> Result<Emergency> {
    let own = own(write, tenant, name).await?;
    own.ok_or_else(|| Error::not_found("emergency plan", crate::audit::clean(name)))
}

/// Refuses a plan that does nothing, or names what the tenant does not have.
async fn check(write: &mut Write, tenant: TenantId, draft: &EmergencyDraft) -> Result<()> {
    if draft.flow.is_none() && draft.announcement.is_none() {
        return Err(Error::invalid("flow", "a plan needs a flow, an announcement, or both"));
    }
    let prompt = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    if let Some(name) = &draft.announcement
        && !((1..=60).contains(&name.len()) && name.chars().all(prompt))
    {
        return Err(Error::invalid("announcement", "the name of a prompt is needed"));
    }
    if let Some(flow) = draft.flow {
        published(write, tenant, flow).await?;
    }
    let distinct: HashSet<NumberId> = draft.numbers.iter().copied().collect();
    if draft.numbers.len() > NUMBERS_MAX || distinct.len() != draft.numbers.len() {
        let problem = format!("at most {NUMBERS_MAX} numbers, each once");
        return Err(Error::invalid("numbers", problem));
    }
    for number in &draft.numbers {
        let select = "SELECT 1 FROM numbers WHERE tenant_id = $1 AND id = $2";
        if !write.has(tenant, select, number.0).await? {
            return Err(Error::invalid("numbers", format!("there is no number {number}")));
        }
    }
    Ok(())
}

/// A checklist: each point one line, and none empty.
fn points(checklist: &[String]) -> Result<Vec<String>> {
    if checklist.len() > POINTS_MAX {
        return Err(Error::invalid("checklist", format!("at most {POINTS_MAX} entries are kept")));
    }
    let point = |text: &String| match text::line("checklist", text)? {
        empty if empty.is_empty() => {
            Err(Error::invalid("checklist", "a text is needed, at least one character"))
        }
        text => Ok(text),
    };
    checklist.iter().map(point).collect()
}

async fn published(write: &mut Write, tenant: TenantId, flow: FlowId) -> Result<()> {
    let doing = write.doing;
    let row =
        sql::query("SELECT name, published_version FROM flows WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(flow.0 as i64)
            .fetch_optional(write.db())
            .await
            .during(doing)?;
    let Some(row) = row else {
        return Err(Error::invalid("flow", format!("there is no flow {flow}")));
    };
    if id_opt(&row, "published_version").is_none() {
        let name: String = row.get("name");
        return Err(Error::invalid("flow", format!("the flow \"{name}\" is not published")));
    }
    Ok(())
}

/// At most one plan is in force for a number.
async fn is_free(write: &mut Write, tenant: TenantId, draft: &EmergencyDraft) -> Result<()> {
    let doing = write.doing;
    let rows = sql::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} AND active_since IS NOT NULL ORDER BY name"
    )))
    .bind(tenant.0 as i64)
    .fetch_all(write.db())
    .await
    .during(doing)?;
    for row in &rows {
        let other = emergency(row)?;
        if draft.covers_some_of(&other.draft) {
            let name = &other.name;
            let why = format!("the emergency plan {name} is in force for one of these numbers");
            return Err(Error::Refused(why));
        }
    }
    Ok(())
}

async fn hand_over(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    name: &str,
    on: bool,
) -> Result<()> {
    let version_id = write.next_id("emergency version").await?;
    let row = record::Emergency {
        tenant_id: tenant,
        version_id,
        name: name.to_owned(),
        in_force: on,
        changed_at: by.at,
        user_id: by.user.map_or(0, |user| user.0 as i64),
    };
    write.hand_over(&record::Row::Emergency(row)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_plans_meet_where_they_share_a_number_or_one_is_about_all() {
        let of = |numbers: &[u64]| EmergencyDraft {
            numbers: numbers.iter().copied().map(NumberId).collect(),
            ..EmergencyDraft::default()
        };
        for (one, other, meet) in [
            (&[1, 2][..], &[2, 3][..], true),
            (&[1], &[2], false),
            (&[], &[2], true),
            (&[1], &[], true),
        ] {
            assert_eq!(of(one).covers_some_of(&of(other)), meet, "{one:?} {other:?}");
        }
    }
}
