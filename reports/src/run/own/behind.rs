//! What is behind the rows of a report that a tenant defined: as it declares, or the one matter whose id
//! a row has.

use super::Wrong;
use crate::own::Behind;
use crate::period::Period;
use crate::run::{Error, Fields};
use crate::table::Condition;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use terms::Timestamp;
use warehouse::Session;
use warehouse::query::{is_expression, literal, nearest};
use warehouse::schema::layouts;

/// Columns that name a matter.
const KEYS: [&str; 3] = ["contact_id", "call_id", "order_id"];
/// A field of this name in the answer opens that matter, without being declared.
const MATTERS: [(&str, &str); 3] =
    [("calls", "call_id"), ("calls", "contact_id"), ("orders", "order_id")];

/// What is behind one row of an answer over `period`.
///
/// # Errors
/// [`Error::Field`] for a declaration that the answer does not fit any more.
pub fn of(
    declared: Option<&Behind>,
    period: &Period,
    fields: &Fields,
) -> Result<Option<Condition>, Error> {
    let Some(declared) = declared else { return Ok(matter(fields)) };
    let mut parts = Vec::new();
    for field in &declared.by {
        parts.push(match fields.literal(field)? {
            Some(value) => format!("{field} = {value}"),
            None => format!("{field} IS NULL"),
        });
    }
    Ok(condition(declared, parts, (period.from, period.to)))
}

/// The call, contact or order whose id the row has.
fn matter(fields: &Fields) -> Option<Condition> {
    MATTERS.iter().find_map(|&(table, key)| {
        // An id may be told as text, so that it is not grouped like a count.
        let told = fields.literal(key).ok()??;
        let id: i64 = told.trim_matches('\'').parse().ok()?;
        Some(Condition { table, key, predicate: format!("{key} = {id}") })
    })
}

/// The declared rows of which `parts` hold; `None` for a table or key that there is not.
fn condition(
    declared: &Behind,
    mut parts: Vec<String>,
    (from, to): (Timestamp, Timestamp),
) -> Option<Condition> {
    let (&table, _) = layouts().get_key_value(declared.table.as_str())?;
    let key = KEYS.into_iter().find(|key| *key == declared.key)?;
    if let Some(at) = &declared.at {
        let (from, to) = (literal::instant(from), literal::instant(to));
        parts.push(format!("{at} >= {from} AND {at} < {to}"));
    }
    parts.extend(declared.only.as_ref().map(|only| format!("({only})")));
    let predicate = if parts.is_empty() { "TRUE".to_owned() } else { parts.join(" AND ") };
    Some(Condition { table, key, predicate })
}

/// Checks a declaration against the tables and the answer's columns, and that it can be asked.
///
/// # Errors
/// [`Wrong::Behind`], with the word that does not fit and the nearest ones.
pub async fn check(session: &Session, declared: &Behind, answer: &SchemaRef) -> Result<(), Wrong> {
    let Behind { table, key, by, at, .. } = declared;
    let Some(layout) = layouts().get(table.as_str()) else {
        let known = layouts().keys().copied();
        return Err(unknown(format!("there is no table \"{table}\""), table, known));
    };
    let schema: &Schema = &layout.schema;
    if !KEYS.contains(&key.as_str()) {
        let what = format!("\"{key}\" names no matter");
        return Err(unknown(what, key, KEYS.into_iter()));
    }
    for name in [Some(key), at.as_ref()].into_iter().flatten().chain(by) {
        column(schema, table, name)?;
    }
    for name in by {
        let field = answer.fields().iter().find(|field| field.name() == name);
        let Some(field) = field else {
            let known = answer.fields().iter().map(|field| field.name().as_str());
            return Err(unknown(format!("the answer has no field \"{name}\""), name, known));
        };
        let there = column(schema, table, name)?;
        if !alike(field.data_type(), there) {
            return Err(wrong(format!(
                "\"{name}\" is {} in the answer and {there} in {table}",
                field.data_type()
            )));
        }
    }
    if let Some(at) = at
        && !matches!(column(schema, table, at)?, DataType::Timestamp(_, _))
    {
        return Err(wrong(format!("\"{at}\" is no time")));
    }
    if !declared.only.as_deref().is_none_or(is_expression) {
        let problem = "only is one condition: its brackets and quotes close, and it has no comment";
        return Err(wrong(problem.to_owned()));
    }
    let none = by.iter().map(|name| format!("{name} IS NULL")).collect();
    let Some(condition) = condition(declared, none, (Timestamp(0), Timestamp(0))) else {
        return Ok(());
    };
    let planned = session.columns_named(&condition.sql(), &[]).await;
    planned.map_err(|error| wrong(format!("the condition cannot be asked: {}", error.message)))?;
    Ok(())
}

/// The type of a column of the table.
fn column<'a>(schema: &'a Schema, table: &str, name: &str) -> Result<&'a DataType, Wrong> {
    let found = schema.fields().iter().find(|field| field.name() == name);
    found.map(|field| field.data_type()).ok_or_else(|| {
        let known = schema.fields().iter().map(|field| field.name().as_str());
        unknown(format!("{table} has no column \"{name}\""), name, known)
    })
}

/// Values of the two are compared as they are.
fn alike(one: &DataType, other: &DataType) -> bool {
    let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(_, _));
    one == other || (one.is_integer() && other.is_integer()) || (is_time(one) && is_time(other))
}

fn wrong(problem: String) -> Wrong {
    Wrong::Behind(problem)
}

fn unknown<'a>(what: String, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Wrong {
    let all = || known.clone().collect::<Vec<_>>().join(", ");
    wrong(match nearest(name, known.clone()).first() {
        Some(near) => format!("{what}; did you mean \"{near}\"?"),
        None => format!("{what}; there are {}", all()),
    })
}
