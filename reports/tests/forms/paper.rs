//! The paper that pages are set on, seen by poppler, and what a reader without eyes finds in them.

use crate::{calls, pdf_info, quality, rendered, satisfaction};
use reports::{Format, Language, Orientation, Paper, ReportTable, Size};

/// Width and height in whole points of the pages of a PDF.
fn pages_pt(pdf: &[u8]) -> (u32, u32) {
    let info = pdf_info(pdf);
    let line = info.lines().find_map(|line| line.strip_prefix("Page size:")).expect("a size");
    let mut sides = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let mut side = || sides.next().expect("two sides").round() as u32;
    (side(), side())
}

fn on(table: ReportTable, size: Size, orientation: Orientation) -> ReportTable {
    ReportTable { paper: Paper { size, orientation }, ..table }
}

#[test]
fn pages_are_as_large_as_asked_for_and_lie_as_asked_for() {
    use Orientation::{Automatic, Landscape, Portrait};
    use Size::{A3, A4};
    for (table, size, orientation, sides) in [
        (satisfaction(), A4, Automatic, (595, 842)),
        (satisfaction(), A4, Landscape, (842, 595)),
        (satisfaction(), A3, Automatic, (842, 1191)),
        (satisfaction(), A3, Landscape, (1191, 842)),
        // Fifteen columns lie on their side on A4 and stand on A3.
        (quality(), A4, Automatic, (842, 595)),
        (quality(), A4, Portrait, (595, 842)),
        (quality(), A3, Automatic, (842, 1191)),
    ] {
        let pdf = rendered(&on(table, size, orientation), Format::Pdf, Language::En);
        assert_eq!(pages_pt(&pdf), sides, "{size:?} {orientation:?}");
    }
}

#[test]
fn a_wider_paper_holds_more_rows_of_the_same_table() {
    let pages = |size| {
        let list = on(calls(600), size, Orientation::Portrait);
        let info = pdf_info(&rendered(&list, Format::Pdf, Language::ZhCn));
        let line = info.lines().find_map(|line| line.strip_prefix("Pages:")).expect("a count");
        line.trim().parse::<u32>().expect("a number")
    };
    let (a4, a3) = (pages(Size::A4), pages(Size::A3));
    assert!(a3 < a4, "{a3} pages on A3, {a4} on A4");
}

#[test]
fn pages_are_tagged_so_that_they_can_be_read_aloud() {
    for table in [satisfaction(), quality()] {
        let pdf = rendered(&table, Format::Pdf, Language::ZhCn);
        let info = pdf_info(&pdf);
        let tagged = info.lines().find_map(|line| line.strip_prefix("Tagged:")).expect("a line");
        assert_eq!(tagged.trim(), "yes", "{info}");
        let structure = crate::poppler("pdfinfo", &["-struct", "-"], &pdf);
        for part in ["Table", "TH", "TD"] {
            let found = structure.lines().any(|line| line.trim().starts_with(part));
            assert!(found, "nothing is a {part}: {structure}");
        }
        let is_head = |line: &str| line.starts_with("TH") && !line.starts_with("THead");
        let heads = structure.lines().filter(|line| is_head(line.trim())).count();
        assert!(heads >= table.report.columns.len(), "a head for each column: {structure}");
    }
}
