//! Reports: the catalogue, and one report on a period in any form. Rendering runs in the worker.

use super::extract::Params;
use super::forms::{AnyForm, file, file_name};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use crate::work::given;
use crate::work::jobs::{Job, JobScope, ReportJob};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use desk::Permission;
use desk::report_definition::PREFIX;
use reports::catalogue::{AUDIT, COST_PER_CONTACT, SYSTEM};
use reports::{Language, Orientation, Paper, Refused, Report, Size};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest period or format text.
const WORD_CHARS_MAX: usize = 64;

/// In which language.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Tongue {
    /// `zh-CN` or `en`; the organisation's when left out.
    #[serde(default)]
    lang: Option<String>,
}

/// What a report is asked with, each as text, and the further parameters in braces.
macro_rules! asked {
    ($(#[$about:meta])* $name:ident { $($(#[$said:meta])* $field:ident: $kind:ident,)* }) => {
        $(#[$about])*
        #[derive(Deserialize, IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// `2026-11-23`, `2026-W47`, `2026-11`, `2026`, `2026-11-01..2026-11-15`, `today`,
            /// `yesterday`; today when left out.
            #[serde(default)]
            period: Option<String>,
            /// Whose days, an IANA name; the organisation's when left out.
            #[serde(default)]
            zone: Option<String>,
            /// Answered within this many seconds is in time, 1-3600; where a report looks at it, the
            /// organisation's when left out.
            #[serde(default)]
            service_level_s: Option<String>,
            /// Abandoned within this many seconds is short, 0-3600; the same.
            #[serde(default)]
            short_abandon_s: Option<String>,
            /// Who calls again within this many days has not been helped, 1-90; the same.
            #[serde(default)]
            repeat_days: Option<String>,
            /// An item that is done within this many seconds after it came is in time, 60-2592000; the
            /// same.
            #[serde(default)]
            item_target_s: Option<String>,
            /// Which service level stands first: `default`, `f1`, `f2`, `f3` or `f4`; the same.
            #[serde(default)]
            service_level_formula: Option<String>,
            /// Only what this person did; of the report `audit`.
            #[serde(default)]
            user: Option<String>,
            /// Only this action, such as `recording.fetch`, or all of a kind, `recording`; of the
            /// report `audit`.
            #[serde(default)]
            action: Option<String>,
            /// Only these queues: an id, or several with commas between, at most 100; of a report that
            /// lists it among its parameters. One of the organisation's own takes one id.
            #[serde(default)]
            queue: Option<String>,
            /// Only these agents, in the same way.
            #[serde(default)]
            agent: Option<String>,
            /// Only the agents who belong now to the team with this id, or to a team below it.
            #[serde(default)]
            team: Option<String>,
            $($(#[$said])* #[serde(default)] $field: Option<$kind>,)*
        }

        impl $name {
            /// What was given besides the period, by name.
            fn given(&self) -> impl Iterator<Item = (&str, &str)> {
                let all = [
                    ("zone", &self.zone),
                    ("service_level_s", &self.service_level_s),
                    ("short_abandon_s", &self.short_abandon_s),
                    ("repeat_days", &self.repeat_days),
                    ("item_target_s", &self.item_target_s),
                    ("service_level_formula", &self.service_level_formula),
                    ("user", &self.user),
                    ("action", &self.action),
                    ("queue", &self.queue),
                    ("agent", &self.agent),
                    ("team", &self.team),
                ];
                all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)))
            }
        }
    };
}

mod behind;

