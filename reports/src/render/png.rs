//! PNG: the set pages below one another, as one image.

use super::set::Set;
use crate::messages::{Language, PAGES_CUT};
use typst::ecow::EcoVec;
use typst::layout::Abs;
use typst::model::DocumentInfo;
use typst::visualize::Color;
use typst_layout::PagedDocument;
use typst_render::{RenderOptions, render_merged};

/// Pages of an image; a page takes 8 MB while it is drawn.
const PAGES_MAX: usize = 10;

/// The file. Pages above [`PAGES_MAX`] are left out with a warning.
pub fn write(set: &Set, language: Language, warnings: &mut Vec<String>) -> Result<Vec<u8>, String> {
    let pages: EcoVec<_> = set.pages().take(PAGES_MAX).cloned().collect();
    if set.pages().count() > PAGES_MAX {
        warnings.push(PAGES_CUT.get(language).replace("{n}", &PAGES_MAX.to_string()));
    }
    let shown = PagedDocument::new(pages, DocumentInfo::default());
    // Two pixels a point: sharp on a screen and readable when printed.
    let options = RenderOptions::default();
    let image =
        render_merged(&shown, &options, Abs::pt(8.0), Some(Color::from_u8(203, 208, 216, 255)));
    image.encode_png().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::SATISFACTION;
    use crate::period::Period;
    use crate::render::page::{Page, paper_width_pt};
    use crate::render::world::typeset;
    use crate::table::ReportTable;
    use terms::Timestamp;

    fn picture(page: Page) -> Vec<u8> {
        let set = typeset(page).expect("it can be set");
        write(&set, Language::ZhCn, &mut Vec::new()).expect("it can be drawn")
    }

    #[test]
    fn the_picture_of_an_empty_report_has_its_heads_and_says_that_there_are_no_rows() {
        let now = Timestamp::from_secs(1_795_406_400);
        let period = Period::parse("2026-11-20", "Asia/Shanghai", now).expect("a good period");
        let table = ReportTable::new(&SATISFACTION, "热线", period, now, Vec::new());
        let page = || Page::new(&table, Language::ZhCn, paper_width_pt(&table));
        let (mut silent, mut headless) = (page(), page());
        silent.labels.no_rows = " ";
        headless.columns.iter_mut().for_each(|column| column.header = " ");
        let whole = picture(page());
        assert_eq!(whole, picture(page()), "the same page is the same picture");
        for (lacking, what) in [(silent, "the sentence"), (headless, "the heads")] {
            assert!(whole != picture(lacking), "{what} would be missed");
        }
    }
}
