//! Orders for messages: where a queue's settings say so, a message that a caller left for its people is
//! an order as soon as it can be heard. It names the order that it became, so that it becomes one however
//! often the log tells of it; the order names the message for as long as that is kept.
//!
//! Who left a message after nobody of an area answered has an order already ([`super::lost`]): the
//! message belongs to that one.

use super::lost;
use super::write::{NewOrder, make};
use crate::audit::By;
use crate::error::During;
use crate::queue::Settings;
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Result, Store};
use terms::event::{Entry, Kind};
use terms::media::RecordingState;
use terms::{CallId, OrderId, RecordingId, TenantId};

/// What the switch said of a recording. Said again it changes nothing.
pub(crate) async fn keep(store: &Store, write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::Recorded { ledger, agent: None, queue: Some(_), .. } = &entry.kind else {
        return Ok(());
    };
    if matches!(ledger.state, RecordingState::Refused) {
        return Ok(());
    }
    let (tenant, recording) = (entry.tenant, ledger.recording);
    let Some(message) = without_order(write, tenant, recording).await? else { return Ok(()) };
    if let Some(order) = of_lost_caller(write, tenant, ledger.call).await? {
        return settle(write, tenant, recording, (Some(order), None)).await;
    }
    let doing = write.doing;
    let settings: Settings = document(&message, "settings", doing, "queue")?;
    let Some(kind) = settings.messages_as_orders else {
        return settle(write, tenant, recording, (None, None)).await;
    };
    let new = NewOrder {
        kind,
        title: message.get("name"),
        customer_number: message.get("caller"),
        call: Some(ledger.call),
        origin: format!("message {recording}"),
        ..NewOrder::default()
    };
    let by = By::system("switch", entry.at);
    match ordered(store, write, tenant, &by, &new).await {
        Ok(order) => settle(write, tenant, recording, (Some(order), None)).await,
        Err(error) if error.is_ours() => Err(error),
        // What the tenant's rules make impossible must not stop what follows in the log.
        Err(error) => {
            tracing::warn!(%tenant, %recording, %error, "no order for a message");
            settle(write, tenant, recording, (None, Some(error.to_string()))).await
        }
    }
}

/// Makes the order, by the rule of its type.
async fn ordered(
    store: &Store,
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    new: &NewOrder,
) -> Result<OrderId> {
    lost::check_kind(write, tenant, "kind", &new.kind).await?;
    let profile = store.tenant(tenant).await?.profile;
    Ok(make(write, tenant, by, new, &profile).await?.id)
}

/// A message that became no order, with its queue's name and settings.
async fn without_order(
    write: &mut Write,
    tenant: TenantId,
    recording: RecordingId,
) -> Result<Option<DbRow>> {
    let doing = write.doing;
    sql::query(
        "SELECT v.caller, q.name, q.settings FROM voicemails v
         JOIN queues q ON q.tenant_id = v.tenant_id AND q.id = v.queue_id
         WHERE v.tenant_id = $1 AND v.recording_id = $2 AND v.order_id IS NULL",
    )
    .bind(tenant.0 as i64)
    .bind(recording.0 as i64)
    .fetch_optional(write.db())
    .await
    .during(doing)
}

/// The order that nobody made by hand of a call, and that no message belongs to.
async fn of_lost_caller(
    write: &mut Write,
    tenant: TenantId,
    call: CallId,
) -> Result<Option<OrderId>> {
    let doing = write.doing;
    let row = sql::query(
        "SELECT id FROM orders WHERE tenant_id = $1 AND call_id = $2 AND created_by IS NULL
         AND NOT EXISTS (SELECT 1 FROM voicemails v
                         WHERE v.tenant_id = orders.tenant_id AND v.order_id = orders.id)
         ORDER BY id LIMIT 1",
    )
    .bind(tenant.0 as i64)
    .bind(call.0 as i64)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    Ok(row.map(|row| OrderId(id(&row, "id"))))
}

/// What became of a message. Who left it stands in the order, and is known here no longer.
async fn settle(
    write: &mut Write,
    tenant: TenantId,
    recording: RecordingId,
    (order, problem): (Option<OrderId>, Option<String>),
) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE voicemails SET caller = '', order_id = $3, order_problem = $4
         WHERE tenant_id = $1 AND recording_id = $2",
    )
    .bind(tenant.0 as i64)
    .bind(recording.0 as i64)
    .bind(order.map(|order| order.0 as i64))
    .bind(problem)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}
