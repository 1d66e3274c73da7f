//! A database server that falls silent: whoever waits for it is told so within two seconds, and need not
//! wait for a connection that gives up later. A request that takes a while has the servers asked for a
//! sign beside it, over connections of their own: a long question at a server that answers goes on.

use super::Api;
use super::links::SignLink;
use desk::Store;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use warehouse::Warehouse;

/// After how long the servers are asked for a sign, again and again.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long they may take for one. Together with the pause it stays below two seconds.
const SIGN_MAX: Duration = Duration::from_millis(1_200);

/// Who did not give a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silent {
    /// The business store.
    pub store: bool,
    /// The manifest of the warehouse.
    pub warehouse: bool,
}

impl Silent {
    /// For the log.
    pub fn names(self) -> &'static str {
        match (self.store, self.warehouse) {
            (true, true) => "the business store and the manifest give no sign",
            (true, false) => "the business store gives no sign",
            (false, _) => "the manifest of the warehouse gives no sign",
        }
    }
}

/// The servers of this box; files always give a sign.
pub struct Servers {
    /// Of the business store.
    pub store: Store,
    /// Of the manifest.
    pub warehouse: Arc<Warehouse>,
}

impl SignLink for Servers {
    fn silent(&self, within: Duration) -> BoxFuture<'_, Silent> {
        Box::pin(async move {
            let signs = (self.store.answers(within), self.warehouse.answers(within));
            let (store, warehouse) = tokio::join!(signs.0, signs.1);
            Silent { store: !store, warehouse: !warehouse }
        })
    }
}

/// The last look, and when it was over.
#[derive(Default)]
pub struct Looked(Mutex<Option<(Instant, Option<Silent>)>>);

impl Api {
    /// Ends as soon as a database server gives no sign; where all do, or there is none, it never ends.
    pub(super) async fn silence(&self) -> Silent {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(silent) = self.look().await {
                return silent;
            }
        }
    }

    async fn look(&self) -> Option<Silent> {
        let asked = Instant::now();
        // Held while asking: a crowd of questions becomes one.
        let mut looked = self.looked.0.lock().await;
        if let Some((at, seen)) = *looked
            && at >= asked
        {
            return seen;
        }
        let silent = self.servers.silent(SIGN_MAX).await;
        let seen = (silent.store || silent.warehouse).then_some(silent);
        *looked = Some((Instant::now(), seen));
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_who_is_silent() {
        let silent = |store, warehouse| Silent { store, warehouse }.names();
        assert!(silent(true, false).starts_with("the business store gives"));
        assert!(silent(false, true).starts_with("the manifest"));
        assert!(silent(true, true).contains(" and "));
        assert!(LOOK_EVERY + SIGN_MAX < Duration::from_secs(2));
    }
}
