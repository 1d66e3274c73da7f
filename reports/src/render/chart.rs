//! Charts as numbers, before anybody draws them.

mod heat;
#[cfg(test)]
mod seen;

pub use heat::cell_of;

use crate::cell::cell_text;
use crate::definition::{Chart, Kind, Pie};
use crate::messages::{Language, OTHERS, Words};
use crate::table::{Cell, ReportTable, Row, RowKind};
use std::collections::BTreeMap;

/// Bars or slices of a chart; the smallest beyond this are summed as "others".
pub const CATEGORIES_MAX: usize = 12;

/// Points of a line; of more every second, third and so on is drawn.
const POINTS_MAX: usize = 400;
/// Greatest value that is drawn: what a free question answers may be beyond every scale.
const DRAWN_MAX: i64 = 1_000_000_000_000_000;

/// Colours for what has none of its own: twelve steps from dark to light, in an order in which
/// neighbours differ most.
pub const PALETTE: [&str; 12] = [
    "#163d69", "#bbdecf", "#318994", "#4e1335", "#7ba2d3", "#83232f", "#e6e9ed", "#955a25",
    "#e2b4cb", "#35a072", "#684d8e", "#dda420",
];

/// How a chart looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Horizontal bars, the series one after the other in each.
    Bar,
    /// Lines from category to category, one a series.
    Line,
    /// A ring; each series has one value and is a slice.
    Pie,
    /// A field of squares; each series is a line of them.
    Heat,
}

/// A chart as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartData {
    /// What it shows.
    pub title: String,
    /// How it looks.
    pub shape: Shape,
    /// What the values are: counts or milliseconds; of squares thousandths and hundredths too.
    pub kind: Kind,
    /// The bars; of a pie one nameless.
    pub categories: Vec<String>,
    /// The parts of each bar, or the slices.
    pub series: Vec<Series>,
}

/// One colour of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its name in the legend; empty needs none.
    pub name: String,
    /// `#rrggbb`.
    pub colour: &'static str,
    /// A value for each category.
    pub values: Vec<i64>,
}

impl ChartData {
    /// The whole of category `index`.
    pub fn whole(&self, index: usize) -> i64 {
        self.series.iter().map(|series| series.values[index]).fold(0, i64::saturating_add)
    }

    /// All values together.
    pub fn sum(&self) -> i64 {
        (0..self.categories.len()).map(|index| self.whole(index)).fold(0, i64::saturating_add)
    }
}

/// The charts of `table` that have anything to show.
pub fn charts(table: &ReportTable, language: Language) -> Vec<ChartData> {
    let drawn = table.report.charts.iter().map(|chart| one(table, chart, language));
    let values = |chart: &ChartData| chart.series.iter().any(|s| s.values.iter().any(|v| *v > 0));
    drawn.filter(values).collect()
}

fn one(table: &ReportTable, chart: &Chart, language: Language) -> ChartData {
    match chart {
        Chart::Bar { title, label, series } => {
            let rows = by_row(table, Shape::Bar, (title, label, series), language);
            largest(ChartData { kind: kind(table, chart), ..rows }, language)
        }
        Chart::Line { title, label, series } => {
            let rows = by_row(table, Shape::Line, (title, label, series), language);
            thinned(ChartData { kind: kind(table, chart), ..rows })
        }
        Chart::Pie { title, pie: Pie::Totals(slices) } => ChartData {
            title: title.get(language).to_owned(),
            shape: Shape::Pie,
            kind: kind(table, chart),
            categories: vec![String::new()],
            series: slices.iter().map(|(id, colour)| total(table, id, colour, language)).collect(),
        },
        Chart::Pie { title, pie: Pie::CountBy(column) } => ChartData {
            title: title.get(language).to_owned(),
            shape: Shape::Pie,
            kind: Kind::Count,
            categories: vec![String::new()],
            series: counts(table, column, language)
                .into_iter()
                .zip(PALETTE)
                .map(|((name, count), colour)| Series { name, colour, values: vec![count] })
                .collect(),
        },
        Chart::Heat { title, row, column, value } => {
            heat::squares(table, title, [*row, *column, *value], language)
        }
        Chart::CountBar { title, column } => {
            let (categories, values) = counts(table, column, language).into_iter().unzip();
            ChartData {
                title: title.get(language).to_owned(),
                shape: Shape::Bar,
                kind: Kind::Count,
                categories,
                series: vec![Series { name: String::new(), colour: PALETTE[0], values }],
            }
        }
    }
}

