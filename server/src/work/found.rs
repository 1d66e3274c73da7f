//! Prints what somebody searched for.

use super::jobs::{Bench, Done, Problem};
use super::report::printed;
use reports::found::{self, FoundList};
use reports::{Format, Language};
use serde::{Deserialize, Serialize};
use terms::Timestamp;

/// A list to be printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundJob {
    /// In the order of the list on the screen.
    pub list: FoundList,
    /// What was searched begins then.
    pub from: Timestamp,
    /// And ends before then.
    pub until: Timestamp,
    /// IANA zone of dates.
    pub time_zone: String,
    /// The tenant's name on the page.
    pub tenant_name: String,
    /// The moment at which it was found.
    pub now: Timestamp,
    /// `pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`.
    pub format: String,
    /// `zh-CN` or `en`.
    pub language: String,
    /// Who fetches it, where it is to say so.
    pub mark: Option<reports::Mark>,
}

impl Bench {
    /// Prints it.
    pub(super) async fn found(&self, job: FoundJob) -> Result<Done, Problem> {
        let wrong = |message: String| Problem::new(400, "report", message, String::new());
        let format: Format =
            job.format.parse().map_err(|e: reports::UnknownFormat| wrong(e.to_string()))?;
        let language: Language =
            job.language.parse().map_err(|e: reports::UnknownLanguage| wrong(e.to_string()))?;
        let period = (job.from, job.until);
        let mut table = found::table(&job.tenant_name, period, &job.time_zone, job.now, &job.list)
            .map_err(|error| wrong(error.to_string()))?;
        table.mark = job.mark;
        printed(table, format, language, |_| ()).await
    }
}
