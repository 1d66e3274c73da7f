//! Reports that a tenant defines: an SQL text with named parameters, what its columns are, a chart,
//! and who may run it. Each change is a version. Whether the text can be asked, and whether its
//! answer has these columns, is checked by whoever knows the warehouse.

use crate::audit::By;
use crate::error::During;
use crate::role::{Permission, Role};
use crate::sql;
use crate::store::{DbRow, document, id_opt, time};
use crate::text::text_enum;
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// How the name of a report that a tenant defined begins where reports are named.
pub const PREFIX: &str = "own.";
/// Definitions of one tenant.
pub const DEFINITIONS_MAX: i64 = 200;
/// Versions of a definition that are kept.
pub const VERSIONS_KEPT: i64 = 50;
/// Longest question, in bytes.
pub const SQL_BYTES_MAX: usize = 20_000;
/// Columns of one report.
pub const COLUMNS_MAX: usize = 40;
/// Columns in one chart.
const SERIES_MAX: usize = 12;
/// Fields by which what is behind a row is found.
const BY_MAX: usize = 8;
/// Longest condition on what is behind a row, in bytes.
const ONLY_BYTES_MAX: usize = 2_000;
/// Longest name, and longest name of a column.
const NAME_CHARS_MAX: usize = 40;

text_enum! {
    /// What the cells of a column are.
    ColumnKind, "kind of column" {
        /// Text as it is.
        Text = "text",
        /// A whole number.
        Count = "count",
        /// Whole milliseconds, shown as `h:mm:ss`; with `over` their mean.
        Duration = "duration",
        /// `field` over `over`, shown as `85.7%`.
        Percent = "percent",
        /// `field` in hundredths over `over`, shown as `4.21`.
        Decimal = "decimal",
        /// A time, shown in the report's zone.
        Time = "time",
        /// An agent's id, shown as their name.
        Agent = "agent",
        /// A queue's id, shown as its name.
        Queue = "queue",
        /// A team's id, shown as its name.
        Team = "team",
        /// A date.
        Day = "day",
    }
}

text_enum! {
    /// What stands below the cells of a column.
    ColumnTotal, "total" {
        /// Nothing.
        None = "none",
        /// The sum; of a column with `over` the sum of the one by the sum of the other.
        Sum = "sum",
        /// The greatest.
        Max = "max",
    }
}

text_enum! {
    /// The chart of a report.
    ChartKind, "kind of chart" {
        /// None.
        None = "none",
        /// A bar a row: one column.
        Bar = "bar",
        /// A bar a row, several columns one after the other.
        StackedBar = "stacked_bar",
        /// A line a column, from row to row: for rows that follow each other, such as days.
        Line = "line",
        /// The totals of several columns as slices.
        Pie = "pie",
        /// A field of squares, the darker the greater: one column.
        Heat = "heat",
    }
}

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// Chinese, simplified.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A column of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReportDefinitionColumn)]
pub struct DefinedColumn {
    /// Its name in JSON, unique in the report.
    pub id: String,
    /// Its header.
    pub title: Bilingual,
    /// What its cells are.
    pub kind: ColumnKind,
    /// The field of the answer that it shows; the one called `id` when left out.
    #[serde(default)]
    pub field: Option<String>,
    /// The field that it is divided by: a percent and a decimal need one, a duration may have one.
    #[serde(default)]
    pub over: Option<String>,
    /// What stands below its cells.
    #[serde(default = "no_total")]
    #[schema(required = false)]
    pub total: ColumnTotal,
}

fn no_total() -> ColumnTotal {
    ColumnTotal::None
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReportDefinitionChart)]
pub struct DefinedChart {
    /// How.
    pub kind: ChartKind,
    /// The column that names the bars, rows or lines of squares; none for slices.
    #[serde(default)]
    pub label: Option<String>,
    /// The column that names the squares of a line, such as the hour; for squares alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub across: Option<String>,
    /// The columns that are drawn, all counts or all durations; as squares any number.
    #[serde(default)]
    pub series: Vec<String>,
}

impl Default for DefinedChart {
    fn default() -> Self {
        DefinedChart { kind: ChartKind::None, label: None, across: None, series: Vec::new() }
    }
}

