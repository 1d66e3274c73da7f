//! PDF: the set pages with fonts cut to the characters used, text that can be searched and copied.

use super::world::told;
use chrono::{DateTime, Datelike, Timelike};
use terms::Timestamp;
use typst::foundations::{Datetime, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp as PdfTimestamp};

/// The file; the same pages give the same bytes.
pub fn write(document: &PagedDocument, generated_at: Timestamp) -> Result<Vec<u8>, String> {
    let options = PdfOptions {
        creator: Smart::Custom(Some("Switchgrid".to_owned())),
        timestamp: timestamp(generated_at),
        ..PdfOptions::default()
    };
    typst_pdf::pdf(document, &options).map_err(|errors| told(&errors))
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
