//! Which conversations are recorded, and what is never recorded.

use super::Shared;
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::recording::exclusion::{Entry, EntryDraft, EntryId, PAGE_MAX};
use desk::recording::{Rule, RuleDraft};
use serde::{Deserialize, Serialize};
use terms::RecordingRuleId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries of a page, where nobody says how many.
const PAGE: u32 = 1_000;

/// The rules in another order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RuleOrder {
    /// Ids of all rules, the one that is asked first in front.
    #[schema(value_type = Vec<String>)]
    order: Vec<RecordingRuleId>,
}

/// Entries to add, all or none of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExclusionImport {
    /// 1-20,000 of them.
    entries: Vec<EntryDraft>,
}

/// What an import changed.
#[derive(Serialize, ToSchema)]
struct ExclusionsImported {
    /// Entries that were not there before.
    added: u64,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Pages {
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Entries on the page, 1–10,000, 1,000 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of entries.
#[derive(Serialize, ToSchema)]
pub(super) struct ExclusionPage {
    /// The entries, by kind and value.
    exclusions: Vec<Entry>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    let rules = Permission::RecordingRules;
    OpenApiRouter::new()
        .routes(guard.may(rules, routes!(list)))
        .routes(guard.may(rules, routes!(create)))
        .routes(guard.may(rules, routes!(order)))
        .routes(guard.may(rules, routes!(put)))
        .routes(guard.may(rules, routes!(remove)))
        .routes(guard.may(rules, routes!(list_exclusions)))
        .routes(guard.may(rules, routes!(exclude)))
        .routes(guard.may(rules, routes!(include)))
}

/// The rules, in the order in which they are asked: the first that matches decides.
#[utoipa::path(get, path = "/api/v1/recording-rules", tag = "recordings", responses((status = 200, body = Vec<Rule>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Rule>>, Problem> {
    Ok(Json(api.store.recording_rules(caller.tenant()).await?))
}

/// Add a rule behind the others.
#[utoipa::path(post, path = "/api/v1/recording-rules", tag = "recordings", request_body = RuleDraft, responses((status = 201, body = Rule)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<RuleDraft>,
) -> Result<(StatusCode, Json<Rule>), Problem> {
    let made = api.store.create_recording_rule(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Put the rules into another order.
#[utoipa::path(put, path = "/api/v1/recording-rules/order", tag = "recordings", request_body = RuleOrder, responses((status = 204)))]
async fn order(
    State(api): State<Shared>,
    caller: Caller,
    Body(RuleOrder { order }): Body<RuleOrder>,
) -> Result<StatusCode, Problem> {
    api.store.order_recording_rules(caller.tenant(), &caller.by(), &order).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change a rule; it keeps its place.
#[utoipa::path(put, path = "/api/v1/recording-rules/{id}", tag = "recordings", params(("id" = String, Path, description = "The rule's id")), request_body = RuleDraft, responses((status = 200, body = Rule)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(rule): Id<RecordingRuleId>,
    Body(draft): Body<RuleDraft>,
) -> Result<Json<Rule>, Problem> {
    Ok(Json(api.store.put_recording_rule(caller.tenant(), &caller.by(), rule, &draft).await?))
}

/// Take a rule away.
#[utoipa::path(delete, path = "/api/v1/recording-rules/{id}", tag = "recordings", params(("id" = String, Path, description = "The rule's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(rule): Id<RecordingRuleId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_recording_rule(caller.tenant(), &caller.by(), rule).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Persons, lines and numbers that are never recorded, whatever a rule says.
#[utoipa::path(get, path = "/api/v1/recording-exclusions", tag = "recordings", params(Pages), responses((status = 200, body = ExclusionPage)))]
pub(super) async fn list_exclusions(
    State(api): State<Shared>,
    caller: Caller,
    Params(Pages { cursor, limit }): Params<Pages>,
) -> Result<Json<ExclusionPage>, Problem> {
    let bad = |_| Problem::invalid("cursor", "give back the `next` of the page before as it was");
    let after = cursor.map(|text| text.parse::<EntryId>().map_err(bad)).transpose()?;
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let exclusions = api.store.recording_exclusions(caller.tenant(), after.as_ref(), limit).await?;
    let is_full = exclusions.len() >= limit as usize;
    let next = exclusions.last().filter(|_| is_full).map(|entry| entry.id.clone());
    Ok(Json(ExclusionPage { exclusions, next }))
}

/// Never record these from their next conversation on.
#[utoipa::path(post, path = "/api/v1/recording-exclusions", tag = "recordings", request_body = ExclusionImport, responses((status = 201, body = ExclusionsImported)))]
async fn exclude(
    State(api): State<Shared>,
    caller: Caller,
    Body(ExclusionImport { entries }): Body<ExclusionImport>,
) -> Result<(StatusCode, Json<ExclusionsImported>), Problem> {
    let by = caller.by();
    let added = api.store.exclude_from_recording(caller.tenant(), &by, &entries).await?;
    Ok((StatusCode::CREATED, Json(ExclusionsImported { added })))
}

/// Record this again where a rule says so.
#[utoipa::path(delete, path = "/api/v1/recording-exclusions/{id}", tag = "recordings", params(("id" = String, Path, description = "As listed, such as number:+8613800138000")), responses((status = 204)))]
async fn include(
    State(api): State<Shared>,
    caller: Caller,
    Id(entry): Id<EntryId>,
) -> Result<StatusCode, Problem> {
    api.store.include_in_recording(caller.tenant(), &caller.by(), &entry).await?;
    Ok(StatusCode::NO_CONTENT)
}
