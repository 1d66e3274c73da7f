//! Reports that a tenant defines. Whoever may save reports and ask in SQL defines them; whoever has
//! one of its roles runs one, in their own scope: `GET /api/v1/reports/own.<name>`.

use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use crate::work::jobs::{Job, JobScope};
use crate::work::own_report::{CheckJob, OwnReport};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::report_definition::{PREFIX, ReportDefinition, ReportDefinitionDraft};
use desk::saved_report::SavedReport;
use terms::SavedReportId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ReportsRead, routes!(list)))
        .routes(guard.may(Permission::ReportsSchedule, routes!(put, remove)))
        .routes(guard.may(Permission::ReportsSchedule, routes!(versions)))
}

impl Api {
    /// The report that the tenant defined as `name`, for a caller who may run it.
    pub(super) async fn own_report(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<OwnReport, Problem> {
        let definition = self.store.report_definition(caller.tenant(), name).await?;
        if !definition.draft.roles.contains(&caller.identity().role) {
            return Err(Problem::forbidden());
        }
        Ok(definition.into())
    }

    /// 400 for a definition whose question cannot be asked, or that does not describe its answer.
    async fn check_definition(
        &self,
        caller: &Caller,
        name: &str,
        draft: &ReportDefinitionDraft,
    ) -> Result<(), Problem> {
        let time_zone = self.store.tenant(caller.tenant()).await?.profile.time_zone;
        let sight = self.store.sight(caller.identity()).await?;
        let audit = caller.may(Permission::AuditRead);
        let scope = JobScope::seen(caller.tenant(), sight, audit, time_zone);
        let (name, draft) = (name.to_owned(), draft.clone());
        let own = OwnReport { name, draft };
        match self.work.run(Job::CheckReport(Box::new(CheckJob { scope, own }))).await {
            Ok(_) => Ok(()),
            Err(wrong) => {
                let field = wrong.kind.clone();
                let mut problem = Problem::from(wrong);
                if problem.status == 400 {
                    problem.field = Some(field.into());
                }
                Err(problem)
            }
        }
    }
}

/// The reports that the organisation defined, as they are in use: those that the caller may run, or
/// all of them for whoever may define them.
#[utoipa::path(get, path = "/api/v1/report-definitions", tag = "reports", responses((status = 200, body = Vec<ReportDefinition>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<ReportDefinition>>, Problem> {
    let all = api.store.report_definitions(caller.tenant()).await?;
    let (defines, role) = (caller.may(Permission::ReportsSchedule), caller.identity().role);
    let seen = |one: &ReportDefinition| defines || one.draft.roles.contains(&role);
    Ok(Json(all.into_iter().filter(seen).collect()))
}

/// Define a report, or its next version. The question is planned in the caller's scope, and each field
/// of its answer has to be described by a column of its type. Where the schedule of somebody else makes
/// it, 403 for who does not see all rows and numbers.
#[utoipa::path(put, path = "/api/v1/report-definitions/{name}", tag = "reports", params(("name" = String, Path, description = "The definition's name; the report is called own.<name>")), request_body = ReportDefinitionDraft, responses((status = 200, body = ReportDefinition)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    Body(draft): Body<ReportDefinitionDraft>,
) -> Result<Json<ReportDefinition>, Problem> {
    caller.must(Permission::SqlRun)?;
    let draft = draft.checked()?;
    api.check_definition(&caller, &name, &draft).await?;
    let saved = api.store.saved_reports(caller.tenant()).await?;
    let is_made = |one: &SavedReport| one.draft.report.strip_prefix(PREFIX) == Some(name.as_str());
    let saved: Vec<SavedReportId> = saved.into_iter().filter(is_made).map(|one| one.id).collect();
    api.may_change_made(&caller, &saved).await?;
    let (tenant, by) = (caller.tenant(), caller.by());
    Ok(Json(api.store.put_report_definition(tenant, &by, &name, &draft).await?))
}

/// Take a definition away; 409 while a saved report makes it.
#[utoipa::path(delete, path = "/api/v1/report-definitions/{name}", tag = "reports", params(("name" = String, Path, description = "The definition's name")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, Problem> {
    api.store.remove_report_definition(caller.tenant(), &caller.by(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of a definition that are kept, the one in use first.
#[utoipa::path(get, path = "/api/v1/report-definitions/{name}/versions", tag = "reports", params(("name" = String, Path, description = "The definition's name")), responses((status = 200, body = Vec<ReportDefinition>)))]
pub(super) async fn versions(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Json<Vec<ReportDefinition>>, Problem> {
    Ok(Json(api.store.report_definition_versions(caller.tenant(), &name).await?))
}
