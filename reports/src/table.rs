//! A report that has been run: cells with their numerators and denominators, rows with what is
//! behind them, totals. Renderers read this and nothing else.

use crate::definition::{Column, Report, Source, Total};
use crate::level::Thresholds;
use crate::mark::Mark;
use crate::messages::{SUBTOTAL, Words};
use crate::paper::Paper;
use crate::period::Period;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use terms::Timestamp;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing known.
    Empty,
    /// Text from outside, cleaned of control characters and cut at [`TEXT_CHARS_MAX`].
    Text(String),
    /// Our own words, told in the reader's language.
    Word(&'static Words),
    /// How many.
    Count(i64),
    /// How long, in milliseconds.
    Duration(i64),
    /// A share, or an average duration in milliseconds.
    Ratio {
        /// Above the line.
        numerator: i64,
        /// Below the line; 0 when there was nothing to divide by.
        denominator: i64,
    },
    /// When.
    Time(Timestamp),
}

/// Characters of a text cell; more end in `…`.
pub const TEXT_CHARS_MAX: usize = 200;

impl Cell {
    /// A text from outside. Control characters and marks that turn the direction of writing
    /// become spaces: neither has a place in a table, and the latter can disguise a name.
    pub fn text(text: &str) -> Cell {
        Cell::Text(clean(text))
    }

    /// What two rows give together.
    pub(crate) fn add(&self, other: &Cell) -> Cell {
        use Cell::{Count, Duration, Empty, Ratio};
        match (self, other) {
            (Count(a), Count(b)) => Count(a.saturating_add(*b)),
            (Duration(a), Duration(b)) => Duration(a.saturating_add(*b)),
            (Ratio { numerator: a, denominator: b }, Ratio { numerator: c, denominator: d }) => {
                Ratio { numerator: a.saturating_add(*c), denominator: b.saturating_add(*d) }
            }
            (Empty, known) | (known, Empty) => known.clone(),
            (known, _) => known.clone(),
        }
    }

    /// The greater of two rows.
    pub(crate) fn max(&self, other: &Cell) -> Cell {
        use Cell::{Count, Duration, Empty, Time};
        match (self, other) {
            (Count(a), Count(b)) => Count(*a.max(b)),
            (Duration(a), Duration(b)) => Duration(*a.max(b)),
            (Time(a), Time(b)) => Time(*a.max(b)),
            (Empty, known) | (known, _) => known.clone(),
        }
    }
}

pub(crate) fn clean(text: &str) -> String {
    let mut kept: String = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .map(|char| if char.is_control() || turns(char) { ' ' } else { char })
        .collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// U+202A–U+202E, U+2066–U+2069, U+200E, U+200F, U+061C (Unicode Standard Annex 9), and the
/// separators U+2028, U+2029, which browsers and typesetters take for line ends.
fn turns(char: char) -> bool {
    matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
}

/// What is behind a row: rows of a warehouse table and the column that names each matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The table.
    pub table: &'static str,
    /// The column that names the matter: `contact_id`, `call_id`, `order_id` or `item_id`.
    pub key: &'static str,
    /// Which rows, as SQL.
    pub predicate: String,
}

impl Condition {
    /// The query that lists what is behind the row.
    pub fn sql(&self) -> String {
        let Condition { table, key, predicate } = self;
        format!("SELECT DISTINCT {key} FROM {table} WHERE {predicate} ORDER BY {key}")
    }

    /// How many matters are behind the row, as a query with the one field `n`.
    pub fn count_sql(&self) -> String {
        let Condition { table, key, predicate } = self;
        format!("SELECT COUNT(DISTINCT {key}) AS n FROM {table} WHERE {predicate}")
    }

    /// The query that lists at most `most` of what is behind the row, by ascending id, those after
    /// the id `after`.
    pub fn page_sql(&self, after: Option<i64>, most: u32) -> String {
        let Condition { table, key, predicate } = self;
        let beyond = after.map_or(format!("{key} IS NOT NULL"), |id| format!("{key} > {id}"));
        format!(
            "SELECT DISTINCT {key} FROM {table} WHERE ({predicate}) AND {beyond} \
             ORDER BY {key} LIMIT {most}"
        )
    }

