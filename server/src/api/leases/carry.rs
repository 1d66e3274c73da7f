//! Leases on their way to the switch. A tenant's leases have a version; the switch is told what changed
//! since the one that it was told last, and everything where it says that it lacks some. Whoever
//! changes one waits for it; what could not be told then is told with the next look.

use crate::api::links::CallsLink;
use crate::link::NotThere;
use desk::Store;
use std::collections::HashMap;
use terms::control::{Answer, Ask};
use terms::{TenantId, Timestamp};
use tokio::sync::Mutex;

/// What the switch was told.
#[derive(Debug, Default)]
pub struct Carrier {
    /// Held while it is told: of two changes the later one goes last.
    told: Mutex<HashMap<TenantId, u64>>,
}

impl Carrier {
    /// Tells the switch what changed in the tenant's leases.
    ///
    /// # Errors
    /// Why it does not know it, for people.
    pub async fn bring(
        &self,
        store: &Store,
        calls: &dyn CallsLink,
        (tenant, at): (TenantId, Timestamp),
    ) -> Result<(), String> {
        let mut told = self.told.lock().await;
        let known = told.get(&tenant).copied();
        let unread = |error: desk::Error| {
            tracing::error!(%tenant, %error, "leases cannot be read");
            "the store does not answer".to_owned()
        };
        for since in [known, None] {
            let changes = store.lease_changes(tenant, since, at).await.map_err(unread)?;
            let version = changes.version;
            match calls.deliver(Ask::Leases(Box::new(changes))).await {
                Ok(Answer::Refused(why)) if since.is_none() => return Err(why),
                // It began anew: it is told everything.
                Ok(Answer::Refused(_)) => {}
                Ok(_) => {
                    told.insert(tenant, version);
                    return Ok(());
                }
                Err(NotThere(why)) => return Err(why),
            }
        }
        Ok(())
    }

    /// The same for all tenants of whose leases it does not know the last version.
    pub async fn bring_all(&self, store: &Store, calls: &dyn CallsLink, at: Timestamp) {
        let versions = store.lease_versions().await.unwrap_or_else(|error| {
            tracing::error!(%error, "versions of leases cannot be read");
            Vec::new()
        });
        for (tenant, version) in versions {
            let known = self.told.lock().await.get(&tenant).copied();
            if known != Some(version)
                && let Err(why) = self.bring(store, calls, (tenant, at)).await
            {
                tracing::debug!(%tenant, %why, "leases wait for the switch");
            }
        }
    }
}