asked! {
    /// About when, asked with what, and in which form.
    Asked {
        /// `pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`; pdf when left out.
        format: String,
        /// `zh-CN` or `en`; the organisation's when left out.
        lang: String,
        /// `a4` or `a3`, of pdf, png and xlsx; a4 when left out.
        paper: String,
        /// `portrait`, `landscape` or `automatic`, which lies on its side for many columns and is meant
        /// when it is left out.
        orientation: String,
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ReportsRead, routes!(list)))
        .routes(guard.may(Permission::ReportsRead, routes!(get)))
        .routes(guard.may(Permission::ReportsRead, routes!(behind::behind)))
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

    /// 404 for what is no report of the catalogue, 403 or 400 for who may not run it.
    async fn may_run(&self, caller: &Caller, report: &str) -> Result<(), Problem> {
        let Some(report) = reports::find(report) else {
            let known: Vec<&str> = reports::catalogue().iter().map(|report| report.id).collect();
            let message = format!("There is no such report; there are {}.", known.join(", "));
            return Err(Problem::not_found(message));
        };
        if let Some(permission) = beyond_reports(report) {
            caller.must(permission)?;
        }
        if report.id == COST_PER_CONTACT.id {
            // Trunks are of no team, and half of a cost would be taken for the whole.
            self.must_see_all(caller).await?;
        }
        Ok(())
    }

    /// A report on a period as the worker makes it for `caller`, who may run it and asks it with
    /// `given`.
    async fn report_job<'a>(
        &self,
        caller: &Caller,
        (report, period): (&str, &str),
        given: impl Iterator<Item = (&'a str, &'a str)> + Send,
    ) -> Result<ReportJob, Problem> {
        let own = match report.strip_prefix(PREFIX) {
            Some(name) => Some(self.own_report(caller, name).await?),
            None => {
                self.may_run(caller, report).await?;
                None
            }
        };
        let problem = |refused: Refused| Problem::invalid(&refused.parameter, refused.problem);
        let given = given::read(report, own.as_ref(), given).map_err(problem)?;
        let given = given::placed(&self.store, caller.tenant(), given).await?.map_err(problem)?;
        let period = word("period", period)?;
        let profile = self.store.tenant(caller.tenant()).await?.profile;
        let named = crate::first::names(&self.store, caller.tenant()).await?;
        let sight = self.store.sight(caller.identity()).await?;
        let audit = caller.may(Permission::AuditRead);
        let scope = JobScope::seen(caller.tenant(), sight, audit, profile.time_zone);
        Ok(ReportJob {
            language: profile.language,
            tenant_name: profile.name,
            given,
            own,
            ..ReportJob::of(named, scope, (report.to_owned(), period), caller.now())
        })
    }
}

/// All reports: what they show, their parameters, columns, formulas and forms.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports", params(Tongue), responses((status = 200, body = Vec<Object>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(Tongue { lang }): Params<Tongue>,
) -> Result<Json<Vec<Value>>, Problem> {
    let language = api.language(&caller, lang.as_deref()).await?;
    let open = |report: &&&Report| beyond_reports(report).is_none_or(|needed| caller.may(needed));
    let zone = api.store.tenant(caller.tenant()).await?.profile.time_zone;
    let thresholds = given::thresholds(&api.store.report_settings(caller.tenant()).await?);
    let summaries = reports::catalogue().iter().filter(open).map(|report| {
        let mut summary = report.summary(language);
        summary.of_tenant(&thresholds, &zone, language);
        serde_json::to_value(summary).expect("a summary is always valid JSON")
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
    let period = asked.period.as_deref().unwrap_or("today");
    let job = api.report_job(&caller, (&report, period), asked.given()).await?;
    let language = api.language(&caller, asked.lang.as_deref()).await?;
    let format = word("format", asked.format.as_deref().unwrap_or("pdf"))?.to_lowercase();
    let paper = paper(&asked)?;
    let stamp = api.stamp(&caller).await?;
    let job = Job::Report(Box::new(ReportJob {
        format: format.clone(),
        language: language.tag().to_owned(),
        mark: stamp.as_ref().map(|stamp| stamp.mark.clone()),
        paper,
        ..job
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

/// What a report needs beside the right to read reports: one tells who did what, another how the box
/// ran, which is not of one organisation alone.
fn beyond_reports(report: &Report) -> Option<Permission> {
    match report.id {
        id if id == AUDIT.id => Some(Permission::AuditRead),
        id if id == SYSTEM.id => Some(Permission::MetricsRead),
        _ => None,
    }
}

fn paper(asked: &Asked) -> Result<Paper, Problem> {
    let size = match &asked.paper {
        Some(said) => {
            said.parse().map_err(|_| Problem::invalid("paper", "paper: a4 or a3 is needed"))?
        }
        None => Size::default(),
    };
    let orientation = match &asked.orientation {
        Some(said) => said.parse().map_err(|_| {
            let message = "orientation: automatic, portrait or landscape is needed";
            Problem::invalid("orientation", message)
        })?,
        None => Orientation::default(),
    };
    Ok(Paper { size, orientation })
}

fn word(field: &str, text: &str) -> Result<String, Problem> {
    if text.len() > WORD_CHARS_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        let message = format!("{field}: at most {WORD_CHARS_MAX} printable characters are taken");
        return Err(Problem::invalid(field, message));
    }
    Ok(text.to_owned())
}
