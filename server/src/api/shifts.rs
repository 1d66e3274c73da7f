//! Planned shifts of agents.

use super::Shared;
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::{Cursor, page_limit, page_of};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::shift::{NewShift, Shift, ShiftFilter};
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::{AgentId, Timestamp};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Begins at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Begins before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Whose.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Shifts on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of shifts, the earliest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ShiftPage {
    /// The shifts.
    shifts: Vec<Shift>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(list)))
        .routes(guard.may(Permission::ShiftsWrite, routes!(plan)))
        .routes(guard.may(Permission::ShiftsWrite, routes!(withdraw)))
}

/// Planned shifts.
#[utoipa::path(get, path = "/api/v1/shifts", tag = "shifts", params(Search), responses((status = 200, body = ShiftPage)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<ShiftPage>, Problem> {
    let limit = page_limit(search.limit);
    let after = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let after = after.map(|Cursor { key, id }| (Timestamp(key), id as i64));
    let filter = ShiftFilter { from: search.from, to: search.to, agent: search.agent, after };
    let read = api.store.shifts(caller.tenant(), &filter, limit + 1).await?;
    let at = |last: &Shift| Cursor { key: last.starts_at.0, id: last.id as u64 };
    let (shifts, next) = page_of(read, limit as usize, at);
    Ok(Json(ShiftPage { shifts, next }))
}

/// Plan a shift of an agent. Adherence is measured against it.
#[utoipa::path(post, path = "/api/v1/shifts", tag = "shifts", request_body = NewShift, responses((status = 201, body = Shift)))]
async fn plan(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewShift>,
) -> Result<(StatusCode, Json<Shift>), Problem> {
    api.must_see(&caller, new.agent).await?;
    let made = api.store.plan_shift(caller.tenant(), &caller.by(), &new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Withdraw a planned shift. To change one, plan another.
#[utoipa::path(delete, path = "/api/v1/shifts/{id}", tag = "shifts", params(("id" = String, Path, description = "The shift's number")), responses((status = 204)))]
async fn withdraw(
    State(api): State<Shared>,
    caller: Caller,
    Id(shift): Id<i64>,
) -> Result<StatusCode, Problem> {
    let of = api.store.shift(caller.tenant(), shift).await?;
    api.must_see(&caller, of.agent).await?;
    api.store.withdraw_shift(caller.tenant(), &caller.by(), shift).await?;
    Ok(StatusCode::NO_CONTENT)
}
