//! What a table of counts is: which rows it counts, by what, and what of them.

use super::KINDS;
use crate::schema::{self, Layout, layout_of};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use terms::record::{Column, ColumnType, Table};

/// Microseconds of a quarter-hour.
const QUARTER_US: i64 = 900_000_000;

/// A table of counts.
#[derive(Debug)]
pub struct Counts {
    /// Its name in SQL.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// What keys and measures there are: counts of another version that are kept are made anew.
    pub version: u16,
    /// The table that it counts.
    pub source: &'static str,
    /// To which quarter-hour a row belongs.
    pub place: Place,
    /// Which one that is, in words.
    pub place_doc: &'static str,
    /// By what it counts, beside tenant and quarter-hour. The first is never NULL: files are sorted by
    /// it.
    pub keys: &'static [Key],
    /// What it counts.
    pub measures: &'static [Measure],
    /// Views of its sums: their names, and by what unit of the reader's clock.
    pub sums: &'static [(&'static str, &'static str)],
}

/// To which quarter-hour a row belongs.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// That of the time in a column.
    At(&'static str),
    /// Each that it touches, from the time in one column to that in another: `nth` is the
    /// number of the quarter-hour since 1970. A row without length touches one.
    Through(&'static str, &'static str),
}

/// A column that counts are told apart by.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it is made of.
    pub sql: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What it means.
    pub doc: &'static str,
}

/// A count.
#[derive(Debug)]
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// Of what.
    pub what: What,
    /// What it means.
    pub doc: &'static str,
}

/// How rows are counted. Sums are of whole numbers, so that they are the same in whatever order
/// they are made.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// All rows.
    Rows,
    /// The rows for which this holds.
    Where(&'static str),
    /// The sum of a whole number.
    Sum(&'static str),
    /// The greatest of an `INT32`.
    Greatest(&'static str),
}

impl What {
    fn sql(self) -> String {
        match self {
            What::Rows => "COUNT(*)".to_owned(),
            What::Where(condition) => format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)"),
            What::Sum(number) => format!("SUM({number})"),
            What::Greatest(number) => format!("MAX({number})"),
        }
    }

    fn kind(self) -> ColumnType {
        match self {
            What::Greatest(_) => ColumnType::Int32,
            What::Rows | What::Where(_) | What::Sum(_) => ColumnType::Int64,
        }
    }
}

impl Measure {
    /// The measure of several counts together.
    pub fn together(&self) -> String {
        let function = if matches!(self.what, What::Greatest(_)) { "MAX" } else { "SUM" };
        format!("{function}({name}) AS {name}", name = self.name)
    }
}

impl Counts {
    /// Its columns: the tenant, the keys, the quarter-hour, the measures.
    pub fn layout(&self) -> &'static Arc<Layout> {
        static LAYOUTS: LazyLock<BTreeMap<&'static str, Arc<Layout>>> = LazyLock::new(|| {
            KINDS.iter().map(|counts| (counts.name, Arc::new(counts.declared()))).collect()
        });
        LAYOUTS.get(self.name).expect("every table of counts is one of the list")
    }

    fn declared(&self) -> Layout {
        let column = |name, kind, nullable, doc| Column { name, kind, nullable, doc };
        let mut columns = vec![column("tenant_id", ColumnType::Int64, false, "Whose it is.")];
        columns.extend(self.keys.iter().map(|key| {
            let Key { name, kind, nullable, doc, .. } = *key;
            column(name, kind, nullable, doc)
        }));
        let day = columns.len();
        columns.push(column("from_at", ColumnType::Time, false, self.place_doc));
        columns.extend(
            self.measures
                .iter()
                .map(|measure| column(measure.name, measure.what.kind(), false, measure.doc)),
        );
        let table = Table { name: self.name, version: self.version, doc: self.doc, columns };
        schema::layout_with(table, 1, day)
    }

    /// The counts of the rows of `source`, a table with the columns of the one that is counted.
    pub fn sql(&self, source: &str) -> String {
        let (rows, quarter) = match self.place {
            Place::At(at) => (source.to_owned(), format!("CAST({at} AS BIGINT) / {QUARTER_US}")),
            Place::Through(begins, ends) => {
                let number = |at: &str| format!("CAST({at} AS BIGINT)");
                let first = format!("{} / {QUARTER_US}", number(begins));
                let last = format!("({} - 1) / {QUARTER_US}", number(ends));
                let columns = &layout_of(self.source).table.columns;
                let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
                let cut = format!(
                    "(SELECT {}, UNNEST(range({first}, GREATEST({first}, {last}) + 1)) AS nth \
                     FROM {source}) AS cut",
                    names.join(", ")
                );
                (cut, "nth".to_owned())
            }
        };
        let from_at = format!(
            "arrow_cast({quarter} * {QUARTER_US}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
        );
        let mut shown = vec!["tenant_id".to_owned()];
        let mut by = shown.clone();
        for key in self.keys {
            shown.push(match key.sql == key.name {
                true => key.name.to_owned(),
                false => format!("{} AS {}", key.sql, key.name),
            });
            by.push(key.sql.to_owned());
        }
        shown.push(format!("{from_at} AS from_at"));
        by.push(from_at);
        shown.extend(
            self.measures
                .iter()
                .map(|measure| format!("{} AS {}", measure.what.sql(), measure.name)),
        );
        format!("SELECT {} FROM {rows} GROUP BY {}", shown.join(", "), by.join(", "))
    }

    /// Counts of the same keys together, over the rows of `source`; `from_at` is `slot`.
    pub fn summed(&self, source: &str, slot: &str) -> String {
        let mut by = vec!["tenant_id"];
        by.extend(self.keys.iter().map(|key| key.name));
        let by = by.join(", ");
        let measures: Vec<String> = self.measures.iter().map(Measure::together).collect();
        format!(
            "SELECT {by}, {slot} AS from_at, {} FROM {source} GROUP BY {by}, {slot}",
            measures.join(", ")
        )
    }

    /// The folder of its files: each version has one of its own.
    pub fn folder(&self) -> String {
        match self.version {
            1 => self.name.to_owned(),
            version => format!("{}.{version}", self.name),
        }
    }

    /// The names that it and its sums have in SQL.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.sums.iter().map(|(name, _)| *name))
    }
}
