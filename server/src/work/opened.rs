//! Opens a row of a report, or one of its numbers: the report is made again, the row is found by its
//! key, and what is behind it is listed in the same scope. Nothing of the question comes from who asks.

use super::jobs::{Bench, Done, Problem, ReportJob};
use super::moving::done;
use super::report::Ready;
use super::{own_report, report};
use reports::{Condition, Opened, Report};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use utoipa::ToSchema;

/// A row to open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenJob {
    /// Of which report; its form and language do not matter.
    pub report: ReportJob,
    /// The row's key.
    pub row: String,
    /// Which of its numbers; all of the row when left out.
    #[serde(default)]
    pub column: Option<String>,
    /// What is behind it, those after this id.
    pub after: Option<i64>,
    /// How many.
    pub most: u32,
}

/// A page of what is behind a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenedRow {
    /// What the ids name: `contact_id`, `call_id`, `order_id`, `item_id`, `span_id`, `shift_id` or
    /// `audit_id`.
    pub key: String,
    /// The table of the warehouse that they stand in.
    pub table: String,
    /// How many there are, on all pages together.
    pub count: u64,
    /// What the number counts of them, where `column` named one: one contact may be in it more than
    /// once, as two stays in one queue. Of a length of time, its stretches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
    /// Those of this page, ascending.
    pub ids: Vec<String>,
    /// Give it back as `after` for the next page; none at the end.
    pub next: Option<String>,
    /// Damaged files of the warehouse, whose rows are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub incomplete: Vec<String>,
}

impl Bench {
    /// Opens it.
    pub(super) async fn open_row(&self, job: OpenJob) -> Result<Done, Problem> {
        let OpenJob { report: asked, row, column, after, most } = job;
        if let Some(column) = column {
            return self.open_number(asked, (&row, &column), (after, most)).await;
        }
        // A tenant's own report may have a condition of its own on what is behind its rows.
        let is_own = asked.own.is_some();
        let (session, table) = self.made(asked).await?;
        let mut found = table.data_rows().filter_map(|made| made.behind.as_ref());
        let Some(condition) = found.find(|condition| condition.key() == row) else {
            return Err(no_row());
        };
        let _watched = is_own.then(|| self.watch.begin(Instant::now()));
        let opened = reports::open(&session, table.report, condition, (after, most)).await;
        let opened = opened.map_err(if is_own { own_report::failed } else { report::failed })?;
        Ok(done(&told(condition, opened)))
    }

    /// Opens one number of a row.
    async fn open_number(
        &self,
        asked: ReportJob,
        (row, column): (&str, &str),
        page: (Option<i64>, u32),
    ) -> Result<Done, Problem> {
        let Ready { session, report, own, params, .. } = self.ready(asked).await?;
        if own.is_some() || !report.opens(column) {
            return Err(closed(report, column));
        }
        let numbers = reports::numbers_of(&session, report, &params, row).await;
        let numbers = numbers.map_err(report::failed)?.ok_or_else(no_row)?;
        let number = numbers.into_iter().find(|(of, _)| *of == column);
        let (_, number) = number.ok_or_else(|| closed(report, column))?;
        let opened = reports::open_number(&session, report, &number, page).await;
        Ok(done(&told(&number.condition, opened.map_err(report::failed)?)))
    }
}

fn told(condition: &Condition, opened: Opened) -> OpenedRow {
    let ids: Vec<String> = opened.ids.iter().map(i64::to_string).collect();
    OpenedRow {
        key: condition.key.to_owned(),
        table: condition.table.to_owned(),
        count: opened.count,
        counted: opened.counted,
        next: ids.last().filter(|_| opened.more).cloned(),
        ids,
        incomplete: opened.left_out,
    }
}

fn no_row() -> Problem {
    let message = "This report has no such row, or nothing is behind it; ask for the report anew.";
    Problem::new(404, "row", message, String::new())
}

/// The columns that do open are named: they are few, and who asks has mistaken one.
fn closed(report: &Report, column: &str) -> Problem {
    let open: Vec<&str> = report.numbers.iter().map(|number| number.column).collect();
    let message = match open.as_slice() {
        [] => "The numbers of this report open with their row alone.".to_owned(),
        open => format!("The column \"{column}\" does not open; there are {}.", open.join(", ")),
    };
    Problem::new(400, "column", message, String::new())
}
