//! Reports: the catalogue, and one report on a period in any form. Rendering runs in the worker.

use super::extract::Params;
use super::forms::{AnyForm, file, file_name};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use crate::first::Named;
use crate::work::jobs::{Job, JobScope, ReportJob};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use desk::Permission;
use desk::report_definition::PREFIX;
use reports::catalogue::{AUDIT, COST_PER_CONTACT};
use reports::{Language, Parameter, Report};
use serde::Deserialize;
use serde_json::Value;
use terms::{AgentId, QueueId, UserId};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest period or format text.
const WORD_CHARS_MAX: usize = 64;

/// In which language.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Tongue {
    /// `zh-CN` or `en`; the organisation's when left out.
    #[serde(default)]
    lang: Option<String>,
}

/// About when, and in which form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `2026-11-23`, `2026-W47`, `2026-11`, `2026`, `2026-11-01..2026-11-15`, `today`,
    /// `yesterday`; today when left out.
    #[serde(default)]
    period: Option<String>,
    /// `pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`; pdf when left out.
    #[serde(default)]
    format: Option<String>,
    /// `zh-CN` or `en`; the organisation's when left out.
    #[serde(default)]
    lang: Option<String>,
    /// Only what this person did; of the report `audit`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// Only this action, such as `recording.fetch`, or all of a kind, `recording`; of the report
    /// `audit`.
    #[serde(default)]
    action: Option<String>,
    /// Only this queue; of a report of the organisation's own that asks for one.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// Only this agent; of a report of the organisation's own that asks for one.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ReportsRead, routes!(list)))
        .routes(guard.may(Permission::ReportsRead, routes!(get)))
}

impl Api {
    /// The language asked for, else the organisation's.
    async fn language(&self, caller: &Caller, asked: Option<&str>) -> Result<Language, Problem> {
        let wanted = match asked {
            Some(asked) => asked.to_owned(),
            None => self.store.tenant(caller.tenant()).await?.profile.language,
        };
        wanted.parse().map_err(|_| Problem::invalid("lang", "zh-CN or en is needed"))
    }

    /// 404 for what is no report of the catalogue, 403 or 400 for what cannot be asked of it.
    async fn may_run(&self, caller: &Caller, report: &str, asked: &Asked) -> Result<(), Problem> {
        let Some(report) = reports::find(report) else {
            let known: Vec<&str> = reports::catalogue().iter().map(|report| report.id).collect();
            let message = format!("There is no such report; there are {}.", known.join(", "));
            return Err(Problem::not_found(message));
        };
        if report.id == AUDIT.id {
            caller.must(Permission::AuditRead)?;
        }
        if report.id == COST_PER_CONTACT.id {
            // Trunks are of no team, and half of a cost would be taken for the whole.
            self.must_see_all(caller).await?;
        }
        taken(report.parameters, "user", asked.user.is_some())?;
        taken(report.parameters, "action", asked.action.is_some())?;
        taken(report.parameters, "queue", asked.queue.is_some())?;
        taken(report.parameters, "agent", asked.agent.is_some())
    }
}

/// All reports: what they show, their parameters, columns, formulas and forms.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports", params(Tongue), responses((status = 200, body = Vec<Object>)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(Tongue { lang }): Params<Tongue>,
) -> Result<Json<Vec<Value>>, Problem> {
    let language = api.language(&caller, lang.as_deref()).await?;
    let open = |report: &&&Report| report.id != AUDIT.id || caller.may(Permission::AuditRead);
    let summaries = reports::catalogue().iter().filter(open).map(|report| {
        serde_json::to_value(report.summary(language)).expect("a summary is always valid JSON")
    });
    Ok(Json(summaries.collect()))
}

/// One report on a period, in any form, the same numbers in all of them. JSON has each cell as
/// the pages show it (`text`) and as number: `value`, `ms`, `numerator` with `denominator`, or `at`.
#[utoipa::path(
    get, path = "/api/v1/reports/{id}", tag = "reports",
    params(("id" = String, Path, description = "The report's id"), Asked),
    responses(AnyForm)
)]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Path(report): Path<String>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let own = match report.strip_prefix(PREFIX) {
        Some(name) => {
            taken(&[], "user", asked.user.is_some())?;
            taken(&[], "action", asked.action.is_some())?;
            Some(api.own_report(&caller, name, (asked.queue, asked.agent)).await?)
        }
        None => {
            api.may_run(&caller, &report, &asked).await?;
            None
        }
    };
    let action = asked.action.as_deref().map(|text| word("action", text)).transpose()?;
    let language = api.language(&caller, asked.lang.as_deref()).await?;
    let period = word("period", asked.period.as_deref().unwrap_or("today"))?;
    let format = word("format", asked.format.as_deref().unwrap_or("pdf"))?.to_lowercase();
    let profile = api.store.tenant(caller.tenant()).await?.profile;
    let Named { agents, queues, trunks, flows, teams, areas, workers, rates, lines_max } =
        crate::first::names(&api.store, caller.tenant()).await?;
    let sight = api.store.sight(caller.identity()).await?;
    let audit = caller.may(Permission::AuditRead);
    let stamp = api.stamp(&caller).await?;
    let job = Job::Report(Box::new(ReportJob {
        scope: JobScope::seen(caller.tenant(), sight, audit, profile.time_zone),
        report: report.clone(),
        period: period.clone(),
        format: format.clone(),
        language: match language {
            Language::ZhCn => "zh-CN".to_owned(),
            Language::En => "en".to_owned(),
        },
        tenant_name: profile.name,
        now: caller.now(),
        agents,
        queues,
        trunks,
        flows,
        teams,
        areas,
        workers,
        user: asked.user,
        action,
        rates,
        lines_max,
        own,
        mark: stamp.as_ref().map(|stamp| stamp.mark.clone()),
    }));
    let done = api.work.run(job).await?;
    let subject = format!("{report} {period} {format}");
    api.store.note(caller.tenant(), &caller.by(), "report.run", &subject).await?;
    let name = format!("{report}-{period}");
    let name = match (stamp, format.parse::<reports::Format>()) {
        (Some(stamp), Ok(format)) => stamp.name(&name, format),
        _ => name,
    };
    let name = file_name(&format!("{name}.{format}"));
    Ok(file(done.content_type, Some(&name), done.truncated, done.body))
}

/// Refuses a condition that the report does not look at: its numbers would be taken for others.
fn taken(known: &[Parameter], parameter: &str, given: bool) -> Result<(), Problem> {
    if given && known.iter().all(|known| known.id != parameter) {
        return Err(Problem::invalid(parameter, "this report does not look at this condition"));
    }
    Ok(())
}

fn word(field: &str, text: &str) -> Result<String, Problem> {
    if text.len() > WORD_CHARS_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        let message = format!("{field}: at most {WORD_CHARS_MAX} printable characters are taken");
        return Err(Problem::invalid(field, message));
    }
    Ok(text.to_owned())
}
