//! Customers, known by their telephone number.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, time};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use terms::routing::KnownCaller;
use terms::{AgentId, CustomerId, PhoneNumber, TenantId, Timestamp};
use utoipa::ToSchema;

/// Customers of a tenant who are VIPs, have a class or an agent of their own.
pub const KNOWN_MAX: i64 = 10_000;

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Customer {
    /// Their id.
    #[schema(value_type = String)]
    pub id: CustomerId,
    /// Their number, normalised; unique in the tenant.
    pub number: String,
    /// Who they are.
    #[serde(flatten)]
    pub card: Card,
    /// First known.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Last changed.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// What is known about a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Card {
    /// Their name.
    pub name: String,
    /// Their address.
    pub address: String,
    /// The area that serves them; left out, the name of the one in which the address lies.
    pub area: String,
    /// Anything else.
    pub note: String,
    /// Goes first in queues that say so (`vip_priority`); at most 10,000 customers are
    /// VIPs, have a class or an agent.
    pub vip: bool,
    /// What kind of customer they are, in the tenant's own word; flows go by it (`caller_class`).
    pub class: String,
    /// The agent whom they are to talk with, in queues that wait for one (`own_agent_s`).
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
}

impl Card {
    fn check(&self) -> Result<Card> {
        Ok(Card {
            name: text::line("name", &self.name)?,
            address: text::line("address", &self.address)?,
            area: text::line("area", &self.area)?,
            note: text::prose("note", &self.note)?,
            vip: self.vip,
            class: text::line("class", &self.class)?,
            agent: self.agent,
        })
    }
}

const COLUMNS: &str =
    "SELECT id, number, name, address, area, note, vip, class, agent_id, created_at, changed_at
     FROM customers WHERE tenant_id = $1";

fn customer(row: &DbRow) -> Customer {
    Customer {
        id: CustomerId(id(row, "id")),
        number: row.get("number"),
        card: Card {
            name: row.get("name"),
            address: row.get("address"),
            area: row.get("area"),
            note: row.get("note"),
            vip: row.get("vip"),
            class: row.get("class"),
            agent: agent(row),
        },
        created_at: time(row, "created_at"),
        changed_at: time(row, "changed_at"),
    }
}

fn agent(row: &DbRow) -> Option<AgentId> {
    row.get::<Option<i64>>("agent_id").map(|agent| AgentId(agent as u64))
}

