//! What a run asks of a business database, and what comes back.

use super::{Cx, Doing, Effect, Input, Run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A statement for a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Name of the connector.
    pub connector: String,
    /// With `$1`, `$2` … in the places of the values.
    pub statement: String,
    /// In that order.
    pub values: Vec<String>,
    /// It may change something, and is never tried twice.
    pub writes: bool,
    /// Rows are wanted; else the number of those that were changed.
    pub wants_rows: bool,
    /// Longest wait.
    pub timeout: Duration,
}

/// What a database answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows there are, or were changed.
    pub rows: u64,
    /// Columns of the first row as texts; those without a value are empty.
    pub first: BTreeMap<String, String>,
}

/// Why a database did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not in time.
    Late,
    /// For this reason.
    Failed(String),
}

/// How often each step of a walk asked a database.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Names the walk.
    walk: String,
    /// By step, with the flow that it is of where that one was called.
    visits: BTreeMap<String, u32>,
}

impl Asked {
    pub(super) fn of(walk: &str) -> Self {
        Asked { walk: walk.to_owned(), visits: BTreeMap::new() }
    }
}

impl Run {
    /// Names what the step asks now: the walk, the step, and which of its visits this is. A flow that
    /// begins anew because its process was killed has the same names on the same way.
    pub(crate) fn once_key(&mut self) -> String {
        let step = match self.of {
            Some((flow, _)) => format!("{flow}:{}", self.step),
            None => self.step.clone(),
        };
        let Asked { walk, visits } = &mut self.asked;
        let key = format!("{walk}/{step}");
        let visit = visits.entry(step).or_default();
        *visit += 1;
        format!("{key}/{visit}")
    }

    /// Asks a database. Nobody waits longer than the query says.
    pub(crate) fn query(&mut self, cx: &Cx, query: Query) {
        let asked = cx.now.moment;
        self.doing = Doing::Fetching { left: 0, asked, until: asked + query.timeout };
        self.effects.push_back(Effect::Sql(query));
    }

    /// What the input makes of the query: how it ended.
    pub(crate) fn queried(&self, cx: &Cx, input: &Input) -> Option<Result<Found, Fault>> {
        let Doing::Fetching { until, .. } = &self.doing else { return None };
        match input {
            Input::Sql(answer) => Some(answer.clone()),
            Input::Timeout if cx.now.moment >= *until => Some(Err(Fault::Late)),
            Input::Timeout
            | Input::PlayDone
            | Input::Unheard
            | Input::Digit(_)
            | Input::Http(_)
            | Input::Bot(_)
            | Input::Load(_) => None,
        }
    }
}

/// What stands in for a database where a flow is tried: an answer of a server with a list of rows, one
/// row, or the number of rows that were changed.
pub(crate) fn stand_in(answer: Result<(u16, Value), String>) -> Result<Found, Fault> {
    let (status, body) = answer.map_err(Fault::Failed)?;
    if !(200..300).contains(&status) {
        return Err(Fault::Failed(format!("status {status}")));
    }
    let first = |row: &Value| {
        let fields = row.as_object().into_iter().flatten();
        fields.map(|(column, value)| (column.clone(), text(value))).collect()
    };
    Ok(match &body {
        Value::Array(rows) => {
            Found { rows: rows.len() as u64, first: rows.first().map(first).unwrap_or_default() }
        }
        Value::Object(_) => Found { rows: 1, first: first(&body) },
        other => Found { rows: other.as_u64().unwrap_or(0), first: BTreeMap::new() },
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
