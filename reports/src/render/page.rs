//! What a page says, put together once for PDF, PNG, HTML and TXT.

use super::chart::{ChartData, Shape, charts};
use super::svg;
use crate::cell::{cell_text, local};
use crate::definition::{Column, Kind, Order, Source, Total};
use crate::messages::{
    self, DAY, DAY_BEGINS, DAYS, FIGURES, FORMULAS, GENERATED, INTERVAL_PROVISIONAL, LEFT_OUT,
    Language, NO_ROWS, NOT_COMPLETE, NOTES, PAGE, PERIOD, PRINT_CUT, PROVISIONAL, ROWS, TENANT, TO,
    TOTAL, ZONE,
};
use crate::table::{Cell, ReportTable, Row, RowKind};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// Rows that page forms print at most.
pub const ROWS_MAX: usize = 12_000;

/// Which part of a report a document of pages is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// All of it.
    Whole,
    /// What stands before the rows of a long table.
    Opening,
    /// Some of its rows.
    List,
    /// Its totals and formulas.
    Closing,
    /// What stands in the margins of all its pages.
    Margins,
}

/// What a page says.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// `zh` or `en`.
    pub lang: &'static str,
    pub title: &'static str,
    pub help: &'static str,
    pub tenant: String,
    pub period: String,
    /// Label and value.
    pub meta: Vec<(&'static str, String)>,
    /// Header and value.
    pub figures: Vec<(&'static str, String)>,
    pub columns: Vec<PageColumn>,
    pub rows: Vec<PageRow>,
    /// Empty when there are no rows.
    pub total: Vec<String>,
    pub charts: Vec<PageChart>,
    /// Charts that take the whole width, one below the other.
    pub wide_charts: Vec<PageChart>,
    pub formulas: Vec<String>,
    pub notes: Vec<String>,
    pub labels: Labels,
    /// `a4` or `a3`.
    pub paper: &'static str,
    /// The paper lies on its side.
    pub landscape: bool,
    /// Width of the text on it, in points.
    pub text_width_pt: f64,
    /// Who fetched it and when.
    pub mark: Option<String>,
    /// What of it is set.
    pub part: Part,
    /// How many pages have margins to be set.
    pub pages: usize,
}

/// A column of the page's table.
#[derive(Clone, Debug, Serialize)]
pub struct PageColumn {
    pub header: &'static str,
    /// Numbers stand to the right.
    pub right: bool,
    /// Its width beside the others, in half characters.
    pub weight: usize,
}

/// A row of the page's table.
#[derive(Clone, Debug, Serialize)]
pub struct PageRow {
    pub subtotal: bool,
    pub cells: Vec<String>,
}

/// A drawn chart.
#[derive(Clone, Debug, Serialize)]
pub struct PageChart {
    pub title: String,
    pub svg: String,
    /// Its width beside the others.
    pub weight: f64,
}

/// Words of the page itself.
#[derive(Clone, Debug, Serialize)]
pub struct Labels {
    pub figures: &'static str,
    pub formulas: &'static str,
    pub notes: &'static str,
    pub no_rows: &'static str,
    pub page: &'static str,
}

/// The width of text on this table's paper, in points.
pub fn paper_width_pt(table: &ReportTable) -> f64 {
    table.paper.text_width_pt(table.report.columns.len())
}

impl Page {
    /// The page of `table`, with charts for `width` points; without charts when that is 0.
    pub fn new(table: &ReportTable, language: Language, width: f64) -> Page {
        let rows = rows(table, language);
        let total = total(table, language);
        let (charts, wide_charts) =
            if width > 0.0 { drawn(table, language, width) } else { (Vec::new(), Vec::new()) };
        Page {
            lang: match language {
                Language::ZhCn => "zh",
                Language::En => "en",
            },
            title: table.report.title.get(language),
            help: table.report.help.get(language),
            tenant: table.tenant.clone(),
            period: period_text(table, language),
            meta: meta(table, language),
            figures: figure_texts(table, language),
            columns: columns(table, &rows, &total, language),
            rows,
            total,
            charts,
            wide_charts,
            formulas: formulas(table, language),
            notes: notes(table, language),
            labels: Labels {
                figures: FIGURES.get(language),
                formulas: FORMULAS.get(language),
                notes: NOTES.get(language),
                no_rows: NO_ROWS.get(language),
                page: PAGE.get(language),
            },
            paper: table.paper.size.name(),
            landscape: table.paper.is_landscape(table.report.columns.len()),
            text_width_pt: paper_width_pt(table),
            mark: table.mark.as_ref().map(|mark| mark.line(language)),
            part: Part::Whole,
            pages: 0,
        }
    }

    /// Every character on the page, for the search for missing glyphs.
    pub fn all_text(&self) -> String {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        let mut text: String = cells.chain(&self.total).map(String::as_str).collect();
        text.push_str(&self.tenant);
        text.push_str(self.title);
        text.push_str(self.help);
        self.columns.iter().for_each(|column| text.push_str(column.header));
        self.meta.iter().for_each(|(_, value)| text.push_str(value));
        text.push_str(self.mark.as_deref().unwrap_or_default());
        text
    }
}

/// `2026-11-01 至 2026-11-30（30 天）`.
pub fn period_text(table: &ReportTable, language: Language) -> String {
    let period = &table.period;
    if period.first == period.last {
        return period.first.to_string();
    }
    let days = if period.days() == 1 { DAY } else { DAYS };
    let days = days.get(language).replace("{n}", &period.days().to_string());
    let (open, close) = match language {
        Language::ZhCn => ("（", "）"),
        Language::En => (" (", ")"),
    };
    format!("{} {} {}{open}{days}{close}", period.first, TO.get(language), period.last)
}

/// `，每日 04:00 起`; nothing where days begin at midnight.
fn begins_text(table: &ReportTable, language: Language) -> String {
    let minutes = table.period.day_begins_min;
    if minutes == 0 {
        return String::new();
    }
    let time = format!("{:02}:{:02}", minutes / 60, minutes % 60);
    DAY_BEGINS.get(language).replace("{time}", &time)
}

/// Label and value of what the report was run with.
pub fn meta(table: &ReportTable, language: Language) -> Vec<(&'static str, String)> {
    let generated = local(table.generated_at, table.period.zone);
    let mut meta = vec![
        (TENANT.get(language), table.tenant.clone()),
        (PERIOD.get(language), period_text(table, language) + &begins_text(table, language)),
        (GENERATED.get(language), generated.format("%Y-%m-%d %H:%M:%S").to_string()),
        (ZONE.get(language), format!("{} (UTC{})", table.period.zone, generated.format("%:z"))),
    ];
    let conditions = table.conditions.iter();
    meta.extend(conditions.map(|(what, which)| (what.get(language), which.clone())));
    meta
}

/// The numbers that stand out: of a list how many rows it has, and the totals that the definition
/// names.
pub fn figures(table: &ReportTable, language: Language) -> Vec<(&'static str, Cell, Kind)> {
    let rows = Cell::Count(table.data_rows().count() as i64);
    let rows =
        (table.report.order == Order::Sql).then_some((ROWS.get(language), rows, Kind::Count));
    let total = |id: &&str| {
        let position = table.report.position(id);
        let column = &table.report.columns[position];
        let cell = table.total.get(position).cloned().unwrap_or(Cell::Empty);
        (column.header.get(language), cell, column.kind)
    };
    rows.into_iter().chain(table.figures.iter().map(total)).collect()
}

fn figure_texts(table: &ReportTable, language: Language) -> Vec<(&'static str, String)> {
    let text = |(header, cell, kind): (&'static str, Cell, Kind)| {
        (header, cell_text(&cell, kind, table.period.zone, language))
    };
    figures(table, language).into_iter().map(text).collect()
}

fn rows(table: &ReportTable, language: Language) -> Vec<PageRow> {
    let cells = |row: &Row| {
        let columns = table.report.columns.iter().enumerate();
        columns
            .map(|(index, column)| {
                let cell = table.shown(row, index);
                cell_text(&cell, column.kind, table.period.zone, language)
            })
            .collect()
    };
    table
        .rows
        .iter()
        .take(ROWS_MAX)
        .map(|row| PageRow { subtotal: row.kind == RowKind::Subtotal, cells: cells(row) })
        .collect()
}

/// The total row as text: its first cell says so, columns without a total stay empty.
pub fn total(table: &ReportTable, language: Language) -> Vec<String> {
    let text = |(index, cell): (usize, &Cell)| {
        let column = &table.report.columns[index];
        match (index, column.total) {
            (0, _) => TOTAL.get(language).to_owned(),
            (_, Total::None) => String::new(),
            _ => cell_text(cell, column.kind, table.period.zone, language),
        }
    };
    table.total.iter().enumerate().map(text).collect()
}

fn columns(
    table: &ReportTable,
    rows: &[PageRow],
    total: &[String],
    language: Language,
) -> Vec<PageColumn> {
    let column = |(index, column): (usize, &Column)| {
        let header = column.header.get(language);
        // An English header may break between its words; a Chinese one would break anywhere.
        let word = match language {
            Language::ZhCn => header.width(),
            Language::En => header.split(' ').map(|word| word.width()).max().unwrap_or(0),
        };
        let widest = rows.iter().map(|row| row.cells[index].width()).max().unwrap_or(0);
        let last = total.get(index).map_or(0, |text| text.width());
        PageColumn {
            header,
            right: !matches!(column.kind, Kind::Text | Kind::Time),
            weight: word.max(widest.min(28)).max(last).max(4) + 2,
        }
    };
    table.report.columns.iter().enumerate().map(column).collect()
}

/// Charts side by side: bars and lines wide, rings narrow, all equally high. Fields of squares take
/// the whole width and come second.
fn drawn(table: &ReportTable, language: Language, width: f64) -> (Vec<PageChart>, Vec<PageChart>) {
    const GAP: f64 = 24.0;
    let (fields, charts): (Vec<ChartData>, Vec<ChartData>) =
        charts(table, language).into_iter().partition(|chart| chart.shape == Shape::Heat);
    let weight = |shape: Shape| if shape == Shape::Pie { 0.43 } else { 0.57 };
    let weights: f64 = charts.iter().map(|chart| weight(chart.shape)).sum();
    let room = width - GAP * (charts.len().saturating_sub(1)) as f64;
    let wide = |shape: Shape| room * weight(shape) / weights;
    let high = charts.iter().map(|chart| svg::height(chart, wide(chart.shape))).fold(0.0, f64::max);
    let drawn = |chart: &ChartData, width: f64, high: f64, weight: f64| PageChart {
        title: chart.title.clone(),
        svg: svg::draw(chart, width, high),
        weight,
    };
    let beside = |chart: &ChartData| drawn(chart, wide(chart.shape), high, weight(chart.shape));
    (
        charts.iter().map(beside).collect(),
        fields.iter().map(|chart| drawn(chart, width, 0.0, 1.0)).collect(),
    )
}

/// The formula lines with this run's values in them.
pub fn formulas(table: &ReportTable, language: Language) -> Vec<String> {
    let filled = |line: String| {
        let line = table.thresholds.told(&line, language);
        table.values.iter().fold(line, |line, (name, value)| line.replace(name, value))
    };
    table.report.formulas.iter().map(|formula| filled(formula.line(language))).collect()
}

/// What the reader must know about this run.
pub fn notes(table: &ReportTable, language: Language) -> Vec<String> {
    let mut notes = Vec::new();
    if table.provisional {
        notes.push(PROVISIONAL.get(language).to_owned());
    }
    if table.data_rows().any(|row| row.provisional) {
        notes.push(INTERVAL_PROVISIONAL.get(language).to_owned());
    }
    if table.truncated {
        notes.push(NOT_COMPLETE.get(language).to_owned());
    }
    if !table.left_out.is_empty() {
        notes.push(format!("{}{}", LEFT_OUT.get(language), table.left_out.join(", ")));
    }
    if table.rows.len() > ROWS_MAX {
        let told = PRINT_CUT.get(language).replace("{n}", &ROWS_MAX.to_string());
        notes.push(told.replace("{all}", &table.rows.len().to_string()));
    }
    let has = |wanted: fn(Source) -> bool| table.report.columns.iter().any(|c| wanted(c.source));
    let by_hour = has(|source| matches!(source, Source::Hour(_)));
    let by_day = has(|source| matches!(source, Source::Day(_)));
    if by_hour && !by_day && table.period.days() > 1 {
        notes.push(messages::HOURS_OVER_DAYS.get(language).to_owned());
    }
    notes
}