    /// Names the row among those of its report, as long as that is asked the same at the same moment:
    /// 32 hexadecimal digits of the SHA-256 of [`Condition::sql`].
    pub fn key(&self) -> String {
        let digest = Sha256::digest(self.sql().as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A row of the answer.
    Data,
    /// The rows above with the same first cell, together.
    Subtotal,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub kind: RowKind,
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// What is behind it; a subtotal has none.
    pub behind: Option<Condition>,
    /// Its interval had not ended when the report was run; of a subtotal one of its rows.
    pub provisional: bool,
}

/// A report that has been run.
#[derive(Clone, Debug)]
pub struct ReportTable {
    /// Its definition.
    pub report: &'static Report,
    /// Whose it is.
    pub tenant: String,
    /// Over which time.
    pub period: Period,
    /// When it was run.
    pub generated_at: Timestamp,
    /// Its rows, subtotals after their rows.
    pub rows: Vec<Row>,
    /// A cell for each column; empty when there are no rows.
    pub total: Vec<Cell>,
    /// The period had not ended when it was run.
    pub provisional: bool,
    /// There were more rows than the session's limit.
    pub truncated: bool,
    /// Damaged files of the warehouse, whose rows are not in it.
    pub left_out: Vec<String>,
    /// The columns whose totals stand on top of the page.
    pub figures: Vec<&'static str>,
    /// By which numbers it counts; they stand in the formulas.
    pub thresholds: Thresholds,
    /// Conditions that it was asked with and that stand in no formula: what, and which.
    pub conditions: Vec<(Words, String)>,
    /// Further values that stand in the formulas, such as `{user}`.
    pub values: Vec<(&'static str, String)>,
    /// Who fetched it, where its forms are to say so.
    pub mark: Option<Mark>,
    /// What its pages are set on.
    pub paper: Paper,
}

impl ReportTable {
    /// A table of `rows`, with subtotals where the definition asks for them, and totals.
    pub fn new(
        report: &'static Report,
        tenant: &str,
        period: Period,
        generated_at: Timestamp,
        rows: Vec<Row>,
    ) -> Self {
        let total = sum(report, &rows);
        let rows = if report.subtotals { with_subtotals(report, rows) } else { rows };
        let tenant = clean(tenant);
        let provisional = generated_at < period.to;
        ReportTable {
            report,
            tenant,
            period,
            generated_at,
            rows,
            total,
            provisional,
            truncated: false,
            left_out: Vec::new(),
            figures: report.figures.to_vec(),
            thresholds: Thresholds::default(),
            conditions: Vec::new(),
            values: Vec::new(),
            mark: None,
            paper: Paper::default(),
        }
    }

    /// A cell as people are shown it: the name of an interval that had not ended has a mark, which
    /// a note explains.
    pub(crate) fn shown<'a>(&self, row: &'a Row, index: usize) -> Cow<'a, Cell> {
        let is_marked = row.provisional
            && row.kind == RowKind::Data
            && self.report.columns[index].source.is_interval();
        match &row.cells[index] {
            Cell::Text(text) if is_marked => Cow::Owned(Cell::Text(format!("{text} *"))),
            cell => Cow::Borrowed(cell),
        }
    }

    /// The rows of the answer, without subtotals.
    pub fn data_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.kind == RowKind::Data)
    }
}

/// The totals of `rows` by each column's rule; empty when there are none.
fn sum(report: &Report, rows: &[Row]) -> Vec<Cell> {
    if rows.is_empty() {
        return Vec::new();
    }
    report
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().map(|row| &row.cells[index]);
            match column.total {
                Total::None => Cell::Empty,
                Total::Sum => cells.fold(Cell::Empty, |total, cell| total.add(cell)),
                Total::Max => cells.fold(Cell::Empty, |total, cell| total.max(cell)),
            }
        })
        .collect()
}

fn with_subtotals(report: &Report, rows: Vec<Row>) -> Vec<Row> {
    let mut out = Vec::with_capacity(rows.len() + rows.len() / 4);
    for group in rows.chunk_by(|a, b| a.cells[0] == b.cells[0]) {
        out.extend_from_slice(group);
        let mut cells = sum(report, group);
        // A subtotal keeps the names that all of its rows share.
        for (index, cell) in cells.iter_mut().enumerate() {
            let first = &group[0].cells[index];
            let shared = group.iter().all(|row| row.cells[index] == *first);
            if *cell == Cell::Empty && shared && report.columns[index].total == Total::None {
                *cell = first.clone();
            }
        }
        // A group of one hour, day, word or agent shares it too; its line says "subtotal" there like
        // all others. The first column names the group.
        let is_part = |column: &Column| {
            use Source::{AgentNumber, Day, HalfHour, Hour, Word};
            matches!(column.source, AgentNumber(_) | Day(_) | HalfHour(_) | Hour(_) | Word(_))
        };
        if let Some(after_first) = report.columns.iter().skip(1).position(is_part) {
            cells[after_first + 1] = Cell::Word(&SUBTOTAL);
        }
        let provisional = group.iter().any(|row| row.provisional);
        out.push(Row { kind: RowKind::Subtotal, cells, behind: None, provisional });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_loses_what_would_disguise_it() {
        assert_eq!(Cell::text("王\r\n芳\u{202e}gpj"), Cell::Text("王  芳 gpj".into()));
        let Cell::Text(long) = Cell::text(&"长".repeat(500)) else { panic!("a text") };
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_total_divides_sums_and_not_percentages() {
        let half = Cell::Ratio { numerator: 1, denominator: 2 };
        let all = Cell::Ratio { numerator: 8, denominator: 8 };
        assert_eq!(half.add(&all), Cell::Ratio { numerator: 9, denominator: 10 });
        assert_eq!(Cell::Empty.add(&half), half);
    }

    #[test]
    fn a_condition_is_a_query() {
        let condition =
            Condition { table: "surveys", key: "contact_id", predicate: "agent_id = 7".to_owned() };
        assert_eq!(
            condition.sql(),
            "SELECT DISTINCT contact_id FROM surveys WHERE agent_id = 7 ORDER BY contact_id"
        );
        assert_eq!(
            condition.page_sql(Some(9), 3),
            "SELECT DISTINCT contact_id FROM surveys WHERE (agent_id = 7) AND contact_id > 9 \
             ORDER BY contact_id LIMIT 3"
        );
        let other = Condition { predicate: "agent_id = 8".to_owned(), ..condition.clone() };
        assert_eq!(condition.key().len(), 32);
        assert_ne!(condition.key(), other.key());
    }
}
