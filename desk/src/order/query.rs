//! Finding orders. Sort orders are an enum; texts are bound, never pasted.

use super::{COLUMNS, Order, Progress, Status, Step, order};
use crate::error::During;
use crate::sql::{self, Builder};
use crate::store::{id_opt, time};
use crate::text::{contains, text_enum};
use crate::{Error, Result, Store};
use terms::{CallId, CustomerId, OrderId, TeamId, TenantId, Timestamp, UserId, id};

/// Numbers of calls rise while a clock steps back: by so much they may be ahead of it.
const CLOCK_BACK_US: i64 = 3_600_000_000;
/// Orders on one page.
pub const PAGE_MAX: u32 = 500;

text_enum! {
    /// Order of the list.
    OrderSort, "sort order" {
        /// The latest first.
        Newest = "newest",
        /// The oldest first.
        Oldest = "oldest",
        /// The next deadline first; orders without one last.
        Deadline = "deadline",
    }
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    /// The number people quote.
    pub number: Option<String>,
    /// Type.
    pub kind: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Area.
    pub area: Option<String>,
    /// Who does it.
    pub assignee: Option<UserId>,
    /// Done by somebody who belongs to this team now.
    pub team: Option<TeamId>,
    /// Fields of the tenant's own, each with a part of what it has there.
    pub fields: Vec<(String, String)>,
    /// Who dispatched it: who made it, or assigned it to somebody later.
    pub dispatcher: Option<UserId>,
    /// What people see at the time asked.
    pub status: Option<Status>,
    /// The customer.
    pub customer: Option<CustomerId>,
    /// The customer's number, or a part of it.
    pub customer_number: Option<String>,
    /// The call it came from.
    pub call: Option<CallId>,
    /// A part of title, content or address.
    pub text: Option<String>,
    /// Order of the list.
    pub sort: Option<OrderSort>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Orders on the page.
    pub limit: u32,
}

/// A page of orders, and where the next one begins.
#[derive(Clone, Debug)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// Give it back as `cursor`; none at the end.
    pub next: Option<String>,
}

impl Store {
    /// Finds orders, as they are seen at `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a broken cursor.
    pub async fn orders(
        &self,
        tenant: TenantId,
        filter: &OrderFilter,
        now: Timestamp,
    ) -> Result<OrderPage> {
        let sort = filter.sort.unwrap_or(OrderSort::Newest);
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let mut query = Builder::new(COLUMNS);
        query.push_bind(tenant.0 as i64);
        conditions(&mut query, filter, now);
        if let Some(cursor) = &filter.cursor {
            after_cursor(&mut query, sort, cursor)?;
        }
        query.push(match sort {
            OrderSort::Newest => " ORDER BY id DESC LIMIT ",
            OrderSort::Oldest => " ORDER BY id LIMIT ",
            OrderSort::Deadline => {
                " ORDER BY COALESCE(deadline_at, 9223372036854775807), id LIMIT "
            }
        });
        query.push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(self.reader()).await.during("list orders")?;
        let mut orders = rows.iter().map(order).collect::<Result<Vec<_>>>()?;
        let more = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        let next = orders
            .last()
            .filter(|_| more)
            .map(|last| format!("{}.{}", last.deadline_at.map_or(i64::MAX, |at| at.0), last.id));
        Ok(OrderPage { orders, next })
    }

    /// The calls of which an order is in `area` and holds `text` in its title, content, address or a
    /// note of its steps, as far as either is asked for; at most `limit`. The first instant leaves out
    /// orders that were made before, the second one calls whose number says that they came an hour
    /// after it or later.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn calls_of_orders(
        &self,
        tenant: TenantId,
        (area, text): (Option<&str>, Option<&str>),
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        limit: u32,
    ) -> Result<Vec<CallId>> {
        let mut query = Builder::new(
            "SELECT DISTINCT call_id FROM orders WHERE call_id IS NOT NULL AND tenant_id = ",
        );
        query.push_bind(tenant.0 as i64);
        if let Some(from) = from {
            query.push(" AND created_at >= ").push_bind(from.0);
        }
        if let Some(to) = to {
            let to = Timestamp(to.0.saturating_add(CLOCK_BACK_US));
            query.push(" AND call_id < ").push_bind(id::least_at(to) as i64);
        }
        if let Some(area) = area {
            query.push(" AND area = ").push_bind(area.to_owned());
        }
        if let Some(pattern) = text.map(contains) {
            query.push(" AND (LOWER(title) LIKE ").push_bind(pattern.clone());
            query.push(" ESCAPE '\\' OR LOWER(content) LIKE ").push_bind(pattern.clone());
            query.push(" ESCAPE '\\' OR LOWER(address) LIKE ").push_bind(pattern.clone());
            query.push(
                " ESCAPE '\\' OR EXISTS (SELECT 1 FROM order_steps WHERE order_id = orders.id \
                 AND LOWER(note) LIKE ",
            );
            query.push_bind(pattern).push(" ESCAPE '\\'))");
        }
        query.push(" ORDER BY call_id DESC LIMIT ").push_bind(i64::from(limit));
        let doing = "find calls by their orders";
        let rows = query.build().fetch_all(self.reader()).await.during(doing)?;
        Ok(rows.iter().filter_map(|row| id_opt(row, "call_id")).map(CallId).collect())
    }

    /// One order.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn order(&self, tenant: TenantId, order_id: OrderId) -> Result<Order> {
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} $1 AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(order_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read an order")?;
        order(&row.ok_or_else(|| Error::not_found("order", order_id))?)
    }

    /// The life of an order, from its beginning.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn order_steps(&self, tenant: TenantId, order_id: OrderId) -> Result<Vec<Step>> {
        self.order(tenant, order_id).await?;
        let doing = "read the steps of an order";
        sql::query(
            "SELECT version, at, user_id, action, progress_before, progress_after, note
             FROM order_steps WHERE tenant_id = $1 AND order_id = $2 ORDER BY version LIMIT 10000",
        )
        .bind(tenant.0 as i64)
        .bind(order_id.0 as i64)
        .fetch_all(self.reader())
        .await
        .during(doing)?
        .iter()
        .map(|row| {
            let before: Option<&str> = row.get("progress_before");
            Ok(Step {
                version: row.get("version"),
                at: time(row, "at"),
                user: id_opt(row, "user_id").map(UserId),
                action: row.get("action"),
                before: before.map(|text| Progress::stored(doing, text)).transpose()?,
                after: Progress::stored(doing, row.get("progress_after"))?,
                note: row.get("note"),
            })
        })
        .collect()
    }
}

