//! Making orders and moving them on.

use super::field;
use super::rule::{self, Rule};
use super::{Action, COLUMNS, Order, Progress, order};
use crate::audit::By;
use crate::error::During;
use crate::hours::{after_working_minutes, working_minutes_between};
use crate::sql;
use crate::store::Write;
use crate::tenant::Profile;
use crate::{Error, Result, Store, return_visit, text, when};
use chrono_tz::Tz;
use serde::Deserialize;
use std::collections::BTreeMap;
use terms::{AgentId, CallId, OrderId, TenantId, Timestamp, UserId, record};
use utoipa::ToSchema;

/// An order to be. Department, person and deadline come from the rule of its type where they are
/// left out.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Type.
    pub kind: String,
    /// Title.
    pub title: String,
    /// What it is about.
    #[serde(default)]
    pub content: String,
    /// Where.
    #[serde(default)]
    pub address: String,
    /// Area; left out, the name of the one in which the address lies.
    #[serde(default)]
    pub area: String,
    /// The customer's number; makes the customer when nobody knows them.
    #[serde(default)]
    pub customer_number: String,
    /// The call it comes from.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// Department, chosen by hand.
    #[serde(default)]
    pub department: Option<String>,
    /// Person, chosen by hand.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub assignee: Option<UserId>,
    /// Due, chosen by hand.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline_at: Option<Timestamp>,
    /// Warned from then on, chosen by hand.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub warn_at: Option<Timestamp>,
    /// What it has in fields of the tenant's own, by their names.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// What it came from where nobody made it by hand, for its log.
    #[serde(skip)]
    pub origin: String,
}

