//! Carries who did what to the warehouse. The rows of the audit table are numbered in the order of
//! commits and stay, so that the table is its own outbox: the position is the last number staged.

use super::RETRY;
use desk::Store;
use std::sync::Arc;
use std::time::Duration;
use terms::record::Row;
use warehouse::Warehouse;

/// The audit table's name among the sources of the warehouse.
pub(crate) const TRAIL: &str = "desk audit";
/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Rows of one reading.
const READ_MAX: u32 = 10_000;

/// Carries until the process ends.
pub(super) async fn run(store: Store, warehouse: Arc<Warehouse>) {
    loop {
        match carry(&store, &warehouse).await {
            Ok(0) => tokio::time::sleep(EVERY).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "rows of the audit table wait for the warehouse");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// One reading; how many rows it had. Two may do it at a time: what is staged is staged once.
///
/// # Errors
/// When the store or the warehouse does not answer.
pub(crate) async fn carry(
    store: &Store,
    warehouse: &Warehouse,
) -> Result<usize, crate::api::deletion::Error> {
    let position = warehouse.position(TRAIL).await?;
    let rows = store.audit_after(position, READ_MAX).await?;
    let Some(last) = rows.last().map(|row| row.audit_id) else { return Ok(0) };
    let rows: Vec<Row> = rows.into_iter().map(Row::Audit).collect();
    warehouse.stage_rows(TRAIL, last, &rows).await?;
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use desk::By;
    use desk::bootstrap::Defaults;
    use terms::{TenantId, Timestamp};
    use warehouse::{Limits, Scope, Session};

    const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

    async fn seen(warehouse: &Warehouse, scope: Scope) -> usize {
        let session = Session::open(warehouse, scope, Limits::default()).await.unwrap();
        session.query("SELECT audit_id FROM audit").await.unwrap().rows()
    }

    #[tokio::test]
    async fn every_entry_of_the_audit_table_is_carried_once_and_read_by_right_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let defaults = Defaults::with_flow(serde_json::json!({"start": "hello", "steps": {}}));
        let tenant = store.bootstrap(&defaults, NOON).await.unwrap().unwrap().tenant;
        let warehouse = Warehouse::open(folder.path().join("warehouse")).await.unwrap();
        let before = carry(&store, &warehouse).await.unwrap();
        assert!(before > 0, "the first start stands in it");
        assert_eq!(carry(&store, &warehouse).await.unwrap(), 0);
        let by = By::system("command line", NOON);
        store.note(tenant, &by, "recording.fetch", "7").await.unwrap();
        assert_eq!(carry(&store, &warehouse).await.unwrap(), 1);

        let whole = Scope { audit: true, ..Scope::of(tenant) };
        let kept = store.audit(tenant, None, 10_000).await.unwrap().len();
        assert_eq!(seen(&warehouse, whole.clone()).await, kept);
        assert_eq!(seen(&warehouse, Scope::of(tenant)).await, 0, "without the right");
        let foreign = Scope { audit: true, ..Scope::of(TenantId(99)) };
        assert_eq!(seen(&warehouse, foreign).await, 0);
        let limited = Scope { agents: Some(Vec::new()), ..whole };
        assert_eq!(seen(&warehouse, limited).await, 0);
    }
}
