//! Saved reports, schedules and their runs: a manager's. A run's file is fetched by whoever may
//! schedule, in their own tenant alone; each fetch is a row of the audit table.

use super::extract::{Body, Id, Names, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use crate::schedules::pack;
use crate::work::given;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use desk::Permission;
use desk::report_definition::PREFIX;
use desk::saved_report::{SavedReport, SavedReportDraft};
use desk::schedule::run::{RUNS_MAX, Run};
use desk::schedule::{Schedule, ScheduleDraft};
use reports::{Format, Language, Orientation, Refused, Size};
use serde::Deserialize;
use std::iter;
use terms::{ReportRunId, SavedReportId, ScheduleId};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which runs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Those of one schedule.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    schedule: Option<ScheduleId>,
    /// Those before this one: the last of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    before: Option<ReportRunId>,
    /// How many, at most 200; 50 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    let may = |routes| guard.may(Permission::ReportsSchedule, routes);
    OpenApiRouter::new()
        .routes(may(routes!(list_saved, save)))
        .routes(may(routes!(put_saved, remove_saved)))
        .routes(may(routes!(list, create)))
        .routes(may(routes!(one, put, remove)))
        .routes(may(routes!(run)))
        .routes(may(routes!(runs)))
        .routes(may(routes!(one_run)))
        .routes(may(routes!(file)))
        .routes(may(routes!(file_at)))
}

/// Refuses a report, form or language that there is none of, and parameters that the report does not
/// look at.
async fn check_saved(api: &Api, caller: &Caller, draft: &SavedReportDraft) -> Result<(), Problem> {
    let own = match draft.report.strip_prefix(PREFIX) {
        Some(name) => Some(api.own_report(caller, name).await?),
        None => None,
    };
    if own.is_none() && reports::find(&draft.report).is_none() {
        let known: Vec<&str> = reports::catalogue().iter().map(|report| report.id).collect();
        let message = format!("There is no such report; there are {}.", known.join(", "));
        return Err(Problem::invalid("report", message));
    }
    if draft.report == reports::catalogue::COST_PER_CONTACT.id {
        api.must_see_all(caller).await?;
    }
    if draft.report == reports::catalogue::AUDIT.id {
        let message = "a schedule has nobody's right to read the audit";
        return Err(Problem::invalid("report", message));
    }
    if draft.report == reports::catalogue::SYSTEM.id {
        let message = "a schedule has nobody's right to read how the box ran";
        return Err(Problem::invalid("report", message));
    }
    let given = draft.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let problem = |refused: Refused| Problem::invalid("parameters", refused.to_string());
    let given = given::read(&draft.report, own.as_ref(), given).map_err(problem)?;
    given::placed(&api.store, caller.tenant(), given).await?.map_err(problem)?;
    draft.format.parse::<Format>().map_err(|e| Problem::invalid("format", e.to_string()))?;
    if draft.paper.as_ref().is_some_and(|said| said.parse::<Size>().is_err()) {
        return Err(Problem::invalid("paper", "a4 or a3 is needed"));
    }
    if draft.orientation.as_ref().is_some_and(|said| said.parse::<Orientation>().is_err()) {
        let message = "automatic, portrait or landscape is needed";
        return Err(Problem::invalid("orientation", message));
    }
    match draft.language.parse::<Language>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::invalid("language", "zh-CN or en is needed")),
    }
}

impl Api {
    fn check_targets(&self, draft: &ScheduleDraft) -> Result<(), Problem> {
        self.schedules.check(draft).map_err(|problem| Problem::invalid("targets", problem))
    }

    /// 403 for who is limited where a schedule of somebody else makes one of these: a run shows what
    /// the schedule's owner sees, and would show what is asked for here as they see it.
    pub(super) async fn may_change_made(
        &self,
        caller: &Caller,
        saved: &[SavedReportId],
    ) -> Result<(), Problem> {
        let schedules = self.store.schedules(caller.tenant()).await?;
        let is_anothers = |one: &Schedule| {
            let mut made = iter::once(&one.draft.saved_report).chain(&one.draft.more);
            one.owner != Some(caller.user()) && made.any(|id| saved.contains(id))
        };
        if schedules.iter().any(is_anothers) {
            self.must_see_all(caller).await?;
            caller.must_see_numbers()?;
        }
        Ok(())
    }
}

