//! Saved reports: which report, asked with what, over which days, in which form and language, under a
//! name. Whether there is such a report and form, and whether it looks at these parameters, is checked
//! by whoever knows the catalogue.

use crate::audit::By;
use crate::error::During;
use crate::schedule::planner::RelativePeriod;
use crate::sql;
use crate::store::{DbRow, document, id};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{SavedReportId, TenantId};
use utoipa::ToSchema;

/// Saved reports of one tenant.
pub const SAVED_REPORTS_MAX: i64 = 500;
/// Parameters of one saved report.
pub const PARAMETERS_MAX: usize = 20;
/// Longest value of a parameter.
const VALUE_CHARS_MAX: usize = 200;

/// What a report is asked with besides its period: values by the names that the catalogue lists.
pub type Parameters = BTreeMap<String, String>;

/// A saved report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SavedReport {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SavedReportId,
    /// What it is.
    #[serde(flatten)]
    pub draft: SavedReportDraft,
}

/// A saved report to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedReportDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// Which report of the catalogue.
    pub report: String,
    /// Over which days, seen from the time it is made for.
    pub period: RelativePeriod,
    /// `pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`.
    pub format: String,
    /// `zh-CN` or `en`.
    pub language: String,
    /// What it is asked with besides its period, by name: `{"service_level_s": "30"}`. For what is
    /// left out, the organisation's own holds.
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

impl SavedReportDraft {
    fn checked(&self) -> Result<SavedReportDraft> {
        Ok(SavedReportDraft {
            name: text::name("name", &self.name)?,
            report: text::token("report", &self.report, 64)?,
            period: self.period,
            format: text::token("format", &self.format, 8)?,
            language: text::token("language", &self.language, 16)?,
            parameters: kept(&self.parameters)?,
            paper: token("paper", self.paper.as_deref())?,
            orientation: token("orientation", self.orientation.as_deref())?,
        })
    }

    /// In which zone its days are, where it names one.
    pub(crate) fn zone(&self) -> Option<chrono_tz::Tz> {
        self.parameters.get("zone")?.trim().parse().ok()
    }
}

/// Refuses what is no set of short values by short names.
fn kept(parameters: &Parameters) -> Result<Parameters> {
    if parameters.len() > PARAMETERS_MAX {
        let problem = format!("at most {PARAMETERS_MAX} entries are kept");
        return Err(Error::invalid("parameters", problem));
    }
    for (name, value) in parameters {
        text::token("parameters", name, 40)?;
        if value.chars().count() > VALUE_CHARS_MAX || value.chars().any(char::is_control) {
            let problem = format!("at most {VALUE_CHARS_MAX} printable characters are taken");
            return Err(Error::invalid("parameters", problem));
        }
    }
    Ok(parameters.clone())
}

fn token(field: &'static str, said: Option<&str>) -> Result<Option<String>> {
    said.map(|said| text::token(field, said, 16)).transpose()
}

fn of(row: &DbRow) -> Result<SavedReport> {
    let draft = document(row, "document", "read saved reports", "saved report")?;
    Ok(SavedReport { id: SavedReportId(id(row, "id")), draft })
}

fn json(draft: &SavedReportDraft) -> String {
    serde_json::to_string(draft).expect("a saved report is always valid JSON")
}

impl Store {
    /// The saved reports of a tenant, by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn saved_reports(&self, tenant: TenantId) -> Result<Vec<SavedReport>> {
        let sql = "SELECT id, document FROM saved_reports
                   WHERE tenant_id = $1 ORDER BY name LIMIT 500";
        let rows = sql::query(sql).bind(tenant.0 as i64).fetch_all(self.reader()).await;
        rows.during("list saved reports")?.iter().map(of).collect()
    }

    /// Makes a saved report.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Refused`] when there are too many.
    pub async fn create_saved_report(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &SavedReportDraft,
    ) -> Result<SavedReport> {
        let draft = draft.checked()?;
        let mut write = self.write("save a report").await?;
        let count = "SELECT COUNT(*) FROM saved_reports WHERE tenant_id = $1";
        write.room_for(tenant, count, SAVED_REPORTS_MAX).await?;
        let id = SavedReportId(write.next_id("saved_report").await? as u64);
        let doing = write.doing;
        sql::query(
            "INSERT INTO saved_reports (id, tenant_id, name, document) VALUES ($1, $2, $3, $4)",
        )
        .bind(id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(&draft.name)
        .bind(json(&draft))
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "saved_report.create", &draft.name).await?;
        write.commit().await?;
        Ok(SavedReport { id, draft })
    }

    /// Changes a saved report, for runs that become due from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn put_saved_report(
        &self,
        tenant: TenantId,
        by: &By,
        id: SavedReportId,
        draft: &SavedReportDraft,
    ) -> Result<SavedReport> {
        let draft = draft.checked()?;
        let mut write = self.write("change a saved report").await?;
        let doing = write.doing;
        let done = sql::query(
            "UPDATE saved_reports SET name = $3, document = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .bind(&draft.name)
        .bind(json(&draft))
        .execute(write.db())
        .await
        .during(doing)?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("saved report", id));
        }
        write.audit(tenant, by, "saved_report.change", &draft.name).await?;
        write.commit().await?;
        Ok(SavedReport { id, draft })
    }

    /// Takes a saved report away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InUse`] while a schedule makes it.
    pub async fn remove_saved_report(
        &self,
        tenant: TenantId,
        by: &By,
        id: SavedReportId,
    ) -> Result<()> {
        let mut write = self.write("remove a saved report").await?;
        let delete = "DELETE FROM saved_reports WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("saved report", id.0)).await?;
        write.audit(tenant, by, "saved_report.remove", id).await?;
        write.commit().await
    }
}
