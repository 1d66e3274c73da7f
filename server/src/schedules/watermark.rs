//! Up to when a tenant's records are complete: whatever began before is in the warehouse.
//!
//! A call's row is written when the call has ended. So nothing is missing before the earliest start
//! of a live call, once the event log was read to its end and sealed after that was asked, and the
//! desk's outbox was empty before.

use crate::api::links::{CallsLink, Seal};
use desk::Store;
use futures::future::BoxFuture;
use std::sync::Arc;
use terms::control::{Answer, Ask};
use terms::{TenantId, Timestamp};

/// Says whether records are complete.
pub trait Watermark: Send + Sync {
    /// Whether everything of the tenant that began before `until` is in the warehouse; else why not.
    fn reaches(
        &self,
        tenant: TenantId,
        until: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), String>>;
}

/// That of this box.
pub struct Sealed {
    store: Store,
    calls: Arc<dyn CallsLink>,
    seal: Seal,
}

impl Sealed {
    /// Asks the switch, then seals.
    pub fn new(store: Store, calls: Arc<dyn CallsLink>, seal: Seal) -> Sealed {
        Sealed { store, calls, seal }
    }

    async fn look(&self, tenant: TenantId, until: Timestamp, now: Timestamp) -> Result<(), String> {
        if until > now {
            return Err("its period has not ended".to_owned());
        }
        // First the switch: a call that ends after this answer is in the log before the seal.
        let live = match self.calls.ask(Ask::State { tenant }).await {
            Answer::State(live) => live,
            Answer::Refused(why) => return Err(why),
            _ => return Err("the switch does not answer".to_owned()),
        };
        let early = live.calls.iter().filter(|call| call.started_at < until).count();
        if early > 0 {
            return Err(format!("calls of its period go on: {early}"));
        }
        let outbox = self.store.read_after(0, 1).await.map_err(|error| error.to_string())?;
        if !outbox.is_empty() {
            return Err("records of the desk are on their way".to_owned());
        }
        (self.seal)().await.map(drop)
    }
}

impl Watermark for Sealed {
    fn reaches(
        &self,
        tenant: TenantId,
        until: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.look(tenant, until, now))
    }
}
