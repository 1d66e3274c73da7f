//! The squares of a heat chart: which lines there are, which squares a line has, and what each holds.

use super::{ChartData, DRAWN_MAX, PALETTE, Series, Shape, text};
use crate::definition::{Kind, Source, Total};
use crate::messages::{Language, Words};
use crate::table::{Cell, ReportTable, Row};
use std::collections::{HashMap, HashSet};

/// Lines of a field; of more, neighbours are put together.
const LINES_MAX: usize = 40;
/// Squares of a line, a day of half-hours; of more, neighbours are put together.
const SQUARES_MAX: usize = 48;
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
    let lines = Side::of(table, row, LINES_MAX, language);
    let across = Side::of(table, column, SQUARES_MAX, language);
    let drawn = &table.report.columns[value];
    let mut cells: HashMap<(usize, usize), Cell> = HashMap::new();
    for data in table.data_rows() {
        let line = lines.places.get(&short(table, data, row, language));
        let square = across.places.get(&short(table, data, column, language));
        let (Some(line), Some(square)) = (line, square) else { continue };
        let cell = cells.entry((*line, *square)).or_insert(Cell::Empty);
        *cell = match drawn.total {
            Total::Max => Cell::max(cell, &data.cells[value]),
            Total::None | Total::Sum => Cell::add(cell, &data.cells[value]),
        };
    }
    let values = |line: usize| -> Vec<i64> {
        let held = (0..across.names.len()).map(|square| cells.get(&(line, square)));
        held.map(|cell| number(cell, drawn.kind)).collect()
    };
    let series = lines.names.into_iter().enumerate();
    ChartData {
        title: title.get(language).to_owned(),
        shape: Shape::Heat,
        kind: drawn.kind,
        series: series
            .map(|(line, name)| Series { name, colour: PALETTE[0], values: values(line) })
            .collect(),
        categories: across.names,
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

/// The names along one side, and where each is.
struct Side {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Side {
    /// That of a column, with `most` places.
    fn of(table: &ReportTable, column: usize, most: usize, language: Language) -> Side {
        let all = names(table, column, language);
        let each = all.len().div_ceil(most).max(1);
        Side {
            names: all.chunks(each).map(together).collect(),
            places: all.into_iter().enumerate().map(|(at, name)| (name, at / each)).collect(),
        }
    }
}

/// What a column says: intervals in their order and all 24 hours, others as the rows have them.
fn names(table: &ReportTable, column: usize, language: Language) -> Vec<String> {
    let source = table.report.columns[column].source;
    if matches!(source, Source::Hour(_)) {
        return (0..24).map(|hour| format!("{hour:02}")).collect();
    }
    let mut seen = HashSet::new();
    let all = table.data_rows().map(|row| short(table, row, column, language));
    let mut names: Vec<String> = all.filter(|name| seen.insert(name.clone())).collect();
    if source.is_interval() {
        names.sort_unstable();
    }
    names
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

/// The name of lines or squares that were put together.
fn together(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [first, .., last] => format!("{first} – {last}"),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::{Definition, Described, Picture, Shelf, Text, What};
    use crate::period::Period;
    use crate::render::chart::charts;
    use crate::table::RowKind;
    use terms::{TenantId, Timestamp};

    fn described(id: &str, what: What, total: Total) -> Described {
        let (id, field) = (id.to_owned(), id.to_owned());
        Described { id, header: Text::default(), what, field, over: None, total }
    }

    #[test]
    fn of_more_names_than_a_field_holds_neighbours_are_put_together() {
        let columns = vec![
            described("call", What::Text, Total::None),
            described("caller", What::Text, Total::None),
            described("count", What::Count, Total::Sum),
        ];
        let [row, column, value] = ["call", "caller", "count"].map(str::to_owned);
        let asked = Definition {
            id: "own/squares".to_owned(),
            title: Text::default(),
            help: Text::default(),
            sql: String::new(),
            columns,
            picture: Picture::Heat { row, column, value },
            behind: None,
        };
        let report = Shelf::new(1 << 20).report(TenantId(1), &asked).unwrap();
        let one = |at: i64| Row {
            kind: RowKind::Data,
            cells: vec![
                Cell::text(&format!("call {at}")),
                Cell::text(&format!("caller {at}")),
                Cell::Count(1),
            ],
            behind: None,
            provisional: false,
        };
        let now = Timestamp::from_secs(1_796_088_600);
        let period = Period::parse("2026-11-22", "Asia/Shanghai", now).unwrap();
        let rows = (0..1_000).map(one).collect();
        let table = ReportTable::new(report, "tenant", period, now, rows);
        let charts = charts(&table, Language::En);
        let [chart] = charts.as_slice() else { panic!("{} charts", charts.len()) };
        assert_eq!((chart.series.len(), chart.categories.len()), (40, 48));
        assert_eq!(chart.series[0].name, "call 0 – call 24");
        assert_eq!(chart.categories[47], "caller 987 – caller 999");
        let known = chart.series.iter().flat_map(|line| &line.values).filter(|value| **value > 0);
        assert_eq!(known.sum::<i64>(), 1_000, "each row is in one square");
    }
}
