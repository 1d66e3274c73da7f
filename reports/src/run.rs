//! Runs a report: its SQL on a session of the warehouse, names put to ids, rows in order, totals.

mod opened;
mod own;

pub use opened::{Opened, numbers_of, open, open_number};
pub use own::{Asked, Wrong, check_own, count_own, run_own};

use crate::definition::{Column, Kind, Order, Report, Source};
use crate::interval::is_provisional;
use crate::level::Thresholds;
use crate::messages::{NO_DEPARTMENT, NO_QUEUE, NO_TEAM, stored};
use crate::narrow::Narrowed;
use crate::period::Period;
use crate::ran::{Ran, Stored};
use crate::rates::{Rates, amount};
use crate::table::{Cell, ReportTable, Row, RowKind};
use crate::window::Window;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::DateTime;
use std::collections::BTreeMap;
use terms::{AgentId, AreaId, FlowId, QueueId, TeamId, Timestamp, TrunkId, UserId, WorkerId};
use warehouse::query::literal;
use warehouse::{Session, SqlError};

/// An agent as people know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentName {
    /// Work number.
    pub number: String,
    /// Name.
    pub name: String,
}

/// Names for ids; the warehouse stores ids only. An id without a name is shown as `#7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Agents.
    pub agents: BTreeMap<AgentId, AgentName>,
    /// Queues.
    pub queues: BTreeMap<QueueId, String>,
    /// Trunks.
    pub trunks: BTreeMap<TrunkId, String>,
    /// Flows.
    pub flows: BTreeMap<FlowId, String>,
    /// Teams, those that were dissolved included.
    pub teams: BTreeMap<TeamId, String>,
    /// Areas.
    pub areas: BTreeMap<AreaId, String>,
    /// Field workers.
    pub workers: BTreeMap<WorkerId, String>,
}

/// What a report is run with.
#[derive(Clone, Debug)]
pub struct Params {
    /// Over which time, in which zone.
    pub period: Period,
    /// When it is run.
    pub now: Timestamp,
    /// Whose it is, as printed.
    pub tenant: String,
    /// Names for ids.
    pub names: Names,
    /// By which numbers it counts.
    pub thresholds: Thresholds,
    /// What it is narrowed to. The session that it is run on has the rows of that alone
    /// ([`Report::only`]).
    pub narrowed: Narrowed,
    /// Only what this person did; read by the report `audit`.
    pub user: Option<UserId>,
    /// Only this action, or those of this kind; read by the report `audit`.
    pub action: Option<String>,
    /// What agents and trunks cost; read by the report `cost_per_contact`, which costs nothing without.
    pub rates: Option<Rates>,
    /// The most lines that all trunks together have; read by the report `capacity`, 0 where that is
    /// not known.
    pub lines_max: u64,
    /// How long the processes of the box ran; read by the report `system`, empty where that is not
    /// known.
    pub ran: Vec<Ran>,
    /// What the files of the warehouse take; read by the report `system`, in the same way.
    pub stored: Vec<Stored>,
}

impl Params {
    /// The usual thresholds.
    pub fn new(period: Period, now: Timestamp, tenant: impl Into<String>, names: Names) -> Self {
        Params {
            period,
            now,
            tenant: tenant.into(),
            names,
            thresholds: Thresholds::default(),
            narrowed: Narrowed::default(),
            user: None,
            action: None,
            rates: None,
            lines_max: 0,
            ran: Vec::new(),
            stored: Vec::new(),
        }
    }
}

/// Why a report has no table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The warehouse did not answer.
    #[error("run report {report}: {source}")]
    Query {
        /// Which report.
        report: &'static str,
        /// Why.
        source: Box<SqlError>,
    },
    /// The answer is not what the definition expects.
    #[error("run report {report}: the answer has no usable field {field}: {why}")]
    Field {
        /// Which report.
        report: &'static str,
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A form could not be made.
    #[error("render report {report} as {format}: {why}")]
    Render {
        /// Which report.
        report: &'static str,
        /// As what.
        format: &'static str,
        /// Why.
        why: String,
    },
}

