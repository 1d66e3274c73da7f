//! `table`: looks a key up in a table that the flow carries; the columns of the row become
//! variables.

use super::Kind;
use crate::ivr::LIST_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Looks something up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name in `tables` of the document.
    pub table: String,
    /// What is looked up, with variables.
    pub key: String,
    /// Which row is the right one.
    #[serde(default, rename = "match")]
    pub way: Match,
    /// Variable to column.
    pub map: BTreeMap<String, String>,
    /// Then; the variable `table_key` holds the key of the row.
    pub next: String,
    /// When there is no such row.
    pub not_found: String,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

/// Which row of a table is the right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// The one with this key.
    #[default]
    Exact,
    /// The one with the longest key that the looked-up text begins with: numbers, postcodes.
    LongestPrefix,
}

impl Kind for Table {
    const KIND: &'static str = "table";
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![("next".to_owned(), &self.next), ("not_found".to_owned(), &self.not_found)]
    }
    fn check(&self, report: &mut Report) {
        report.template("key", &self.key);
        report.range("map", self.map.len() as u32, 1, LIST_MAX as u32);
        for variable in self.map.keys() {
            report.variable("map", variable);
        }
        report.table("table", &self.table, self.map.values());
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let key = run.variables.expand(&self.key, Escape::None);
        let Some((key, row)) = run.look_up(&self.table, key.trim(), self.way) else {
            return run.exit("not_found", Some(&self.not_found));
        };
        run.variables.set("table_key", &key);
        for (variable, column) in &self.map {
            run.variables.set(variable, row.get(column).map_or("", String::as_str));
        }
        run.exit("next", Some(&self.next));
    }
}
