//! `sql`: asks a business database through a connector that an administrator made. Values are bound
//! in their places, never written into the statement. What reads is tried again once by whoever asks
//! the database, within the time; what writes is done once, so that one that came too late may have
//! happened and goes on at `error`. A kill has the flow begin anew, and so does its statement: by
//! `:once_key` the database knows that it had it before.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Fault, Input, Query, Run};
use crate::ivr::statement::Statement;
use crate::ivr::{CONNECTOR_MS_MAX, LIST_MAX, NAME_CHARS_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// In a statement the name of this visit of the step ([`Run::once_key`]), and no variable.
const ONCE_KEY: &str = "once_key";

/// Asks a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// Name of the connector.
    pub connector: String,
    /// One statement, with `:name` for the value of a variable, and `:once_key` for the name of this
    /// visit of the step.
    pub statement: String,
    /// It changes something: done once, in a transaction of its own.
    #[serde(default)]
    pub write: bool,
    /// Longest wait, within that of the connector.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Variable to column of the first row.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// When there is a row, or one was changed; the variable `sql_rows` holds how many.
    pub found: String,
    /// When there is none.
    pub none: String,
    /// `error`, `timeout`.
    #[serde(default)]
    pub on: On,
}

fn timeout_ms() -> u32 {
    3_000
}

impl Kind for Sql {
    const KIND: &'static str = "sql";
    const NEEDS: &'static [&'static str] = &["error", "timeout"];
    const MAY: &'static [&'static str] = &["hangup"];
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![("found".to_owned(), &self.found), ("none".to_owned(), &self.none)]
    }
    fn check(&self, report: &mut Report) {
        report.connector("connector", &self.connector, self.write);
        match Statement::parse(&self.statement) {
            Ok(statement) => report.unless(self.write || !statement.writes, || {
                (
                    "statement writes".to_owned(),
                    "\"write\": true, or a statement that reads".to_owned(),
                )
            }),
            Err((what, right)) => report.add(&what, &right),
        }
        report.range("timeout_ms", self.timeout_ms, 100, CONNECTOR_MS_MAX);
        report.range("map", self.map.len() as u32, 0, LIST_MAX as u32);
        for (variable, column) in &self.map {
            report.variable("map", variable);
            report.unless((1..=NAME_CHARS_MAX).contains(&column.chars().count()), || {
                (format!("map.{variable} names no column"), "the name of a column".to_owned())
            });
        }
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let Ok(Statement { text, names, .. }) = Statement::parse(&self.statement) else {
            return run.exit("error", self.on.get("error"));
        };
        let once = run.once_key();
        let value = |name: &String| match name.as_str() {
            ONCE_KEY => once.clone(),
            name => run.variables.get(name).to_owned(),
        };
        let values = names.iter().map(value).collect();
        let query = Query {
            connector: self.connector.clone(),
            statement: text,
            values,
            writes: self.write,
            wants_rows: !self.write || !self.map.is_empty(),
            timeout: Duration::from_millis(self.timeout_ms.into()),
        };
        run.query(cx, query);
    }
    fn handle(&self, run: &mut Run, cx: &Cx, input: &Input) {
        let Some(answer) = run.queried(cx, input) else { return };
        let label = match answer {
            Ok(found) => {
                run.variables.set("sql_rows", &found.rows.to_string());
                for (variable, column) in &self.map {
                    let value = found.first.get(column).map_or("", String::as_str);
                    run.variables.set(variable, value);
                }
                let (way, to) =
                    if found.rows > 0 { ("found", &self.found) } else { ("none", &self.none) };
                return run.exit(way, Some(to));
            }
            Err(Fault::Late) if !self.write => "timeout",
            Err(Fault::Late | Fault::Failed(_)) => "error",
        };
        run.exit(label, self.on.get(label));
    }
}