/// Runs `report` on `session` with `params`.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses or fails.
pub async fn run(
    session: &Session,
    report: &'static Report,
    params: &Params,
) -> Result<ReportTable, Error> {
    let narrowed = &params.narrowed;
    debug_assert_eq!(session.scope().only, report.only(narrowed), "as the head of the page says");
    let window = window_on(session, params);
    let answer = ask(session, report, &(report.sql)(&window)).await?;

    let mut rows = Vec::with_capacity(answer.rows());
    for batch in &answer.batches {
        rows_of(report, &window, params, batch, &mut rows)?;
    }
    if report.order == Order::FirstColumn {
        rows.sort_by_cached_key(|row| first_column_key(&row.cells[0]));
    }
    let period = params.period.clone();
    let mut table = ReportTable::new(report, &params.tenant, period, params.now, rows);
    table.truncated = answer.truncated;
    table.left_out = answer.left_out;
    table.thresholds = params.thresholds;
    table.conditions = narrowed.told(&params.names, session.scope());
    table.figures = params.thresholds.level.figures(report);
    table.values = vec![
        ("{user}", params.user.map_or("*".to_owned(), |user| user.to_string())),
        ("{lines_max}", params.lines_max.to_string()),
        ("{action}", params.action.clone().unwrap_or("*".to_owned())),
    ];
    if let Some(rates) = &params.rates {
        table.values.extend([
            ("{agent_hour}", amount(rates.agent_hour)),
            ("{inbound_minute}", amount(rates.inbound_minute)),
            ("{outbound_minute}", rates.outbound_text()),
        ]);
    }
    Ok(table)
}

/// How many rows `report` has, counted and not read.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses or fails.
pub async fn count(
    session: &Session,
    report: &'static Report,
    params: &Params,
) -> Result<u64, Error> {
    let rows = (report.sql)(&window(params));
    let answer =
        ask(session, report, &format!("SELECT COUNT(*) AS n FROM ({rows}) AS made")).await?;
    Ok(first_number(&answer))
}

/// The number that a question for a count is answered with.
fn first_number(answer: &warehouse::Answer) -> u64 {
    let count = answer.batches.iter().find(|batch| batch.num_rows() > 0);
    let count = count.map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0));
    count.unsigned_abs()
}

/// The window of a report that is run on `session`.
fn window_on(session: &Session, params: &Params) -> Window {
    // Most counts tell no agents apart, so those of some agents' rows are made of the rows anyway: of
    // all there are, and not of the period's.
    let scope = session.scope();
    let are_kept = scope.only.iter().all(|only| session.keeps_counts(only.table));
    Window { rollups: scope.agents.is_none() && are_kept, ..window(params) }
}

fn window(params: &Params) -> Window {
    let Thresholds { service_level_s, short_abandon_s, repeat_days, item_target_s, level } =
        params.thresholds;
    let window = Window::new(&params.period, params.now, service_level_s, short_abandon_s);
    Window {
        repeat_days,
        item_target_s,
        level,
        user: params.user,
        action: params.action.clone(),
        rates: params.rates.clone(),
        lines_max: params.lines_max,
        ran: params.ran.clone(),
        stored: params.stored.clone(),
        ..window
    }
}

async fn ask(
    session: &Session,
    report: &'static Report,
    sql: &str,
) -> Result<warehouse::Answer, Error> {
    let answer = session.query(sql).await;
    answer.map_err(|source| Error::Query { report: report.id, source: Box::new(source) })
}

/// Work numbers stand by value, names by letters, what has no name at the end.
fn first_column_key(cell: &Cell) -> (u8, u64, String) {
    match cell {
        Cell::Text(text) => match text.parse::<u64>() {
            Ok(number) => (0, number, String::new()),
            Err(_) => (1, 0, text.clone()),
        },
        _ => (2, 0, String::new()),
    }
}

fn rows_of(
    report: &'static Report,
    window: &Window,
    params: &Params,
    batch: &RecordBatch,
    rows: &mut Vec<Row>,
) -> Result<(), Error> {
    let columns = FieldColumns::new(report.id, batch)?;
    let narrowed = &params.narrowed;
    let silent = report.silent(narrowed);
    for row in 0..batch.num_rows() {
        let fields = Fields { columns: &columns, row };
        if !report.keeps(narrowed, &fields)? {
            continue;
        }
        let cells = report
            .columns
            .iter()
            .map(|column| match silent.contains(&column.id) {
                true => Ok(Cell::Empty),
                false => cell(column, &fields, &params.names),
            })
            .collect::<Result<Vec<Cell>, Error>>()?;
        let behind = Some(report.left_of((report.behind)(window, &fields)?, narrowed));
        let provisional = is_provisional(report, &params.period, params.now, &fields)?;
        rows.push(Row { kind: RowKind::Data, cells, behind, provisional });
    }
    Ok(())
}

