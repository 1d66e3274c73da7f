//! A database server that falls silent, and what is told to who waits meanwhile.

use super::rig::Rig;
use crate::api::links::{CallsLink, SignLink, WorkLink};
use crate::api::silence::Silent;
use crate::api::{ApiLimits, ApiState, router};
use crate::link::NotThere;
use crate::work::jobs::{Done, Job, Problem};
use axum::http::StatusCode;
use desk::Role;
use futures::future::{BoxFuture, pending, ready};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use terms::control::{Answer, Ask};

/// Servers that give signs until they are asked for the `last`th time.
struct Servers {
    silent: Silent,
    last: u32,
    asked: AtomicU32,
}

impl SignLink for Servers {
    fn silent(&self, _: Duration) -> BoxFuture<'_, Silent> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let none = Silent { store: false, warehouse: false };
        Box::pin(ready(if asked < self.last { none } else { self.silent }))
    }
}

/// Whatever is asked of it waits for a database.
struct Waiting;

impl WorkLink for Waiting {
    fn run(&self, _: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        Box::pin(pending::<Result<Done, Problem>>())
    }
}

impl CallsLink for Waiting {
    fn ask(&self, _: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(pending::<Answer>())
    }

    fn deliver(&self, _: Ask) -> BoxFuture<'_, Result<Answer, NotThere>> {
        Box::pin(pending::<Result<Answer, NotThere>>())
    }
}

/// A box over such servers, where no question comes to its end.
async fn rig_over(silent: Silent, last: u32) -> (Rig, Arc<Servers>) {
    let mut rig = Rig::new().await;
    let servers = Arc::new(Servers { silent, last, asked: AtomicU32::new(0) });
    let request_max = Duration::from_secs(20);
    rig.router = router(ApiState {
        servers: servers.clone(),
        calls: Arc::new(Waiting),
        work: Arc::new(Waiting),
        limits: ApiLimits { request_max, ..rig.state.limits },
        ..rig.state.clone()
    });
    (rig, servers)
}

#[tokio::test]
async fn whoever_waits_while_a_server_falls_silent_is_told_when_to_try_again() {
    for (store, warehouse) in [(true, false), (false, true), (true, true)] {
        let (rig, servers) = rig_over(Silent { store, warehouse }, 3).await;
        let token = rig.token(Role::Manager).await;
        let got = rig.post("/api/v1/sql", &token, json!({"sql": "SELECT 1"})).await;
        let expected = (StatusCode::SERVICE_UNAVAILABLE, "5");
        assert_eq!((got.status, got.header("retry-after")), expected, "{store} {warehouse}");
        assert_eq!(got.json()["type"], "urn:switchgrid:problem:unavailable");
        assert_eq!(servers.asked.load(Ordering::Relaxed), 3, "while they give signs it goes on");
    }
}

#[tokio::test]
async fn readiness_names_the_server_that_is_silent() {
    for (store, warehouse) in [(true, false), (false, true)] {
        let (rig, _) = rig_over(Silent { store, warehouse }, 1).await;
        let ready = rig.get("/readyz", "").await;
        assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
        let expected =
            json!({"ready": false, "store": !store, "warehouse": !warehouse, "calls": false});
        assert_eq!(ready.json(), expected);
    }
}
