//! The log of a shift: everybody writes for their post; one reads one's own entries, and who sees what
//! agents do those of the agents whom they see.

use super::Shared;
use super::extract::{Body, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::{Cursor, page_limit, page_of};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::shift_log::{LogEntry, LogFilter, LogKind, NewLogEntry};
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::{Timestamp, UserId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Written at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Written before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// About this: `handover`, `incident`, `remark`.
    #[serde(default)]
    #[param(inline)]
    kind: Option<LogKind>,
    /// Written by this person.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Entries on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of the log, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct LogPage {
    /// The entries.
    entries: Vec<LogEntry>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::AgentStateOwn, routes!(list)))
        .routes(guard.may(Permission::AgentStateOwn, routes!(write)))
}

/// What was written in the log: one's own entries, and with `agents.state` those of whom one sees.
#[utoipa::path(get, path = "/api/v1/shift-log", tag = "shifts", params(Search), responses((status = 200, body = LogPage)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<LogPage>, Problem> {
    let limit = page_limit(search.limit);
    let before = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let seen = match caller.may(Permission::AgentState) {
        true => api.store.agents_seen(caller.identity()).await?,
        false => Some(Vec::new()),
    };
    let filter = LogFilter {
        from: search.from,
        to: search.to,
        kind: search.kind,
        user: search.user,
        seen: seen.map(|agents| (caller.user(), agents)),
        before: before.map(|Cursor { key, id }| (Timestamp(key), id as i64)),
    };
    let read = api.store.shift_log(caller.tenant(), &filter, limit + 1).await?;
    let at = |last: &LogEntry| Cursor { key: last.written_at.0, id: last.id as u64 };
    let (entries, next) = page_of(read, limit as usize, at);
    Ok(Json(LogPage { entries, next }))
}

/// Write into the log. An entry never changes: who erred writes another one.
#[utoipa::path(post, path = "/api/v1/shift-log", tag = "shifts", request_body = NewLogEntry, responses((status = 201, body = LogEntry)))]
async fn write(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewLogEntry>,
) -> Result<(StatusCode, Json<LogEntry>), Problem> {
    let (tenant, agent) = (caller.tenant(), caller.agent());
    let written = api.store.write_shift_log(tenant, &caller.by(), agent, &new).await?;
    Ok((StatusCode::CREATED, Json(written)))
}
