//! A PDF that somebody wants faxed, as pages that every fax machine takes: 1,728 dots across, 204 by
//! 196 to the inch (ITU-T T.4 §2), black or white, packed as T.6 says.
//!
//! A page is made smaller where it is larger than A4, never larger; one that is wider than high is
//! turned, as paper of fax machines is upright. Grey becomes dots in an order that repeats, which is
//! the same for the same page and packs well; what is nearly black or nearly white becomes it, so that
//! letters keep their edges.
//!
//! Promise: a PDF is drawn whole or refused with the reason. Fonts that are not in it are no reason
//! where every PDF may take them for granted (ISO 32000 §9.6.2.2).
//!
//! A PDF of a stranger can take all time and memory there is, so nothing but a process of its own
//! draws one ([`crate::work::draw`]).

use super::t6;
use hayro::hayro_interpret::font::{FontData, FontQuery, StandardFont};
use hayro::hayro_interpret::hayro_cmap::CMapName;
use hayro::hayro_interpret::hayro_syntax::object::{Dict, Name, Object};
use hayro::hayro_interpret::hayro_syntax::page::Page;
use hayro::hayro_interpret::{InterpreterSettings, InterpreterWarning};
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{RenderCache, RenderSettings};
use mediacore::edge::fax::process::FILE_BYTES_MAX;
use mediacore::tiff;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Largest PDF.
pub const PDF_BYTES_MAX: usize = 16 << 20;
/// Pages of one: an hour of sending.
pub const PAGES_MAX: usize = 100;
/// Dots of a row: A4 and its margins.
const WIDTH: u16 = 1_728;
/// Rows of a page: 297 mm.
const HEIGHT_MAX: u16 = 2_292;
/// Dots to the inch, across and down.
const DPI: (f32, f32) = (204.0, 196.0);
/// Points of an inch.
const POINTS: f32 = 72.0;
/// Sides of a page that is believed, in points: up to some five metres.
const SIDE: std::ops::RangeInclusive<f32> = 1.0..=14_400.0;
/// Fewest dots of a side.
const DOTS_MIN: u16 = 8;
/// Characters of a name that a sentence repeats.
const NAME_CHARS_MAX: usize = 60;
/// How many of sixteen dots of a grey are black, place by place.
const PATTERN: [[u16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
/// Darker is black, and lighter than white from there on.
const GREYS: std::ops::Range<u16> = 64..208;

/// Why a PDF is not drawn, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing of it can be read.
    #[error("it is damaged, or no PDF")]
    Damaged,
    /// It has a password.
    #[error("it is locked with a password")]
    Locked,
    /// None, or too many.
    #[error("it has {0} pages; a fax has 1 to {max}", max = PAGES_MAX)]
    Pages(usize),
    /// As large as a field, or as narrow as a hair.
    #[error("page {0} has no size that paper has")]
    Size(usize),
    /// It would come out white.
    #[error("nothing of page {0} can be read")]
    Empty(usize),
    /// Its letters would be missing.
    #[error("page {0} wants the font {1}, which is not in it; save it with its fonts")]
    Font(usize, String),
    /// An image would be missing.
    #[error("an image on page {0} is damaged")]
    Image(usize),
    /// More than a fax process reads.
    #[error("its pages are too many for one fax once they are drawn")]
    Large,
}

/// Draws every page into one TIFF.
///
/// # Errors
/// The first thing that cannot be drawn.
pub fn draw(pdf: Vec<u8>) -> Result<Vec<u8>, Refused> {
    let pdf = Pdf::new(pdf).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Refused::Locked,
        LoadPdfError::Invalid => Refused::Damaged,
    })?;
    let count = pdf.pages().len();
    if !(1..=PAGES_MAX).contains(&count) {
        return Err(Refused::Pages(count));
    }
    let left_out = left_out(&pdf);
    let (mut pages, mut bytes) = (Vec::new(), 0);
    for (page, number) in pdf.pages().iter().zip(1..) {
        let missing = Missing { left_out: left_out.clone(), ..Missing::default() };
        let (height, rows) = draw_page(page, number, &missing)?;
        let packed = t6::pack(&rows, usize::from(WIDTH) / 8);
        bytes += packed.len() as u64;
        if bytes > FILE_BYTES_MAX / 2 {
            return Err(Refused::Large);
        }
        pages.push((u32::from(WIDTH), u32::from(height), packed));
    }
    Ok(tiff::write_t6(&pages))
}