fn cell(column: &Column, fields: &Fields, names: &Names) -> Result<Cell, Error> {
    let agent = |field| {
        let id = fields.int(field)?.map(|id| AgentId(id as u64));
        Ok::<_, Error>(id.map(|id| (id, names.agents.get(&id))))
    };
    Ok(match column.source {
        Source::Field(field) | Source::Interval(field) => fields.cell(field, column.kind)?,
        Source::Ratio { numerator, denominator } => Cell::Ratio {
            numerator: fields.int(numerator)?.unwrap_or(0),
            denominator: fields.int(denominator)?.unwrap_or(0),
        },
        Source::Word(field) => match fields.text(field)? {
            Some(text) => stored(&text).map_or_else(|| Cell::text(&text), Cell::Word),
            None => Cell::Empty,
        },
        Source::AgentNumber(field) => match agent(field)? {
            Some((_, Some(agent))) => Cell::text(&agent.number),
            Some((id, None)) => Cell::Text(format!("#{id}")),
            None => Cell::Empty,
        },
        Source::AgentName(field) => match agent(field)? {
            Some((_, Some(agent))) => Cell::text(&agent.name),
            Some((id, None)) => Cell::Text(format!("#{id}")),
            None => Cell::Empty,
        },
        Source::QueueName(field) => match fields.int(field)?.map(|id| QueueId(id as u64)) {
            Some(id) => named(names.queues.get(&id), id),
            None => Cell::Word(&NO_QUEUE),
        },
        Source::TrunkName(field) => match fields.int(field)?.map(|id| TrunkId(id as u64)) {
            Some(id) => named(names.trunks.get(&id), id),
            None => Cell::Empty,
        },
        Source::FlowName(field) => match fields.int(field)?.map(|id| FlowId(id as u64)) {
            Some(id) => named(names.flows.get(&id), id),
            None => Cell::Empty,
        },
        Source::TeamName(field) => match fields.int(field)?.map(|id| TeamId(id as u64)) {
            Some(id) => named(names.teams.get(&id), id),
            None => Cell::Word(&NO_TEAM),
        },
        Source::AreaName(field) => match fields.int(field)?.map(|id| AreaId(id as u64)) {
            Some(id) => named(names.areas.get(&id), id),
            None => Cell::Empty,
        },
        Source::WorkerName(field) => match fields.int(field)?.map(|id| WorkerId(id as u64)) {
            Some(id) => named(names.workers.get(&id), id),
            None => Cell::Empty,
        },
        Source::Hour(field) => match fields.int(field)? {
            Some(hour) => Cell::Text(format!("{hour:02}:00–{:02}:00", hour + 1)),
            None => Cell::Empty,
        },
        Source::HalfHour(field) => match fields.int(field)? {
            Some(half) => {
                let time = |half: i64| format!("{:02}:{:02}", half / 2, half % 2 * 30);
                Cell::Text(format!("{}–{}", time(half), time(half + 1)))
            }
            None => Cell::Empty,
        },
        Source::Day(field) => match fields.int(field)?.map(day_text) {
            Some(day) => Cell::Text(day),
            None => Cell::Empty,
        },
        Source::Department(field) => match fields.text(field)? {
            Some(text) if !text.trim().is_empty() => Cell::text(&text),
            _ => Cell::Word(&NO_DEPARTMENT),
        },
    })
}

/// The name of what has an id, or the id.
fn named(name: Option<&String>, id: impl std::fmt::Display) -> Cell {
    name.map_or_else(|| Cell::Text(format!("#{id}")), |name| Cell::text(name))
}

/// The day so many days after 1970-01-01.
fn day_text(days: i64) -> String {
    let at = DateTime::from_timestamp(days.saturating_mul(86_400), 0).unwrap_or_default();
    at.format("%Y-%m-%d").to_string()
}

/// The columns of one batch of an answer, by name, brought to three types.
struct FieldColumns {
    report: &'static str,
    columns: Vec<(String, FieldColumn)>,
}

enum FieldColumn {
    Int(arrow::array::Int64Array),
    Time(arrow::array::Int64Array),
    Text(arrow::array::StringArray),
}

impl FieldColumns {
    fn new(report: &'static str, batch: &RecordBatch) -> Result<Self, Error> {
        let schema = batch.schema();
        let columns = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| {
                let name = field.name().clone();
                let made = field_column(column).map_err(|error| Error::Field {
                    report,
                    field: "of the SQL",
                    why: format!("{name}: {error}"),
                })?;
                Ok((name, made))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(FieldColumns { report, columns })
    }
}

fn field_column(column: &dyn Array) -> Result<FieldColumn, arrow::error::ArrowError> {
    let ints = |array: &dyn Array| {
        cast(array, &DataType::Int64).map(|made| made.as_primitive::<Int64Type>().clone())
    };
    Ok(match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            FieldColumn::Text(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
        }
        DataType::Timestamp(_, zone) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            FieldColumn::Time(ints(&cast(column, &micros)?)?)
        }
        _ => FieldColumn::Int(ints(column)?),
    })
}

