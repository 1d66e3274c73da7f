//! Runs a report that a tenant defined, with what is behind its rows, and checks a definition before it is kept: its SQL is planned
//! in the scope of who asks, and its columns have to be those of the answer.

mod behind;

use super::{Error, FieldColumns, Fields, Names, Params, cell, first_number};
use crate::definition::Report;
use crate::interval::is_provisional;
use crate::messages::Words;
use crate::own::{AGENT, Definition, Described, QUEUE, What};
use crate::table::{Cell, ReportTable, Row, RowKind, clean};
use arrow::datatypes::{DataType, SchemaRef};
use terms::{AgentId, QueueId, Timestamp};
use warehouse::query::named::Named;
use warehouse::query::{literal, nearest};
use warehouse::{Session, SqlError};

/// What a report that a tenant defined is asked with, besides its period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only this queue.
    pub queue: Option<QueueId>,
    /// Only this agent.
    pub agent: Option<AgentId>,
}

/// Why a definition cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// Its question.
    #[error(transparent)]
    Sql(#[from] Box<SqlError>),
    /// Its columns.
    #[error("{0}")]
    Columns(String),
    /// What is behind its rows.
    #[error("{0}")]
    Behind(String),
}

fn values(from: Timestamp, until: Timestamp, asked: Asked) -> [Named; 4] {
    [
        ("from", literal::instant(from)),
        ("until", literal::instant(until)),
        ("queue", literal::id(asked.queue.map(|id| id.0))),
        ("agent", literal::id(asked.agent.map(|id| id.0))),
    ]
}

/// Runs the question of `definition`, which `report` was made of, on `session`.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses or fails, [`Error::Field`] for an answer that is not
/// as described.
pub async fn run_own(
    session: &Session,
    report: &'static Report,
    definition: &Definition,
    params: &Params,
    asked: Asked,
) -> Result<ReportTable, Error> {
    let period = &params.period;
    let sql = &definition.sql;
    let answer = session.query_named(sql, &values(period.from, period.to, asked)).await;
    let answer =
        answer.map_err(|source| Error::Query { report: report.id, source: Box::new(source) })?;
    let mut rows = Vec::with_capacity(answer.rows());
    for batch in &answer.batches {
        let columns = FieldColumns::new(report.id, batch)?;
        for row in 0..batch.num_rows() {
            let fields = Fields { columns: &columns, row };
            let cells = report
                .columns
                .iter()
                .map(|column| cell(column, &fields, &params.names))
                .collect::<Result<Vec<Cell>, Error>>()?;
            let provisional = is_provisional(report, period, params.now, &fields)?;
            let behind = behind::of(definition.behind.as_ref(), period, &fields)?;
            rows.push(Row { kind: RowKind::Data, cells, behind, provisional });
        }
    }
    let mut table = ReportTable::new(report, &params.tenant, period.clone(), params.now, rows);
    table.conditions = conditions(asked, &params.names);
    table.truncated = answer.truncated;
    table.left_out = answer.left_out;
    Ok(table)
}

/// How many rows the question of `definition` has, counted and not read.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses, fails or takes too long.
pub async fn count_own(
    session: &Session,
    report: &'static Report,
    definition: &Definition,
    params: &Params,
    asked: Asked,
) -> Result<u64, Error> {
    let period = &params.period;
    let sql = &definition.sql;
    let answer = session.count_named(sql, &values(period.from, period.to, asked)).await;
    let answer =
        answer.map_err(|source| Error::Query { report: report.id, source: Box::new(source) })?;
    Ok(first_number(&answer))
}

/// What it was asked with, by the names that people know.
fn conditions(asked: Asked, names: &Names) -> Vec<(Words, String)> {
    let queue = asked.queue.map(|id| {
        let name = names.queues.get(&id).map(|name| clean(name));
        (QUEUE.name, name.unwrap_or_else(|| format!("#{id}")))
    });
    let agent = asked.agent.map(|id| {
        let name = names.agents.get(&id);
        let name = name.map(|agent| clean(&format!("{} {}", agent.number, agent.name)));
        (AGENT.name, name.unwrap_or_else(|| format!("#{id}")))
    });
    queue.into_iter().chain(agent).collect()
}

/// Checks that the question of `definition` can be asked on `session`, that its columns are
/// described, each field by its type, and that what is behind its rows can be asked too.
///
/// # Errors
/// [`Wrong`], with the place in the question or the column's name.
pub async fn check_own(session: &Session, definition: &Definition) -> Result<(), Wrong> {
    let none = values(Timestamp(0), Timestamp(0), Asked::default());
    let schema = session.columns_named(&definition.sql, &none).await.map_err(Box::new)?;
    for column in &definition.columns {
        described(column, &schema)?;
    }
    let shown = |name: &str| {
        let is_it = |column: &Described| {
            column.field == name || column.over.as_deref().is_some_and(|over| over == name)
        };
        definition.columns.iter().any(is_it)
    };
    if let Some(field) = schema.fields().iter().find(|field| !shown(field.name())) {
        return Err(Wrong::Columns(format!(
            "the answer's field \"{}\" is described by no column",
            field.name()
        )));
    }
    match &definition.behind {
        Some(behind) => behind::check(session, behind, &schema).await,
        None => Ok(()),
    }
}

fn described(column: &Described, schema: &SchemaRef) -> Result<(), Wrong> {
    for name in [Some(&column.field), column.over.as_ref()].into_iter().flatten() {
        let Some(field) = schema.fields().iter().find(|field| field.name() == name) else {
            return Err(missing(column, name, schema));
        };
        if !fits(column.what, field.data_type()) {
            return Err(Wrong::Columns(format!(
                "column \"{}\": the field \"{name}\" has to be {}, and is {}",
                column.id,
                needed(column.what),
                field.data_type()
            )));
        }
    }
    Ok(())
}

fn missing(column: &Described, name: &str, schema: &SchemaRef) -> Wrong {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let id = &column.id;
    Wrong::Columns(match nearest(name, names.iter().copied()).first() {
        Some(near) => {
            format!("column \"{id}\": the answer has no field \"{name}\"; did you mean \"{near}\"?")
        }
        None => {
            let all = names.join(", ");
            format!("column \"{id}\": the answer has no field \"{name}\"; there are {all}")
        }
    })
}

/// Of which type a field has to be.
fn needed(what: What) -> &'static str {
    match what {
        What::Text => "text",
        What::Time => "a time",
        What::Day => "a date",
        What::Count
        | What::Duration
        | What::Percent
        | What::Decimal
        | What::Agent
        | What::Queue
        | What::Team => "a whole number",
    }
}

fn fits(what: What, kind: &DataType) -> bool {
    match what {
        What::Text => *kind == DataType::Utf8,
        What::Time => matches!(kind, DataType::Timestamp(_, _)),
        What::Day => *kind == DataType::Date32,
        What::Count
        | What::Duration
        | What::Percent
        | What::Decimal
        | What::Agent
        | What::Queue
        | What::Team => kind.is_integer(),
    }
}
