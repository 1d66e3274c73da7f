//! Leases of numbers, and whom callers reach who call back. A lease is answered when the switch knows
//! it, as other changes that concern calls are; it is no part of the plan ([`carry`]).

pub mod carry;

use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::plans::PENDING;
use super::problem::Problem;
use super::rows::{Cursor, filter, page_limit, page_of};
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use desk::lease::{Lease, LeaseFilter, NewLease};
use desk::trace_back::TraceBack;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::{LeaseId, TenantId, Timestamp};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Of this number, however it is written.
    #[serde(default)]
    number: Option<String>,
    /// For this reference.
    #[serde(default)]
    reference: Option<String>,
    /// Those alone that are not over.
    #[serde(default)]
    open: bool,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Leases on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of leases, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct LeasePage {
    /// The leases.
    leases: Vec<Lease>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

/// When a lease ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEnd {
    /// It counts no longer at this time, at most 366 days ahead.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::LeasesRead, routes!(list)))
        .routes(guard.may(Permission::LeasesWrite, routes!(create)))
        .routes(guard.may(Permission::LeasesWrite, routes!(extend)))
        .routes(guard.may(Permission::LeasesWrite, routes!(end)))
        .routes(guard.may(Permission::RoutingRead, routes!(trace_back)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put_trace_back)))
}

/// Leases of numbers, those that are over included.
#[utoipa::path(get, path = "/api/v1/leases", tag = "leases", params(Search), responses((status = 200, body = LeasePage)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<LeasePage>, Problem> {
    let limit = page_limit(search.limit);
    let before = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let text = |field, text: Option<String>| {
        text.map(|text| filter(field, &text).map(str::to_owned)).transpose()
    };
    let wanted = LeaseFilter {
        number: text("number", search.number)?,
        reference: text("reference", search.reference)?,
        open_at: search.open.then(|| caller.now()),
        before: before.map(|cursor| LeaseId(cursor.id)),
    };
    let read = api.store.leases(caller.tenant(), &wanted, limit + 1).await?;
    let at = |last: &Lease| Cursor { key: last.created_at.0, id: last.id.0 };
    let (leases, next) = page_of(read, limit as usize, at);
    Ok(Json(LeasePage { leases, next }))
}

/// Lease a number: for a time it stands for somebody whose own number nobody is told.
#[utoipa::path(post, path = "/api/v1/leases", tag = "leases", request_body = NewLease, responses((status = 201, body = Lease)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewLease>,
) -> Result<(StatusCode, HeaderMap, Json<Lease>), Problem> {
    let made = api.store.create_lease(caller.tenant(), &caller.by(), &new).await?;
    Ok((StatusCode::CREATED, api.bring_leases(caller.tenant()).await, Json(made)))
}

/// Change when a lease ends.
#[utoipa::path(put, path = "/api/v1/leases/{id}/until", tag = "leases", params(("id" = String, Path, description = "The lease's id")), request_body = NewEnd, responses((status = 200, body = Lease)))]
async fn extend(
    State(api): State<Shared>,
    caller: Caller,
    Id(lease): Id<LeaseId>,
    Body(NewEnd { until }): Body<NewEnd>,
) -> Result<(HeaderMap, Json<Lease>), Problem> {
    let lease = api.store.extend_lease(caller.tenant(), &caller.by(), lease, until).await?;
    Ok((api.bring_leases(caller.tenant()).await, Json(lease)))
}

/// End a lease now. A call that goes on by it goes on.
#[utoipa::path(delete, path = "/api/v1/leases/{id}", tag = "leases", params(("id" = String, Path, description = "The lease's id")), responses((status = 204)))]
async fn end(
    State(api): State<Shared>,
    caller: Caller,
    Id(lease): Id<LeaseId>,
) -> Result<(StatusCode, HeaderMap), Problem> {
    api.store.end_lease(caller.tenant(), &caller.by(), lease).await?;
    Ok((StatusCode::NO_CONTENT, api.bring_leases(caller.tenant()).await))
}

/// Whom callers reach who call back the number that an agent's call showed them.
#[utoipa::path(get, path = "/api/v1/trace-back", tag = "routing", responses((status = 200, body = TraceBack)))]
async fn trace_back(State(api): State<Shared>, caller: Caller) -> Result<Json<TraceBack>, Problem> {
    Ok(Json(api.store.trace_back(caller.tenant()).await?))
}

/// Change whom callers reach who call back. What is left out is as at first.
#[utoipa::path(put, path = "/api/v1/trace-back", tag = "routing", request_body = TraceBack, responses((status = 200, body = TraceBack)))]
async fn put_trace_back(
    State(api): State<Shared>,
    caller: Caller,
    Body(rules): Body<TraceBack>,
) -> Result<Json<TraceBack>, Problem> {
    Ok(Json(api.store.put_trace_back(caller.tenant(), &caller.by(), &rules).await?))
}

impl Api {
    /// Waits until the switch knows the tenant's leases; where it does not, the answer says so.
    async fn bring_leases(&self, tenant: TenantId) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let bring = self.plans.leases.bring(&self.store, &*self.calls, (tenant, self.clock.wall()));
        let brought = tokio::time::timeout(self.limits.plan_max, bring).await;
        let why = match brought {
            Ok(Ok(())) => return headers,
            Ok(Err(why)) => why,
            Err(_) => "the switch is slow to answer".to_owned(),
        };
        let text = format!("Saved, but calls do not know it yet: {why}.");
        let sentence = HeaderValue::try_from(text)
            .unwrap_or(HeaderValue::from_static("Saved, but calls do not know it yet."));
        headers.insert(PENDING, sentence);
        headers
    }
}
