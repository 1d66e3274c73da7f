//! Orders for callers whom nobody of an area answered: somebody has to call them back, whether they left
//! a message or not. They arise from the event log ([`Store::keep_calling`]), one for each call.

use super::write::{NewOrder, make};
use crate::audit::By;
use crate::error::During;
use crate::order::rule;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result, Store};
use terms::TenantId;
use terms::event::{Entry, Hunt, InHunt, Kind};

/// What the switch said of a caller whom nobody answered. Said again it changes nothing.
pub(crate) async fn keep(store: &Store, write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::Hunt(Hunt { area, what: InHunt::Lost { caller }, .. }) = &entry.kind else {
        return Ok(());
    };
    let doing = write.doing;
    let row = sql::query("SELECT name, order_kind FROM areas WHERE tenant_id = $1 AND id = $2")
        .bind(entry.tenant.0 as i64)
        .bind(area.0 as i64)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    let Some(row) = row else { return Ok(()) };
    let Some(kind) = row.get::<Option<String>>("order_kind") else { return Ok(()) };
    // A message that they had left before may be an order too, of no area, and nobody made that one by
    // hand: it does not call them back.
    let made = "SELECT 1 FROM orders WHERE tenant_id = $1 AND call_id = $2
                AND (created_by IS NOT NULL OR area <> '')";
    let call = entry.call.map_or(0, |call| call.0);
    if write.has(entry.tenant, made, call).await? {
        return Ok(());
    }
    let name: String = row.get("name");
    // Its rule may be gone since the area was drawn: the order goes to the area then.
    let ruled = rule::find(write, entry.tenant, &kind).await?.is_some();
    let new = NewOrder {
        kind,
        title: name.clone(),
        area: name.clone(),
        customer_number: caller.clone(),
        call: entry.call,
        department: (!ruled).then_some(name),
        ..NewOrder::default()
    };
    let profile = store.tenant(entry.tenant).await?.profile;
    match make(write, entry.tenant, &By::system("switch", entry.at), &new, &profile).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_ours() => Err(error),
        // What the tenant's rules make impossible must not stop what follows in the log.
        Err(error) => {
            tracing::warn!(tenant = %entry.tenant, call, %error, "no order for a lost caller");
            Ok(())
        }
    }
}

/// Refuses a type of orders that has no rule.
pub(crate) async fn check_kind(
    write: &mut Write,
    tenant: TenantId,
    field: &'static str,
    kind: &str,
) -> Result<()> {
    if rule::find(write, tenant, kind).await?.is_some() {
        return Ok(());
    }
    let problem = format!("there is no order type \"{kind}\"; make a rule for it first");
    Err(Error::invalid(field, problem))
}
