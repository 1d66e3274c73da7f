//! By which numbers the reports of an organisation count, and when its day begins.

use super::Shared;
use super::extract::Body;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::report_setting::ReportSettings;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ReportsRead, routes!(get)))
        .routes(guard.may(Permission::ReportsSchedule, routes!(put)))
}

/// What reports go by where nobody gives other numbers, and when a day of theirs begins.
#[utoipa::path(get, path = "/api/v1/report-settings", tag = "reports", responses((status = 200, body = ReportSettings)))]
async fn get(State(api): State<Shared>, caller: Caller) -> Result<Json<ReportSettings>, Problem> {
    Ok(Json(api.store.report_settings(caller.tenant()).await?))
}

/// Change what reports go by, those over the past and of schedules too. What is left out is as at
/// first.
#[utoipa::path(put, path = "/api/v1/report-settings", tag = "reports", request_body = ReportSettings, responses((status = 200, body = ReportSettings)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Body(settings): Body<ReportSettings>,
) -> Result<Json<ReportSettings>, Problem> {
    api.store.put_report_settings(caller.tenant(), &caller.by(), &settings).await?;
    Ok(Json(settings))
}
