//! Emergency mode: plans of routing and prompts, prepared in quiet times and brought into force with one
//! switch; who is on duty for them, and the log of emergencies and drills.

use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::{Cursor, page_limit, page_of};
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::emergency::occasion::{Occasion, OccasionFilter};
use desk::emergency::rota::{Duty, on_duty};
use desk::emergency::{Emergency, EmergencyDraft};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{Timestamp, UserId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who is on duty, and when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rota {
    /// At most 200.
    duties: Vec<Duty>,
}

/// Somebody who is on duty now.
#[derive(Serialize, ToSchema)]
pub(super) struct OnDuty {
    /// Who.
    #[schema(value_type = String)]
    user: UserId,
    /// Their name.
    name: String,
}

/// Which point of a checklist is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tick {
    /// Its place, 1 for the first.
    point: u32,
}

/// How a drill went.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DrillEnd {
    /// What was learned of it.
    #[serde(default)]
    note: String,
}

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Of this plan.
    #[serde(default)]
    plan: Option<String>,
    /// Only drills, or only emergencies.
    #[serde(default)]
    drill: Option<bool>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Occasions on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of the log, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct EmergencyLog {
    /// Emergencies and drills.
    occasions: Vec<Occasion>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put)))
        .routes(guard.may(Permission::RoutingWrite, routes!(remove)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(on)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(off)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put_rota)))
        .routes(guard.may(Permission::RoutingRead, routes!(duty)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(drill)))
        .routes(guard.may(Permission::RoutingRead, routes!(log)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(tick)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(end_drill)))
}

/// All emergency plans: which are in force, since when, and who switched them on.
#[utoipa::path(get, path = "/api/v1/emergency", tag = "routing", responses((status = 200, body = Vec<Emergency>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Emergency>>, Problem> {
    Ok(Json(api.store.emergencies(caller.tenant()).await?))
}

/// Prepare an emergency plan, or change one that is not in force.
#[utoipa::path(put, path = "/api/v1/emergency/{name}", tag = "routing", params(("name" = String, Path, description = "The plan's name")), request_body = EmergencyDraft, responses((status = 200, body = Emergency)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    Body(draft): Body<EmergencyDraft>,
) -> Result<Json<Emergency>, Problem> {
    api.can_be_heard(&caller, &draft).await?;
    Ok(Json(api.store.put_emergency(caller.tenant(), &caller.by(), &name, &draft).await?))
}

