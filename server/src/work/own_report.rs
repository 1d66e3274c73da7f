//! Reports that tenants define, for the worker: checked before they are kept, run with the limits of
//! other questions in SQL.

use super::jobs::{Bench, Done, JobScope, Problem, sql_problem};
use desk::Store;
use desk::report_definition::{
    Bilingual, ChartKind, ColumnKind, ColumnTotal, DefinedBehind, DefinedColumn, PREFIX,
    ReportDefinition, ReportDefinitionDraft,
};
use reports::own::{Behind, Definition, Described, Picture, Text, What};
use reports::{Asked, Params, Report, ReportTable, Total, Wrong};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use terms::TenantId;
use warehouse::Session;

/// Bytes of definitions that a worker keeps of one tenant: some thousand versions.
pub(super) const SHELF_BYTES_MAX: usize = 4 << 20;

/// A report that the tenant defined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnReport {
    /// Its name, without what such names begin with.
    pub name: String,
    /// What it is.
    pub draft: ReportDefinitionDraft,
}

/// A definition to be checked in the scope of who wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckJob {
    /// Whose rows.
    pub scope: JobScope,
    /// The definition.
    pub own: OwnReport,
}

impl From<ReportDefinition> for OwnReport {
    fn from(definition: ReportDefinition) -> OwnReport {
        let ReportDefinition { name, draft, .. } = definition;
        OwnReport { name, draft }
    }
}

/// The definition that `report` names; none when it names none, or one that is gone.
///
/// # Errors
/// When the store does not answer.
pub async fn find(
    store: &Store,
    tenant: TenantId,
    report: &str,
) -> Result<Option<OwnReport>, desk::Error> {
    let Some(name) = report.strip_prefix(PREFIX) else { return Ok(None) };
    match store.report_definition(tenant, name).await {
        Ok(definition) => Ok(Some(definition.into())),
        Err(desk::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Bench {
    /// The report that a definition is.
    pub(super) fn shelved(
        &self,
        tenant: TenantId,
        own: &OwnReport,
    ) -> Result<&'static Report, Problem> {
        self.shelf.report(tenant, &definition(own)).map_err(|full| {
            let message = "The definitions of reports were changed too often; this works again \
                           once the worker has begun anew.";
            Problem::new(503, "busy", message, full.to_string())
        })
    }

    /// Runs it.
    pub(super) async fn run_own(
        &self,
        session: &Session,
        report: &'static Report,
        own: &OwnReport,
        params: &Params,
        asked: Asked,
    ) -> Result<ReportTable, Problem> {
        let _watched = self.watch.begin(Instant::now());
        let definition = definition(own);
        reports::run_own(session, report, &definition, params, asked).await.map_err(failed)
    }

    /// How many rows its question has; none where that takes too long to count.
    pub(super) async fn count_own(
        &self,
        session: &Session,
        report: &'static Report,
        own: &OwnReport,
        params: &Params,
        asked: Asked,
    ) -> Option<u64> {
        let _watched = self.watch.begin(Instant::now());
        let counted = reports::count_own(session, report, &definition(own), params, asked).await;
        counted.inspect_err(|error| tracing::debug!(%error, report = report.id, "not counted")).ok()
    }

    /// Checks a definition: its question is planned and not asked.
    pub(super) async fn check_own(&self, job: CheckJob) -> Result<Done, Problem> {
        let session = self.session(job.scope.into(), self.limits).await?;
        let checked = reports::check_own(&session, &definition(&job.own)).await;
        checked.map_err(|wrong| match wrong {
            Wrong::Sql(error) => sql_problem(*error),
            Wrong::Columns(message) => Problem::new(400, "columns", message, String::new()),
            Wrong::Behind(message) => Problem::new(400, "behind", message, String::new()),
        })?;
        Ok(Done { content_type: "application/json".into(), truncated: false, body: b"{}".into() })
    }
}

pub(super) fn failed(error: reports::Error) -> Problem {
    match error {
        reports::Error::Query { source, .. } => sql_problem(*source),
        error => {
            let message = "The answer is not as the report describes it; save its definition anew.";
            Problem::new(400, "report", message, error.to_string())
        }
    }
}

fn definition(own: &OwnReport) -> Definition {
    let draft = &own.draft;
    let (label, series) = (draft.chart.label.clone().unwrap_or_default(), &draft.chart.series);
    Definition {
        id: format!("{PREFIX}{}", own.name),
        title: text(&draft.title),
        help: text(&draft.help),
        sql: draft.sql.clone(),
        columns: draft.columns.iter().map(described).collect(),
        picture: match draft.chart.kind {
            ChartKind::None => Picture::None,
            ChartKind::Bar | ChartKind::StackedBar => {
                Picture::Bar { label, series: series.clone() }
            }
            ChartKind::Line => Picture::Line { label, series: series.clone() },
            ChartKind::Pie => Picture::Pie { series: series.clone() },
            ChartKind::Heat => Picture::Heat {
                row: label,
                column: draft.chart.across.clone().unwrap_or_default(),
                value: series.first().cloned().unwrap_or_default(),
            },
        },
        behind: draft.behind.as_ref().map(behind),
    }
}

fn behind(declared: &DefinedBehind) -> Behind {
    Behind {
        table: declared.table.clone(),
        key: declared.key.clone(),
        by: declared.by.clone(),
        at: declared.at.clone(),
        only: declared.only.clone(),
    }
}

fn text(text: &Bilingual) -> Text {
    Text { zh: text.zh.clone(), en: text.en.clone() }
}

fn described(column: &DefinedColumn) -> Described {
    Described {
        id: column.id.clone(),
        header: text(&column.title),
        what: match column.kind {
            ColumnKind::Text => What::Text,
            ColumnKind::Count => What::Count,
            ColumnKind::Duration => What::Duration,
            ColumnKind::Percent => What::Percent,
            ColumnKind::Decimal => What::Decimal,
            ColumnKind::Time => What::Time,
            ColumnKind::Agent => What::Agent,
            ColumnKind::Queue => What::Queue,
            ColumnKind::Team => What::Team,
            ColumnKind::Day => What::Day,
        },
        field: column.shown().to_owned(),
        over: column.over.clone(),
        total: match column.total {
            ColumnTotal::None => Total::None,
            ColumnTotal::Sum => Total::Sum,
            ColumnTotal::Max => Total::Max,
        },
    }
}
