//! `/healthz`: the process answers. `/readyz`: the store, the warehouse and the switch answer too.
//! Both are public, so they say little and the second is remembered for a second.

use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use terms::Moment;
use terms::control::{Answer, Ask};
use tokio::sync::Mutex;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

/// What answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct Readiness {
    /// All of them.
    ready: bool,
    /// The business store.
    store: bool,
    /// The warehouse.
    warehouse: bool,
    /// The switch.
    calls: bool,
}

/// The last answer.
#[derive(Default)]
pub struct Cached(Mutex<Option<(Moment, Readiness)>>);

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok"
}

/// Everything that answers need answers.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn readyz(State(api): State<Shared>) -> (StatusCode, Json<Readiness>) {
    // Held while asking: a crowd of questions becomes one.
    let mut cached = api.readiness.0.lock().await;
    let now = api.clock.moment();
    let readiness = match *cached {
        Some((at, readiness)) if readiness.ready && now.since(at) < REMEMBERED => readiness,
        _ => {
            let readiness = api.readiness().await;
            *cached = Some((now, readiness));
            readiness
        }
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

impl Api {
    async fn readiness(&self) -> Readiness {
        tokio::select! {
            biased;
            readiness = self.asked_for_signs() => readiness,
            silent = self.silence() => Readiness {
                ready: false,
                store: !silent.store,
                warehouse: !silent.warehouse,
                calls: false,
            },
        }
    }

    async fn asked_for_signs(&self) -> Readiness {
        let tenants = self.store.tenants().await;
        let warehouse = self.warehouse.stats().await.is_ok();
        let calls = match tenants.as_deref() {
            Ok([first, ..]) => {
                let answer = self.calls.ask(Ask::State { tenant: first.id }).await;
                matches!(answer, Answer::State(_))
            }
            _ => false,
        };
        let store = tenants.is_ok();
        Readiness { ready: store && warehouse && calls, store, warehouse, calls }
    }
}
