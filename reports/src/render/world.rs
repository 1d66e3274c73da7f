//! The world in which typst sets our pages: one template, one data file, our fonts. No disk, no
//! network, no packages, no clock. What people wrote comes in as JSON strings, which typst never
//! reads as markup.

use super::fonts::FONTS;
use super::long;
use super::page::Page;
use super::set::Set;
use std::sync::LazyLock;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::model::Document;
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;

/// Pages of the same template remembered between runs; older ones are let go.
const COMPILATIONS_REMEMBERED: usize = 2;

/// Rows of a table that is set as one document.
const ROWS_WHOLE_MAX: usize = 500;

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
static BOOK: LazyLock<LazyHash<FontBook>> =
    LazyLock::new(|| LazyHash::new(FontBook::from_fonts(FONTS.iter())));
static TEMPLATE: LazyLock<Source> =
    LazyLock::new(|| Source::new(file("page.typ"), include_str!("page.typ").to_owned()));
static DATA: LazyLock<FileId> = LazyLock::new(|| file("data.json"));

fn file(name: &str) -> FileId {
    let path = VirtualPath::new(name).expect("our own names are paths");
    RootedPath::new(VirtualRoot::Project, path).intern()
}

struct PageWorld {
    data: Bytes,
}

impl World for PageWorld {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &BOOK
    }

    fn main(&self) -> FileId {
        TEMPLATE.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == TEMPLATE.id() { Ok(TEMPLATE.clone()) } else { Err(absent(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == *DATA { Ok(self.data.clone()) } else { Err(absent(id)) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn absent(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().get_without_slash().into())
}

/// Sets `page`, a long one by [`long`](super::long).
///
/// # Errors
/// What typst says, which would be a mistake of our template.
pub fn typeset(page: Page) -> Result<Set, String> {
    if page.rows.len() > ROWS_WHOLE_MAX {
        return long::typeset(page);
    }
    let document = compiled(&page)?;
    Ok(Set::new(vec![document.pages().to_vec()], document.info().clone()))
}

/// Sets the part of `page` that it names.
pub fn compiled(page: &Page) -> Result<PagedDocument, String> {
    let data = serde_json::to_vec(page).map_err(|error| error.to_string())?;
    let world = PageWorld { data: Bytes::new(data) };
    let document = typst::compile::<PagedDocument>(&world).output;
    typst::comemo::evict(COMPILATIONS_REMEMBERED);
    document.map_err(|errors| told(&errors))
}

/// The first of typst's errors in a line.
pub fn told(errors: &[SourceDiagnostic]) -> String {
    errors.first().map_or_else(|| "no reason given".to_owned(), |error| error.message.to_string())
}
