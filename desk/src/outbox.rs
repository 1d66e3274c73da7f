//! The transactional outbox: records for the warehouse, written in the transaction of the change
//! that they tell of. The warehouse reads on from its own position, stages, and only then lets
//! them be forgotten: nothing is lost, and a repeat has the same id.

use crate::error::During;
use crate::sql;
use crate::store::document;
use crate::{Result, Store};
use terms::record;

/// Rows of one reading.
pub const READ_MAX: u32 = 10_000;

/// A record and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Rises in the order of commits.
    pub position: i64,
    /// The record.
    pub row: record::Row,
}

impl Store {
    /// Records of all tenants after `position`, in order, at most `limit`. For the warehouse.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn read_after(&self, position: i64, limit: u32) -> Result<Vec<Entry>> {
        sql::query(
            "SELECT position, payload FROM outbox WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(position)
        .bind(i64::from(limit.clamp(1, READ_MAX)))
        .fetch_all(self.reader())
        .await
        .during("read the outbox")?
        .iter()
        .map(|row| {
            Ok(Entry {
                position: row.get("position"),
                row: document(row, "payload", "read the outbox", "record")?,
            })
        })
        .collect()
    }

    /// Forgets records up to `position`, which the warehouse has staged durably.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_through(&self, position: i64) -> Result<u64> {
        let mut write = self.write("empty the outbox").await?;
        let done = sql::query("DELETE FROM outbox WHERE position <= $1")
            .bind(position)
            .execute(write.db())
            .await
            .during("empty the outbox")?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}
