//! The sheets of data: heads that stay, filters, a row for each row, totals at the end. What a sheet
//! cannot hold goes into further ones. Of many rows a sheet keeps the one that is being written, the
//! others lie in a temporary file until the workbook is put together.

use super::{ACCENT, TINT, base, bold, foot, paper, shown, write_cell};
use crate::definition::{Column, Kind, Total};
use crate::messages::{DATA_SHEET, Language, TOTAL};
use crate::table::{Cell, ReportTable, Row};
use rust_xlsxwriter::{
    Color, Format, FormatAlign, FormatBorder, IgnoreError, Workbook, Worksheet, XlsxError,
};
use unicode_width::UnicodeWidthStr;

/// How many rows a sheet holds, and from how many on memory is saved.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Rows of a sheet, with its heads and the totals.
    pub sheet_rows: usize,
    /// More rows than this lie in a file meanwhile.
    pub rows_kept: usize,
}

/// Those of spreadsheets, and some megabytes of rows.
pub const EXCEL: Bounds = Bounds { sheet_rows: 1_048_576, rows_kept: 10_000 };

/// Rows between two words about progress.
const STEP_ROWS: usize = 50_000;
/// Of many rows: half the time of the usual level, and a file a sixteenth larger.
const FAST_LEVEL: u8 = 3;

/// Writes the sheets; `progress` hears how many rows are in them.
pub fn write(
    book: &mut Workbook,
    table: &ReportTable,
    language: Language,
    bounds: Bounds,
    progress: &mut dyn FnMut(usize),
) -> Result<(), XlsxError> {
    let count = table.data_rows().count();
    let is_long = count > bounds.rows_kept;
    if is_long {
        book.set_zip_compression_level(FAST_LEVEL);
    }
    // The heads and the totals take a row each.
    let most = bounds.sheet_rows - 2;
    let sheets = count.div_ceil(most).max(1);
    let widths: Vec<f64> = table
        .report
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| width(table, index, column, language))
        .collect();
    let formats: Vec<Format> =
        table.report.columns.iter().map(|column| shown(base(), column.kind)).collect();
    let mut rows = table.data_rows();
    let mut done = 0;
    for index in 0..sheets {
        let many = most.min(count - done);
        let sheet =
            if is_long { book.add_worksheet_with_constant_memory()? } else { book.add_worksheet() };
        let name = DATA_SHEET.get(language);
        let name = if index == 0 { name.to_owned() } else { format!("{name} {}", index + 1) };
        sheet.set_name(name)?;
        heads(sheet, table, language, &widths, many as u32)?;
        for (place, row) in (1..).zip(rows.by_ref().take(many)) {
            data_row(sheet, place, row, table, language, &formats)?;
            done += 1;
            if done.is_multiple_of(STEP_ROWS) {
                progress(done);
            }
        }
        if index + 1 == sheets {
            totals(sheet, many as u32 + 1, table, language)?;
        }
    }
    progress(done);
    Ok(())
}

/// The first row, and all that the sheet says of itself before its rows.
fn heads(
    sheet: &mut Worksheet,
    table: &ReportTable,
    language: Language,
    widths: &[f64],
    rows: u32,
) -> Result<(), XlsxError> {
    let columns = table.report.columns;
    let last_column = columns.len() as u16 - 1;
    sheet.set_print_fit_to_pages(1, 0);
    paper(sheet, table);
    foot(sheet, table, language);
    sheet.set_repeat_rows(0, 0)?.set_freeze_panes(1, 0)?;
    sheet.autofilter(0, 0, rows, last_column)?;
    // A telephone number is a text on purpose.
    sheet.ignore_error_range(0, 0, rows + 1, last_column, IgnoreError::NumberStoredAsText)?;

    let head = bold()
        .set_font_color(Color::White)
        .set_background_color(ACCENT)
        .set_align(FormatAlign::VerticalCenter);
    sheet.set_row_height(0, 22)?;
    for (index, (column, width)) in columns.iter().zip(widths).enumerate() {
        let side = if column.kind == Kind::Text { FormatAlign::Left } else { FormatAlign::Right };
        let format = head.clone().set_align(side);
        sheet.write_string_with_format(0, index as u16, column.header.get(language), &format)?;
        sheet.set_column_width(index as u16, *width)?;
    }
    Ok(())
}

fn data_row(
    sheet: &mut Worksheet,
    place: u32,
    row: &Row,
    table: &ReportTable,
    language: Language,
    formats: &[Format],
) -> Result<(), XlsxError> {
    for (index, (column, format)) in table.report.columns.iter().zip(formats).enumerate() {
        let cell = table.shown(row, index);
        let place = (place, index as u16);
        write_cell(sheet, place, &cell, column.kind, table.period.zone, language, format)?;
    }
    Ok(())
}

fn totals(
    sheet: &mut Worksheet,
    row: u32,
    table: &ReportTable,
    language: Language,
) -> Result<(), XlsxError> {
    for (index, (cell, column)) in table.total.iter().zip(table.report.columns).enumerate() {
        let (cell, kind) = match (index, column.total) {
            (0, _) => (&Cell::Word(&TOTAL), Kind::Text),
            (_, Total::None) => (&Cell::Empty, column.kind),
            _ => (cell, column.kind),
        };
        let format = bold()
            .set_background_color(TINT)
            .set_border_top(FormatBorder::Medium)
            .set_border_top_color(ACCENT);
        let format = shown(format, kind);
        let place = (row, index as u16);
        write_cell(sheet, place, cell, kind, table.period.zone, language, &format)?;
    }
    Ok(())
}

