//! An Opus file of ours read again, page by page. Promise: a changed byte and a cut are found
//! wherever they are: each page has a checksum and a number, and only the last one says that it is.

use super::{FIRST_PAGE, GRANULE_HZ, LAST_PAGE, crc};
use crate::encode::{Checked, Damage, read_full};
use std::io::{self, Read};

const HEAD_BYTES: usize = 27;
const SEQUENCE_AT: usize = 18;
const CRC_AT: usize = 22;

/// Reads a file and says how long it is, exactly.
///
/// # Errors
/// What `from` says.
pub fn check(from: &mut impl Read) -> io::Result<Checked> {
    let (mut page, mut at, mut number, mut pre_skip) = (Vec::new(), 0_u64, 0_u32, 0_u64);
    loop {
        page.resize(HEAD_BYTES, 0);
        if read_full(from, &mut page)? < HEAD_BYTES {
            return Ok(Err(Damage::Cut { at }));
        }
        if !page.starts_with(b"OggS\0") {
            return Ok(Err(Damage::Lost { at }));
        }
        if !append(from, usize::from(page[HEAD_BYTES - 1]), &mut page)? {
            return Ok(Err(Damage::Cut { at }));
        }
        let body_at = page.len();
        let segments = page[HEAD_BYTES..].iter();
        let body_bytes = segments.map(|&segment| usize::from(segment)).sum::<usize>();
        if !append(from, body_bytes, &mut page)? {
            return Ok(Err(Damage::Cut { at }));
        }
        if !is_what_was_written(&mut page) {
            return Ok(Err(Damage::Checksum { at }));
        }
        let kind = page[5];
        let is_next = u32_at(&page, SEQUENCE_AT) == number && (number == 0) == (kind == FIRST_PAGE);
        if !is_next {
            return Ok(Err(Damage::Lost { at }));
        }
        if number == 0 {
            match page[body_at..].strip_prefix(b"OpusHead") {
                Some([_, _, low, high, ..]) => pre_skip = u64::from(*low) | u64::from(*high) << 8,
                _ => return Ok(Err(Damage::Lost { at })),
            }
        }
        at += page.len() as u64;
        number += 1;
        if kind == LAST_PAGE {
            if read_full(from, &mut [0])? > 0 {
                return Ok(Err(Damage::Lost { at }));
            }
            let granules = u64::from(u32_at(&page, 6)) | u64::from(u32_at(&page, 10)) << 32;
            let ms = (granules.saturating_sub(pre_skip) * 1000 / GRANULE_HZ) as i64;
            return Ok(Ok(ms..=ms));
        }
    }
}

/// So many bytes more; false when there are not so many.
fn append(from: &mut impl Read, bytes: usize, page: &mut Vec<u8>) -> io::Result<bool> {
    let begin = page.len();
    page.resize(begin + bytes, 0);
    Ok(read_full(from, &mut page[begin..])? == bytes)
}

/// The checksum is taken with zeros in its own place, and they stay there.
fn is_what_was_written(page: &mut [u8]) -> bool {
    let said = u32_at(page, CRC_AT);
    page[CRC_AT..CRC_AT + 4].fill(0);
    crc(page) == said
}

fn u32_at(page: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Rate;
    use crate::encode::Encode;
    use crate::ogg_opus::Encoder;
    use crate::record::wav::Format;

    fn encoded(format: Format, samples: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(24, format).unwrap();
        let sound: Vec<i16> = (0..samples * 2).map(|n| (n % 997) as i16 * 15).collect();
        let mut out = Vec::new();
        encoder.encode(&sound, &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    }

    fn checked(file: &[u8]) -> Checked {
        check(&mut &*file).unwrap()
    }

    #[test]
    fn a_whole_file_lasts_as_long_as_its_samples() {
        for format in [Format::stereo_8k(None), Format::stereo(None, Rate::Wide)] {
            for samples in [0, 160, 8_000, 12_345, 80_000] {
                let ms = (samples * 1000 / format.rate_hz as usize) as i64;
                assert_eq!(checked(&encoded(format, samples)), Ok(ms..=ms), "{samples} samples");
            }
        }
    }

    #[test]
    fn every_changed_byte_is_found_and_every_cut() {
        let file = encoded(Format::stereo_8k(None), 12_000);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert!(checked(&changed).is_err(), "byte {at} of {}", file.len());
        }
        for bytes in 0..file.len() {
            assert!(matches!(checked(&file[..bytes]), Err(Damage::Cut { .. })), "{bytes} bytes");
        }
        assert_eq!(
            checked(&[&*file, b"x"].concat()),
            Err(Damage::Lost { at: file.len() as u64 }),
            "nothing comes after the last page"
        );
    }
}
