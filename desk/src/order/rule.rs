//! The rule table: which department and deadline an order type gets. What a person chooses by hand
//! goes before the table.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id_opt};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use terms::{TenantId, UserId};
use utoipa::ToSchema;

/// Order types of one tenant.
pub const RULES_MAX: i64 = 500;
/// Longest deadline: a year.
const MINUTES_MAX: i64 = 366 * 24 * 60;

/// What an order of one type gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Type.
    pub kind: String,
    /// Department.
    pub department: String,
    /// Person.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub assignee: Option<UserId>,
    /// Due so many minutes after creation.
    pub due_minutes: i64,
    /// Warned so many minutes before that.
    pub warn_minutes: i64,
    /// Opening hours in which the minutes count; left out, around the clock.
    #[serde(default)]
    pub hours: Option<String>,
    /// 回访: the customer is to be asked within so many minutes after the order is done; left out,
    /// nobody plans it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit_minutes: Option<i64>,
}

const COLUMNS: &str =
    "SELECT kind, department, assignee_id, due_minutes, warn_minutes, hours, visit_minutes
     FROM order_rules WHERE tenant_id = $1";

fn rule(row: &DbRow) -> Rule {
    Rule {
        kind: row.get("kind"),
        department: row.get("department"),
        assignee: id_opt(row, "assignee_id").map(UserId),
        due_minutes: row.get("due_minutes"),
        warn_minutes: row.get("warn_minutes"),
        hours: row.get("hours"),
        visit_minutes: row.get("visit_minutes"),
    }
}

impl Store {
    /// The rule table.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn order_rules(&self, tenant: TenantId) -> Result<Vec<Rule>> {
        let rows = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY kind LIMIT 500")))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list order rules")?;
        Ok(rows.iter().map(rule).collect())
    }

    /// Makes or replaces the rule of one type.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn put_order_rule(&self, tenant: TenantId, by: &By, rule: &Rule) -> Result<Rule> {
        let mut write = self.write("change an order rule").await?;
        put(&mut write, tenant, by, rule).await?;
        write.commit().await?;
        Ok(rule.clone())
    }
}

pub(crate) async fn put(write: &mut Write, tenant: TenantId, by: &By, rule: &Rule) -> Result<()> {
    let kind = text::name("kind", &rule.kind)?;
    let department = text::name("department", &rule.department)?;
    if !(1..=MINUTES_MAX).contains(&rule.due_minutes) {
        return Err(Error::invalid("due_minutes", format!("1-{MINUTES_MAX} minutes are allowed")));
    }
    if !(0..=rule.due_minutes).contains(&rule.warn_minutes) {
        return Err(Error::invalid("warn_minutes", "0 to due_minutes are allowed"));
    }
    if rule.visit_minutes.is_some_and(|minutes| !(1..=MINUTES_MAX).contains(&minutes)) {
        return Err(Error::invalid(
            "visit_minutes",
            format!("1-{MINUTES_MAX} minutes are allowed"),
        ));
    }
    if let Some(assignee) = rule.assignee {
        person(write, tenant, assignee).await?;
    }
    if let Some(hours) = &rule.hours
        && crate::hours::by_name(write, tenant, hours).await?.is_none_or(|h| h.windows.is_empty())
    {
        return Err(Error::invalid("hours", "there are no such opening hours, or they never open"));
    }
    if find(write, tenant, &kind).await?.is_none() {
        let count = "SELECT COUNT(*) FROM order_rules WHERE tenant_id = $1";
        write.room_for(tenant, count, RULES_MAX).await?;
    }
    let doing = write.doing;
    sql::query(
        "INSERT INTO order_rules
         (tenant_id, kind, department, assignee_id, due_minutes, warn_minutes, hours, visit_minutes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, kind) DO UPDATE SET department = excluded.department,
             assignee_id = excluded.assignee_id, due_minutes = excluded.due_minutes,
             warn_minutes = excluded.warn_minutes, hours = excluded.hours,
             visit_minutes = excluded.visit_minutes",
    )
    .bind(tenant.0 as i64)
    .bind(&kind)
    .bind(department)
    .bind(rule.assignee.map(|user| user.0 as i64))
    .bind(rule.due_minutes)
    .bind(rule.warn_minutes)
    .bind(&rule.hours)
    .bind(rule.visit_minutes)
    .execute(write.db())
    .await
    .during(doing)?;
    write.audit(tenant, by, "order_rule.put", &kind).await
}

pub(crate) async fn find(write: &mut Write, tenant: TenantId, kind: &str) -> Result<Option<Rule>> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND kind = $2")))
        .bind(tenant.0 as i64)
        .bind(kind)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    Ok(row.map(|row| rule(&row)))
}

/// Refuses somebody who is not of the tenant or may not sign in.
pub(crate) async fn person(write: &mut Write, tenant: TenantId, user: UserId) -> Result<()> {
    let select = "SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL";
    if write.has(tenant, select, user.0).await? {
        return Ok(());
    }
    Err(Error::invalid("assignee", format!("there is no such person: {user}")))
}
