//! Planned shifts of agents: what adherence is measured against. A shift never changes; it is
//! withdrawn, and another one made. Each of the two is a row for the warehouse, written in the same
//! transaction.

use crate::audit::By;
use crate::error::During;
use crate::sql::{self, Builder};
use crate::store::{DbRow, Write, id, id_opt, time};
use crate::{Error, Result, Store, agent, when};
use serde::{Deserialize, Serialize};
use terms::{AgentId, TenantId, Timestamp, UserId, record};
use utoipa::ToSchema;

/// Shifts of one tenant that are not withdrawn: a thousand agents for two years.
pub const SHIFTS_MAX: i64 = 500_000;
/// Longest shift, in microseconds: a day of 25 hours.
const LENGTH_US_MAX: i64 = 25 * 3_600_000_000;

/// A planned shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shift {
    /// Its number.
    pub id: i64,
    /// Whose.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// Begins.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// Ends.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Who planned it.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserId>,
    /// When it was planned.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A shift to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShift {
    /// Whose.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// Begins.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// Ends; at most 25 hours later.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct ShiftFilter {
    /// Begins at or after.
    pub from: Option<Timestamp>,
    /// Begins before.
    pub to: Option<Timestamp>,
    /// Whose.
    pub agent: Option<AgentId>,
    /// Where the last page ended: start and number of its last shift.
    pub after: Option<(Timestamp, i64)>,
}

const COLUMNS: &str = "SELECT id, agent_id, starts_at, ends_at, created_by, created_at FROM shifts
    WHERE withdrawn_at IS NULL AND tenant_id = ";

fn shift(row: &DbRow) -> Shift {
    Shift {
        id: row.get("id"),
        agent: AgentId(id(row, "agent_id")),
        starts_at: time(row, "starts_at"),
        ends_at: time(row, "ends_at"),
        created_by: id_opt(row, "created_by").map(UserId),
        created_at: time(row, "created_at"),
    }
}

impl Store {
    /// Planned shifts in the order of their start, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn shifts(
        &self,
        tenant: TenantId,
        filter: &ShiftFilter,
        limit: u32,
    ) -> Result<Vec<Shift>> {
        let mut query = Builder::new(COLUMNS);
        query.push_bind(tenant.0 as i64);
        if let Some(from) = filter.from {
            query.push(" AND starts_at >= ").push_bind(from.0);
        }
        if let Some(to) = filter.to {
            query.push(" AND starts_at < ").push_bind(to.0);
        }
        if let Some(agent) = filter.agent {
            query.push(" AND agent_id = ").push_bind(agent.0 as i64);
        }
        if let Some((at, id)) = filter.after {
            query.push(" AND (starts_at, id) > (").push_bind(at.0);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY starts_at, id LIMIT ");
        query.push_bind(i64::from(limit.min(crate::store::LIST_MAX)));
        let rows = query.build().fetch_all(self.reader()).await.during("list shifts")?;
        Ok(rows.iter().map(shift).collect())
    }

    /// One planned shift.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or it was withdrawn.
    pub async fn shift(&self, tenant: TenantId, shift_id: i64) -> Result<Shift> {
        let mut query = Builder::new(COLUMNS);
        query.push_bind(tenant.0 as i64).push(" AND id = ").push_bind(shift_id);
        let row = query.build().fetch_optional(self.reader()).await.during("read a shift")?;
        row.as_ref().map(shift).ok_or_else(|| Error::not_found("shift", shift_id))
    }

    /// Plans a shift.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that ends before it begins or is too long, [`Error::Refused`]
    /// where the agent has a shift then already, [`Error::NotFound`] for an agent that does not exist.
    pub async fn plan_shift(&self, tenant: TenantId, by: &By, new: &NewShift) -> Result<Shift> {
        let length = new.ends_at.0.saturating_sub(new.starts_at.0);
        if length <= 0 || length > LENGTH_US_MAX {
            let problem = "a shift ends after it begins, at most 25 hours later";
            return Err(Error::invalid("ends_at", problem));
        }
        let mut write = self.write("plan a shift").await?;
        agent::exists(&mut write, tenant, new.agent).await?;
        let count = "SELECT COUNT(*) FROM shifts WHERE tenant_id = $1 AND withdrawn_at IS NULL";
        write.room_for(tenant, count, SHIFTS_MAX).await?;
        refuse_overlap(&mut write, tenant, new).await?;
        let made = Shift {
            id: write.next_id("shift").await?,
            agent: new.agent,
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            created_by: by.user,
            created_at: by.at,
        };
        sql::query(
            "INSERT INTO shifts (id, tenant_id, agent_id, starts_at, ends_at, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(made.id)
        .bind(tenant.0 as i64)
        .bind(made.agent.0 as i64)
        .bind(made.starts_at.0)
        .bind(made.ends_at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during("plan a shift")?;
        hand_over(&mut write, tenant, &made, by.at, false).await?;
        write.audit(tenant, by, "shift.plan", told(&made)).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Withdraws a shift.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or it was withdrawn before.
    pub async fn withdraw_shift(&self, tenant: TenantId, by: &By, shift_id: i64) -> Result<()> {
        let mut write = self.write("withdraw a shift").await?;
        let row = sql::query(
            "UPDATE shifts SET withdrawn_at = $3
             WHERE tenant_id = $1 AND id = $2 AND withdrawn_at IS NULL
             RETURNING id, agent_id, starts_at, ends_at, created_by, created_at",
        )
        .bind(tenant.0 as i64)
        .bind(shift_id)
        .bind(by.at.0)
        .fetch_optional(write.db())
        .await
        .during("withdraw a shift")?;
        let withdrawn =
            row.as_ref().map(shift).ok_or_else(|| Error::not_found("shift", shift_id))?;
        hand_over(&mut write, tenant, &withdrawn, by.at, true).await?;
        write.audit(tenant, by, "shift.withdraw", told(&withdrawn)).await?;
        write.commit().await
    }
}

/// Nobody works two shifts at a time: time would be planned twice.
async fn refuse_overlap(write: &mut Write, tenant: TenantId, new: &NewShift) -> Result<()> {
    let found = sql::query(
        "SELECT 1 FROM shifts WHERE tenant_id = $1 AND agent_id = $2 AND withdrawn_at IS NULL
         AND starts_at < $3 AND ends_at > $4 AND starts_at > $5 LIMIT 1",
    )
    .bind(tenant.0 as i64)
    .bind(new.agent.0 as i64)
    .bind(new.ends_at.0)
    .bind(new.starts_at.0)
    // None that began earlier reaches so far: the index is read from here on.
    .bind(new.starts_at.0.saturating_sub(LENGTH_US_MAX + 1))
    .fetch_optional(write.db())
    .await
    .during("plan a shift")?;
    match found {
        None => Ok(()),
        Some(_) => Err(Error::Refused("this agent has a shift then already".to_owned())),
    }
}

async fn hand_over(
    write: &mut Write,
    tenant: TenantId,
    shift: &Shift,
    changed_at: Timestamp,
    withdrawn: bool,
) -> Result<()> {
    let version_id = write.next_id("shift version").await?;
    let row = record::Shift {
        tenant_id: tenant,
        version_id,
        shift_id: shift.id,
        agent_id: shift.agent,
        starts_at: shift.starts_at,
        ends_at: shift.ends_at,
        withdrawn,
        changed_at,
    };
    write.hand_over(&record::Row::Shift(row)).await
}

fn told(shift: &Shift) -> String {
    format!("{} of agent {}: {} to {}", shift.id, shift.agent, shift.starts_at, shift.ends_at)
}
