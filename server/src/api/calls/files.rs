//! What a search of calls found, as a file: the same calls in the same order as the list, in every form
//! that reports have. Each file is a row of the audit table.

use super::{Search, conditions};
use crate::api::Shared;
use crate::api::extract::Params;
use crate::api::forms::{AnyForm, Found, form, refuse_longer};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use crate::api::rows::Page;
use crate::first::Named;
use axum::extract::{Path, State};
use axum::response::Response;
use desk::{Permission, when};
use reports::found::{FoundCall, FoundList};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Calls that are read at a time.
const PAGE: u32 = 500;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::ReportsRead, routes!(get)))
}

/// Fetch every call that is found as a file, to be printed or opened in Excel. `limit` and `cursor` are
/// not looked at.
#[utoipa::path(
    get, path = "/api/v1/call-lists/{format}", tag = "calls",
    params(("format" = String, Path, description = "`pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`"), Search),
    responses(AnyForm)
)]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Path(format): Path<String>,
    Params(mut search): Params<Search>,
) -> Result<Response, Problem> {
    let format = form(&format)?;
    let tenant = caller.tenant();
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
        api.related(&caller, search.asked()).await?.narrow(&mut conditions);
        let cursor = |row: &Value| sort.cursor(row);
        let order = sort.order_by();
        let page = Page::read(&session, "calls", &conditions, order, Some(PAGE), cursor).await?;
        calls.extend(page.rows.iter().map(|row| shown(row, &agents, &queues)));
        refuse_longer(calls.len())?;
        search.cursor = page.next;
        if search.cursor.is_none() {
            break;
        }
    }
    let found = Found {
        list: FoundList::Calls(calls),
        what: "calls",
        action: "calls.export",
        from: search.from,
        to: search.to,
        // A file that lacks what is in damaged files of the warehouse says so.
        incomplete: !session.left_out().is_empty(),
    };
    api.listed(&caller, format, found).await
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
