//! XLSX: a sheet with parameters, figures, native charts and formulas, and sheets with the data.
//! Numbers are numbers, durations are days shown as `[h]:mm:ss`, shares are fractions shown as
//! percent. Text is always written as a string in a cell of text, so a name that looks like a formula
//! stays a name, and a telephone number keeps its zeros.

mod rows;

use super::chart::{ChartData, Shape, cell_of, charts};
use super::page::{figures, formulas, meta, notes};
use crate::cell::{local, mean, rounded_secs};
use crate::definition::Kind;
use crate::messages::{CHART_DATA, FIGURES, FORMULAS, Language, NO_ROWS, SUMMARY_SHEET};
use crate::paper::Orientation;
use crate::table::{Cell, ReportTable};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use rows::Bounds;
use rust_xlsxwriter::{
    Chart, ChartDataLabel, ChartFont, ChartFormat, ChartLegendPosition, ChartLine, ChartPoint,
    ChartSolidFill, ChartType, Color, ConditionalFormat2ColorScale, DocProperties, ExcelDateTime,
    Format, FormatAlign, Workbook, Worksheet, XlsxError,
};
use std::io::Write;
use terms::Timestamp;

const ACCENT: Color = Color::RGB(0x1f4e79);
const TINT: Color = Color::RGB(0xeef3f8);
const GREY: Color = Color::RGB(0x6b7280);
const FONT: &str = "Microsoft YaHei";
const SECS_A_DAY: f64 = 86_400.0;

/// Writes the file into `out`; `progress` hears from time to time how many rows are in it.
pub fn write(
    table: &ReportTable,
    language: Language,
    out: &mut (dyn Write + Send),
    progress: &mut dyn FnMut(usize),
) -> Result<(), XlsxError> {
    written(table, language, rows::EXCEL, out, progress)
}

fn written(
    table: &ReportTable,
    language: Language,
    bounds: Bounds,
    out: &mut (dyn Write + Send),
    progress: &mut dyn FnMut(usize),
) -> Result<(), XlsxError> {
    let mut book = Workbook::new();
    book.set_properties(&properties(table, language)?);
    summary(book.add_worksheet(), table, language)?;
    rows::write(&mut book, table, language, bounds, progress)?;
    book.save_to_writer(out)
}

/// At the foot of each printed page. An `&` there begins a command; the wide one is only a letter.
fn foot(sheet: &mut Worksheet, table: &ReportTable, language: Language) {
    if let Some(mark) = &table.mark {
        sheet.set_footer(format!("&L&8{}&R&8&P / &N", mark.line(language).replace('&', "＆")));
    }
}

/// A sheet lies on its side unless somebody wants it upright: it has room for its charts then.
fn paper(sheet: &mut Worksheet, table: &ReportTable) {
    sheet.set_paper_size(table.paper.size.workbook());
    match table.paper.orientation {
        Orientation::Portrait => sheet.set_portrait(),
        Orientation::Automatic | Orientation::Landscape => sheet.set_landscape(),
    };
}

fn properties(table: &ReportTable, language: Language) -> Result<DocProperties, XlsxError> {
    let created = ExcelDateTime::from_timestamp(table.generated_at.0.div_euclid(1_000_000))?;
    let properties = DocProperties::new()
        .set_title(table.report.title.get(language))
        .set_company(&table.tenant)
        .set_author("Switchgrid")
        .set_creation_datetime(&created);
    Ok(match &table.mark {
        Some(mark) => properties.set_comment(mark.line(language)),
        None => properties,
    })
}

fn base() -> Format {
    Format::new().set_font_name(FONT).set_font_size(10)
}

fn bold() -> Format {
    base().set_bold()
}

/// The number format of a kind of cells.
fn shown(format: Format, kind: Kind) -> Format {
    match kind {
        Kind::Text => format.set_num_format("@"),
        Kind::Count => format.set_num_format("#,##0"),
        Kind::Duration => format.set_num_format("[h]:mm:ss"),
        Kind::Percent => format.set_num_format("0.0%"),
        Kind::Decimal => format.set_num_format("0.00"),
        Kind::Time => format.set_num_format("yyyy-mm-dd hh:mm:ss"),
    }
}

/// Writes a cell with a format that shows its kind.
fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    kind: Kind,
    zone: Tz,
    language: Language,
    format: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Text(text) => sheet.write_string_with_format(row, column, text, format)?,
        Cell::Word(words) => {
            sheet.write_string_with_format(row, column, words.get(language), format)?
        }
        _ => match number(cell, kind, zone) {
            Some(number) => sheet.write_number_with_format(row, column, number, format)?,
            None => sheet.write_blank(row, column, format)?,
        },
    };
    Ok(())
}

