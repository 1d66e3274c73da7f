//! Tables of many pages: no row is lost, doubled or moved, and every page says where it stands.

use crate::{calls, pdf_info, pdf_text, poppler, rendered};
use reports::catalogue::CALLS;
use reports::{Cell, Format, Language, Mark, ReportTable, render_into};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Rows of some sixty pages on A4.
const ROWS: i64 = 2_000;
/// Rows that page forms print.
const ROWS_PRINTED: usize = 12_000;

fn number_of(call: i64) -> String {
    format!("+86{}", 13_800_138_000_i64 + call)
}

fn pages_of(text: &str) -> Vec<&str> {
    text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect()
}

/// The callers' numbers in the order of the pages.
fn numbers_in(text: &str) -> Vec<String> {
    let words = text.split_whitespace();
    words.filter(|word| word.starts_with("+86138")).map(str::to_owned).collect()
}

#[test]
fn a_list_of_many_pages_has_every_row_once_and_in_order() {
    let pdf = rendered(&calls(ROWS), Format::Pdf, Language::ZhCn);
    let text = pdf_text(&pdf);
    let pages = pages_of(&text);
    assert!(pages.len() >= 50, "{} pages", pages.len());
    let rows_of_one = numbers_in(pages[1]).len();
    assert!(ROWS_PRINTED / rows_of_one >= 300, "{rows_of_one} rows on a page");
    let expected: Vec<String> = (0..ROWS).map(number_of).collect();
    let found = numbers_in(&text);
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "rows stand in the order of the table");
    for (index, page) in pages.iter().enumerate() {
        let flat: String = page.split_whitespace().collect();
        let foot = format!("第{}页/共{}页", index + 1, pages.len());
        assert!(flat.contains(&foot), "page {} does not say so: {page}", index + 1);
        if index > 0 {
            assert!(flat.contains("呼叫历史记录|江城燃气热线"), "a running head: {page}");
            assert!(flat.contains("主叫") || flat.contains("时间"), "heads: {page}");
        }
    }
    let last = pages.last().expect("a last page");
    assert!(last.contains("合计"), "the totals stand at the end: {last}");
    let info = pdf_info(&pdf);
    let is_tagged = |line: &str| line.starts_with("Tagged:") && line.contains("yes");
    assert!(info.lines().any(is_tagged), "{info}");
}

#[test]
fn every_cell_of_a_long_list_is_tagged_as_one() {
    let rows = 700;
    let pdf = rendered(&calls(rows), Format::Pdf, Language::En);
    let structure = poppler("pdfinfo", &["-struct", "-"], &pdf);
    let cells = structure.lines().filter(|line| line.trim().starts_with("TD")).count();
    let totals = CALLS.columns.len();
    assert!(cells >= rows as usize * CALLS.columns.len(), "{cells} cells");
    assert!(cells <= rows as usize * CALLS.columns.len() + totals, "{cells} cells");
}

/// `table` with an agent of this name in one row.
fn with_text(table: ReportTable, row: usize, text: &str) -> ReportTable {
    let mut table = table;
    table.rows[row].cells[5] = Cell::text(text);
    table
}

#[test]
fn a_row_of_more_lines_in_a_long_list_is_whole_and_its_neighbours_stay() {
    let list = with_text(calls(700), 300, &"甬".repeat(150));
    let text = pdf_text(&rendered(&list, Format::Pdf, Language::ZhCn));
    assert_eq!(text.matches('甬').count(), 150, "no character of a long text is lost");
    let expected: Vec<String> = (0..700).map(number_of).collect();
    assert!(numbers_in(&text) == expected, "{text}");
}

#[test]
fn a_character_of_a_stencil_in_a_row_stays_where_it_is_and_alone() {
    // The first Chinese characters stand in the cells of the page that all pages are made from.
    let list = with_text(calls(700), 300, "一");
    let count = |text: &str| text.matches('一').count();
    let plain = count(&pdf_text(&rendered(&calls(700), Format::Pdf, Language::ZhCn)));
    let text = pdf_text(&rendered(&list, Format::Pdf, Language::ZhCn));
    assert_eq!(count(&text), plain + 1, "{text}");
    let line = text.lines().find(|line| line.contains(&number_of(300))).expect("its line");
    assert!(line.contains('一'), "{line}");
}

