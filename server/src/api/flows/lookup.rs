//! What a flow's tables say, for a website or another program: postcodes, catalogues, routes, prices.
//! The answer is that of the version that answers calls, so that callers and visitors are told the same.

use crate::api::Shared;
use crate::api::extract::{Id, Params};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use serde::{Deserialize, Serialize};
use signaling::ivr::flow::{Table, look_up};
use signaling::ivr::step::Match;
use std::collections::BTreeMap;
use terms::FlowId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What is looked up.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The table, by its name in the flow.
    table: String,
    /// What is looked up in it.
    key: String,
    /// `exact`, or `longest_prefix` for the row with the longest key that the text begins with; `exact`
    /// when left out.
    #[serde(default, rename = "match")]
    #[param(value_type = Option<String>)]
    way: Match,
}

/// A row of a table.
#[derive(Serialize, ToSchema)]
struct TableRow {
    /// Its key.
    key: String,
    /// Its text by column.
    row: BTreeMap<String, String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::RoutingRead, routes!(table_row)))
}

/// Look a key up in a table of the version of a flow that answers calls.
#[utoipa::path(get, path = "/api/v1/flows/{id}/table-row", tag = "flows", params(("id" = String, Path, description = "The flow's id"), Wanted), responses((status = 200, body = TableRow)))]
async fn table_row(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<TableRow>, Problem> {
    let version = api.store.flow(caller.tenant(), flow).await?.published_version;
    let version = version.ok_or_else(|| Problem::not_found("There is no such version."))?;
    let document = api.store.flow_version(caller.tenant(), flow, version).await?.document;
    let table = document["tables"].get(&wanted.table).cloned();
    let table: Option<Table> = table.and_then(|table| serde_json::from_value(table).ok());
    let table = table.ok_or_else(|| Problem::not_found("This flow has no such table."))?;
    let found = look_up(&table, wanted.key.trim(), wanted.way);
    let (key, row) = found.ok_or_else(|| Problem::not_found("The table has no such row."))?;
    Ok(Json(TableRow { key, row }))
}
