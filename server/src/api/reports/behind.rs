//! What is behind a row of a report, for everybody who may run it.

use super::super::extract::Params;
use super::super::guard::Caller;
use super::super::problem::Problem;
use super::super::rows::page_limit;
use super::Shared;
use crate::work::jobs::{Job, ReportJob};
use crate::work::opened::{OpenJob, OpenedRow};
use axum::Json;
use axum::extract::{Path, State};
use desk::when;
use serde::Deserialize;
use utoipa::IntoParams;

/// Longest key of a row.
const KEY_CHARS_MAX: usize = 64;
/// Longest id of a column.
const COLUMN_CHARS_MAX: usize = 64;

asked! {
    /// Of which row, on which page; the report is asked as it was.
    Opening {
        /// The row's `key`, as the report has it in JSON.
        row: String,
        /// The column of the number to open, one that the report in JSON says `opens`; all that is
        /// behind the row when left out.
        column: String,
        /// The report's `generated_at`: it is made again as of then; now when left out. Without it a row
        /// of a report that looks at the time of asking is another one.
        at: String,
        /// The `next` of the page before.
        after: String,
        /// Ids on the page, 1–500, 100 when left out.
        limit: u32,
    }
}

/// What is behind a row of a report, or behind one of its numbers: the ids of its contacts, calls,
/// orders, items, stretches, shifts or entries. The report is made again as of `at`, asked with the same
/// parameters, and the row found by its key.
#[utoipa::path(
    get, path = "/api/v1/reports/{id}/behind", tag = "reports",
    params(("id" = String, Path, description = "The report's id"), Opening),
    responses((status = 200, body = OpenedRow))
)]
pub(super) async fn behind(
    State(api): State<Shared>,
    caller: Caller,
    Path(report): Path<String>,
    Params(asked): Params<Opening>,
) -> Result<Json<OpenedRow>, Problem> {
    let period = asked.period.as_deref().unwrap_or("today");
    let job = api.report_job(&caller, (&report, period), asked.given()).await?;
    let row = asked.row.as_deref().filter(|row| !row.is_empty() && row.len() <= KEY_CHARS_MAX);
    let Some(row) = row else {
        return Err(Problem::invalid("row", "the key of a row is needed, as the report has it"));
    };
    let now = match &asked.at {
        // A plus that was sent as it is reads as a blank.
        Some(at) => when::parse(&at.replace(' ', "+"))
            .filter(|at| *at <= job.now)
            .ok_or_else(|| Problem::invalid("at", "a time that is over is needed, as RFC 3339"))?,
        None => job.now,
    };
    let after = asked.after.as_deref().map(str::parse::<i64>).transpose();
    let after = after.map_err(|_| {
        Problem::invalid("after", "give back the `next` of the page before as it was")
    })?;
    let column = asked.column.as_deref().filter(|column| !column.is_empty());
    if column.is_some_and(|column| column.len() > COLUMN_CHARS_MAX) {
        return Err(Problem::invalid("column", "the id of a column is needed"));
    }
    let job = OpenJob {
        report: ReportJob { now, ..job },
        row: row.to_owned(),
        column: column.map(str::to_owned),
        after,
        most: page_limit(asked.limit),
    };
    let done = api.work.run(Job::OpenRow(Box::new(job))).await?;
    let number = column.map_or(String::new(), |column| format!(" {column}"));
    let subject = format!("{report} {period} {row}{number}");
    api.store.note(caller.tenant(), &caller.by(), "report.open", &subject).await?;
    let opened = serde_json::from_slice(&done.body);
    opened.map(Json).map_err(|error| Problem::internal(error.to_string()))
}
