//! Sample flows to begin with: what there is, and a draft of one with what the tenant has of its
//! own.

use crate::api::Shared;
use crate::api::extract::Body;
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use desk::Permission;
use desk::flow::{Flow, FlowDraft};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signaling::ivr::packs::{Need, Own, Pack, packs};
use std::collections::BTreeMap;
use terms::QueueId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A sample flow.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct FlowPack {
    /// Its name for programs.
    id: String,
    /// Its name for people, by language.
    title: BTreeMap<String, String>,
    /// What it does, by language.
    about: BTreeMap<String, String>,
    /// What it needs of the tenant: some of `queue`, `hours`, `server`.
    needs: Vec<String>,
    /// The JSON graph, with the places `@QUEUE`, `@HOURS` and `@SERVER`.
    #[schema(value_type = Object)]
    document: Value,
    /// Answers of its server, as `servers` of a simulation takes them.
    #[schema(value_type = Vec<Object>)]
    servers: Vec<Value>,
}

/// What the tenant has.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FromPack {
    /// Name of the flow to be.
    name: String,
    /// Where callers wait, and whose people get messages.
    #[schema(value_type = String)]
    queue: QueueId,
    /// Name of opening hours, where the pack needs them.
    #[serde(default)]
    hours: Option<String>,
    /// Address of the tenant's own server, such as `https://billing.example`, where it needs one.
    #[serde(default)]
    server: Option<String>,
}

impl From<&Pack> for FlowPack {
    fn from(pack: &Pack) -> Self {
        let server = |server: &signaling::ivr::packs::Server| serde_json::json!({"path": server.path, "status": server.status, "body": server.body});
        FlowPack {
            id: pack.id.clone(),
            title: pack.title.clone(),
            about: pack.about.clone(),
            needs: pack.needs.iter().map(|need| need.as_str().to_owned()).collect(),
            document: pack.flow.clone(),
            servers: pack.servers.iter().map(server).collect(),
        }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list_packs)))
        .routes(guard.may(Permission::RoutingWrite, routes!(take_pack)))
}

/// Sample flows to begin with.
#[utoipa::path(get, path = "/api/v1/flows/packs", tag = "flows", responses((status = 200, body = Vec<FlowPack>)))]
pub(in crate::api) async fn list_packs(_: Caller) -> Json<Vec<FlowPack>> {
    Json(packs().iter().map(FlowPack::from).collect())
}

/// Make a flow with a draft from a sample; nothing answers calls yet.
#[utoipa::path(post, path = "/api/v1/flows/packs/{pack}", tag = "flows", params(("pack" = String, Path, description = "The sample's id")), request_body = FromPack, responses((status = 201, body = Flow)))]
async fn take_pack(
    State(api): State<Shared>,
    caller: Caller,
    Path(pack): Path<String>,
    Body(from): Body<FromPack>,
) -> Result<(StatusCode, Json<Flow>), Problem> {
    let pack = packs().iter().find(|known| known.id == pack);
    let pack = pack.ok_or_else(|| Problem::not_found("There is nothing with this id."))?;
    for (need, given) in [(Need::Hours, &from.hours), (Need::Server, &from.server)] {
        if pack.needs.contains(&need) && given.is_none() {
            let field = need.as_str();
            return Err(Problem::invalid(field, format!("this sample needs {field}")));
        }
    }
    let own = Own {
        queue: from.queue,
        hours: from.hours.unwrap_or_default(),
        server: from.server.unwrap_or_default(),
    };
    let draft = FlowDraft { name: from.name, document: pack.document(&own) };
    let made = api.store.create_flow(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