/// What is behind a row: rows of a table that say the same as the row in some columns. Left out, a row
/// with a field `call_id`, `contact_id` or `order_id` opens that one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReportDefinitionBehind)]
pub struct DefinedBehind {
    /// The table of the warehouse.
    pub table: String,
    /// Its column that names the matter: `contact_id`, `call_id` or `order_id`.
    pub key: String,
    /// Fields of the answer that are columns of the table too, and equal there.
    #[serde(default)]
    pub by: Vec<String>,
    /// Its column of the time that lies in the period, such as `started_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What else holds of its rows, in SQL, such as `direction = 'inbound'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

impl DefinedBehind {
    fn check(&self) -> Result<()> {
        let names = [&self.table, &self.key].into_iter().chain(&self.by).chain(&self.at);
        for name in names {
            text::token("behind", name, NAME_CHARS_MAX)?;
        }
        if self.by.len() > BY_MAX {
            return Err(Error::invalid("behind", format!("by takes at most {BY_MAX} fields")));
        }
        let fits = |only: &String| (1..=ONLY_BYTES_MAX).contains(&only.len());
        if !self.only.as_ref().is_none_or(fits) {
            let problem = format!("a condition of 1-{ONLY_BYTES_MAX} bytes is needed in only");
            return Err(Error::invalid("behind", problem));
        }
        Ok(())
    }
}

/// A definition to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportDefinitionDraft {
    /// Its title.
    pub title: Bilingual,
    /// What it shows, a sentence or two.
    #[serde(default)]
    #[schema(required = false)]
    pub help: Bilingual,
    /// One SELECT, WITH or VALUES over the tables of the warehouse. `:from` and `:until` are the
    /// first instant of the period and the first after it, `:queue` and `:agent` an id or NULL.
    pub sql: String,
    /// The columns of its answer.
    pub columns: Vec<DefinedColumn>,
    /// Its chart.
    #[serde(default)]
    #[schema(required = false)]
    pub chart: DefinedChart,
    /// What is behind its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<DefinedBehind>,
    /// Who may run it.
    pub roles: BTreeSet<Role>,
}

/// A version of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportDefinition {
    /// Its name, unique in the tenant. The report is called `own.<name>`.
    pub name: String,
    /// Which version.
    pub version: u32,
    /// When it was made.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub by: Option<UserId>,
    /// What it is.
    #[serde(flatten)]
    pub draft: ReportDefinitionDraft,
}

impl Bilingual {
    fn checked(&self, field: &'static str, one: Check) -> Result<Bilingual> {
        let text = Bilingual { zh: one(field, &self.zh)?, en: one(field, &self.en)? };
        if [&text.zh, &text.en].iter().any(|text| text.starts_with(['=', '+', '-', '@'])) {
            let problem = "a title begins with none of = + - @: a spreadsheet would compute it";
            return Err(Error::invalid(field, problem));
        }
        Ok(text)
    }
}