/// The fields of one row of the SQL's answer.
pub struct Fields<'a> {
    columns: &'a FieldColumns,
    row: usize,
}

impl Fields<'_> {
    fn column(&self, field: &'static str) -> Result<&FieldColumn, Error> {
        let found = self.columns.columns.iter().find(|(name, _)| name == field);
        found.map(|(_, column)| column).ok_or_else(|| Error::Field {
            report: self.columns.report,
            field,
            why: "it is not in the SELECT".to_owned(),
        })
    }

    /// A whole number.
    ///
    /// # Errors
    /// When the SQL does not give it.
    pub fn int(&self, field: &'static str) -> Result<Option<i64>, Error> {
        match self.column(field)? {
            FieldColumn::Int(array) | FieldColumn::Time(array) => {
                Ok(array.is_valid(self.row).then(|| array.value(self.row)))
            }
            FieldColumn::Text(_) => Err(Error::Field {
                report: self.columns.report,
                field,
                why: "it is text where a number is needed".to_owned(),
            }),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// When the SQL does not give it.
    pub fn text(&self, field: &'static str) -> Result<Option<String>, Error> {
        match self.column(field)? {
            FieldColumn::Text(array) => {
                Ok(array.is_valid(self.row).then(|| array.value(self.row).to_owned()))
            }
            _ => Err(Error::Field {
                report: self.columns.report,
                field,
                why: "it is a number where text is needed".to_owned(),
            }),
        }
    }

    /// The field as SQL writes it; `None` for NULL.
    fn literal(&self, field: &str) -> Result<Option<String>, Error> {
        let found = self.columns.columns.iter().find(|(name, _)| name == field);
        let (_, column) = found.ok_or_else(|| Error::Field {
            report: self.columns.report,
            field: "of the condition",
            why: format!("there is no {field}"),
        })?;
        Ok(match column {
            FieldColumn::Int(array) if array.is_valid(self.row) => {
                Some(array.value(self.row).to_string())
            }
            FieldColumn::Time(array) if array.is_valid(self.row) => {
                Some(literal::instant(Timestamp(array.value(self.row))))
            }
            FieldColumn::Text(array) if array.is_valid(self.row) => {
                Some(literal::text(array.value(self.row)))
            }
            FieldColumn::Int(_) | FieldColumn::Time(_) | FieldColumn::Text(_) => None,
        })
    }

    fn cell(&self, field: &'static str, kind: Kind) -> Result<Cell, Error> {
        let value = |array: &arrow::array::Int64Array| {
            array.is_valid(self.row).then(|| array.value(self.row))
        };
        Ok(match self.column(field)? {
            FieldColumn::Int(array) if kind == Kind::Duration => {
                value(array).map_or(Cell::Empty, Cell::Duration)
            }
            FieldColumn::Int(array) => value(array).map_or(Cell::Empty, Cell::Count),
            FieldColumn::Time(array) => {
                value(array).map_or(Cell::Empty, |us| Cell::Time(Timestamp(us)))
            }
            FieldColumn::Text(array) if array.is_valid(self.row) => {
                Cell::text(array.value(self.row))
            }
            FieldColumn::Text(_) => Cell::Empty,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{QUALITY, QUEUE_SUMMARY, WORKLOAD};
    use terms::TenantId;
    use warehouse::{Limits, Scope, Warehouse};

    #[tokio::test]
    async fn counts_are_read_where_they_tell_apart_what_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let of_queue = Narrowed { queues: vec![QueueId(3)], ..Narrowed::default() };
        let of_agent = Narrowed { agents: vec![AgentId(7)], ..Narrowed::default() };
        let now = Timestamp::from_secs(1_795_406_400);
        for (report, narrowed, are_read) in [
            (&QUEUE_SUMMARY, of_queue, true),
            (&WORKLOAD, of_agent.clone(), true),
            (&QUALITY, of_agent, false),
            (&QUALITY, Narrowed::default(), true),
        ] {
            let scope = Scope { only: report.only(&narrowed), ..Scope::of(TenantId(1)) };
            let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
            let period = Period::parse("2026-11-23", "Asia/Shanghai", now).unwrap();
            let params =
                Params { narrowed, ..Params::new(period, now, "热线", Names::default()) };
            assert_eq!(window_on(&session, &params).rollups, are_read, "{}", report.id);
        }
    }
}
