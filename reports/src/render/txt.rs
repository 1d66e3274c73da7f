//! TXT: an aligned table for terminals and line printers. A Chinese character is two columns wide.

use super::page::Page;
use unicode_width::UnicodeWidthStr;

/// The file.
pub fn write(page: &Page) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(page.title);
    for (label, value) in &page.meta {
        line(&format!("{label}: {value}"));
    }
    for note in &page.notes {
        line(&format!("* {note}"));
    }
    line("");
    if page.rows.is_empty() {
        table(page).iter().for_each(|row| line(row));
        line(page.labels.no_rows);
    } else {
        for (label, value) in &page.figures {
            line(&format!("{label}: {value}"));
        }
        line("");
        table(page).iter().for_each(|row| line(row));
    }
    line("");
    line(&format!("{}:", page.labels.formulas));
    for formula in &page.formulas {
        line(&format!("  {formula}"));
    }
    if let Some(mark) = &page.mark {
        line("");
        line(mark);
    }
    out
}

fn table(page: &Page) -> Vec<String> {
    let headers: Vec<String> = page.columns.iter().map(|c| c.header.to_owned()).collect();
    // Without rows there is no total either: the heads alone say what there would be.
    let total = (!page.total.is_empty()).then_some(&page.total);
    let all =
        || std::iter::once(&headers).chain(page.rows.iter().map(|row| &row.cells)).chain(total);
    let widths: Vec<usize> = (0..page.columns.len())
        .map(|index| all().map(|cells| cells[index].width()).max().unwrap_or(0))
        .collect();
    let rule = widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>().join("  ");

    let row = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(&page.columns).map(|((cell, width), column)| {
            let gap = " ".repeat(width - cell.width());
            if column.right { gap + cell } else { cell.clone() + &gap }
        });
        padded.collect::<Vec<_>>().join("  ")
    };
    let mut lines = vec![row(&headers), rule.clone()];
    lines.extend(page.rows.iter().map(|page_row| row(&page_row.cells)));
    if let Some(total) = total {
        lines.push(rule);
        lines.push(row(total));
    }
    lines
}
