//! What becomes of the texts that come over a trunk: they may wait for an agent in a queue.

use super::{Settings, kept};
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result};
use terms::{QueueId, TenantId, TrunkId};

/// Refuses a queue that the tenant has not.
pub(super) async fn check(write: &mut Write, tenant: TenantId, settings: &Settings) -> Result<()> {
    let Some(queue) = settings.texts_to_queue else { return Ok(()) };
    let select = "SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2";
    if write.has(tenant, select, queue.0).await? {
        return Ok(());
    }
    Err(Error::invalid("texts_to_queue", format!("there is no such queue: {queue}")))
}

/// The queue that hands out what comes over a trunk; none where none does, or the trunk is not there.
pub(crate) async fn queue_of(
    write: &mut Write,
    tenant: TenantId,
    trunk: TrunkId,
) -> Result<Option<QueueId>> {
    let doing = write.doing;
    let row = sql::query("SELECT settings FROM trunks WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.0 as i64)
        .bind(trunk.0 as i64)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    Ok(row.as_ref().map(kept).transpose()?.and_then(|kept| kept.settings.texts_to_queue))
}
