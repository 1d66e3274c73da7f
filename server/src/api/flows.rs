//! IVR flows: draft, check, try, publish, go back. Nothing is published that signaling's checker
//! has not passed; it is checked against the tenant's plan as it is now.

mod differences;
mod lookup;
pub(super) mod packs;
mod replay;
pub(super) mod review;
pub(super) mod statistics;
mod trial;

use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared, fax_documents};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::flow::{Flow, FlowDraft, FlowVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signaling::ivr::check::{Known, check as check_flow};
use signaling::ivr::prompt::languages;
use terms::FlowId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which draft is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Revision {
    /// The draft's revision that was read.
    revision: i64,
}

/// A draft to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Document {
    /// The JSON graph.
    #[schema(value_type = Object)]
    document: Value,
}

/// What the checker says.
#[derive(Serialize, ToSchema)]
struct Verdict {
    /// It can be published.
    good: bool,
    /// What is wrong, a line each, with the step's name and what would be right.
    problems: Vec<String>,
}

/// What to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Publishing {
    /// The draft's revision that was looked at.
    revision: i64,
    /// What changed.
    #[serde(default)]
    note: String,
}

/// Where to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RollBack {
    /// A version of the history.
    version: u32,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingWrite, routes!(create)))
        .routes(guard.may(Permission::RoutingRead, routes!(get)))
        .routes(guard.may(Permission::RoutingWrite, routes!(change)))
        .routes(guard.may(Permission::RoutingRead, routes!(check)))
        .routes(guard.may(Permission::RoutingWrite, routes!(publish)))
        .routes(guard.may(Permission::RoutingRead, routes!(history)))
        .routes(guard.may(Permission::RoutingWrite, routes!(roll_back)))
        .merge(trial::routes(guard))
        .merge(review::routes(guard))
        .merge(differences::routes(guard))
        .merge(packs::routes(guard))
        .merge(replay::routes(guard))
        .merge(statistics::routes(guard))
        .merge(lookup::routes(guard))
}

/// All flows with their drafts.
#[utoipa::path(get, path = "/api/v1/flows", tag = "flows", responses((status = 200, body = Vec<Flow>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Flow>>, Problem> {
    Ok(Json(api.store.flows(caller.tenant()).await?))
}

/// Make a flow with a draft; nothing answers calls yet.
#[utoipa::path(post, path = "/api/v1/flows", tag = "flows", request_body = FlowDraft, responses((status = 201, body = Flow)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<FlowDraft>,
) -> Result<(StatusCode, Json<Flow>), Problem> {
    let made = api.store.create_flow(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One flow with its draft.
#[utoipa::path(get, path = "/api/v1/flows/{id}", tag = "flows", params(("id" = String, Path, description = "The flow's id")), responses((status = 200, body = Flow)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
) -> Result<Json<Flow>, Problem> {
    Ok(Json(api.store.flow(caller.tenant(), flow).await?))
}

/// Replace the draft. A draft may be wrong; only publishing is checked.
#[utoipa::path(put, path = "/api/v1/flows/{id}", tag = "flows", params(("id" = String, Path, description = "The flow's id"), Revision), request_body = FlowDraft, responses((status = 200, body = Flow)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Params(Revision { revision }): Params<Revision>,
    Body(draft): Body<FlowDraft>,
) -> Result<Json<Flow>, Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.change_flow(tenant, &by, flow, revision, &draft).await?))
}

/// Ask the checker about a document.
#[utoipa::path(post, path = "/api/v1/flows/check", tag = "flows", request_body = Document, responses((status = 200, body = Verdict)))]
async fn check(
    State(api): State<Shared>,
    caller: Caller,
    Body(Document { document }): Body<Document>,
) -> Result<Json<Verdict>, Problem> {
    let problems = api.problems_of(&caller, &document).await?;
    Ok(Json(Verdict { good: problems.is_empty(), problems }))
}

