//! The squares of a heat chart: which lines there are, which squares a line has, and what each holds.

use super::{ChartData, DRAWN_MAX, PALETTE, Series, Shape, text};
use crate::definition::{Kind, Source, Total};
use crate::messages::{Language, Words};
use crate::table::{Cell, ReportTable, Row};
use std::collections::HashMap;

/// Lines of a field; of more, neighbours are put together.
const LINES_MAX: usize = 40;
/// What a square holds of which nothing is known.
const NOTHING: i64 = -1;

/// The chart of the columns that name lines and squares and the one that is drawn.
pub fn squares(
    table: &ReportTable,
    title: &Words,
    [row, column, value]: [&str; 3],
    language: Language,
) -> ChartData {
    let [row, column, value] = [row, column, value].map(|id| table.report.position(id));
    let (lines, across) = (Names::of(table, row, language), Names::of(table, column, language));
    let drawn = &table.report.columns[value];
    let each = lines.0.len().div_ceil(LINES_MAX).max(1);
    let mut cells: HashMap<(usize, usize), Cell> = HashMap::new();
    for data in table.data_rows() {
        let places =
            (lines.place(table, data, row, language), across.place(table, data, column, language));
        let (Some(line), Some(square)) = places else { continue };
        let cell = cells.entry((line / each, square)).or_insert(Cell::Empty);
        *cell = match drawn.total {
            Total::Max => Cell::max(cell, &data.cells[value]),
            Total::None | Total::Sum => Cell::add(cell, &data.cells[value]),
        };
    }
    let values = |line: usize| -> Vec<i64> {
        let held = (0..across.0.len()).map(|square| cells.get(&(line, square)));
        held.map(|cell| number(cell, drawn.kind)).collect()
    };
    let series = lines.0.chunks(each).enumerate();
    ChartData {
        title: title.get(language).to_owned(),
        shape: Shape::Heat,
        kind: drawn.kind,
        categories: across.0.clone(),
        series: series
            .map(|(line, names)| Series {
                name: together(names),
                colour: PALETTE[0],
                values: values(line),
            })
            .collect(),
    }
}

/// What a square shows, as a cell; `None` where nothing is known.
pub fn cell_of(kind: Kind, value: i64) -> Option<Cell> {
    (value > NOTHING).then_some(match kind {
        Kind::Percent => Cell::Ratio { numerator: value, denominator: 1_000 },
        Kind::Decimal => Cell::Ratio { numerator: value, denominator: 1 },
        Kind::Duration => Cell::Duration(value),
        Kind::Text | Kind::Count | Kind::Time => Cell::Count(value),
    })
}

/// A cell as a number: shares in thousandths, means in hundredths.
fn number(cell: Option<&Cell>, kind: Kind) -> i64 {
    match cell {
        Some(Cell::Count(value) | Cell::Duration(value)) => (*value).clamp(0, DRAWN_MAX),
        Some(Cell::Ratio { numerator, denominator }) if *denominator > 0 => {
            let above = (*numerator).clamp(0, DRAWN_MAX);
            let above = if kind == Kind::Percent { above * 1_000 } else { above };
            ((above + denominator / 2) / denominator).min(DRAWN_MAX)
        }
        _ => NOTHING,
    }
}

/// The names along one side.
struct Names(Vec<String>);

impl Names {
    /// Those of a column: intervals in their order and all 24 hours, others as the rows have them.
    fn of(table: &ReportTable, column: usize, language: Language) -> Names {
        let source = table.report.columns[column].source;
        if matches!(source, Source::Hour(_)) {
            return Names((0..24).map(|hour| format!("{hour:02}")).collect());
        }
        let mut names: Vec<String> = Vec::new();
        for row in table.data_rows() {
            let name = short(table, row, column, language);
            if names.last() != Some(&name) && !names.contains(&name) {
                names.push(name);
            }
        }
        if source.is_interval() {
            names.sort_unstable();
        }
        Names(names)
    }

    fn place(
        &self,
        table: &ReportTable,
        row: &Row,
        column: usize,
        language: Language,
    ) -> Option<usize> {
        let name = short(table, row, column, language);
        self.0.iter().position(|known| *known == name)
    }
}

/// `09` of `09:00–10:00`, `09:30` of `09:30–10:00`, others as they are.
fn short(table: &ReportTable, row: &Row, column: usize, language: Language) -> String {
    let name = text(table, row, column, language);
    let begins = name.split('–').next().unwrap_or_default();
    match table.report.columns[column].source {
        Source::Hour(_) => begins.trim_end_matches(":00").to_owned(),
        Source::HalfHour(_) => begins.to_owned(),
        _ => name,
    }
}

/// The name of lines that were put together.
fn together(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [first, .., last] => format!("{first} – {last}"),
        [] => String::new(),
    }
}
