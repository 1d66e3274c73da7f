//! How long recordings and received faxes are kept: so many days for the tenant, other numbers for
//! the recordings of single queues. And how long rows of the warehouse are (`rows`).

mod rows;

pub use rows::RowRetention;

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{QueueId, TenantId, Timestamp};
use utoipa::ToSchema;

/// Longest time that can be said in days; 0 is for ever.
pub const DAYS_MAX: u32 = 36_500;
const DAY_US: i64 = 86_400_000_000;

/// How long recordings, received faxes and rows of a tenant are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days after its start that a recording or received fax is kept; 0 is for ever.
    pub days: u32,
    /// Queues with a time of their own.
    #[serde(default)]
    #[schema(required = false)]
    pub queues: Vec<QueueRetention>,
    /// How long rows of the warehouse are kept; left out, for ever.
    #[serde(default, skip_serializing_if = "RowRetention::is_for_ever")]
    #[schema(required = false)]
    pub rows: RowRetention,
}

/// How long recordings of a queue are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueRetention {
    /// The queue.
    #[schema(value_type = String)]
    pub queue: QueueId,
    /// Days after its start that a recording is kept; 0 is for ever.
    pub days: u32,
}

/// What began before is over at `now`; `None` when recordings are kept for ever.
pub fn over_before(days: u32, now: Timestamp) -> Option<Timestamp> {
    (days > 0).then(|| Timestamp(now.0 - i64::from(days) * DAY_US))
}

impl Retention {
    /// The longest time of recordings; `None` where some are kept for ever.
    fn longest(&self) -> Option<u32> {
        let days = self.queues.iter().map(|of| of.days).chain([self.days]);
        days.map(|days| (days > 0).then_some(days)).max_by_key(|days| days.unwrap_or(u32::MAX))?
    }

    fn check(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        if self.queues.iter().any(|of| !seen.insert(of.queue)) {
            return Err(Error::invalid("queues", "each queue may stand once"));
        }
        let mut days = self.queues.iter().map(|of| of.days).chain([self.days]);
        match days.find(|days| *days > DAYS_MAX) {
            Some(days) => {
                let problem = format!("{days} is above {DAYS_MAX}; 0 keeps for ever");
                Err(Error::invalid("days", problem))
            }
            None => self.rows.check(self.longest()),
        }
    }
}

impl Store {
    /// How long recordings of a tenant are kept.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn retention(&self, tenant: TenantId) -> Result<Retention> {
        let rows = sql::query(
            "SELECT queue_id, days FROM retention WHERE tenant_id = $1 ORDER BY queue_id LIMIT 10000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("read how long recordings are kept")?;
        let rows_kept = self.row_retention(tenant).await?;
        let mut retention = Retention { rows: rows_kept, ..Retention::default() };
        for row in &rows {
            let (queue, days) = (crate::store::id(row, "queue_id"), row.get::<i64>("days"));
            let days = u32::try_from(days).unwrap_or(DAYS_MAX);
            match queue {
                0 => retention.days = days,
                queue => {
                    retention.queues.push(QueueRetention { queue: QueueId(queue), days });
                }
            }
        }
        Ok(retention)
    }

    /// Changes how long recordings of a tenant are kept, from now on, those that are there
    /// included.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for a queue that the tenant has not.
    pub async fn set_retention(
        &self,
        tenant: TenantId,
        by: &By,
        retention: &Retention,
    ) -> Result<()> {
        retention.check()?;
        let mut write = self.write("change how long recordings are kept").await?;
        for of in &retention.queues {
            let select = "SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2";
            if !write.has(tenant, select, of.queue.0).await? {
                return Err(Error::not_found("queue", of.queue));
            }
        }
        let doing = write.doing;
        sql::query("DELETE FROM retention WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        let whole = QueueRetention { queue: QueueId(0), days: retention.days };
        for of in retention.queues.iter().chain([&whole]) {
            sql::query("INSERT INTO retention (tenant_id, queue_id, days) VALUES ($1, $2, $3)")
                .bind(tenant.0 as i64)
                .bind(of.queue.0 as i64)
                .bind(i64::from(of.days))
                .execute(write.db())
                .await
                .during(doing)?;
        }
        rows::replace(&mut write, tenant, &retention.rows).await?;
        let said: Vec<String> =
            retention.queues.iter().map(|of| format!(", queue {} {}", of.queue, of.days)).collect();
        let said = said.concat() + &rows::said(&retention.rows);
        let subject = format!("{} days{said}", retention.days);
        write.audit(tenant, by, "retention.set", subject).await?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_ever_is_never_over() {
        let now = Timestamp(100 * DAY_US);
        assert_eq!(over_before(0, now), None);
        assert_eq!(over_before(90, now), Some(Timestamp(10 * DAY_US)));
    }

    #[test]
    fn a_queue_stands_once_and_a_time_has_an_end() {
        let of = |queue, days| QueueRetention { queue: QueueId(queue), days };
        let kept = |days, queues| Retention { days, queues, ..Retention::default() };
        let twice = kept(1, vec![of(1, 2), of(1, 3)]);
        assert!(twice.check().unwrap_err().to_string().contains("may stand once"));
        let long = kept(1, vec![of(1, 36_501)]);
        assert!(long.check().unwrap_err().to_string().contains("36501 is above 36500"));
        assert!(kept(0, vec![of(1, 30), of(2, 0)]).check().is_ok());
        let rows = RowRetention { recordings: 40, ..RowRetention::default() };
        assert!(Retention { rows, ..kept(20, vec![of(1, 30)]) }.check().is_ok());
        assert!(Retention { rows, ..kept(20, vec![of(1, 41)]) }.check().is_err());
        assert!(Retention { rows, ..kept(20, vec![of(1, 0)]) }.check().is_err());
    }
}