/// Saved reports.
#[utoipa::path(get, path = "/api/v1/saved-reports", tag = "schedules", responses((status = 200, body = Vec<SavedReport>)))]
pub(super) async fn list_saved(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<SavedReport>>, Problem> {
    Ok(Json(api.store.saved_reports(caller.tenant()).await?))
}

/// Save a report: which one, over which days, in which form and language.
#[utoipa::path(post, path = "/api/v1/saved-reports", tag = "schedules", request_body = SavedReportDraft, responses((status = 201, body = SavedReport)))]
async fn save(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<SavedReportDraft>,
) -> Result<(StatusCode, Json<SavedReport>), Problem> {
    check_saved(&api, &caller, &draft).await?;
    let made = api.store.create_saved_report(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a saved report, for runs that become due from now on. Where the schedule of somebody else
/// makes it, 403 for who does not see all rows and numbers.
#[utoipa::path(put, path = "/api/v1/saved-reports/{id}", tag = "schedules", params(("id" = String, Path, description = "The saved report's id")), request_body = SavedReportDraft, responses((status = 200, body = SavedReport)))]
async fn put_saved(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<SavedReportId>,
    Body(draft): Body<SavedReportDraft>,
) -> Result<Json<SavedReport>, Problem> {
    check_saved(&api, &caller, &draft).await?;
    api.may_change_made(&caller, &[id]).await?;
    Ok(Json(api.store.put_saved_report(caller.tenant(), &caller.by(), id, &draft).await?))
}

/// Take a saved report away; 409 while a schedule makes it.
#[utoipa::path(delete, path = "/api/v1/saved-reports/{id}", tag = "schedules", params(("id" = String, Path, description = "The saved report's id")), responses((status = 204)))]
async fn remove_saved(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<SavedReportId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_saved_report(caller.tenant(), &caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Schedules, each with when it is due next.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", responses((status = 200, body = Vec<Schedule>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Schedule>>, Problem> {
    Ok(Json(api.store.schedules(caller.tenant()).await?))
}

/// One schedule.
#[utoipa::path(get, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = String, Path, description = "The schedule's id")), responses((status = 200, body = Schedule)))]
async fn one(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ScheduleId>,
) -> Result<Json<Schedule>, Problem> {
    Ok(Json(api.store.schedule(caller.tenant(), id).await?))
}

/// Make a schedule. It begins now: nothing is due for a time before.
#[utoipa::path(post, path = "/api/v1/schedules", tag = "schedules", request_body = ScheduleDraft, responses((status = 201, body = Schedule)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<ScheduleDraft>,
) -> Result<(StatusCode, Json<Schedule>), Problem> {
    api.check_targets(&draft)?;
    let made = api.store.create_schedule(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a schedule. It begins anew; runs that were due go on as they were.
#[utoipa::path(put, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = String, Path, description = "The schedule's id")), request_body = ScheduleDraft, responses((status = 200, body = Schedule)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ScheduleId>,
    Body(draft): Body<ScheduleDraft>,
) -> Result<Json<Schedule>, Problem> {
    api.check_targets(&draft)?;
    Ok(Json(api.store.put_schedule(caller.tenant(), &caller.by(), id, &draft).await?))
}

/// Take a schedule away. Its runs stay in the list.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = String, Path, description = "The schedule's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ScheduleId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_schedule(caller.tenant(), &caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a report of this schedule now, as if it were due now, and deliver it.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/run", tag = "schedules", params(("id" = String, Path, description = "The schedule's id")), responses((status = 202, body = Run)))]
async fn run(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ScheduleId>,
) -> Result<(StatusCode, Json<Run>), Problem> {
    let run = api.store.run_schedule(caller.tenant(), &caller.by(), id).await?;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

/// Runs, the latest first, each with its file and its deliveries.
#[utoipa::path(get, path = "/api/v1/report-runs", tag = "schedules", params(Page), responses((status = 200, body = Vec<Run>)))]
pub(super) async fn runs(
    State(api): State<Shared>,
    caller: Caller,
    Params(page): Params<Page>,
) -> Result<Json<Vec<Run>>, Problem> {
    let limit = page.limit.unwrap_or(50).min(RUNS_MAX);
    let runs = api.store.report_runs(caller.tenant(), page.schedule, page.before, limit).await?;
    Ok(Json(runs))
}

/// One run.
#[utoipa::path(get, path = "/api/v1/report-runs/{id}", tag = "schedules", params(("id" = String, Path, description = "The run's id")), responses((status = 200, body = Run)))]
async fn one_run(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ReportRunId>,
) -> Result<Json<Run>, Problem> {
    Ok(Json(api.store.report_run(caller.tenant(), id).await?))
}

/// The file of a run.
#[utoipa::path(get, path = "/api/v1/report-runs/{id}/file", tag = "schedules", params(("id" = String, Path, description = "The run's id")), responses((status = 200, description = "The report, in the form that was saved", body = Vec<u8>)))]
async fn file(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ReportRunId>,
) -> Result<Response, Problem> {
    fetched(&api, &caller, id, 0).await
}

/// One file of a run that made several reports: 0 is the first, 1 the first of `more_files`.
#[utoipa::path(get, path = "/api/v1/report-runs/{id}/files/{number}", tag = "schedules", params(("id" = String, Path, description = "The run's id"), ("number" = usize, Path, description = "Which file, from 0")), responses((status = 200, description = "The report, in the form that was saved", body = Vec<u8>)))]
async fn file_at(
    State(api): State<Shared>,
    caller: Caller,
    Names(id, number): Names,
) -> Result<Response, Problem> {
    let nothing = || Problem::not_found("There is nothing at this address.");
    let id = id.parse().map_err(|_| nothing())?;
    let number = number.parse().map_err(|_| nothing())?;
    fetched(&api, &caller, id, number).await
}

async fn fetched(
    api: &Api,
    caller: &Caller,
    id: ReportRunId,
    number: usize,
) -> Result<Response, Problem> {
    // A run was made as its owner saw things then, which may be more than this person sees now.
    api.must_see_all(caller).await?;
    caller.must_see_numbers()?;
    let run = api.store.report_run(caller.tenant(), id).await?;
    let Some(file) = pack::files(&run).nth(number).cloned() else {
        return Err(Problem::not_found("This run has no file."));
    };
    let bytes = api.schedules.read(caller.tenant(), &file).await.map_err(|error| {
        tracing::error!(run = %id, %error, "the file of a run cannot be read");
        Problem::not_found("The file of this run is not on this box any more.")
    })?;
    api.store.note(caller.tenant(), &caller.by(), "report.fetch", &file.name).await?;
    Ok(super::forms::file(file.content_type, Some(&file.name), false, bytes))
}