#[test]
fn numbers_of_a_long_list_stand_at_the_right_of_their_columns() {
    let mut list = calls(700);
    for (row, ms) in [(100, 1_000), (101, 36_000_000_000)] {
        list.rows[row].cells[8] = Cell::Duration(ms);
    }
    let text =
        poppler("pdftotext", &["-tsv", "-", "-"], &rendered(&list, Format::Pdf, Language::ZhCn));
    let end = |wanted: &str| {
        let fields: Vec<&str> = text
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .find(|fields| fields.last() == Some(&wanted))
            .unwrap_or_else(|| panic!("{wanted} is missing"));
        // `left` and `width` are the seventh and the ninth field.
        let number = |at: usize| fields[at].parse::<f64>().expect("a number");
        number(6) + number(8)
    };
    assert!((end("0:00:01") - end("10000:00:00")).abs() < 0.6, "both end at the same place");
}

#[test]
fn who_fetched_a_long_list_stands_on_every_page() {
    let mut list = calls(700);
    let plain = pdf_text(&rendered(&list, Format::Pdf, Language::En));
    let mark = Mark::new("A (wf)", "x", crate::NOW, "Asia/Shanghai");
    list.mark = Some(mark.expect("a mark"));
    let text = pdf_text(&rendered(&list, Format::Pdf, Language::En));
    let pages = pages_of(&text).len();
    // A slanting line comes out in pieces: the sign of its zone is counted.
    let signs = |text: &str| text.matches('+').count();
    assert_eq!(signs(&text), signs(&plain) + pages);
}

/// Keeps what is written, and how much of it came at once at most.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        self.most = self.most.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What stands behind each `begin`, up to one of `ends`.
fn behind(pdf: &[u8], begin: &str, ends: &str) -> Vec<String> {
    let begins = pdf.windows(begin.len()).enumerate();
    let found = begins.filter(|(_, part)| *part == begin.as_bytes());
    let word = |(at, _): (usize, &[u8])| {
        let rest = &pdf[at + begin.len()..];
        let word = rest.iter().take_while(|byte| !ends.as_bytes().contains(byte));
        word.map(|byte| char::from(*byte)).collect()
    };
    found.map(word).collect()
}

#[test]
fn a_long_list_is_written_in_portions_and_is_one_document_all_the_same() {
    let (rows, mut kept) = (900, Kept::default());
    let made =
        render_into(&calls(rows), Format::Pdf, Language::ZhCn, &mut kept, &mut |_| ()).map(drop);
    made.expect("it can be rendered");
    let pdf = kept.bytes;
    assert!(kept.most < pdf.len() / 3, "{} of {} bytes at once", kept.most, pdf.len());

    let info = pdf_info(&pdf);
    let line = info.lines().find_map(|line| line.strip_prefix("Pages:")).expect("a count");
    let pages: usize = line.trim().parse().expect("a number");
    assert!(behind(&pdf, "<xmpTPg:NPages>", "<").contains(&pages.to_string()));
    assert_eq!(behind(&pdf, "/Type/Catalog", ">").len(), 1);
    assert_eq!(behind(&pdf, "/S/Document", "/").len(), 1);

    let keys = behind(&pdf, "/StructParents ", "/>");
    assert_eq!((keys.len(), keys.iter().collect::<BTreeSet<_>>().len()), (pages, pages));
    let heads = behind(&pdf, "/ID(", ")");
    // The opening has none; each other page has those of its table, the last those of the totals.
    assert_eq!(heads.len(), (pages - 1) * CALLS.columns.len());
    assert_eq!(heads.iter().collect::<BTreeSet<_>>().len(), heads.len(), "no head has two cells");

    let table: usize = behind(&pdf, "startxref\n", "\n")[0].parse().expect("a place");
    let text = String::from_utf8_lossy(&pdf[table..]).into_owned();
    let entries = text.lines().skip(3).take_while(|line| line.ends_with('n'));
    let mut objects = 0;
    for entry in entries {
        objects += 1;
        let at: usize = entry[..10].parse().expect("a place");
        let head = format!("{objects} 0 obj\n");
        assert!(pdf[at..].starts_with(head.as_bytes()), "object {objects} is not at {at}");
    }
    assert!(objects > rows as usize * CALLS.columns.len(), "{objects} objects");
}