/// Rows of one page, a set bit is black.
fn draw_page<'a>(
    page: &'a Page<'a>,
    number: usize,
    missing: &Missing,
) -> Result<(u16, Vec<u8>), Refused> {
    let (width, height) = page.render_dimensions();
    if !SIDE.contains(&width) || !SIDE.contains(&height) {
        return Err(Refused::Size(number));
    }
    let is_turned = width > height;
    let (across, down) = if is_turned { (DPI.1, DPI.0) } else { DPI };
    let (width_max, height_max) = if is_turned { (HEIGHT_MAX, WIDTH) } else { (WIDTH, HEIGHT_MAX) };
    // Dots of a point.
    let (across, down) = (across / POINTS, down / POINTS);
    let scale = (f32::from(width_max) / (width * across))
        .min(f32::from(height_max) / (height * down))
        .min(1.0);
    let (across, down) = (across * scale, down * scale);
    let dots = |points: f32, most: u16| (points.round() as u16).min(most);
    let (columns, rows) = (dots(width * across, width_max), dots(height * down, height_max));
    if columns < DOTS_MIN || rows < DOTS_MIN {
        return Err(Refused::Size(number));
    }
    if page.page_stream().is_none() {
        return Err(Refused::Empty(number));
    }
    let how = RenderSettings {
        x_scale: across,
        y_scale: down,
        width: Some(columns),
        height: Some(rows),
        bg_color: WHITE,
    };
    let drawn = hayro::render(page, &RenderCache::new(), &missing.settings(), &how);
    missing.refuse(number)?;
    let greys: Vec<u8> = drawn.data_as_u8_slice().chunks_exact(4).map(grey).collect();
    let (columns, rows) = (usize::from(columns), usize::from(rows));
    Ok(if is_turned {
        // What was on the left is on top, and what was on top on the right.
        (columns as u16, blacken((rows, columns), |at, row| greys[(rows - 1 - at) * columns + row]))
    } else {
        (rows as u16, blacken((columns, rows), |at, row| greys[row * columns + at]))
    })
}

/// How light a pixel is (ITU-R BT.601), red, green and blue on white.
fn grey(pixel: &[u8]) -> u8 {
    let part = |n: usize, share: u32| u32::from(pixel[n]) * share;
    ((part(0, 77) + part(1, 150) + part(2, 29)) >> 8) as u8
}

/// Black dots where it is dark, in the middle of the paper.
fn blacken((columns, rows): (usize, usize), grey: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let row_bytes = usize::from(WIDTH) / 8;
    let margin = (usize::from(WIDTH) - columns) / 2;
    let mut bits = vec![0; row_bytes * rows];
    for row in 0..rows {
        for at in 0..columns {
            let place = PATTERN[row % 4][at % 4];
            let step = (GREYS.end - GREYS.start) / 16;
            if u16::from(grey(at, row)) < GREYS.start + step * place + step / 2 {
                let dot = margin + at;
                bits[row * row_bytes + dot / 8] |= 0x80 >> (dot % 8);
            }
        }
    }
    bits
}

/// A font of many letters that is not in the file, of which the renderer may take one of few letters for
/// another's name's sake.
fn left_out(pdf: &Pdf) -> Option<String> {
    // Looked at one by one afterwards, because that asks for others.
    let objects: Vec<Object<'_>> = pdf.objects().into_iter().collect();
    objects.into_iter().find_map(|object| {
        let font = object.into_dict()?;
        let kind = font.get::<Name<'_>>("Subtype")?;
        if !matches!(kind.as_str(), "CIDFontType0" | "CIDFontType2") {
            return None;
        }
        let described = font.get::<Dict<'_>>("FontDescriptor");
        let files = ["FontFile", "FontFile2", "FontFile3"];
        let is_there = described.is_some_and(|of| files.iter().any(|file| of.contains_key(file)));
        let name = font.get::<Name<'_>>("BaseFont");
        (!is_there).then(|| plain(name.as_ref().map_or("?", |name| name.as_str())))
    })
}

