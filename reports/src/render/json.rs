//! For programs: the same table as JSON. Every cell stands there twice, as the pages show it
//! (`text`, through [`cell_text`]) and as the number behind that: counts as they are, durations in
//! milliseconds, times by RFC 3339 in the report's zone, and of a ratio its numerator and its
//! denominator, so that whoever adds rows up need not average averages. An empty cell is `null`. A row
//! has a `key` by which what is behind it is opened, besides the query (`behind`) for who asks in SQL; a
//! column says whether each of its numbers opens too (`opens`).

use super::page::formulas;
use crate::cell::{cell_text, local};
use crate::definition::{Column, Kind, Total};
use crate::messages::{Language, TOTAL};
use crate::table::{Cell, Condition, ReportTable, Row, RowKind};
use chrono::SecondsFormat;
use chrono_tz::Tz;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use terms::Timestamp;

/// The file.
pub fn write(table: &ReportTable, language: Language) -> Vec<u8> {
    let mut out = Vec::new();
    let report = Document { table, language };
    serde_json::to_writer(&mut out, &report).expect("a table is always valid JSON");
    out.push(b'\n');
    out
}

struct Document<'a> {
    table: &'a ReportTable,
    language: Language,
}

#[derive(Serialize)]
struct Period {
    first: String,
    last: String,
    from: String,
    to: String,
    time_zone: &'static str,
}

/// What it was asked with, as the head of the page says it.
#[derive(Serialize)]
struct ConditionOf<'a> {
    name: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct ColumnOf {
    id: &'static str,
    header: &'static str,
    kind: Kind,
    /// Its numbers open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    opens: bool,
}

#[derive(Serialize)]
struct RowOf<'a> {
    kind: &'static str,
    /// Its interval goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    provisional: bool,
    cells: Cells<'a>,
    /// The query that lists what is behind the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<String>,
    /// Names the row to whoever opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Document { table, language } = *self;
        let (report, zone) = (table.report, table.period.zone);
        let at = |at| instant(at, zone);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("report", report.id)?;
        map.serialize_entry("title", report.title.get(language))?;
        map.serialize_entry("tenant", &table.tenant)?;
        map.serialize_entry("language", language.tag())?;
        let period = Period {
            first: table.period.first.to_string(),
            last: table.period.last.to_string(),
            from: at(table.period.from),
            to: at(table.period.to),
            time_zone: zone.name(),
        };
        map.serialize_entry("period", &period)?;
        map.serialize_entry("generated_at", &at(table.generated_at))?;
        let conditions = table.conditions.iter();
        let conditions: Vec<ConditionOf> = conditions
            .map(|(what, which)| ConditionOf { name: what.get(language), value: which })
            .collect();
        if !conditions.is_empty() {
            map.serialize_entry("conditions", &conditions)?;
        }
        map.serialize_entry("provisional", &table.provisional)?;
        map.serialize_entry("truncated", &table.truncated)?;
        if !table.left_out.is_empty() {
            map.serialize_entry("left_out", &table.left_out)?;
        }
        let column = |column: &Column| ColumnOf {
            id: column.id,
            header: column.header.get(language),
            kind: column.kind,
            opens: report.opens(column.id),
        };
        map.serialize_entry("columns", &report.columns.iter().map(column).collect::<Vec<_>>())?;
        let rows: Vec<RowOf> = table.rows.iter().map(|row| self.row(row)).collect();
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("total", &self.total())?;
        map.serialize_entry("formulas", &formulas(table, language))?;
        map.end()
    }
}

impl<'a> Document<'a> {
    fn row(&self, row: &'a Row) -> RowOf<'a> {
        RowOf {
            kind: match row.kind {
                RowKind::Data => "data",
                RowKind::Subtotal => "subtotal",
            },
            provisional: row.provisional,
            cells: self.cells(&row.cells, false),
            behind: row.behind.as_ref().map(Condition::sql),
            key: row.behind.as_ref().map(Condition::key),
        }
    }

    /// `null` when there are no rows.
    fn total(&self) -> Option<Cells<'a>> {
        let cells = &self.table.total;
        (!cells.is_empty()).then(|| self.cells(cells, true))
    }

    fn cells(&self, cells: &'a [Cell], is_total: bool) -> Cells<'a> {
        let (zone, language) = (self.table.period.zone, self.language);
        Cells { columns: self.table.report.columns, cells, is_total, zone, language }
    }
}

/// Cells by the names of their columns.
struct Cells<'a> {
    columns: &'static [Column],
    cells: &'a [Cell],
    is_total: bool,
    zone: Tz,
    language: Language,
}

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.columns.iter().zip(self.cells).enumerate();
        serializer.collect_map(cells.map(|(index, (column, cell))| {
            let value = match (index, column.total) {
                (0, _) if self.is_total => Some(Value::word(TOTAL.get(self.language))),
                (_, Total::None) if self.is_total => None,
                _ => self.value(cell, column.kind),
            };
            (column.id, value)
        }))
    }
}

/// A cell: what the pages show, and the number.
#[derive(Serialize)]
struct Value {
    text: String,
    #[serde(flatten)]
    number: Number,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Value { value: i64 },
    Duration { ms: i64 },
    Ratio { numerator: i64, denominator: i64 },
    Instant { at: String },
    Text {},
}

impl Value {
    fn word(text: &str) -> Self {
        Value { text: text.to_owned(), number: Number::Text {} }
    }
}

impl Cells<'_> {
    fn value(&self, cell: &Cell, kind: Kind) -> Option<Value> {
        let number = match cell {
            Cell::Empty => return None,
            Cell::Text(_) | Cell::Word(_) => Number::Text {},
            Cell::Count(value) => Number::Value { value: *value },
            Cell::Duration(ms) => Number::Duration { ms: *ms },
            Cell::Ratio { numerator, denominator } => {
                Number::Ratio { numerator: *numerator, denominator: *denominator }
            }
            Cell::Time(at) => Number::Instant { at: instant(*at, self.zone) },
        };
        Some(Value { text: cell_text(cell, kind, self.zone, self.language), number })
    }
}

fn instant(at: Timestamp, zone: Tz) -> String {
    local(at, zone).to_rfc3339_opts(SecondsFormat::AutoSi, false)
}
