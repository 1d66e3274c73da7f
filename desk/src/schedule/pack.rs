//! Report packs: a schedule that makes several reports in one run, with one delivery of all files.
//! The first report stands in the schedule's row, the further ones in rows of their own, so that none
//! of them is taken away while a schedule makes it.

use super::{Planned, ScheduleDraft};
use crate::error::During;
use crate::saved_report::SavedReport;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::{SavedReportId, ScheduleId, TenantId, Timestamp};
use utoipa::ToSchema;

/// Reports of one run, the first one included.
pub const REPORTS_MAX: usize = 20;

/// A further report of a run, as it was when the run became due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportPart)]
pub struct Part {
    /// Which report.
    pub report: String,
    /// Which days: `2026-11-22`, `2026-W47`, `2026-10`.
    pub period: String,
    /// In which form.
    pub format: String,
    /// In which language.
    pub language: String,
    /// What it is asked with besides.
    #[serde(default)]
    #[schema(required = false)]
    pub parameters: BTreeMap<String, String>,
    /// `a4` or `a3`; a4 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// `portrait`, `landscape` or `automatic`, which is meant when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<String>,
}

impl Part {
    /// What `saved`, one of those that are planned, makes of the due time `at`.
    pub(super) fn of(saved: &SavedReport, of: &Planned, at: Timestamp) -> Part {
        let zone = of.time_zone.parse().unwrap_or(chrono_tz::UTC);
        let draft = &saved.draft;
        Part {
            report: draft.report.clone(),
            period: draft.period.at(at, draft.zone().unwrap_or(zone), of.day_begins_min),
            format: draft.format.clone(),
            language: draft.language.clone(),
            parameters: draft.parameters.clone(),
            paper: draft.paper.clone(),
            orientation: draft.orientation.clone(),
        }
    }
}

/// Refuses too many reports, and one that stands there twice.
pub(super) fn check(draft: &ScheduleDraft) -> Result<()> {
    if draft.more.len() >= REPORTS_MAX {
        let problem = format!("at most {} further reports are made", REPORTS_MAX - 1);
        return Err(Error::invalid("more", problem));
    }
    let mut seen = BTreeSet::from([draft.saved_report]);
    match draft.more.iter().find(|saved| !seen.insert(**saved)) {
        Some(twice) => {
            Err(Error::invalid("more", format!("the saved report {twice} stands there twice")))
        }
        None => Ok(()),
    }
}

/// The further reports of `draft` among `saved`, in their order.
pub(super) fn further(draft: &ScheduleDraft, saved: &[SavedReport]) -> Result<Vec<SavedReport>> {
    let find = |id: &SavedReportId| {
        let found = saved.iter().find(|saved| saved.id == *id);
        found.cloned().ok_or_else(|| Error::not_found("saved report", id))
    };
    draft.more.iter().map(find).collect()
}

/// Keeps which further reports a schedule makes.
pub(super) async fn put(
    write: &mut Write,
    tenant: TenantId,
    id: ScheduleId,
    draft: &ScheduleDraft,
) -> Result<()> {
    let doing = write.doing;
    sql::query("DELETE FROM schedule_reports WHERE tenant_id = $1 AND schedule_id = $2")
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
    for (place, saved) in (1_i64..).zip(&draft.more) {
        sql::query(
            "INSERT INTO schedule_reports (schedule_id, tenant_id, place, saved_report_id)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(place)
        .bind(saved.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
    }
    Ok(())
}
