//! Return visits 回访: a call in which a customer is asked about an order that was done. A visit is
//! planned with a time by which it is to be done; what the customer says is noted and may be revised.
//! Whoever is not reached is 无人接听, which is a result and may be revised when another try succeeds.
//! Each change is a row for the warehouse, written in the same transaction.

use crate::audit::By;
use crate::error::During;
use crate::order::Progress;
use crate::sql::{self, Builder};
use crate::store::{DbRow, Write, id, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, when};
use serde::{Deserialize, Serialize};
use terms::{AgentId, CallId, OrderId, TenantId, Timestamp, UserId, record};
use utoipa::ToSchema;

/// Return visits of one tenant that wait for a result, before a person may plan another one. What rules
/// plan is bounded by the orders: no order stays undone for it.
pub const OPEN_MAX: i64 = 100_000;

text_enum! {
    /// What a return visit brought.
    Outcome, "result of a return visit" {
        /// 满意
        Satisfied = "satisfied",
        /// 一般
        Neutral = "neutral",
        /// 不满意
        Dissatisfied = "dissatisfied",
        /// 无人接听
        Unreached = "unreached",
    }
}

/// A return visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReturnVisit {
    /// Its number.
    pub id: i64,
    /// The order that is asked about.
    #[schema(value_type = String)]
    pub order: OrderId,
    /// When it was planned.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub planned_at: Timestamp,
    /// Who planned it.
    #[schema(value_type = Option<String>)]
    pub planned_by: Option<UserId>,
    /// To be done by then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// Who called; none until a result is noted.
    #[schema(value_type = Option<String>)]
    pub agent: Option<UserId>,
    /// When the first result was noted.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_at: Option<Timestamp>,
    /// What it brought; none until it is noted.
    pub result: Option<Outcome>,
    /// The call in which the customer was asked.
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// Last changed.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// A return visit to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReturnVisit {
    /// The order that is asked about; it is done.
    #[schema(value_type = String)]
    pub order: OrderId,
    /// To be done by then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
}

/// What a return visit brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// What the customer said, or that nobody answered.
    pub result: Outcome,
    /// The call in which they were asked; left out, the one that was named before.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct VisitFilter {
    /// Due at or after.
    pub from: Option<Timestamp>,
    /// Due before.
    pub to: Option<Timestamp>,
    /// Of this order.
    pub order: Option<OrderId>,
    /// Only those with this result.
    pub result: Option<Outcome>,
    /// Only those with a result, or only those without.
    pub done: Option<bool>,
    /// Where the last page ended: due time and number of its last visit.
    pub after: Option<(Timestamp, i64)>,
}

const FIELDS: &str = "id, order_id, planned_at, planned_by, due_at, agent_id, done_at, result,
    call_id, changed_at";

fn visit(row: &DbRow) -> Result<ReturnVisit> {
    let result: Option<String> = row.get("result");
    let result = result.map(|text| Outcome::stored("read a return visit", &text)).transpose()?;
    Ok(ReturnVisit {
        id: row.get("id"),
        order: OrderId(id(row, "order_id")),
        planned_at: time(row, "planned_at"),
        planned_by: id_opt(row, "planned_by").map(UserId),
        due_at: time(row, "due_at"),
        agent: id_opt(row, "agent_id").map(UserId),
        done_at: time_opt(row, "done_at"),
        result,
        call: id_opt(row, "call_id").map(CallId),
        changed_at: time(row, "changed_at"),
    })
}