/// The cell as the workbook's number. Durations are whole seconds, as all other forms show them.
fn number(cell: &Cell, kind: Kind, zone: Tz) -> Option<f64> {
    match cell {
        Cell::Empty | Cell::Text(_) | Cell::Word(_) => None,
        Cell::Count(count) => Some(*count as f64),
        Cell::Duration(ms) => Some(rounded_secs(*ms, 1)? as f64 / SECS_A_DAY),
        Cell::Ratio { denominator, .. } if *denominator <= 0 => None,
        Cell::Ratio { numerator, denominator } if kind == Kind::Percent => {
            Some(*numerator as f64 / *denominator as f64)
        }
        Cell::Ratio { numerator, denominator } if kind == Kind::Decimal => {
            Some(mean(*numerator, *denominator)? as f64 / 100.0)
        }
        Cell::Ratio { numerator, denominator } => {
            Some(rounded_secs(*numerator, *denominator)? as f64 / SECS_A_DAY)
        }
        Cell::Time(at) => Some(serial(*at, zone)),
    }
}

/// Days since 1899-12-30 on the zone's clock, which is how spreadsheets write times.
fn serial(at: Timestamp, zone: Tz) -> f64 {
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day").and_time(Default::default());
    let here: DateTime<Tz> = local(at, zone);
    (here.naive_local() - epoch).num_seconds() as f64 / SECS_A_DAY
}

fn summary(
    sheet: &mut Worksheet,
    table: &ReportTable,
    language: Language,
) -> Result<(), XlsxError> {
    let label = base().set_font_color(GREY);
    let heading = bold().set_font_color(ACCENT).set_font_size(12);
    sheet.set_name(SUMMARY_SHEET.get(language))?;
    sheet.set_screen_gridlines(false).set_print_fit_to_pages(1, 0);
    paper(sheet, table);
    foot(sheet, table, language);
    sheet.set_column_width(0, 20)?;
    sheet.set_column_range_width(1, 8, 14)?;

    sheet.set_row_height(0, 30)?;
    let title = bold().set_font_size(18).set_font_color(ACCENT);
    sheet.write_string_with_format(0, 0, table.report.title.get(language), &title)?;
    let mut row = 1;
    for (name, value) in meta(table, language) {
        sheet.write_string_with_format(row, 0, name, &label)?;
        sheet.write_string_with_format(row, 1, &value, &base())?;
        row += 1;
    }
    let has_none = table.data_rows().next().is_none();
    let no_rows = has_none.then(|| NO_ROWS.get(language).to_owned());
    for note in notes(table, language).into_iter().chain(no_rows) {
        let warn = base().set_background_color(Color::RGB(0xfff6e0));
        sheet.write_string_with_format(row, 0, &note, &warn)?;
        row += 1;
    }

    row += 1;
    sheet.write_string_with_format(row, 0, FIGURES.get(language), &heading)?;
    row += 1;
    for (header, cell, kind) in figures(table, language) {
        sheet.write_string_with_format(row, 0, header, &label)?;
        let figure = bold().set_background_color(TINT).set_align(FormatAlign::Right);
        let figure = shown(figure, kind);
        write_cell(sheet, (row, 1), &cell, kind, table.period.zone, language, &figure)?;
        row += 1;
    }

    row += 1;
    sheet.write_string_with_format(row, 0, FORMULAS.get(language), &heading)?;
    row += 1;
    for line in formulas(table, language) {
        sheet.write_string_with_format(row, 0, &line, &base())?;
        row += 1;
    }

    row += 1;
    for chart in charts(table, language) {
        row = chart_block(sheet, &chart, row, language)?;
    }
    Ok(())
}

/// The chart's numbers with the native chart beside them; gives the first free row.
fn chart_block(
    sheet: &mut Worksheet,
    data: &ChartData,
    top: u32,
    language: Language,
) -> Result<u32, XlsxError> {
    let head = bold().set_background_color(TINT);
    let title = format!("{} · {}", data.title, CHART_DATA.get(language));
    let heading = bold().set_font_color(ACCENT).set_font_size(12);
    sheet.write_string_with_format(top, 0, title, &heading)?;
    let first = top + 1;
    let plain = shown(base(), data.kind);

    let value = |value: i64| match data.kind {
        Kind::Duration => Cell::Duration(value),
        _ => Cell::Count(value),
    };
    let (rows, columns) = match data.shape {
        Shape::Bar | Shape::Line | Shape::Heat => {
            for (index, series) in data.series.iter().enumerate() {
                let column = index as u16 + 1;
                sheet.write_string_with_format(first, column, &series.name, &head)?;
                for (line, number) in series.values.iter().enumerate() {
                    let place = (first + 1 + line as u32, column);
                    let Some(cell) = cell_of(data.kind, *number) else { continue };
                    write_cell(sheet, place, &cell, data.kind, Tz::UTC, language, &plain)?;
                }
            }
            for (line, name) in data.categories.iter().enumerate() {
                sheet.write_string_with_format(first + 1 + line as u32, 0, name, &base())?;
            }
            (data.categories.len() as u32, data.series.len() as u16)
        }
        Shape::Pie => {
            for (line, series) in data.series.iter().enumerate() {
                let row = first + 1 + line as u32;
                sheet.write_string_with_format(row, 0, &series.name, &base())?;
                let cell = value(series.values[0]);
                write_cell(sheet, (row, 1), &cell, data.kind, Tz::UTC, language, &plain)?;
            }
            (data.series.len() as u32, 1)
        }
    };
    let Some(mut chart) = native(data, sheet.name(), first, rows) else {
        shade(sheet, first, rows, columns)?;
        return Ok(first + 1 + rows + 1);
    };
    // Beside the numbers, twenty pixels a row.
    let high = (rows * 26 + 130).clamp(260, 520);
    chart.set_width(620).set_height(high);
    sheet.insert_chart(top, columns + 2, &chart)?;
    Ok(first + 1 + rows.max(high.div_ceil(20)) + 1)
}

