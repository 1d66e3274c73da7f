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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::NotThere;
    use desk::By;
    use desk::bootstrap::Defaults;
    use desk::shift::NewShift;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};
    use terms::control::LiveState;

    const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

    /// A switch with one answer.
    struct Switch(Mutex<Answer>);

    impl CallsLink for Switch {
        fn ask(&self, _: Ask) -> BoxFuture<'_, Answer> {
            let answer = self.0.lock().unwrap().clone();
            Box::pin(async move { answer })
        }
        fn deliver(&self, _: Ask) -> BoxFuture<'_, Result<Answer, NotThere>> {
            Box::pin(async { Err(NotThere("nobody delivers here".to_owned())) })
        }
    }

    #[tokio::test]
    async fn nothing_is_sealed_while_records_of_the_desk_are_on_their_way() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let defaults = Defaults::with_flow(serde_json::json!({"start": "hello", "steps": {}}));
        let first = store.bootstrap(&defaults, NOON).await.unwrap().unwrap();
        let switch = Arc::new(Switch(Mutex::new(Answer::State(LiveState::default()))));
        let seals = Arc::new(AtomicU64::new(0));
        let counted = seals.clone();
        let seal: Seal = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok::<u64, String>(1) })
        });
        let (agent, starts_at) = (first.agents[0].0, NOON);
        let ends_at = Timestamp(NOON.0 + 3_600_000_000);
        let shift = NewShift { agent, starts_at, ends_at };
        store.plan_shift(first.tenant, &By::system("test", NOON), &shift).await.unwrap();
        let sealed = Sealed::new(store.clone(), switch, seal);
        let waits = sealed.reaches(first.tenant, NOON, NOON).await;
        assert_eq!(waits, Err("records of the desk are on their way".to_owned()));
        assert_eq!(seals.load(Ordering::Relaxed), 0);
        // The warehouse has them.
        assert_eq!(store.forget_through(i64::MAX).await.unwrap(), 1);
        assert_eq!(sealed.reaches(first.tenant, NOON, NOON).await, Ok(()));
        assert_eq!(seals.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn nothing_is_sealed_before_a_period_can_be_complete() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let defaults = Defaults::with_flow(serde_json::json!({"start": "hello", "steps": {}}));
        let tenant = store.bootstrap(&defaults, NOON).await.unwrap().unwrap().tenant;
        let switch = Arc::new(Switch(Mutex::new(Answer::State(LiveState::default()))));
        let seals = Arc::new(AtomicU64::new(0));
        let counted = seals.clone();
        let seal: Seal = Arc::new(move || {
            let nth = counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                if nth == 0 { Ok(7_u64) } else { Err("the disk is full".to_owned()) }
            })
        });
        let sealed = Sealed::new(store, switch.clone(), seal);
        let early = sealed.reaches(tenant, NOON, Timestamp(NOON.0 - 1)).await;
        assert_eq!(early, Err("its period has not ended".to_owned()));
        *switch.0.lock().unwrap() = Answer::Refused("the switch is not running".to_owned());
        let away = sealed.reaches(tenant, NOON, NOON).await;
        assert_eq!(away, Err("the switch is not running".to_owned()));
        assert_eq!(seals.load(Ordering::Relaxed), 0);
        *switch.0.lock().unwrap() = Answer::State(LiveState::default());
        assert_eq!(sealed.reaches(tenant, NOON, NOON).await, Ok(()));
        assert_eq!(sealed.reaches(tenant, NOON, NOON).await, Err("the disk is full".to_owned()));
    }
}
