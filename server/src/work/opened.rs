//! Opens a row of a report: the report is made again, the row is found by its key, and what is behind
//! it is listed in the same scope. Nothing of the question comes from who asks.

use super::jobs::{Bench, Done, Problem, ReportJob};
use super::moving::done;
use super::{own_report, report};
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
    /// What is behind it, those after this id.
    pub after: Option<i64>,
    /// How many.
    pub most: u32,
}

/// A page of what is behind a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenedRow {
    /// What the ids name: `contact_id`, `call_id`, `order_id`, `span_id` or `audit_id`.
    pub key: String,
    /// The table of the warehouse that they stand in.
    pub table: String,
    /// How many there are, on all pages together.
    pub count: u64,
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
        let OpenJob { report: asked, row, after, most } = job;
        // A tenant's own report may have a condition of its own on what is behind its rows.
        let is_own = asked.own.is_some();
        let (session, table) = self.made(asked).await?;
        let mut found = table.data_rows().filter_map(|made| made.behind.as_ref());
        let Some(condition) = found.find(|condition| condition.key() == row) else {
            let message = "This report has no such row, or nothing is behind it; ask for the report \
                           anew.";
            return Err(Problem::new(404, "row", message, String::new()));
        };
        let _watched = is_own.then(|| self.watch.begin(Instant::now()));
        let opened = reports::open(&session, table.report, condition, (after, most)).await;
        let opened = opened.map_err(if is_own { own_report::failed } else { report::failed })?;
        let ids: Vec<String> = opened.ids.iter().map(i64::to_string).collect();
        Ok(done(&OpenedRow {
            key: condition.key.to_owned(),
            table: condition.table.to_owned(),
            count: opened.count,
            next: ids.last().filter(|_| opened.more).cloned(),
            ids,
            incomplete: opened.left_out,
        }))
    }
}
