//! Pages that are set, and the portions in which a file is made of them.

use typst::ecow::EcoVec;
use typst::model::DocumentInfo;
use typst_layout::{Page, PagedDocument};

/// Pages that are set.
pub struct Set {
    /// Pages that belong together, because a table may run over them.
    sections: Vec<Vec<Page>>,
    info: DocumentInfo,
}

impl Set {
    /// Pages in sections, each of which can stand alone; `info` is what the file says of itself.
    pub fn new(sections: Vec<Vec<Page>>, info: DocumentInfo) -> Set {
        Set { sections, info }
    }

    /// All pages.
    pub fn pages(&self) -> impl Iterator<Item = &Page> {
        self.sections.iter().flatten()
    }

    /// The pages as documents of whole sections, which have at least `pages_min` pages but for the
    /// last. Pages are let go with their document.
    pub fn documents(self, pages_min: usize) -> impl Iterator<Item = PagedDocument> {
        let mut sections = self.sections.into_iter();
        let info = self.info;
        std::iter::from_fn(move || {
            let mut pages: EcoVec<Page> = sections.next()?.into_iter().collect();
            while pages.len() < pages_min {
                let Some(more) = sections.next() else { break };
                pages.extend(more);
            }
            Some(PagedDocument::new(pages, info.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use typst::foundations::{Content, Smart};
    use typst::layout::{Abs, Frame, Sides, Size};

    fn section(pages: u64) -> Vec<Page> {
        let page = |number| Page {
            frame: Frame::soft(Size::zero()),
            bleed: Sides::splat(Abs::zero()),
            fill: Smart::Auto,
            numbering: None,
            supplement: Content::empty(),
            number,
        };
        (1..=pages).map(page).collect()
    }

    #[test]
    fn a_document_has_whole_sections_and_no_page_is_lost() {
        let sizes = |sections: &[u64], pages_min| {
            let sections = sections.iter().map(|pages| section(*pages)).collect();
            let set = Set::new(sections, DocumentInfo::default());
            set.documents(pages_min).map(|document| document.pages().len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[1, 1, 1, 1, 1], 2), [2, 2, 1]);
        assert_eq!(sizes(&[1, 3, 1, 5, 1], 2), [4, 6, 1]);
        assert_eq!(sizes(&[7], 2), [7]);
        assert_eq!(sizes(&[], 2), [0; 0]);
    }
}