impl Store {
    /// Makes an order.
    ///
    /// # Errors
    /// [`Error::Invalid`], such as a type without a rule and no department chosen.
    pub async fn create_order(&self, tenant: TenantId, by: &By, new: &NewOrder) -> Result<Order> {
        let profile = self.tenant(tenant).await?.profile;
        let area = self.area_or_of(tenant, &new.area, &new.address).await?;
        let new = NewOrder { area, ..new.clone() };
        let mut write = self.write("create an order").await?;
        let made = make(&mut write, tenant, by, &new, &profile).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Does `action` to an order. `version`, where given, is the one that the person has seen.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Refused`] when progress does not allow it
    /// or somebody else was faster.
    pub async fn step_order(
        &self,
        tenant: TenantId,
        by: &By,
        order_id: OrderId,
        version: Option<i64>,
        action: &Action,
        note: &str,
    ) -> Result<Order> {
        let profile = self.tenant(tenant).await?.profile;
        let note = text::prose("note", note)?;
        let doing = "change an order";
        let mut write = self.write(doing).await?;
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} $1 AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(order_id.0 as i64)
            .fetch_optional(write.db())
            .await
            .during(doing)?;
        let before = order(&row.ok_or_else(|| Error::not_found("order", order_id))?)?;
        if version.is_some_and(|version| version != before.version) {
            return Err(Error::Refused(format!(
                "order {} is at version {}: somebody changed it; read it again",
                before.number, before.version
            )));
        }
        let progress = before.progress.after(action).ok_or_else(|| {
            Error::Refused(format!(
                "order {} is {}: {} is not possible now",
                before.number,
                before.progress.as_str(),
                action.name()
            ))
        })?;
        let mut after =
            Order { version: before.version + 1, progress, changed_at: by.at, ..before.clone() };
        apply(&mut write, tenant, by, action, &before, &mut after, &profile).await?;
        update(&mut write, tenant, &after).await?;
        put_down(&mut write, tenant, by, &after, Some(before.progress), action.name(), &note)
            .await?;
        if *action == Action::Finish {
            plan_visit(&mut write, tenant, by, &after, &profile).await?;
        } else if *action == Action::Reopen {
            return_visit::withdraw_open(&mut write, tenant, by, after.id).await?;
        }
        write.commit().await?;
        Ok(after)
    }
}

/// Makes an order in a change that is going on.
pub(crate) async fn make(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    new: &NewOrder,
    profile: &Profile,
) -> Result<Order> {
    let kind = text::name("kind", &new.kind)?;
    let rule = rule::find(write, tenant, &kind).await?;
    let department = match (&new.department, &rule) {
        (Some(department), _) => text::name("department", department)?,
        (None, Some(rule)) => rule.department.clone(),
        (None, None) => {
            return Err(Error::invalid(
                "kind",
                format!("no rule names a department for \"{kind}\"; choose one in department"),
            ));
        }
    };
    let assignee = new.assignee.or(rule.as_ref().and_then(|rule| rule.assignee));
    if let Some(assignee) = assignee {
        rule::person(write, tenant, assignee).await?;
    }
    let (deadline_at, warn_at) = due(write, tenant, by.at, new, rule.as_ref(), profile).await?;
    let customer =
        crate::customer::by_number(write, tenant, by, &new.customer_number, &profile.country)
            .await?;
    let id = OrderId(write.next_id("order").await? as u64);
    let made = Order {
        id,
        number: quoted(id, by.at, zone(profile)),
        version: 1,
        kind,
        department,
        area: text::line("area", &new.area)?,
        title: text::name("title", &new.title)?,
        content: text::prose("content", &new.content)?,
        address: text::line("address", &new.address)?,
        assignee,
        deadline_at,
        warn_at,
        progress: Progress::Open,
        suspended_at: None,
        closed_at: None,
        call: new.call,
        recording: None,
        customer: customer.as_ref().map(|(id, _)| *id),
        customer_number: customer.map(|(_, number)| number).unwrap_or_default(),
        created_by: by.user,
        created_at: by.at,
        changed_at: by.at,
    };
    insert(write, tenant, &made).await?;
    field::keep(write, tenant, id, &new.fields).await?;
    put_down(write, tenant, by, &made, None, "create", &new.origin).await?;
    Ok(made)
}

fn zone(profile: &Profile) -> Tz {
    profile.time_zone.parse().unwrap_or(Tz::UTC)
}

/// `20261123-00042`: the local day, and the id as a running number.
fn quoted(id: OrderId, at: Timestamp, zone: Tz) -> String {
    let day = chrono::DateTime::from_timestamp_micros(at.0)
        .unwrap_or_default()
        .with_timezone(&zone)
        .format("%Y%m%d");
    format!("{day}-{:05}", id.0)
}

async fn due(
    write: &mut Write,
    tenant: TenantId,
    at: Timestamp,
    new: &NewOrder,
    rule: Option<&Rule>,
    profile: &Profile,
) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let deadline = match (new.deadline_at, rule) {
        (Some(chosen), _) => Some(chosen),
        (None, Some(rule)) => Some(
            later(write, tenant, rule.hours.as_deref(), zone(profile), at, rule.due_minutes)
                .await?,
        ),
        (None, None) => None,
    };
    let warn = match (new.warn_at, deadline, rule) {
        (Some(chosen), ..) => Some(chosen),
        (None, Some(_), Some(rule)) if new.deadline_at.is_none() => {
            let minutes = rule.due_minutes - rule.warn_minutes;
            Some(later(write, tenant, rule.hours.as_deref(), zone(profile), at, minutes).await?)
        }
        // A deadline by hand warns when four fifths of the time are over.
        (None, Some(deadline), _) => Some(Timestamp(at.0 + (deadline.0 - at.0).max(0) / 5 * 4)),
        (None, None, _) => None,
    };
    if let (Some(warn), Some(deadline)) = (warn, deadline)
        && warn > deadline
    {
        return Err(Error::invalid("warn_at", "the warning has to come before the deadline"));
    }
    Ok((deadline, warn))
}

/// `minutes` later, in working time where hours are named.
async fn later(
    write: &mut Write,
    tenant: TenantId,
    hours: Option<&str>,
    zone: Tz,
    from: Timestamp,
    minutes: i64,
) -> Result<Timestamp> {
    let Some(name) = hours else { return Ok(Timestamp(from.0 + minutes * 60_000_000)) };
    let hours = crate::hours::by_name(write, tenant, name).await?;
    hours
        .and_then(|hours| after_working_minutes(&hours, zone, from, minutes))
        .ok_or_else(|| Error::invalid("hours", format!("the opening hours \"{name}\" never open")))
}

/// Has the customer of an order that is done asked about it, where the rule of its type says so.
async fn plan_visit(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    order: &Order,
    profile: &Profile,
) -> Result<()> {
    let Some(rule) = rule::find(write, tenant, &order.kind).await? else { return Ok(()) };
    let Some(minutes) = rule.visit_minutes else { return Ok(()) };
    let hours = rule.hours.as_deref();
    let due_at = later(write, tenant, hours, zone(profile), by.at, minutes).await?;
    if !return_visit::is_open(write, tenant, order.id).await? {
        return_visit::plan(write, tenant, by, order.id, due_at).await?;
    }
    Ok(())
}

/// What an action changes besides progress.
async fn apply(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    action: &Action,
    before: &Order,
    after: &mut Order,
    profile: &Profile,
) -> Result<()> {
    match action {
        Action::Assign { department, assignee } => {
            if let Some(assignee) = assignee {
                rule::person(write, tenant, *assignee).await?;
            }
            if let Some(department) = department {
                after.department = text::name("department", department)?;
            }
            after.assignee = *assignee;
        }
        Action::Extend { deadline_at } => {
            if *deadline_at <= by.at {
                return Err(Error::invalid("deadline_at", "a time in the future is needed"));
            }
            let distance = match (before.deadline_at, before.warn_at) {
                (Some(deadline), Some(warn)) => (deadline.0 - warn.0).max(0),
                _ => 0,
            };
            after.deadline_at = Some(*deadline_at);
            after.warn_at = Some(Timestamp(deadline_at.0 - distance));
        }
        Action::Start
        | Action::Arrive
        | Action::Suspend
        | Action::Resume
        | Action::GiveBack
        | Action::Finish
        | Action::Reopen
        | Action::Urge
        | Action::Note => {}
    }
    after.closed_at = match (before.progress.is_closed(), after.progress.is_closed()) {
        (_, false) => None,
        (false, true) => Some(by.at),
        (true, true) => before.closed_at,
    };
    match (before.progress, after.progress) {
        (Progress::Suspended, Progress::Suspended) => {}
        (Progress::Suspended, _) => end_pause(write, tenant, by.at, before, after, profile).await?,
        (_, Progress::Suspended) => after.suspended_at = Some(by.at),
        _ => {}
    }
    Ok(())
}

async fn end_pause(
    write: &mut Write,
    tenant: TenantId,
    now: Timestamp,
    before: &Order,
    after: &mut Order,
    profile: &Profile,
) -> Result<()> {
    after.suspended_at = None;
    let Some(since) = before.suspended_at else { return Ok(()) };
    let zone = zone(profile);
    let rule = rule::find(write, tenant, &before.kind).await?;
    let hours = match rule.and_then(|rule| rule.hours) {
        Some(name) => crate::hours::by_name(write, tenant, &name).await?,
        None => None,
    };
    let moved = |at: Timestamp| match &hours {
        Some(hours) => {
            let minutes = working_minutes_between(hours, zone, since, now);
            after_working_minutes(hours, zone, at, minutes).unwrap_or(at)
        }
        None => Timestamp(at.0 + (now.0 - since.0).max(0)),
    };
    after.deadline_at = after.deadline_at.map(moved);
    after.warn_at = after.warn_at.map(moved);
    Ok(())
}

async fn insert(write: &mut Write, tenant: TenantId, order: &Order) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "INSERT INTO orders
         (tenant_id, id, number, version, kind, department, area, title, content, address,
          assignee_id, deadline_at, warn_at, progress, suspended_at, closed_at, call_id,
          customer_id, customer_number, created_by, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
          $19, $20, $21, $22)",
    )
    .bind(tenant.0 as i64)
    .bind(order.id.0 as i64)
    .bind(&order.number)
    .bind(order.version)
    .bind(&order.kind)
    .bind(&order.department)
    .bind(&order.area)
    .bind(&order.title)
    .bind(&order.content)
    .bind(&order.address)
    .bind(order.assignee.map(|user| user.0 as i64))
    .bind(order.deadline_at.map(|at| at.0))
    .bind(order.warn_at.map(|at| at.0))
    .bind(order.progress.as_str())
    .bind(order.suspended_at.map(|at| at.0))
    .bind(order.closed_at.map(|at| at.0))
    .bind(order.call.map(|call| call.0 as i64))
    .bind(order.customer.map(|customer| customer.0 as i64))
    .bind(&order.customer_number)
    .bind(order.created_by.map(|user| user.0 as i64))
    .bind(order.created_at.0)
    .bind(order.changed_at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

async fn update(write: &mut Write, tenant: TenantId, order: &Order) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE orders SET version = $3, department = $4, assignee_id = $5, deadline_at = $6,
         warn_at = $7, progress = $8, suspended_at = $9, closed_at = $10, changed_at = $11
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant.0 as i64)
    .bind(order.id.0 as i64)
    .bind(order.version)
    .bind(&order.department)
    .bind(order.assignee.map(|user| user.0 as i64))
    .bind(order.deadline_at.map(|at| at.0))
    .bind(order.warn_at.map(|at| at.0))
    .bind(order.progress.as_str())
    .bind(order.suspended_at.map(|at| at.0))
    .bind(order.closed_at.map(|at| at.0))
    .bind(order.changed_at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// The step, the audit row and the warehouse's record of a version.
async fn put_down(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    order: &Order,
    before: Option<Progress>,
    action: &'static str,
    note: &str,
) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "INSERT INTO order_steps
         (order_id, version, tenant_id, at, user_id, action, progress_before, progress_after, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(order.id.0 as i64)
    .bind(order.version)
    .bind(tenant.0 as i64)
    .bind(by.at.0)
    .bind(by.user.map(|user| user.0 as i64))
    .bind(action)
    .bind(before.map(Progress::as_str))
    .bind(order.progress.as_str())
    .bind(note)
    .execute(write.db())
    .await
    .during(doing)?;
    let version_id = write.next_id("order_version").await?;
    write.hand_over(&record::Row::Order(order.record(tenant, version_id))).await?;
    let step = record::OrderStep {
        tenant_id: tenant,
        version_id,
        order_id: order.id,
        done_at: by.at,
        action: action.to_owned(),
        progress_before: before.map(|progress| progress.as_str().to_owned()),
        progress_after: order.progress.as_str().to_owned(),
        agent_id: by.user.map(|user| AgentId(user.0)),
        assignee_id: order.assignee.map(|user| AgentId(user.0)),
        note: note.to_owned(),
        call_id: order.call,
        customer_number: order.customer_number.clone(),
    };
    write.hand_over(&record::Row::OrderStep(step)).await?;
    write.audit(tenant, by, "order.step", format!("{} {action}", order.number)).await
}
