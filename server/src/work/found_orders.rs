//! Prints orders that somebody searched for.

use super::jobs::{Bench, Done, Problem};
use super::report::printed;
use reports::found::{self, FoundOrder};
use reports::{Format, Language};
use serde::{Deserialize, Serialize};
use terms::Timestamp;

/// Orders to be printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrdersJob {
    /// In the order of the list.
    pub orders: Vec<FoundOrder>,
    /// What was searched begins then.
    pub from: Timestamp,
    /// And ends before then.
    pub until: Timestamp,
    /// IANA zone of dates.
    pub time_zone: String,
    /// The tenant's name on the page.
    pub tenant_name: String,
    /// The moment at which their states were seen.
    pub now: Timestamp,
    /// `pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`.
    pub format: String,
    /// `zh-CN` or `en`.
    pub language: String,
}

impl Bench {
    /// Prints them.
    pub(super) async fn orders(&self, job: OrdersJob) -> Result<Done, Problem> {
        let wrong = |message: String| Problem::new(400, "report", message, String::new());
        let format: Format =
            job.format.parse().map_err(|e: reports::UnknownFormat| wrong(e.to_string()))?;
        let language: Language =
            job.language.parse().map_err(|e: reports::UnknownLanguage| wrong(e.to_string()))?;
        let period = (job.from, job.until);
        let table = found::table(&job.tenant_name, period, &job.time_zone, job.now, &job.orders)
            .map_err(|error| wrong(error.to_string()))?;
        printed(table, format, language).await
    }
}
