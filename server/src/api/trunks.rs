//! SIP trunks. Their passwords go in and never come out.

use super::Shared;
use super::extract::{Body, Id, Returned};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::trunk::{Trunk, TrunkDraft};
use desk::{Permission, when};
use serde::Serialize;
use signaling::edge::tls;
use terms::control::{LineFault, LiveTrunk, TrunkFault};
use terms::{Timestamp, TrunkId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::TrunksRead, routes!(list)))
        .routes(guard.may(Permission::TrunksWrite, routes!(create)))
        .routes(guard.may(Permission::TrunksWrite, routes!(change)))
        .routes(guard.may(Permission::TrunksRead, routes!(live)))
}

/// A trunk right now.
#[derive(Serialize, ToSchema)]
pub(super) struct TrunkLive {
    /// Its id.
    #[schema(value_type = String)]
    id: TrunkId,
    /// Calls over it, both directions.
    calls: u32,
    /// Our registration there counts; null where none is wanted.
    registered: Option<bool>,
    /// Why the last connection over TLS did not come about: `unreachable`, `certificate_name`,
    /// `certificate_expired`, `certificate_issuer`, `certificate`, `authorities`, `own_certificate` or
    /// `handshake`. Null after one that did.
    #[schema(value_type = Option<String>)]
    problem: Option<LineFault>,
    /// What was said about it.
    detail: Option<String>,
    /// Why no calls go out over it: `silent` (it does not answer OPTIONS), `unavailable` (it answers
    /// them with 503), `overloaded` (it asked in Retry-After for a rest), `registration` (our
    /// registration there failed) or `line` (no connection over TLS). Null where they do.
    #[schema(value_type = Option<String>)]
    down: Option<TrunkFault>,
    /// Since when.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    down_since: Option<Timestamp>,
}

impl From<LiveTrunk> for TrunkLive {
    fn from(live: LiveTrunk) -> Self {
        let (problem, detail) = live.problem.map(|p| (p.fault, p.detail)).unzip();
        let (down, down_since) = live.down.map(|down| (down.fault, down.since)).unzip();
        let LiveTrunk { trunk: id, calls, registered, .. } = live;
        TrunkLive { id, calls, registered, problem, detail, down, down_since }
    }
}

/// How the trunks are: calls, registration, why one that is called over TLS is out of reach, and
/// whether calls go out.
#[utoipa::path(get, path = "/api/v1/trunks/live", tag = "routing", responses((status = 200, body = Vec<TrunkLive>)))]
pub(super) async fn live(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<TrunkLive>>, Problem> {
    let state = api.live_state(&caller).await?;
    Ok(Json(state.trunks.into_iter().map(TrunkLive::from).collect()))
}

/// Only who checks certificates can say whether a text holds some.
fn check(draft: &TrunkDraft) -> Result<(), Problem> {
    if !draft.settings.ca.is_empty() {
        tls::authorities(&draft.settings.ca).map_err(|why| {
            Problem::invalid("ca", format!("the authorities cannot be used: {why}"))
        })?;
    }
    let certificate = &draft.settings.certificate;
    if let Some(key) = draft.certificate_key.as_ref().filter(|_| !certificate.is_empty()) {
        tls::own(certificate, key).map_err(|why| {
            Problem::invalid("certificate_key", format!("the certificate cannot be shown: {why}"))
        })?;
    }
    Ok(())
}

/// All trunks.
#[utoipa::path(get, path = "/api/v1/trunks", tag = "routing", responses((status = 200, body = Vec<Trunk>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Trunk>>, Problem> {
    Ok(Json(api.store.trunks(caller.tenant()).await?))
}

/// Make a trunk.
#[utoipa::path(post, path = "/api/v1/trunks", tag = "routing", request_body = TrunkDraft, responses((status = 201, body = Trunk)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<TrunkDraft>,
) -> Result<(StatusCode, Json<Trunk>), Problem> {
    check(&draft)?;
    let made = api.store.create_trunk(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a trunk. A password or key that is left out stays as it is.
#[utoipa::path(put, path = "/api/v1/trunks/{id}", tag = "routing", params(("id" = String, Path, description = "The trunk's id")), request_body = TrunkDraft, responses((status = 200, body = Trunk)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(trunk): Id<TrunkId>,
    Returned(draft, _): Returned<TrunkDraft, Trunk>,
) -> Result<Json<Trunk>, Problem> {
    check(&draft)?;
    Ok(Json(api.store.change_trunk(caller.tenant(), &caller.by(), trunk, &draft).await?))
}
