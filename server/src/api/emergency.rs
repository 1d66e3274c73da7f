//! Emergency mode: plans of routing and prompts, prepared in quiet times and brought into force with one
//! switch.

use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::emergency::{Emergency, EmergencyDraft};
use std::collections::BTreeSet;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put)))
        .routes(guard.may(Permission::RoutingWrite, routes!(remove)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(on)))
        .routes(guard.may(Permission::EmergencySwitch, routes!(off)))
}

/// All emergency plans: which are in force, since when, and who switched them on.
#[utoipa::path(get, path = "/api/v1/emergency", tag = "routing", responses((status = 200, body = Vec<Emergency>)))]
async fn list(State(api): State<Shared>, caller: Caller) -> Result<Json<Vec<Emergency>>, Problem> {
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