fn conditions(query: &mut Builder, filter: &OrderFilter, now: Timestamp) {
    if let Some(from) = filter.from {
        query.push(" AND created_at >= ").push_bind(from.0);
    }
    if let Some(to) = filter.to {
        query.push(" AND created_at < ").push_bind(to.0);
    }
    for (column, value) in [
        (" AND number = ", &filter.number),
        (" AND kind = ", &filter.kind),
        (" AND department = ", &filter.department),
        (" AND area = ", &filter.area),
    ] {
        if let Some(value) = value {
            query.push(column).push_bind(value.clone());
        }
    }
    if let Some(user) = filter.assignee {
        query.push(" AND assignee_id = ").push_bind(user.0 as i64);
    }
    if let Some(team) = filter.team {
        query.push(
            " AND EXISTS (SELECT 1 FROM team_members WHERE tenant_id = orders.tenant_id \
             AND agent_id = orders.assignee_id AND until IS NULL AND team_id = ",
        );
        query.push_bind(team.0 as i64).push(")");
    }
    for (name, part) in &filter.fields {
        query
            .push(" AND EXISTS (SELECT 1 FROM order_fields WHERE order_id = orders.id AND name = ");
        query.push_bind(name.clone()).push(" AND LOWER(value) LIKE ");
        query.push_bind(contains(part)).push(" ESCAPE '\\')");
    }
    if let Some(user) = filter.dispatcher {
        query.push(" AND (created_by = ").push_bind(user.0 as i64);
        query.push(
            " OR EXISTS (SELECT 1 FROM order_steps WHERE order_id = orders.id \
             AND action = 'assign' AND user_id = ",
        );
        query.push_bind(user.0 as i64).push("))");
    }
    if let Some(customer) = filter.customer {
        query.push(" AND customer_id = ").push_bind(customer.0 as i64);
    }
    if let Some(call) = filter.call {
        query.push(" AND call_id = ").push_bind(call.0 as i64);
    }
    if let Some(number) = &filter.customer_number {
        query
            .push(" AND LOWER(customer_number) LIKE ")
            .push_bind(contains(number))
            .push(" ESCAPE '\\'");
    }
    if let Some(text) = &filter.text {
        let pattern = contains(text);
        query.push(" AND (LOWER(title) LIKE ").push_bind(pattern.clone());
        query.push(" ESCAPE '\\' OR LOWER(content) LIKE ").push_bind(pattern.clone());
        query.push(" ESCAPE '\\' OR LOWER(address) LIKE ").push_bind(pattern).push(" ESCAPE '\\')");
    }
    if let Some(status) = filter.status {
        has_status(query, status, now);
    }
}

/// The same rule as [`Order::status`], in SQL; a test compares the two.
fn has_status(query: &mut Builder, status: Status, now: Timestamp) {
    let overdue = |query: &mut Builder| {
        query.push("COALESCE(deadline_at < COALESCE(suspended_at, ");
        query.push_bind(now.0).push("), FALSE)");
    };
    let warned = |query: &mut Builder| {
        query.push("COALESCE(warn_at <= COALESCE(suspended_at, ");
        query.push_bind(now.0).push("), FALSE)");
    };
    match status {
        Status::Done => {
            query.push(" AND progress = 'done'");
        }
        Status::Returned => {
            query.push(" AND progress = 'returned'");
        }
        Status::Overdue => {
            query.push(" AND progress IN ('open', 'in_progress', 'suspended') AND ");
            overdue(query);
        }
        Status::Suspended => {
            query.push(" AND progress = 'suspended' AND NOT ");
            overdue(query);
        }
        Status::Warned => {
            query.push(" AND progress IN ('open', 'in_progress') AND NOT ");
            overdue(query);
            query.push(" AND ");
            warned(query);
        }
        Status::Open | Status::InProgress => {
            query.push(" AND progress = ").push_bind(status.as_str()).push(" AND NOT ");
            overdue(query);
            query.push(" AND NOT ");
            warned(query);
        }
    }
}

fn after_cursor(query: &mut Builder, sort: OrderSort, cursor: &str) -> Result<()> {
    let parsed = cursor.split_once('.').and_then(|(deadline, id)| {
        Some((deadline.parse::<i64>().ok()?, id.parse::<OrderId>().ok()?))
    });
    let Some((deadline, id)) = parsed else {
        return Err(Error::invalid("cursor", "give back the `next` of the page before"));
    };
    match sort {
        OrderSort::Newest => query.push(" AND id < ").push_bind(id.0 as i64),
        OrderSort::Oldest => query.push(" AND id > ").push_bind(id.0 as i64),
        OrderSort::Deadline => query
            .push(" AND (COALESCE(deadline_at, 9223372036854775807), id) > (")
            .push_bind(deadline)
            .push(", ")
            .push_bind(id.0 as i64)
            .push(")"),
    };
    Ok(())
}