/// `#rrggbb` as the workbook has it.
fn fill_colour(colour: &str) -> Color {
    Color::RGB(u32::from_str_radix(colour.trim_start_matches('#'), 16).unwrap_or(0x6b7280))
}

/// The cells of a field of squares, the darker the greater.
fn shade(sheet: &mut Worksheet, first: u32, rows: u32, columns: u16) -> Result<(), XlsxError> {
    if rows == 0 || columns == 0 {
        return Ok(());
    }
    let scale = ConditionalFormat2ColorScale::new()
        .set_minimum_color(Color::RGB(0xeef3f8))
        .set_maximum_color(Color::RGB(0x4f83b5));
    sheet.add_conditional_format(first + 1, 1, first + rows, columns, &scale)?;
    Ok(())
}

/// The native chart; a field of squares has none.
fn native(data: &ChartData, sheet: String, first: u32, rows: u32) -> Option<Chart> {
    let last = first + rows;
    let fill = |colour: &str| ChartSolidFill::new().set_color(fill_colour(colour)).clone();
    let mut chart = match data.shape {
        Shape::Bar => Chart::new(ChartType::BarStacked),
        Shape::Line => Chart::new(ChartType::Line),
        Shape::Pie => Chart::new(ChartType::Pie),
        Shape::Heat => return None,
    };
    chart.title().set_name(&data.title).set_font(ChartFont::new().set_size(12));
    chart.legend().set_position(ChartLegendPosition::Bottom);
    match data.shape {
        Shape::Bar => {
            for (index, series) in data.series.iter().enumerate() {
                let column = index as u16 + 1;
                chart
                    .add_series()
                    .set_name((sheet.as_str(), first, column))
                    .set_categories((sheet.as_str(), first + 1, 0, last, 0))
                    .set_values((sheet.as_str(), first + 1, column, last, column))
                    .set_format(ChartFormat::new().set_solid_fill(&fill(series.colour)))
                    .set_gap(60);
            }
            // First row on top, as in the table.
            chart.x_axis().set_reverse();
            let grid = ChartLine::new().set_color(Color::RGB(0xe5e7eb)).clone();
            chart.y_axis().set_major_gridlines_line(&grid);
            if data.kind == Kind::Duration {
                chart.y_axis().set_num_format("[h]:mm");
            }
            if data.series.iter().all(|series| series.name.is_empty()) {
                chart.legend().set_hidden();
            }
        }
        Shape::Line => {
            for (index, series) in data.series.iter().enumerate() {
                let column = index as u16 + 1;
                let colour = fill_colour(series.colour);
                chart
                    .add_series()
                    .set_name((sheet.as_str(), first, column))
                    .set_categories((sheet.as_str(), first + 1, 0, last, 0))
                    .set_values((sheet.as_str(), first + 1, column, last, column))
                    .set_format(ChartFormat::new().set_line(ChartLine::new().set_color(colour)));
            }
            if data.kind == Kind::Duration {
                chart.y_axis().set_num_format("[h]:mm");
            }
        }
        Shape::Pie => {
            let points: Vec<ChartPoint> = data
                .series
                .iter()
                .map(|series| {
                    ChartPoint::new()
                        .set_format(ChartFormat::new().set_solid_fill(&fill(series.colour)))
                })
                .collect();
            chart
                .add_series()
                .set_categories((sheet.as_str(), first + 1, 0, last, 0))
                .set_values((sheet.as_str(), first + 1, 1, last, 1))
                .set_points(&points)
                .set_data_label(ChartDataLabel::new().show_percentage().show_leader_lines());
        }
        Shape::Heat => {}
    }
    Some(chart)
}
