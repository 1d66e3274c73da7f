//! What a search of calls found, as a file: the same calls in the same order as the list, in every form
//! that reports have. Each file is a row of the audit table.

use super::{Search, conditions};
use crate::api::Shared;
use crate::api::extract::Params;
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use crate::api::reports::file;
use crate::api::rows::Page;
use crate::first::Named;
use crate::work::found::FoundJob;
use crate::work::jobs::Job;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use desk::{Permission, when};
use reports::found::{FoundCall, FoundList};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Calls that are read at a time.
const PAGE: u32 = 500;
/// Most calls of a file.
const CALLS_MAX: usize = 20_000;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::ReportsRead, routes!(get)))
}

/// Fetch every call that is found as a file, to be printed or opened in Excel. `limit` and `cursor` are
/// not looked at.
#[utoipa::path(
    get, path = "/api/v1/call-lists/{format}", tag = "calls",
    params(("format" = String, Path, description = "`pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`"), Search),
    responses((status = 200, description = "The list", content(
        (Vec<u8> = "application/pdf"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "text/html"),
        (String = "text/plain"),
        (Vec<u8> = "image/png"),
        (String = "text/csv"),
        (Object = "application/json"),
    )))
)]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Path(format): Path<String>,
    Params(mut search): Params<Search>,
) -> Result<Response, Problem> {
    if format.parse::<reports::Format>().is_err() {
        return Err(Problem::not_found("There is nothing at this address."));
    }
    let (tenant, now) = (caller.tenant(), caller.now());
    let Named { agents, queues, .. } = crate::first::names(&api.store, tenant).await?;
    let agents: BTreeMap<String, String> =
        agents.into_iter().map(|(id, _, name)| (id.to_string(), name)).collect();
    let queues: BTreeMap<String, String> =
        queues.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    let (session, sort) = (api.session(&caller).await?, search.sort);
    let mut calls: Vec<FoundCall> = Vec::new();
    search.cursor = None;
    loop {
        let mut conditions = conditions(&search)?;
        api.related(tenant, search.asked()).await?.narrow(&mut conditions);
        let cursor = |row: &Value| sort.cursor(row);
        let order = sort.order_by();
        let page = Page::read(&session, "calls", &conditions, order, Some(PAGE), cursor).await?;
        calls.extend(page.rows.iter().map(|row| shown(row, &agents, &queues)));
        if calls.len() > CALLS_MAX {
            let message = "The answer is too large; ask for fewer rows or a shorter period.";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        search.cursor = page.next;
        if search.cursor.is_none() {
            break;
        }
    }
    let profile = api.store.tenant(tenant).await?.profile;
    let oldest = calls.iter().map(|call| call.started_at).min();
    let (found, until) = (calls.len(), search.to.unwrap_or(now));
    let job = FoundJob {
        list: FoundList::Calls(calls),
        from: search.from.or(oldest).map_or(until, |from| from.min(until)),
        until,
        time_zone: profile.time_zone,
        tenant_name: profile.name,
        now,
        format: format.clone(),
        language: profile.language,
    };
    let done = api.work.run(Job::Found(Box::new(job))).await?;
    let subject = format!("{found} calls, {format}");
    api.store.note(tenant, &caller.by(), "calls.export", &subject).await?;
    let name = format!("calls-{}.{}", now.day_text(), format.to_lowercase());
    // A file that lacks what is in damaged files of the warehouse says so.
    let incomplete = done.truncated || !session.left_out().is_empty();
    Ok(file(done.content_type, Some(&name), incomplete, done.body))
}

fn shown(
    row: &Value,
    agents: &BTreeMap<String, String>,
    queues: &BTreeMap<String, String>,
) -> FoundCall {
    let text = |column: &str| row[column].as_str().unwrap_or_default().to_owned();
    let ms = |column: &str| row[column].as_i64().unwrap_or_default();
    let name = |names: &BTreeMap<String, String>, column: &str| {
        row[column].as_str().and_then(|id| names.get(id)).cloned().unwrap_or_default()
    };
    FoundCall {
        started_at: when::parse(&text("started_at")).unwrap_or_default(),
        direction: text("direction"),
        caller: text("caller"),
        called: text("called"),
        queue: name(queues, "queue_id"),
        agent: name(agents, "agent_id"),
        outcome: text("outcome"),
        wait_ms: ms("wait_ms"),
        talk_ms: ms("talk_ms"),
        duration_ms: ms("duration_ms"),
    }
}