impl Store {
    /// Return visits in the order in which they are due, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn return_visits(
        &self,
        tenant: TenantId,
        filter: &VisitFilter,
        limit: u32,
    ) -> Result<Vec<ReturnVisit>> {
        let mut query = Builder::new("SELECT ");
        query.push(FIELDS).push(" FROM return_visits WHERE withdrawn_at IS NULL AND tenant_id = ");
        query.push_bind(tenant.0 as i64);
        if let Some(from) = filter.from {
            query.push(" AND due_at >= ").push_bind(from.0);
        }
        if let Some(to) = filter.to {
            query.push(" AND due_at < ").push_bind(to.0);
        }
        if let Some(order) = filter.order {
            query.push(" AND order_id = ").push_bind(order.0 as i64);
        }
        if let Some(result) = filter.result {
            query.push(" AND result = ").push_bind(result.as_str());
        }
        if let Some(done) = filter.done {
            query.push(if done { " AND result IS NOT NULL" } else { " AND result IS NULL" });
        }
        if let Some((at, id)) = filter.after {
            query.push(" AND (due_at, id) > (").push_bind(at.0);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY due_at, id LIMIT ");
        query.push_bind(i64::from(limit.min(crate::store::LIST_MAX)));
        let rows = query.build().fetch_all(self.reader()).await.during("list return visits")?;
        rows.iter().map(visit).collect()
    }

    /// Plans a return visit to the customer of an order that is done.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an order that does not exist, [`Error::Invalid`] for a time that has
    /// passed, [`Error::Refused`] for an order that is not done, or has a visit that is not, and where
    /// too many wait.
    pub async fn plan_return_visit(
        &self,
        tenant: TenantId,
        by: &By,
        new: &NewReturnVisit,
    ) -> Result<ReturnVisit> {
        if new.due_at <= by.at {
            let problem = "a time in the future is needed for the return visit";
            return Err(Error::invalid("due_at", problem));
        }
        let mut write = self.write("plan a return visit").await?;
        may_be_asked(&mut write, tenant, new.order).await?;
        let count = "SELECT COUNT(*) FROM return_visits
             WHERE tenant_id = $1 AND withdrawn_at IS NULL AND result IS NULL";
        write.room_for(tenant, count, OPEN_MAX).await?;
        let made = plan(&mut write, tenant, by, new.order, new.due_at).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Notes what a return visit brought, or revises it. The first note says when it was done, and
    /// the last one who asked.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or it was withdrawn.
    pub async fn note_return_visit(
        &self,
        tenant: TenantId,
        by: &By,
        visit_id: i64,
        noted: Noted,
    ) -> Result<ReturnVisit> {
        let doing = "note a return visit";
        let mut write = self.write(doing).await?;
        let row = sql::query(sqlx::AssertSqlSafe(format!(
            "UPDATE return_visits SET result = $3, done_at = COALESCE(done_at, $4),
                    call_id = COALESCE($5, call_id), agent_id = $6, changed_at = $4
             WHERE tenant_id = $1 AND id = $2 AND withdrawn_at IS NULL
             RETURNING {FIELDS}"
        )))
        .bind(tenant.0 as i64)
        .bind(visit_id)
        .bind(noted.result.as_str())
        .bind(by.at.0)
        .bind(noted.call.map(|call| call.0 as i64))
        .bind(by.user.map(|user| user.0 as i64))
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        let found = row.as_ref().map(visit).transpose()?;
        let after = found.ok_or_else(|| Error::not_found("return visit", visit_id))?;
        hand_over(&mut write, tenant, &after, false).await?;
        let told = format!("{} of order {}: {}", after.id, after.order, noted.result.as_str());
        write.audit(tenant, by, "return_visit.note", told).await?;
        write.commit().await?;
        Ok(after)
    }

    /// Withdraws a return visit that has no result.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or it was withdrawn before; [`Error::Refused`] when
    /// it has a result.
    pub async fn withdraw_return_visit(
        &self,
        tenant: TenantId,
        by: &By,
        visit_id: i64,
    ) -> Result<()> {
        let doing = "withdraw a return visit";
        let mut write = self.write(doing).await?;
        let row = sql::query(sqlx::AssertSqlSafe(format!(
            "UPDATE return_visits SET withdrawn_at = $3, changed_at = $3
             WHERE tenant_id = $1 AND id = $2 AND withdrawn_at IS NULL
             RETURNING {FIELDS}"
        )))
        .bind(tenant.0 as i64)
        .bind(visit_id)
        .bind(by.at.0)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        let found = row.as_ref().map(visit).transpose()?;
        let gone = found.ok_or_else(|| Error::not_found("return visit", visit_id))?;
        if gone.result.is_some() {
            let problem = "this return visit has a result: it can be revised, not withdrawn";
            return Err(Error::Refused(problem.to_owned()));
        }
        withdrawn(&mut write, tenant, by, &gone).await?;
        write.commit().await
    }
}

/// The order is done, and nobody is about to ask for it already.
async fn may_be_asked(write: &mut Write, tenant: TenantId, order: OrderId) -> Result<()> {
    let doing = write.doing;
    let progress: Option<String> =
        sql::query_scalar("SELECT progress FROM orders WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(order.0 as i64)
            .fetch_optional(write.db())
            .await
            .during(doing)?;
    let progress = progress.ok_or_else(|| Error::not_found("order", order))?;
    if Progress::stored(doing, &progress)? != Progress::Done {
        let problem = "this order is not done yet: nobody can be asked about it";
        return Err(Error::Refused(problem.to_owned()));
    }
    if is_open(write, tenant, order).await? {
        let problem = "this order has a return visit that is not done yet";
        return Err(Error::Refused(problem.to_owned()));
    }
    Ok(())
}

/// Whether a visit to the customer of an order is planned and has no result.
pub(crate) async fn is_open(write: &mut Write, tenant: TenantId, order: OrderId) -> Result<bool> {
    let select = "SELECT 1 FROM return_visits
         WHERE tenant_id = $1 AND order_id = $2 AND withdrawn_at IS NULL AND result IS NULL LIMIT 1";
    write.has(tenant, select, order.0).await
}

/// Plans a visit in a change that is going on.
pub(crate) async fn plan(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    order: OrderId,
    due_at: Timestamp,
) -> Result<ReturnVisit> {
    let doing = write.doing;
    let made = ReturnVisit {
        id: write.next_id("return visit").await?,
        order,
        planned_at: by.at,
        planned_by: by.user,
        due_at,
        agent: None,
        done_at: None,
        result: None,
        call: None,
        changed_at: by.at,
    };
    sql::query(
        "INSERT INTO return_visits
         (id, tenant_id, order_id, planned_at, planned_by, due_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(made.id)
    .bind(tenant.0 as i64)
    .bind(made.order.0 as i64)
    .bind(made.planned_at.0)
    .bind(made.planned_by.map(|user| user.0 as i64))
    .bind(made.due_at.0)
    .bind(made.changed_at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    hand_over(write, tenant, &made, false).await?;
    let told = format!("{} of order {}, due {}", made.id, made.order, made.due_at);
    write.audit(tenant, by, "return_visit.plan", told).await?;
    Ok(made)
}

/// Withdraws what is planned for an order that is not done after all.
pub(crate) async fn withdraw_open(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    order: OrderId,
) -> Result<()> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!(
        "UPDATE return_visits SET withdrawn_at = $3, changed_at = $3
         WHERE tenant_id = $1 AND order_id = $2 AND withdrawn_at IS NULL AND result IS NULL
         RETURNING {FIELDS}"
    )))
    .bind(tenant.0 as i64)
    .bind(order.0 as i64)
    .bind(by.at.0)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    let Some(gone) = row.as_ref().map(visit).transpose()? else { return Ok(()) };
    withdrawn(write, tenant, by, &gone).await
}

/// Tells of a visit that was withdrawn.
async fn withdrawn(write: &mut Write, tenant: TenantId, by: &By, gone: &ReturnVisit) -> Result<()> {
    hand_over(write, tenant, gone, true).await?;
    let told = format!("{} of order {}", gone.id, gone.order);
    write.audit(tenant, by, "return_visit.withdraw", told).await
}

async fn hand_over(
    write: &mut Write,
    tenant: TenantId,
    visit: &ReturnVisit,
    withdrawn: bool,
) -> Result<()> {
    let version_id = write.next_id("return visit version").await?;
    let row = record::ReturnVisit {
        tenant_id: tenant,
        version_id,
        visit_id: visit.id,
        order_id: visit.order,
        planned_at: visit.planned_at,
        due_at: visit.due_at,
        agent_id: visit.agent.map(|user| AgentId(user.0)),
        done_at: visit.done_at,
        result: visit.result.map(|result| result.as_str().to_owned()),
        call_id: visit.call,
        withdrawn,
        changed_at: visit.changed_at,
    };
    write.hand_over(&record::Row::ReturnVisit(row)).await
}
