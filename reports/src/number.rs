//! The columns of a report whose numbers open: what a number counts, as rows of one table.
//!
//! A number says how often something happened, and a contact may be in it more than once: two stays
//! in one queue are two that were offered, and one contact. So a number has two sides. The matters
//! behind it are listed by their key, each once; what it counts is told beside them, and is the number
//! itself.

use crate::definition::Report;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;

/// Makes a condition on the rows of the report's row, out of a column's name.
type Narrowed = fn(&Window, &'static str) -> String;
/// Makes a condition of its own, out of a column's name.
type Apart = fn(&Window, &Fields, &'static str) -> Result<Condition, Error>;

/// A column whose numbers open.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The column.
    pub column: &'static str,
    /// Which rows it counts.
    part: Part,
    /// What makes the number of them, where that is not usual for their table.
    counted: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// All that is behind the row.
    All,
    /// Those of them for which this holds.
    Only(&'static str),
    /// The same, by thresholds or the time of asking.
    When(Narrowed),
    /// Others than those behind the row.
    Apart(Apart),
}

/// What a number counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What is behind it.
    pub condition: Condition,
    /// What makes the number of the rows: an aggregate.
    counted: &'static str,
}

impl Number {
    /// All that is behind the row.
    pub(crate) const fn all(column: &'static str) -> Self {
        Number { column, part: Part::All, counted: None }
    }

    /// Those behind the row for which `condition` holds.
    pub(crate) const fn only(column: &'static str, condition: &'static str) -> Self {
        Number { column, part: Part::Only(condition), counted: None }
    }

    /// The same where the condition needs the thresholds or the time of asking.
    pub(crate) const fn when(column: &'static str, narrowed: Narrowed) -> Self {
        Number { column, part: Part::When(narrowed), counted: None }
    }

    /// Others than those behind the row.
    pub(crate) const fn apart(column: &'static str, apart: Apart) -> Self {
        Number { column, part: Part::Apart(apart), counted: None }
    }

    /// The number is `aggregate` of the rows, and not how many they are.
    pub(crate) const fn counting(self, aggregate: &'static str) -> Self {
        Number { counted: Some(aggregate), ..self }
    }

    fn opened(&self, report: &Report, window: &Window, row: &Fields) -> Result<Counted, Error> {
        let narrowed = |condition: &str| -> Result<Condition, Error> {
            let whole = (report.behind)(window, row)?;
            let predicate = format!("({}) AND ({condition})", whole.predicate);
            Ok(Condition { predicate, ..whole })
        };
        let condition = match self.part {
            Part::All => (report.behind)(window, row)?,
            Part::Only(condition) => narrowed(condition)?,
            Part::When(condition) => narrowed(&condition(window, self.column))?,
            Part::Apart(condition) => condition(window, row, self.column)?,
        };
        let counted = self.counted.unwrap_or_else(|| usual(condition.table));
        Ok(Counted { condition, counted })
    }
}

/// Orders and return visits have a row for each version.
fn usual(table: &str) -> &'static str {
    match table {
        "orders" => "COUNT(DISTINCT order_id)",
        "return_visits" => "COUNT(DISTINCT visit_id)",
        _ => "COUNT(*)",
    }
}

impl Counted {
    /// The number, as a query with the one field `n`.
    pub fn counted_sql(&self) -> String {
        let Counted { condition, counted } = self;
        let Condition { table, predicate, .. } = condition;
        format!("SELECT COALESCE({counted}, 0) AS n FROM {table} WHERE {predicate}")
    }
}

impl Report {
    /// The numbers of the column `id` open.
    pub fn opens(&self, id: &str) -> bool {
        self.numbers.iter().any(|number| number.column == id)
    }

    /// What the numbers of a row count, by their columns.
    ///
    /// # Errors
    /// When the row lacks a field that names it.
    pub(crate) fn counted(
        &self,
        window: &Window,
        row: &Fields,
    ) -> Result<Vec<(&'static str, Counted)>, Error> {
        let of = |number: &Number| Ok((number.column, number.opened(self, window, row)?));
        self.numbers.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;
    use crate::definition::Kind;

    /// Counts of what is no contact, call, order, stretch or entry: greatest numbers, money, bytes,
    /// packets, differences, places.
    const AMOUNTS: &[(&str, &[&str])] = &[
        ("abandoned_calls", &["position", "offers_unanswered"]),
        ("capacity", &["calls_peak", "lines_peak", "agents_peak", "bytes"]),
        ("cost_per_contact", &["agent_cost", "trunk_cost", "cost"]),
        ("orders_by_week", &["change"]),
        ("orders_by_month", &["change"]),
        ("orders_by_year", &["change"]),
        ("quality", &["expected", "lost", "late"]),
        ("recording_log", &["frames_missing"]),
        ("staffing", &["agents"]),
        (
            "system",
            &[
                "calls_peak",
                "lines_peak",
                "frames_lost",
                "recording_bytes",
                "fax_bytes",
                "deleted_bytes",
                "events",
                "warehouse_bytes",
            ],
        ),
        ("trunk_usage", &["peak"]),
    ];

    #[test]
    fn every_count_opens_but_for_amounts() {
        for report in catalogue() {
            let amounts = AMOUNTS.iter().find(|(id, _)| *id == report.id);
            let amounts = amounts.map_or(&[][..], |(_, columns)| *columns);
            for column in report.columns.iter().filter(|column| column.kind == Kind::Count) {
                let is_amount = amounts.contains(&column.id);
                assert_ne!(report.opens(column.id), is_amount, "{}: {}", report.id, column.id);
            }
            for number in report.numbers {
                let column = &report.columns[report.position(number.column)];
                let opens = matches!(column.kind, Kind::Count | Kind::Duration);
                assert!(opens, "{}: {}", report.id, column.id);
            }
        }
    }

    #[test]
    fn a_number_is_counted_by_what_its_table_has_a_row_for() {
        let condition = |table| Condition { table, key: "order_id", predicate: "TRUE".to_owned() };
        let counted = |table| Counted { condition: condition(table), counted: usual(table) };
        assert_eq!(
            counted("orders").counted_sql(),
            "SELECT COALESCE(COUNT(DISTINCT order_id), 0) AS n FROM orders WHERE TRUE"
        );
        assert_eq!(
            counted("order_steps").counted_sql(),
            "SELECT COALESCE(COUNT(*), 0) AS n FROM order_steps WHERE TRUE"
        );
    }
}
