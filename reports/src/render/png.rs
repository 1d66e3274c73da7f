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