type Check = fn(&'static str, &str) -> Result<String>;

impl DefinedColumn {
    /// The field that it shows.
    pub fn shown(&self) -> &str {
        self.field.as_deref().unwrap_or(&self.id)
    }

    fn checked(&self) -> Result<DefinedColumn> {
        use ColumnKind::{Count, Decimal, Duration, Percent};
        let wrong = |problem: &str| {
            Err(Error::invalid("columns", format!("column \"{}\" {problem}", self.id)))
        };
        let id = text::token("columns", &self.id, NAME_CHARS_MAX)?;
        let field = self.field.as_deref().map(|field| text::name("columns", field)).transpose()?;
        let over = self.over.as_deref().map(|over| text::name("columns", over)).transpose()?;
        match (self.kind, &over) {
            (Percent | Decimal, None) => return wrong("needs over, the field to divide by"),
            (Percent | Decimal | Duration, Some(_)) | (_, None) => {}
            (_, Some(_)) => return wrong("is not divided: over is for percent, decimal, duration"),
        }
        let is_number = matches!(self.kind, Count | Duration | Percent | Decimal);
        match self.total {
            ColumnTotal::Sum | ColumnTotal::Max if !is_number => return wrong("has no total"),
            ColumnTotal::Max if over.is_some() => return wrong("has a sum for a total, or none"),
            ColumnTotal::None | ColumnTotal::Sum | ColumnTotal::Max => {}
        }
        let title = self.title.checked("columns", text::name)?;
        Ok(DefinedColumn { id, title, field, over, ..self.clone() })
    }
}

impl DefinedChart {
    fn check(&self, columns: &[DefinedColumn]) -> Result<()> {
        let wrong = |problem: String| Err(Error::invalid("chart", problem));
        let find = |id: &String| columns.iter().find(|column| column.id == *id);
        let (needs_label, counts) = match self.kind {
            ChartKind::None => (false, 0..=0),
            ChartKind::Bar => (true, 1..=1),
            ChartKind::StackedBar => (true, 2..=SERIES_MAX),
            ChartKind::Line => (true, 1..=SERIES_MAX),
            ChartKind::Pie => (false, 2..=SERIES_MAX),
            ChartKind::Heat => (true, 1..=1),
        };
        if !counts.contains(&self.series.len()) {
            let (least, most) = (counts.start(), counts.end());
            return wrong(format!("this chart takes {least}-{most} columns"));
        }
        if self.label.is_some() != needs_label {
            return wrong(
                "bars and lines have a label, the column that names them, and nothing else has"
                    .into(),
            );
        }
        let is_heat = self.kind == ChartKind::Heat;
        if self.across.is_some() != is_heat {
            return wrong("squares have across, the column that names those of a line".into());
        }
        let mut named = self.label.iter().chain(&self.across).chain(&self.series);
        if let Some(unknown) = named.find(|id| find(id).is_none()) {
            return wrong(format!("there is no column \"{unknown}\""));
        }
        let drawn: Vec<&DefinedColumn> = self.series.iter().filter_map(find).collect();
        let kinds: BTreeSet<ColumnKind> = drawn.iter().map(|column| column.kind).collect();
        let is_drawable = |column: &&DefinedColumn| {
            matches!(column.kind, ColumnKind::Count | ColumnKind::Duration) && column.over.is_none()
        };
        let is_number = |column: &&DefinedColumn| {
            use ColumnKind::{Count, Decimal, Duration, Percent};
            matches!(column.kind, Count | Duration | Percent | Decimal)
        };
        if is_heat {
            if drawn.iter().all(is_number) {
                return Ok(());
            }
            return wrong("squares show a number: count, duration, percent, decimal".into());
        }
        if kinds.len() > 1 || !drawn.iter().all(is_drawable) {
            return wrong("counts are drawn, or durations, and neither is divided".into());
        }
        let is_summed = |column: &&DefinedColumn| column.total == ColumnTotal::Sum;
        if self.kind == ChartKind::Pie && !drawn.iter().all(is_summed) {
            return wrong("a slice is the total of a column: its total has to be sum".into());
        }
        Ok(())
    }
}

impl ReportDefinitionDraft {
    /// The question has the parameter `name`.
    pub fn asks(&self, name: &str) -> bool {
        self.sql.to_lowercase().contains(&format!(":{name}"))
    }

    /// The draft as it is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn checked(&self) -> Result<ReportDefinitionDraft> {
        if self.sql.trim().is_empty() || self.sql.len() > SQL_BYTES_MAX {
            let problem = format!("a question of 1-{SQL_BYTES_MAX} bytes is needed");
            return Err(Error::invalid("sql", problem));
        }
        if !(1..=COLUMNS_MAX).contains(&self.columns.len()) {
            return Err(Error::invalid("columns", format!("1-{COLUMNS_MAX} columns are needed")));
        }
        let columns =
            self.columns.iter().map(DefinedColumn::checked).collect::<Result<Vec<_>>>()?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(&column.id)) {
            let problem = format!("column \"{}\" stands there twice", twice.id);
            return Err(Error::invalid("columns", problem));
        }
        self.chart.check(&columns)?;
        self.behind.as_ref().map_or(Ok(()), DefinedBehind::check)?;
        let may = |role: &Role| role.allows(Permission::ReportsRead);
        if self.roles.is_empty() || !self.roles.iter().all(may) {
            let problem =
                "supervisor, manager or administrator is needed: roles that may run reports";
            return Err(Error::invalid("roles", problem));
        }
        let title = self.title.checked("title", text::name)?;
        let help = self.help.checked("help", text::line)?;
        Ok(ReportDefinitionDraft { title, help, columns, ..self.clone() })
    }
}

const SELECT: &str = "SELECT name, version, at, user_id, document FROM report_definitions";
/// Of each definition the version in use.
const IN_USE: &str = "version = (SELECT MAX(version) FROM report_definitions AS later
     WHERE later.tenant_id = report_definitions.tenant_id AND later.name = report_definitions.name)";

