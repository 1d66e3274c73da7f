//! Fields of a tenant's own on orders, such as the supply area of a gas company. The tenant says which
//! there are; an order has a line of text in some of them from its making on.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result, Store, text};
use std::collections::{BTreeMap, BTreeSet};
use terms::{OrderId, TenantId};

/// Fields of one tenant.
pub const FIELDS_MAX: usize = 20;

impl Store {
    /// The names of a tenant's own fields.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn order_fields(&self, tenant: TenantId) -> Result<Vec<String>> {
        sql::query(
            "SELECT name FROM order_field_names WHERE tenant_id = $1 ORDER BY name LIMIT 100",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list fields of orders")?
        .iter()
        .map(|row| Ok(row.get("name")))
        .collect()
    }

    /// These are a tenant's own fields from now on. What orders have in others stays with them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is none, and for too many.
    pub async fn put_order_fields(
        &self,
        tenant: TenantId,
        by: &By,
        names: &[String],
    ) -> Result<Vec<String>> {
        if names.len() > FIELDS_MAX {
            return Err(Error::invalid("fields", format!("at most {FIELDS_MAX} fields are kept")));
        }
        let names: Result<BTreeSet<String>> = names.iter().map(|name| named(name)).collect();
        let names = names?;
        let doing = "change fields of orders";
        let mut write = self.write(doing).await?;
        sql::query("DELETE FROM order_field_names WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        for name in &names {
            sql::query("INSERT INTO order_field_names (tenant_id, name) VALUES ($1, $2)")
                .bind(tenant.0 as i64)
                .bind(name)
                .execute(write.db())
                .await
                .during(doing)?;
        }
        let subject = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        write.audit(tenant, by, "order_fields.put", &subject).await?;
        write.commit().await?;
        Ok(names.into_iter().collect())
    }

    /// What an order has in the tenant's own fields.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn fields_of_order(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<BTreeMap<String, String>> {
        sql::query("SELECT name, value FROM order_fields WHERE tenant_id = $1 AND order_id = $2")
            .bind(tenant.0 as i64)
            .bind(order.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("read fields of an order")?
            .iter()
            .map(|row| Ok((row.get("name"), row.get("value"))))
            .collect()
    }
}

/// A name of a field: what separates fields in a search is no part of it.
fn named(name: &str) -> Result<String> {
    let name = text::name("fields", name)?;
    if name.contains([':', ';']) {
        return Err(Error::invalid("fields", "a name without \":\" and \";\" is needed"));
    }
    Ok(name)
}

/// Writes down what a new order has in them.
pub(crate) async fn keep(
    write: &mut Write,
    tenant: TenantId,
    order: OrderId,
    fields: &BTreeMap<String, String>,
) -> Result<()> {
    let doing = write.doing;
    for (name, value) in fields {
        let known = "SELECT name FROM order_field_names WHERE tenant_id = $1 AND name = $2";
        let found = sql::query(known)
            .bind(tenant.0 as i64)
            .bind(name)
            .fetch_optional(write.db())
            .await
            .during(doing)?;
        if found.is_none() {
            let problem = format!("orders have no field \"{name}\"");
            return Err(Error::invalid("fields", problem));
        }
        let value = text::line("fields", value)?;
        let id = write.next_id("order_field").await?;
        sql::query(
            "INSERT INTO order_fields (id, tenant_id, order_id, name, value)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(tenant.0 as i64)
        .bind(order.0 as i64)
        .bind(name)
        .bind(value)
        .execute(write.db())
        .await
        .during(doing)?;
    }
    Ok(())
}
