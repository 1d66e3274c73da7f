//! The tables of a flow, and what steps say of them.

use super::{Report, clip};
use crate::ivr::flow::Table;
use crate::ivr::{
    COLUMNS_MAX, KEY_CHARS_MAX, NAME_CHARS_MAX, ROWS_MAX, TABLES_MAX, VALUE_CHARS_MAX,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reads the document's `tables`; what is wrong with one leaves it out.
pub(super) fn read(fields: &Map<String, Value>, report: &mut Report) -> BTreeMap<String, Table> {
    let Some(value) = fields.get("tables") else { return BTreeMap::new() };
    let Some(written) = value.as_object() else {
        report
            .add("\"tables\" is not an object", "{\"zones\": {\"310000\": {\"city\": \"杭州\"}}}");
        return BTreeMap::new();
    };
    report.range("tables", written.len() as u32, 0, TABLES_MAX as u32);
    let mut tables = BTreeMap::new();
    for (name, value) in written.iter().take(TABLES_MAX) {
        match serde_json::from_value::<Table>(value.clone()) {
            Ok(table) => {
                check(name, &table, report);
                let columns = table.values().flat_map(BTreeMap::keys).cloned().collect();
                report.tables.insert(name.clone(), columns);
                tables.insert(name.clone(), table);
            }
            Err(_) => report.add(
                &format!("tables.{} is not rows by key, each an object of texts", clip(name)),
                "{\"310000\": {\"city\": \"杭州\"}}",
            ),
        }
    }
    tables
}

fn check(name: &str, table: &Table, report: &mut Report) {
    let field = format!("tables.{}", clip(name));
    report.unless((1..=NAME_CHARS_MAX).contains(&name.chars().count()), || {
        (format!("the name of {field}"), format!("1 to {NAME_CHARS_MAX} characters"))
    });
    report.range(&field, table.len() as u32, 1, ROWS_MAX as u32);
    for (key, row) in table.iter().take(ROWS_MAX) {
        let is_right = (1..=KEY_CHARS_MAX).contains(&key.chars().count())
            && row.len() <= COLUMNS_MAX
            && row.keys().all(|column| (1..=NAME_CHARS_MAX).contains(&column.chars().count()))
            && row.values().all(|text| text.chars().count() <= VALUE_CHARS_MAX);
        report.unless(is_right, || {
            (
                format!("{field} has the row \"{}\"", clip(key)),
                format!(
                    "a key of 1 to {KEY_CHARS_MAX} characters and up to {COLUMNS_MAX} columns \
                     of up to {VALUE_CHARS_MAX}"
                ),
            )
        });
    }
}

impl Report<'_> {
    /// A table of the document, and columns of it.
    pub(crate) fn table<'c>(
        &mut self,
        field: &str,
        name: &str,
        columns: impl Iterator<Item = &'c String>,
    ) {
        let Some(known) = self.tables.get(name).cloned() else {
            let known: Vec<&str> = self.tables.keys().map(String::as_str).collect();
            let right = match known.as_slice() {
                [] => "\"tables\" in the document".to_owned(),
                known => format!("one of {}", known.join(", ")),
            };
            return self.add(&format!("{field}: there is no table \"{}\"", clip(name)), &right);
        };
        for column in columns.filter(|column| !known.contains(*column)) {
            let known: Vec<&str> = known.iter().take(12).map(String::as_str).collect();
            let what = format!("{}: no row has the column \"{}\"", clip(name), clip(column));
            self.add(&what, &format!("one of {}", known.join(", ")));
        }
    }
}