impl Api {
    /// What `document` may refer to: prompts in the languages that it may be heard in.
    async fn known(&self, caller: &Caller, document: &Value) -> Result<Known, Problem> {
        let plan = self.store.compile_plan(caller.tenant()).await?;
        let audible = self.audible(&plan).await?;
        Ok(Known {
            prompts: Some(audible.names(&languages(document, &plan.language))),
            languages: Some(audible.languages()),
            speechless: self.speechless.clone(),
            faxless: self.faxless.clone(),
            mailless: (!self.schedules.has_mail_server())
                .then(|| "there is no mail server (schedules.smtp_host)".to_owned()),
            documents: Some(fax_documents::names(&self.faxes, caller.tenant()).await?),
            trunks: Some(plan.trunks.iter().map(|trunk| trunk.id).collect()),
            ..Known::of(&plan)
        })
    }

    async fn problems_of(&self, caller: &Caller, document: &Value) -> Result<Vec<String>, Problem> {
        let known = self.known(caller, document).await?;
        if let Err(problems) = check_flow(document, &known) {
            return Ok(problems.iter().map(ToString::to_string).collect());
        }
        // What a voice can read, media knows.
        let own = self.store.tenant(caller.tenant()).await?.profile.language;
        Ok(crate::speech::unspoken(document, &own, self.prompts.language))
    }
}

fn wrong_flow(problems: Vec<String>) -> Problem {
    let message = match problems.first() {
        Some(first) if problems.len() == 1 => format!("The flow cannot be published: {first}"),
        Some(first) => {
            format!("The flow cannot be published: {first} (and {} more)", problems.len() - 1)
        }
        None => "The flow cannot be published.".to_owned(),
    };
    Problem::invalid("document", message).with_errors(problems)
}

/// Publish the draft: calls that come in afterwards run it. Where the tenant has more than one
/// administrator, somebody who did not write it has approved this revision before.
#[utoipa::path(post, path = "/api/v1/flows/{id}/publish", tag = "flows", params(("id" = String, Path, description = "The flow's id")), request_body = Publishing, responses((status = 201, body = FlowVersion)))]
async fn publish(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Body(Publishing { revision, note }): Body<Publishing>,
) -> Result<(StatusCode, Json<FlowVersion>), Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    let _gate = api.prompts.gate.lock().await;
    let draft = api.store.flow(tenant, flow).await?.draft;
    let problems = api.problems_of(&caller, &draft).await?;
    if !problems.is_empty() {
        return Err(wrong_flow(problems));
    }
    let version = api.store.publish_flow(tenant, &by, flow, revision, &note).await?;
    Ok((StatusCode::CREATED, Json(version)))
}

/// The published versions, the latest first.
#[utoipa::path(get, path = "/api/v1/flows/{id}/history", tag = "flows", params(("id" = String, Path, description = "The flow's id")), responses((status = 200, body = Vec<FlowVersion>)))]
pub(super) async fn history(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
) -> Result<Json<Vec<FlowVersion>>, Problem> {
    Ok(Json(api.store.flow_history(caller.tenant(), flow).await?))
}

/// Publish an older version again, under a new number.
#[utoipa::path(post, path = "/api/v1/flows/{id}/rollback", tag = "flows", params(("id" = String, Path, description = "The flow's id")), request_body = RollBack, responses((status = 201, body = FlowVersion)))]
async fn roll_back(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Body(RollBack { version }): Body<RollBack>,
) -> Result<(StatusCode, Json<FlowVersion>), Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    let history = api.store.flow_history(tenant, flow).await?;
    let old = history.iter().find(|old| old.version == version);
    let old = old.ok_or_else(|| Problem::not_found("There is no such version."))?;
    // What it refers to may be gone since.
    let _gate = api.prompts.gate.lock().await;
    let problems = api.problems_of(&caller, &old.document).await?;
    if !problems.is_empty() {
        return Err(wrong_flow(problems));
    }
    let made = api.store.roll_back_flow(tenant, &by, flow, version).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
