//! A table in every form: PDF and PNG (typst, in memory), XLSX, HTML, TXT, CSV, JSON.
//!
//! What a page says (title, figures, rows as text, formulas, notes) is put together once, in
//! `page`; the page forms only set it. Charts are computed once, in `chart`, as numbers: our SVG
//! draws them on pages, the workbook makes native charts of them.

mod chart;
mod csv;
mod fonts;
mod html;
mod joined;
mod json;
mod long;
mod page;
mod pdf;
mod png;
mod set;
mod svg;
mod txt;
mod world;
mod xlsx;

pub(crate) use chart::PALETTE;
pub(crate) use fonts::missing as missing_glyphs;
pub use fonts::{Loaded, load as load_fonts};

use crate::messages::{GLYPHS_MISSING, Language};
use crate::run::Error;
use crate::table::ReportTable;
use page::Page;
use std::fmt;
use std::io::Write;
use std::str::FromStr;

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A4 pages with vector charts and embedded fonts.
    Pdf,
    /// The same pages as one image.
    Png,
    /// A workbook with real numbers and native charts.
    Xlsx,
    /// One page without scripts and without anything from elsewhere.
    Html,
    /// An aligned table.
    Txt,
    /// UTF-8 with a byte order mark, RFC 4180.
    Csv,
    /// For programs: every cell as text and as number.
    Json,
}

/// A name that no form has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no reports as \"{0}\": use pdf, xlsx, html, txt, png, csv or json")]
pub struct UnknownFormat(pub String);

impl Format {
    /// All forms.
    pub const ALL: [Format; 7] = [
        Format::Pdf,
        Format::Xlsx,
        Format::Html,
        Format::Txt,
        Format::Png,
        Format::Csv,
        Format::Json,
    ];

    /// How files of this form end, which is also its name.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Pdf => "pdf",
            Format::Png => "png",
            Format::Xlsx => "xlsx",
            Format::Html => "html",
            Format::Txt => "txt",
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Pdf => "application/pdf",
            Format::Png => "image/png",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Html => "text/html; charset=utf-8",
            Format::Txt => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let lower = text.to_ascii_lowercase();
        let found = Format::ALL.into_iter().find(|format| format.extension() == lower);
        found.ok_or_else(|| UnknownFormat(text.chars().take(40).collect()))
    }
}

/// A form of a report, made.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the reader should know about it, a sentence each; mostly nothing.
    pub warnings: Vec<String>,
}

/// How far a long form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows that are in it.
    pub rows: usize,
    /// Rows that will be.
    pub of: usize,
}

/// Makes `table` into `format`. Takes time (a page needs milliseconds, a long PDF seconds), so
/// call it where nothing waits.
///
/// # Errors
/// [`Error::Render`] when the form cannot be made.
pub fn render(table: &ReportTable, format: Format, language: Language) -> Result<Rendered, Error> {
    let mut bytes: Vec<u8> = Vec::new();
    let warnings = render_into(table, format, language, &mut bytes, &mut |_| ())?;
    Ok(Rendered { bytes, warnings })
}

/// Writes `table` as `format` into `out`, and gives what the reader should know about it. A workbook
/// is written as it is made, its rows lie on disk meanwhile, and `progress` hears of it every some
/// ten thousand rows and at the end; a long PDF is written some pages at a time; other forms are made
/// in memory.
///
/// # Errors
/// [`Error::Render`] when the form cannot be made or written.
pub fn render_into(
    table: &ReportTable,
    format: Format,
    language: Language,
    out: &mut (dyn Write + Send),
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<String>, Error> {
    let failed =
        |why: String| Error::Render { report: table.report.id, format: format.extension(), why };
    let mut warnings = Vec::new();
    let bytes = match format {
        Format::Xlsx => {
            let of = table.data_rows().count();
            let mut heard = |rows: usize| progress(Progress { rows, of });
            xlsx::write(table, language, out, &mut heard)
                .map_err(|error| failed(error.to_string()))?;
            return Ok(warnings);
        }
        Format::Csv => csv::write(table, language),
        Format::Json => json::write(table, language),
        Format::Txt => txt::write(&Page::new(table, language, 0.0)).into_bytes(),
        Format::Html => html::write(&Page::new(table, language, html::WIDTH_PX))
            .map_err(|error| failed(format!("{error:#}")))?,
        Format::Pdf | Format::Png => {
            let mut page = Page::new(table, language, page::paper_width_pt(table));
            let missing = missing_glyphs(&page.all_text());
            if !missing.is_empty() {
                let told = GLYPHS_MISSING.get(language);
                warnings.push(format!("{told}{missing}"));
                // On the page itself by their numbers: the characters would be boxes there too.
                page.notes.push(format!("{told}{}", code_points(&missing)));
            }
            let set = world::typeset(page).map_err(failed)?;
            if format == Format::Pdf {
                pdf::write(set, table.generated_at, out).map_err(failed)?;
                return Ok(warnings);
            }
            png::write(&set, language, &mut warnings).map_err(failed)?
        }
    };
    out.write_all(&bytes).map_err(|error| failed(error.to_string()))?;
    Ok(warnings)
}

/// `U+4DAE, U+3D8D`.
fn code_points(text: &str) -> String {
    let told: Vec<String> = text.chars().map(|char| format!("U+{:04X}", u32::from(char))).collect();
    told.join(", ")
}