/// What the page wanted and nobody has.
#[derive(Clone, Default)]
struct Missing {
    noted: Arc<Mutex<Option<What>>>,
    left_out: Option<String>,
}

enum What {
    Font(String),
    Image,
}

impl Missing {
    fn note(&self, what: What) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }

    fn refuse(&self, number: usize) -> Result<(), Refused> {
        match self.noted.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Ok(()),
            Some(What::Image) => Err(Refused::Image(number)),
            Some(What::Font(name)) => Err(Refused::Font(number, name)),
        }
    }

    fn settings(&self) -> InterpreterSettings {
        let (fonts, codes, images) = (self.clone(), self.clone(), self.clone());
        InterpreterSettings {
            font_resolver: Arc::new(move |query: &FontQuery| match query {
                FontQuery::Standard(font) => match &fonts.left_out {
                    None => Some((standard(*font), 0)),
                    Some(name) => {
                        fonts.note(What::Font(name.clone()));
                        None
                    }
                },
                // A Chinese font, say: none of those that are here has its letters.
                FontQuery::Fallback(font) if font.character_collection.is_some() => {
                    let name = font.post_script_name.as_deref().unwrap_or("?");
                    fonts.note(What::Font(plain(name)));
                    None
                }
                FontQuery::Fallback(font) => Some((standard(font.pick_standard_font()), 0)),
            }),
            cmap_resolver: Arc::new(move |name: CMapName<'_>| {
                if !matches!(name, CMapName::IdentityH | CMapName::IdentityV) {
                    codes.note(What::Font("?".to_owned()));
                }
                None
            }),
            warning_sink: Arc::new(move |warning: InterpreterWarning| match warning {
                InterpreterWarning::ImageDecodeFailure => images.note(What::Image),
                InterpreterWarning::UnsupportedFont => images.note(What::Font("?".to_owned())),
            }),
            // As it is printed.
            render_annotations: false,
        }
    }
}

/// A name of a stranger's, for a sentence.
fn plain(name: &str) -> String {
    let shown = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX);
    shown.collect()
}

fn standard(font: StandardFont) -> FontData {
    use typst_assets::pdf;
    let bytes: &'static [u8] = match font {
        StandardFont::Helvetica => pdf::SANS,
        StandardFont::HelveticaBold => pdf::SANS_BOLD,
        StandardFont::HelveticaOblique => pdf::SANS_ITALIC,
        StandardFont::HelveticaBoldOblique => pdf::SANS_BOLD_ITALIC,
        StandardFont::Courier => pdf::FIXED,
        StandardFont::CourierBold => pdf::FIXED_BOLD,
        StandardFont::CourierOblique => pdf::FIXED_ITALIC,
        StandardFont::CourierBoldOblique => pdf::FIXED_BOLD_ITALIC,
        StandardFont::TimesRoman => pdf::SERIF,
        StandardFont::TimesBold => pdf::SERIF_BOLD,
        StandardFont::TimesItalic => pdf::SERIF_ITALIC,
        StandardFont::TimesBoldItalic => pdf::SERIF_BOLD_ITALIC,
        StandardFont::ZapfDingBats => pdf::DING_BATS,
        StandardFont::Symbol => pdf::SYMBOL,
    };
    Arc::new(bytes)
}

/// The process that draws one: the PDF on its input, on its output the TIFF, or a sentence that says
/// why not. True where it was drawn.
///
/// # Errors
/// When nothing comes in, or nobody listens.
pub fn serve(input: impl Read, mut output: impl Write) -> io::Result<bool> {
    let mut pdf = Vec::new();
    input.take(PDF_BYTES_MAX as u64).read_to_end(&mut pdf)?;
    let drawn = draw(pdf);
    let is_drawn = drawn.is_ok();
    output.write_all(&drawn.unwrap_or_else(|refused| refused.to_string().into_bytes()))?;
    output.flush()?;
    Ok(is_drawn)
}

#[cfg(test)]
mod tests;