fn of(row: &DbRow) -> Result<ReportDefinition> {
    let version: i64 = row.get("version");
    Ok(ReportDefinition {
        name: row.get("name"),
        version: u32::try_from(version).unwrap_or(u32::MAX),
        at: time(row, "at"),
        by: id_opt(row, "user_id").map(UserId),
        draft: document(row, "document", "read report definitions", "report definition")?,
    })
}

impl Store {
    /// The definitions of a tenant as they are in use, by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn report_definitions(&self, tenant: TenantId) -> Result<Vec<ReportDefinition>> {
        let sql = format!("{SELECT} WHERE tenant_id = $1 AND {IN_USE} ORDER BY name LIMIT 200");
        let rows = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await;
        rows.during("list report definitions")?.iter().map(of).collect()
    }

    /// The versions of a definition that are kept, the one in use first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn report_definition_versions(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<ReportDefinition>> {
        let sql = format!(
            "{SELECT} WHERE tenant_id = $1 AND name = $2 ORDER BY version DESC LIMIT {VERSIONS_KEPT}"
        );
        let rows = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .bind(name)
            .fetch_all(self.reader())
            .await
            .during("list versions of a report definition")?;
        if rows.is_empty() {
            return Err(Error::not_found("report definition", name));
        }
        rows.iter().map(of).collect()
    }

    /// The definition `name` as it is in use.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn report_definition(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<ReportDefinition> {
        let sql = format!("{SELECT} WHERE tenant_id = $1 AND name = $2 AND {IN_USE}");
        let row = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .bind(name)
            .fetch_optional(self.reader())
            .await
            .during("read a report definition")?;
        of(&row.ok_or_else(|| Error::not_found("report definition", name))?)
    }

    /// Makes a definition, or the next version of it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Refused`] when there are too many.
    pub async fn put_report_definition(
        &self,
        tenant: TenantId,
        by: &By,
        name: &str,
        draft: &ReportDefinitionDraft,
    ) -> Result<ReportDefinition> {
        let name = text::token("name", name, NAME_CHARS_MAX)?;
        let draft = draft.checked()?;
        let mut write = self.write("define a report").await?;
        let doing = write.doing;
        let last: Option<i64> = sql::query_scalar(
            "SELECT MAX(version) FROM report_definitions WHERE tenant_id = $1 AND name = $2",
        )
        .bind(tenant.0 as i64)
        .bind(&name)
        .fetch_one(write.db())
        .await
        .during(doing)?;
        if last.is_none() {
            let count = "SELECT COUNT(DISTINCT name) FROM report_definitions WHERE tenant_id = $1";
            write.room_for(tenant, count, DEFINITIONS_MAX).await?;
        }
        let version = last.unwrap_or(0) + 1;
        sql::query(
            "INSERT INTO report_definitions (tenant_id, name, version, at, user_id, document)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(tenant.0 as i64)
        .bind(&name)
        .bind(version)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .bind(serde_json::to_string(&draft).expect("a definition is always valid JSON"))
        .execute(write.db())
        .await
        .during(doing)?;
        sql::query(
            "DELETE FROM report_definitions WHERE tenant_id = $1 AND name = $2 AND version <= $3",
        )
        .bind(tenant.0 as i64)
        .bind(&name)
        .bind(version - VERSIONS_KEPT)
        .execute(write.db())
        .await
        .during(doing)?;
        let subject = format!("{name} version {version}");
        write.audit(tenant, by, "report_definition.put", subject).await?;
        write.commit().await?;
        self.report_definition(tenant, &name).await
    }

    /// Takes a definition away, with its versions.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] while a saved report makes it.
    pub async fn remove_report_definition(
        &self,
        tenant: TenantId,
        by: &By,
        name: &str,
    ) -> Result<()> {
        let report = format!("{PREFIX}{name}");
        let saved = self.saved_reports(tenant).await?;
        if let Some(saved) = saved.iter().find(|saved| saved.draft.report == report) {
            let problem = format!("the saved report \"{}\" makes it", saved.draft.name);
            return Err(Error::Refused(problem));
        }
        let mut write = self.write("remove a report definition").await?;
        let doing = write.doing;
        let done = sql::query("DELETE FROM report_definitions WHERE tenant_id = $1 AND name = $2")
            .bind(tenant.0 as i64)
            .bind(name)
            .execute(write.db())
            .await
            .during(doing)?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("report definition", name));
        }
        write.audit(tenant, by, "report_definition.remove", name).await?;
        write.commit().await
    }
}
