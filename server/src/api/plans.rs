//! Plans on their way to the switch, and who waits for them. desk raises a tenant's plan version in
//! the transaction of every change that concerns calls; [`Plans::carry`] sends each new plan and
//! notes what the switch said; a request that changed something is answered when the switch works
//! by it, so that nobody is told of an agent, a queue, a number or a flow that a call would not
//! find.
//!
//! The wait is bounded. When it is over, or the switch is not there, the change stands in the store
//! all the same: the answer is what it would be, with a sentence in the header [`PENDING`].

use super::leases::carry::Carrier;
use super::links::CallsLink;
use crate::link::NotThere;
use axum::http::{HeaderValue, Method, Response};
use desk::Store;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use terms::TenantId;
use terms::control::{Answer, Ask};
use tokio::sync::watch;

/// Says that the switch does not work by a change yet, and why.
pub const PENDING: &str = "x-plan-pending";
/// How often versions are looked at unasked: another process may have changed something.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Pause after the store or the switch did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// What became of each tenant's plan.
#[derive(Debug, Default)]
pub struct Plans {
    told: watch::Sender<HashMap<TenantId, Told>>,
    /// Leases of numbers, which are no part of a plan.
    pub leases: Carrier,
}

/// What became of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    version: u64,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    InUse,
    /// The switch keeps the plan that it has.
    Refused(String),
    /// It is sent again.
    NotThere(String),
}

impl Plans {
    /// Sends a tenant's plan whenever it changed. Ends with the store.
    pub async fn carry(&self, store: Store, calls: Arc<dyn CallsLink>) {
        let mut changes = store.plan_changes();
        loop {
            changes.mark_unchanged();
            self.leases.bring_all(&store, &*calls, crate::first::wall()).await;
            let pause = match self.send_new(&store, &*calls).await {
                Ok(()) => LOOK_EVERY,
                Err(NotThere(why)) => {
                    tracing::debug!(%why, "plans wait for the switch");
                    RETRY
                }
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn send_new(&self, store: &Store, calls: &dyn CallsLink) -> Result<(), NotThere> {
        let versions = store.plan_versions().await.map_err(|error| {
            tracing::error!(%error, "plan versions cannot be read");
            NotThere("the store does not answer".to_owned())
        })?;
        for (tenant, version) in versions {
            let is_told =
                |told: &Told| told.version == version && !matches!(told.end, End::NotThere(_));
            if !self.told.borrow().get(&tenant).is_some_and(is_told) {
                self.send(store, calls, tenant).await?;
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        store: &Store,
        calls: &dyn CallsLink,
        tenant: TenantId,
    ) -> Result<(), NotThere> {
        let plan = match store.compile_plan(tenant).await {
            Ok(plan) => plan,
            Err(error) => {
                tracing::error!(%tenant, %error, "the plan cannot be compiled");
                return Err(NotThere("the plan cannot be compiled".to_owned()));
            }
        };
        let version = plan.version;
        let (end, result) = match calls.deliver(Ask::Plan(Box::new(plan))).await {
            Ok(Answer::Refused(why)) => {
                // A new connection begins with the plans and may have overtaken this one.
                if store.plan_version(tenant).await.is_ok_and(|now| now != version) {
                    return Ok(());
                }
                tracing::error!(%tenant, %why, "the switch refuses the plan");
                (End::Refused(why), Ok(()))
            }
            Ok(_) => (End::InUse, Ok(())),
            Err(NotThere(why)) => (End::NotThere(why.clone()), Err(NotThere(why))),
        };
        self.told.send_modify(|told| {
            told.insert(tenant, Told { version, end });
        });
        result
    }

    /// Waits until the switch works by the tenant's plan as it is now; else why it does not.
    pub async fn in_use(
        &self,
        store: &Store,
        tenant: TenantId,
        within: Duration,
    ) -> Result<(), String> {
        let wanted = store.plan_version(tenant).await.map_err(|error| {
            tracing::error!(%tenant, %error, "the plan's version cannot be read");
            "the store does not answer".to_owned()
        })?;
        let mut told = self.told.subscribe();
        let known = told.wait_for(|told| told.get(&tenant).is_some_and(|t| t.version >= wanted));
        match tokio::time::timeout(within, known).await {
            Ok(Ok(told)) => match told.get(&tenant).map(|told| &told.end) {
                Some(End::Refused(why) | End::NotThere(why)) => Err(why.clone()),
                Some(End::InUse) | None => Ok(()),
            },
            Ok(Err(_)) | Err(_) => Err("the switch is slow to answer".to_owned()),
        }
    }
}

/// Runs `answer` of a request that may change something; when it did change the plan, waits for the
/// switch. `method` tells requests that only read.
pub(super) async fn after_change<B>(
    api: &super::Api,
    tenant: TenantId,
    method: &Method,
    answer: impl Future<Output = Response<B>>,
) -> Response<B> {
    if method.is_safe() {
        return answer.await;
    }
    let changes = api.store.plan_changes();
    let before = *changes.borrow();
    let mut response = answer.await;
    if *changes.borrow() == before || !response.status().is_success() {
        return response;
    }
    if let Err(why) = api.plans.in_use(&api.store, tenant, api.limits.plan_max).await {
        let text = format!("Saved, but calls still go by the settings from before: {why}.");
        let sentence = HeaderValue::try_from(text)
            .unwrap_or(HeaderValue::from_static("Saved, but calls still go by the old settings."));
        response.headers_mut().insert(PENDING, sentence);
    }
    response
}
