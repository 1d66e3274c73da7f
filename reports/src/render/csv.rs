//! CSV by RFC 4180, UTF-8 with a byte order mark, without which spreadsheets misread Chinese.
//! Rows of the answer and the total row; subtotals would be counted twice by whoever sums it.

use crate::cell::csv_text;
use crate::definition::Total;
use crate::messages::{Language, TOTAL};
use crate::table::{Cell, ReportTable};

/// The file.
pub fn write(table: &ReportTable, language: Language) -> Vec<u8> {
    let mut out = String::from("\u{feff}");
    line(&mut out, table.report.columns.iter().map(|c| header(c.header.get(language))));
    let text = |(index, cell): (usize, &Cell)| {
        csv_text(cell, table.report.columns[index].kind, table.period.zone, language)
    };
    for row in table.data_rows() {
        line(&mut out, row.cells.iter().enumerate().map(text));
    }
    if !table.total.is_empty() {
        let total = table.total.iter().enumerate().map(|(index, cell)| {
            match (index, table.report.columns[index].total) {
                (0, _) => TOTAL.get(language).to_owned(),
                (_, Total::None) => String::new(),
                _ => text((index, cell)),
            }
        });
        line(&mut out, total);
    }
    out.into_bytes()
}

/// People of the tenant write the headers of their own reports: none is a formula of a spreadsheet.
fn header(text: &str) -> String {
    if warehouse::answer::is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stands_in_quotes_where_it_has_a_quote_a_comma_or_a_line_of_its_own() {
        let of = |cells: &[&str]| {
            let mut out = String::new();
            line(&mut out, cells.iter().map(|&cell| cell.to_owned()));
            out
        };
        assert_eq!(of(&["王芳", "", "3.50"]), "王芳,,3.50\r\n");
        // RFC 4180 section 2, rules 6 and 7.
        assert_eq!(of(&["the \"old\" bridge", "7"]), "\"the \"\"old\"\" bridge\",7\r\n");
        assert_eq!(of(&["\""]), "\"\"\"\"\r\n");
        assert_eq!(of(&["1,284"]), "\"1,284\"\r\n");
        assert_eq!(of(&["a\nb", "a\rb"]), "\"a\nb\",\"a\rb\"\r\n");
    }
}