/// Take an emergency plan away that is not in force.
#[utoipa::path(delete, path = "/api/v1/emergency/{name}", tag = "routing", params(("name" = String, Path, description = "The plan's name")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, Problem> {
    api.store.remove_emergency(caller.tenant(), &caller.by(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring an emergency plan into force: calls that come from now on go by it, others go on.
#[utoipa::path(post, path = "/api/v1/emergency/{name}/on", tag = "routing", params(("name" = String, Path, description = "The plan's name")), responses((status = 200, body = Emergency)))]
async fn on(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Json<Emergency>, Problem> {
    let plan = api.store.emergency(caller.tenant(), &name).await?;
    api.can_be_heard(&caller, &plan.draft).await?;
    Ok(Json(api.store.switch_emergency(caller.tenant(), &caller.by(), &name, true).await?))
}

/// End an emergency plan: calls that come from now on go the usual ways.
#[utoipa::path(post, path = "/api/v1/emergency/{name}/off", tag = "routing", params(("name" = String, Path, description = "The plan's name")), responses((status = 200, body = Emergency)))]
async fn off(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Json<Emergency>, Problem> {
    Ok(Json(api.store.switch_emergency(caller.tenant(), &caller.by(), &name, false).await?))
}

/// Say who is on duty for an emergency plan, whether it is in force or not.
#[utoipa::path(put, path = "/api/v1/emergency/{name}/rota", tag = "routing", params(("name" = String, Path, description = "The plan's name")), request_body = Rota, responses((status = 200, body = Emergency)))]
async fn put_rota(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    Body(rota): Body<Rota>,
) -> Result<Json<Emergency>, Problem> {
    Ok(Json(api.store.put_rota(caller.tenant(), &caller.by(), &name, &rota.duties).await?))
}

/// Who is on duty for an emergency plan now.
#[utoipa::path(get, path = "/api/v1/emergency/{name}/duty", tag = "routing", params(("name" = String, Path, description = "The plan's name")), responses((status = 200, body = Vec<OnDuty>)))]
pub(super) async fn duty(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Json<Vec<OnDuty>>, Problem> {
    let plan = api.store.emergency(caller.tenant(), &name).await?;
    let mut people = Vec::new();
    for user in on_duty(&plan.rota, caller.by().at) {
        let name = api.store.user(caller.tenant(), user).await?.name;
        people.push(OnDuty { user, name });
    }
    Ok(Json(people))
}

/// Practise an emergency plan: its checklist is to be ticked off, and no caller hears anything of it.
#[utoipa::path(post, path = "/api/v1/emergency/{name}/drill", tag = "routing", params(("name" = String, Path, description = "The plan's name")), responses((status = 201, body = Occasion)))]
async fn drill(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<(StatusCode, Json<Occasion>), Problem> {
    let plan = api.store.emergency(caller.tenant(), &name).await?;
    api.can_be_heard(&caller, &plan.draft).await?;
    let begun = api.store.start_drill(caller.tenant(), &caller.by(), &name).await?;
    Ok((StatusCode::CREATED, Json(begun)))
}

/// Emergencies and drills: when, who was on duty, and who ticked which point of the checklist when.
#[utoipa::path(get, path = "/api/v1/emergency-log", tag = "routing", params(Search), responses((status = 200, body = EmergencyLog)))]
pub(super) async fn log(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<EmergencyLog>, Problem> {
    let limit = page_limit(search.limit);
    let after = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let filter = OccasionFilter {
        plan: search.plan,
        drill: search.drill,
        after: after.map(|Cursor { key, id }| (Timestamp(key), id as i64)),
    };
    let read = api.store.occasions(caller.tenant(), &filter, limit + 1).await?;
    let at = |last: &Occasion| Cursor { key: last.started_at.0, id: last.id as u64 };
    let (occasions, next) = page_of(read, limit as usize, at);
    Ok(Json(EmergencyLog { occasions, next }))
}

/// Tick a point of the checklist of an emergency or drill that goes on.
#[utoipa::path(post, path = "/api/v1/emergency-log/{id}/ticks", tag = "routing", params(("id" = String, Path, description = "The number of the emergency or drill")), request_body = Tick, responses((status = 200, body = Occasion)))]
async fn tick(
    State(api): State<Shared>,
    caller: Caller,
    Id(occasion): Id<i64>,
    Body(tick): Body<Tick>,
) -> Result<Json<Occasion>, Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.tick_point(tenant, &by, occasion, tick.point).await?))
}

/// End a drill, with what was learned of it.
#[utoipa::path(post, path = "/api/v1/emergency-log/{id}/end", tag = "routing", params(("id" = String, Path, description = "The drill's number")), request_body = DrillEnd, responses((status = 200, body = Occasion)))]
async fn end_drill(
    State(api): State<Shared>,
    caller: Caller,
    Id(occasion): Id<i64>,
    Body(end): Body<DrillEnd>,
) -> Result<Json<Occasion>, Problem> {
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.end_drill(tenant, &by, occasion, &end.note).await?))
}

impl Api {
    /// Refuses an announcement that there is no prompt for in the tenant's language.
    async fn can_be_heard(&self, caller: &Caller, draft: &EmergencyDraft) -> Result<(), Problem> {
        let Some(name) = &draft.announcement else { return Ok(()) };
        let plan = self.store.compile_plan(caller.tenant()).await?;
        let languages = BTreeSet::from([plan.language.as_str()]);
        if self.audible(&plan).await?.names(&languages).contains(name) {
            return Ok(());
        }
        let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        let problem = format!("the prompt \"{name}\" does not exist in {}", plan.language);
        Err(Problem::invalid("announcement", problem))
    }
}