/// Columns of the rows, or of the groups where the report has subtotals.
fn by_row(
    table: &ReportTable,
    shape: Shape,
    (title, label, series): (&Words, &str, &[(&str, &'static str)]),
    language: Language,
) -> ChartData {
    let wanted = if table.report.subtotals { RowKind::Subtotal } else { RowKind::Data };
    let rows: Vec<&Row> = table.rows.iter().filter(|row| row.kind == wanted).collect();
    let label = table.report.position(label);
    ChartData {
        title: title.get(language).to_owned(),
        shape,
        kind: Kind::Count,
        categories: rows.iter().map(|row| text(table, row, label, language)).collect(),
        series: series
            .iter()
            .map(|(id, colour)| column(table, id, colour, &rows, language))
            .collect(),
    }
}

/// Every row of a few, of many only as many as can be told apart.
fn thinned(chart: ChartData) -> ChartData {
    let every = chart.categories.len().div_ceil(POINTS_MAX).max(1);
    let thin = |series: Series| {
        let values = series.values.into_iter().step_by(every).collect();
        Series { values, ..series }
    };
    ChartData {
        categories: chart.categories.into_iter().step_by(every).collect(),
        series: chart.series.into_iter().map(thin).collect(),
        ..chart
    }
}

/// What the first column of the chart is.
fn kind(table: &ReportTable, chart: &Chart) -> Kind {
    let (Chart::Bar { series, .. }
    | Chart::Line { series, .. }
    | Chart::Pie { pie: Pie::Totals(series), .. }) = chart
    else {
        return Kind::Count;
    };
    series
        .first()
        .map_or(Kind::Count, |(id, _)| table.report.columns[table.report.position(id)].kind)
}

fn text(table: &ReportTable, row: &Row, column: usize, language: Language) -> String {
    cell_text(&row.cells[column], table.report.columns[column].kind, table.period.zone, language)
}

fn value(cell: Option<&Cell>) -> i64 {
    match cell {
        Some(Cell::Count(value) | Cell::Duration(value)) => (*value).clamp(0, DRAWN_MAX),
        _ => 0,
    }
}

fn column(
    table: &ReportTable,
    id: &str,
    colour: &'static str,
    rows: &[&Row],
    language: Language,
) -> Series {
    let position = table.report.position(id);
    Series {
        name: table.report.columns[position].header.get(language).to_owned(),
        colour,
        values: rows.iter().map(|row| value(row.cells.get(position))).collect(),
    }
}

fn total(table: &ReportTable, id: &str, colour: &'static str, language: Language) -> Series {
    let position = table.report.position(id);
    Series {
        name: table.report.columns[position].header.get(language).to_owned(),
        colour,
        values: vec![value(table.total.get(position))],
    }
}

/// How many rows have each text in `column`, most frequent first.
fn counts(table: &ReportTable, column: &str, language: Language) -> Vec<(String, i64)> {
    let position = table.report.position(column);
    let mut by_text: BTreeMap<String, i64> = BTreeMap::new();
    for row in table.data_rows() {
        *by_text.entry(text(table, row, position, language)).or_default() += 1;
    }
    let mut counts: Vec<(String, i64)> = by_text.into_iter().collect();
    counts.sort_by_key(|(_, count)| -count);
    if counts.len() > CATEGORIES_MAX {
        let others = counts.drain(CATEGORIES_MAX - 1..).map(|(_, count)| count).sum();
        counts.push((OTHERS.get(language).to_owned(), others));
    }
    counts
}

/// Keeps the largest bars in their order and sums the rest.
fn largest(chart: ChartData, language: Language) -> ChartData {
    if chart.categories.len() <= CATEGORIES_MAX {
        return chart;
    }
    let mut by_size: Vec<usize> = (0..chart.categories.len()).collect();
    by_size.sort_by_key(|&index| -chart.whole(index));
    let (kept, rest) = by_size.split_at(CATEGORIES_MAX - 1);
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let mut categories: Vec<String> =
        kept.iter().map(|&index| chart.categories[index].clone()).collect();
    categories.push(OTHERS.get(language).to_owned());
    let series = chart
        .series
        .iter()
        .map(|series| {
            let mut values: Vec<i64> = kept.iter().map(|&index| series.values[index]).collect();
            let others = rest.iter().map(|&index| series.values[index]);
            values.push(others.fold(0, i64::saturating_add).min(DRAWN_MAX));
            Series { name: series.name.clone(), colour: series.colour, values }
        })
        .collect();
    ChartData { categories, series, ..chart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Period;
    use crate::catalogue::CALLS;
    use terms::Timestamp;

    #[test]
    fn the_smallest_bars_become_others_and_nothing_is_lost() {
        let chart = ChartData {
            title: String::new(),
            shape: Shape::Bar,
            kind: Kind::Count,
            categories: (0..40).map(|index| format!("{index}")).collect(),
            series: vec![Series {
                name: String::new(),
                colour: "#000000",
                values: (0..40).collect(),
            }],
        };
        let sum = chart.sum();
        let cut = largest(chart, Language::En);
        assert_eq!(cut.categories.len(), CATEGORIES_MAX);
        assert_eq!(cut.categories[0], "29");
        assert_eq!(cut.categories[CATEGORIES_MAX - 1], "Others");
        assert_eq!(cut.sum(), sum);
    }

    /// Calls whose queues are named `0`, `1` and so on: of each as many as it says.
    fn calls_of(queues: &[usize]) -> ReportTable {
        let position = CALLS.position("queue");
        let row = |queue: usize| {
            let mut cells = vec![Cell::Empty; CALLS.columns.len()];
            cells[position] = Cell::Text(queue.to_string());
            Row { kind: RowKind::Data, cells, behind: None, provisional: false }
        };
        let of_each = |(queue, calls): (usize, &usize)| std::iter::repeat_n(row(queue), *calls);
        let rows = queues.iter().enumerate().flat_map(of_each).collect();
        let now = Timestamp::from_secs(1_796_088_600);
        let period = Period::parse("2026-11-30", "Asia/Shanghai", now).expect("a good period");
        ReportTable::new(&CALLS, "热线", period, now, rows)
    }

    #[test]
    fn what_is_counted_most_is_drawn_first_and_what_is_counted_least_becomes_others() {
        let few = counts(&calls_of(&[2, 5, 3]), "queue", Language::En);
        let named = |name: &str, count: i64| (name.to_owned(), count);
        assert_eq!(few, [named("1", 5), named("2", 3), named("0", 2)]);

        // Three more than can be drawn: one place is for the others, so four are in it.
        let many: Vec<usize> = (1..=CATEGORIES_MAX + 3).collect();
        let drawn = counts(&calls_of(&many), "queue", Language::En);
        assert_eq!(drawn.len(), CATEGORIES_MAX);
        let largest = CATEGORIES_MAX + 3;
        assert_eq!(drawn[0], named(&(largest - 1).to_string(), largest as i64));
        assert_eq!(drawn[CATEGORIES_MAX - 2], named("4", 5));
        assert_eq!(drawn[CATEGORIES_MAX - 1], named("Others", 1 + 2 + 3 + 4));
    }
}