impl Store {
    /// Customers whose number, name or address contains `text` (all when empty), from `after` on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn customers(
        &self,
        tenant: TenantId,
        search: &str,
        after: Option<CustomerId>,
        limit: u32,
    ) -> Result<Vec<Customer>> {
        let rows = sql::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} AND id > $2 AND (LOWER(number) LIKE $3 ESCAPE '\\'
                 OR LOWER(name) LIKE $3 ESCAPE '\\' OR LOWER(address) LIKE $3 ESCAPE '\\')
                 ORDER BY id LIMIT $4"
        )))
        .bind(tenant.0 as i64)
        .bind(after.map_or(0, |id| id.0 as i64))
        .bind(text::contains(search))
        .bind(i64::from(limit.min(crate::store::LIST_MAX)))
        .fetch_all(self.reader())
        .await
        .during("list customers")?;
        Ok(rows.iter().map(customer).collect())
    }

    /// One customer.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn customer(&self, tenant: TenantId, customer_id: CustomerId) -> Result<Customer> {
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(customer_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a customer")?;
        row.map(|row| customer(&row)).ok_or_else(|| Error::not_found("customer", customer_id))
    }

    /// The customer with this number, in whatever form it is written.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn customer_by_number(
        &self,
        tenant: TenantId,
        number: &str,
    ) -> Result<Option<Customer>> {
        let country = self.tenant(tenant).await?.profile.country;
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND number = $2")))
            .bind(tenant.0 as i64)
            .bind(PhoneNumber::parse(number, &country).normal)
            .fetch_optional(self.reader())
            .await
            .during("find a customer")?;
        Ok(row.map(|row| customer(&row)))
    }

    /// Makes the customer with this number, or replaces what is known about them.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn put_customer(
        &self,
        tenant: TenantId,
        by: &By,
        number: &str,
        card: &Card,
    ) -> Result<Customer> {
        let country = self.tenant(tenant).await?.profile.country;
        let mut card = card.check()?;
        card.area = self.area_or_of(tenant, &card.area, &card.address).await?;
        let mut write = self.write("change a customer").await?;
        let known = by_number(&mut write, tenant, by, number, &country).await?;
        let customer_id =
            known.ok_or_else(|| Error::invalid("number", "a telephone number is needed"))?.0;
        if let Some(agent) = card.agent {
            crate::agent::exists(&mut write, tenant, agent).await?;
        }
        let before = in_plan(&mut write, tenant, customer_id).await?;
        let after = Known { vip: card.vip, class: card.class.clone(), agent: card.agent };
        if before == Known::default() && after != before {
            let count = "SELECT COUNT(*) FROM customers
                         WHERE tenant_id = $1 AND (vip OR class <> '' OR agent_id IS NOT NULL)";
            write.room_for(tenant, count, KNOWN_MAX).await?;
        }
        sql::query(
            "UPDATE customers SET name = $3, address = $4, area = $5, note = $6, vip = $7,
             changed_at = $8, agent_id = $9, class = $10 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(customer_id.0 as i64)
        .bind(&card.name)
        .bind(&card.address)
        .bind(&card.area)
        .bind(&card.note)
        .bind(card.vip)
        .bind(by.at.0)
        .bind(card.agent.map(|agent| agent.0 as i64))
        .bind(&card.class)
        .execute(write.db())
        .await
        .during("change a customer")?;
        write.audit(tenant, by, "customer.put", customer_id).await?;
        if before != after {
            write.raise_plan(tenant).await?;
        }
        write.commit().await?;
        self.customer(tenant, customer_id).await
    }

    /// The customers whom the plan names.
    pub(crate) async fn known_callers_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<KnownCaller>> {
        let rows = sql::query(
            "SELECT number, vip, class, agent_id FROM customers
             WHERE tenant_id = $1 AND (vip OR class <> '' OR agent_id IS NOT NULL)
             ORDER BY number LIMIT 10000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list customers whom the plan names")?;
        Ok(rows
            .iter()
            .map(|row| KnownCaller {
                number: row.get("number"),
                vip: row.get("vip"),
                class: row.get("class"),
                agent: agent(row),
            })
            .collect())
    }
}

/// What the plan says of a customer; one with nothing of it is not in the plan.
#[derive(Default, PartialEq)]
struct Known {
    vip: bool,
    class: String,
    agent: Option<AgentId>,
}

async fn in_plan(write: &mut Write, tenant: TenantId, customer_id: CustomerId) -> Result<Known> {
    let doing = write.doing;
    let find = "SELECT vip, class, agent_id FROM customers WHERE tenant_id = $1 AND id = $2";
    let row = sql::query(find)
        .bind(tenant.0 as i64)
        .bind(customer_id.0 as i64)
        .fetch_one(write.db())
        .await
        .during(doing)?;
    Ok(Known { vip: row.get("vip"), class: row.get("class"), agent: agent(&row) })
}

/// The customer with this number, made when nobody knew them: (id, normalised number). `None`
/// when the number is withheld or holds no digit.
pub(crate) async fn by_number(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    number: &str,
    country: &str,
) -> Result<Option<(CustomerId, String)>> {
    let parsed = PhoneNumber::parse(number.trim(), country);
    if parsed.is_withheld() || !parsed.normal.bytes().any(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    let doing = write.doing;
    let known: Option<i64> =
        sql::query_scalar("SELECT id FROM customers WHERE tenant_id = $1 AND number = $2")
            .bind(tenant.0 as i64)
            .bind(&parsed.normal)
            .fetch_optional(write.db())
            .await
            .during(doing)?;
    if let Some(known) = known {
        return Ok(Some((CustomerId(known as u64), parsed.normal)));
    }
    let made = write.next_id("customer").await?;
    sql::query(
        "INSERT INTO customers
         (id, tenant_id, number, name, address, area, note, vip, created_at, changed_at)
         VALUES ($1, $2, $3, '', '', '', '', $4, $5, $5)",
    )
    .bind(made)
    .bind(tenant.0 as i64)
    .bind(&parsed.normal)
    .bind(false)
    .bind(by.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(Some((CustomerId(made as u64), parsed.normal)))
}