/// Wide enough for the header with its filter button and for the widest text.
fn width(table: &ReportTable, index: usize, column: &Column, language: Language) -> f64 {
    let header = column.header.get(language).width() + 4;
    let cells = match column.kind {
        Kind::Time => 20,
        Kind::Text => {
            let text = |cell: &Cell| match cell {
                Cell::Text(text) => text.width(),
                Cell::Word(words) => words.get(language).width(),
                _ => 0,
            };
            table.data_rows().map(|row| text(&row.cells[index])).max().unwrap_or(0)
        }
        _ => 10,
    };
    header.max(cells + 2).min(50) as f64
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;
    use crate::Period;
    use crate::catalogue::CALLS;
    use crate::table::RowKind;
    use calamine::{Data, Reader, Xlsx};
    use std::io::Cursor;
    use terms::Timestamp;

    /// Calls whose ids are 1, 2 and so on.
    fn calls(count: i64) -> ReportTable {
        let now = Timestamp::from_secs(1_796_088_600);
        let row = |n: i64| {
            let mut cells = vec![Cell::Empty; CALLS.columns.len()];
            cells[CALLS.position("call_id")] = Cell::text(&n.to_string());
            cells[CALLS.position("caller")] = Cell::text("02188880000");
            cells[CALLS.position("talk_ms")] = Cell::Duration(90_000);
            Row { kind: RowKind::Data, cells, behind: None, provisional: false }
        };
        let period = Period::parse("2026-11-30", "Asia/Shanghai", now).expect("a good period");
        ReportTable::new(&CALLS, "热线", period, now, (1..=count).map(row).collect())
    }

    fn book(table: &ReportTable, bounds: Bounds) -> (Xlsx<Cursor<Vec<u8>>>, Vec<usize>) {
        let (mut bytes, mut heard): (Vec<u8>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut hear = |rows: usize| heard.push(rows);
        written(table, Language::En, bounds, &mut bytes, &mut hear).expect("a workbook");
        (Xlsx::new(Cursor::new(bytes)).expect("it can be read"), heard)
    }

    /// The column of ids of a sheet: its head, its rows, and the totals' empty cell where they are.
    fn ids(book: &mut Xlsx<Cursor<Vec<u8>>>, sheet: &str) -> Vec<String> {
        let column = CALLS.position("call_id") as u32;
        let range = book.worksheet_range(sheet).expect("the sheet");
        let (last, _) = range.end().expect("it has cells");
        (0..=last)
            .map(|row| range.get_value((row, column)).map(Data::to_string).unwrap_or_default())
            .collect()
    }

    #[test]
    fn rows_that_no_sheet_holds_go_into_further_ones_each_with_heads_and_the_last_with_totals() {
        let table = calls(25);
        for rows_kept in [5, 1_000] {
            let (mut book, heard) = book(&table, Bounds { sheet_rows: 12, rows_kept });
            assert_eq!(book.sheet_names(), ["Summary", "Data", "Data 2", "Data 3"]);
            let mut found = Vec::new();
            for (sheet, rows) in [("Data", 10), ("Data 2", 10), ("Data 3", 5)] {
                let mut ids = ids(&mut book, sheet);
                assert_eq!(ids.remove(0), "Call", "{sheet}");
                if sheet == "Data 3" {
                    assert_eq!(ids.pop().as_deref(), Some(""), "the totals are of no call");
                }
                assert_eq!(ids.len(), rows, "{sheet}, kept {rows_kept}");
                found.extend(ids);
            }
            let all: Vec<String> = (1..=25).map(|n: i64| n.to_string()).collect();
            assert_eq!(found, all);
            assert_eq!(heard, [25], "it is told when all rows are there");

            let last = book.worksheet_range("Data 3").expect("the sheet");
            assert_eq!(last.get_value((6, 0)), Some(&Data::String("Total".to_owned())));
            let talk = CALLS.position("talk_ms") as u32;
            let Some(Data::DateTime(sum)) = last.get_value((6, talk)) else { panic!("a sum") };
            assert!((sum.as_f64() * 86_400.0 - 25.0 * 90.0).abs() < 0.5, "{sum:?}");
        }
    }

    #[test]
    fn rows_that_just_fit_are_one_sheet() {
        let (book, _) = book(&calls(10), Bounds { sheet_rows: 12, rows_kept: 5 });
        assert_eq!(book.sheet_names(), ["Summary", "Data"]);
    }

    #[test]
    fn a_sheet_of_rows_in_a_file_holds_the_same_as_one_in_memory() {
        let table = calls(40);
        let sheet = |rows_kept: usize| {
            let (mut book, _) = book(&table, Bounds { sheet_rows: 1_000, rows_kept });
            let range = book.worksheet_range("Data").expect("the sheet");
            range.rows().map(<[Data]>::to_vec).collect::<Vec<_>>()
        };
        let (in_file, in_memory) = (sheet(5), sheet(1_000));
        assert_eq!(in_file.len(), 42, "heads, rows and totals");
        assert!(in_file == in_memory);
    }
}
