//! PDF: the set pages with fonts cut to the characters used, text that can be searched and copied.
//! The tags of a page take many times the memory of its rows, so many pages are written in
//! portions.

use super::joined::Joined;
use super::set::Set;
use super::world::told;
use chrono::{DateTime, Datelike, Timelike};
use std::io::Write;
use terms::Timestamp;
use typst::foundations::{Datetime, Smart};
use typst_pdf::{PdfOptions, Timestamp as PdfTimestamp};

/// Pages of a portion, unless a table runs on.
const PAGES_AT_ONCE: usize = 12;

/// Writes the file; the same pages give the same bytes.
///
/// # Errors
/// What typst says, or why it cannot be written.
pub fn write(
    set: Set,
    generated_at: Timestamp,
    out: &mut (dyn Write + Send),
) -> Result<(), String> {
    let options = PdfOptions {
        creator: Smart::Custom(Some("Switchgrid".to_owned())),
        timestamp: timestamp(generated_at),
        ..PdfOptions::default()
    };
    let pages = set.pages().count();
    let mut documents = set.documents(PAGES_AT_ONCE);
    let Some(first) = documents.next() else { return Ok(()) };
    let alone = first.pages().len() == pages;
    let portion = typst_pdf::pdf(&first, &options).map_err(|errors| told(&errors))?;
    drop(first);
    if alone {
        return out.write_all(&portion).map_err(|error| error.to_string());
    }
    let mut joined = Joined::new(out, pages);
    joined.part(&portion)?;
    drop(portion);
    for document in documents {
        let portion = typst_pdf::pdf(&document, &options).map_err(|errors| told(&errors))?;
        drop(document);
        joined.part(&portion)?;
    }
    joined.finish()
}

fn timestamp(at: Timestamp) -> Option<PdfTimestamp> {
    let at = DateTime::from_timestamp_micros(at.0)?;
    let small = |number: u32| u8::try_from(number).ok();
    let utc = Datetime::from_ymd_hms(
        at.year(),
        small(at.month())?,
        small(at.day())?,
        small(at.hour())?,
        small(at.minute())?,
        small(at.second())?,
    )?;
    Some(PdfTimestamp::new_utc(utc))
}
