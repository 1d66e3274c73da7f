//! Says within a copy of a recording who fetched it, and encodes nothing anew: a WAV gets a comment
//! in a `LIST` chunk (Multimedia Programming Interface and Data Specifications 1.0, `INFO`), an MP3 a
//! comment in a tag before it (ID3v2.4 §3, §4.10), Opus one in its `OpusTags` (RFC 7845 §5.2).
//! Promise: the samples stay octet for octet, and a file whose beginning is another than we write is
//! left as it is.

use crate::ogg_opus::crc;
use crate::record::wav::layout;

/// Octets of a file from which each of the three finds its place.
pub const START_BYTES: usize = 4096;

/// Fixed part of a page of Ogg (RFC 3533 §6).
const PAGE_BYTES: usize = 27;

/// Another beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The octets that the copy begins with.
    pub bytes: Vec<u8>,
    /// How many octets of the file they stand for.
    pub replaced: usize,
}

/// A WAV of `file_bytes` octets that begins with `start`, with `text` as its comment.
pub fn wav(start: &[u8], file_bytes: u64, text: &str) -> Option<Start> {
    let data = usize::try_from(layout(start, file_bytes).ok()?.data_at).ok()?;
    let head = data.checked_sub(8)?;
    let chunk = info(text);
    let mut bytes = start.get(..head)?.to_vec();
    if start.starts_with(b"RF64") {
        // EBU Tech 3306: `ds64` is the first chunk and begins with the length of the file.
        (start.get(12..16)? == b"ds64").then_some(())?;
        let field: [u8; 8] = start.get(20..28)?.try_into().ok()?;
        let longer = u64::from_le_bytes(field).checked_add(chunk.len() as u64)?;
        bytes.get_mut(20..28)?.copy_from_slice(&longer.to_le_bytes());
    } else {
        let field: [u8; 4] = start.get(4..8)?.try_into().ok()?;
        let longer = u32::from_le_bytes(field).checked_add(u32::try_from(chunk.len()).ok()?)?;
        bytes.get_mut(4..8)?.copy_from_slice(&longer.to_le_bytes());
    }
    bytes.extend_from_slice(&chunk);
    bytes.extend_from_slice(start.get(head..data)?);
    Some(Start { bytes, replaced: data })
}

/// The chunk `LIST` with `text` as `ICMT`, which ends in a zero and is padded to an even length.
fn info(text: &str) -> Vec<u8> {
    let mut comment = text.as_bytes().to_vec();
    comment.push(0);
    let length = comment.len() as u32;
    comment.resize(comment.len().next_multiple_of(2), 0);
    let mut chunk = b"LIST".to_vec();
    chunk.extend_from_slice(&(12 + comment.len() as u32).to_le_bytes());
    chunk.extend_from_slice(b"INFOICMT");
    chunk.extend_from_slice(&length.to_le_bytes());
    chunk.extend_from_slice(&comment);
    chunk
}

/// An MP3 that begins with `start`, with `text` as its comment.
pub fn mp3(start: &[u8], text: &str) -> Option<Start> {
    // Eleven bits set begin a frame: what has a tag already is none of ours.
    (start.first() == Some(&0xFF) && start.get(1)? & 0xE0 == 0xE0).then_some(())?;
    // UTF-8, no language, no short description.
    let mut comment = b"\x03und\0".to_vec();
    comment.extend_from_slice(text.as_bytes());
    let mut bytes = b"ID3\x04\0\0".to_vec();
    bytes.extend_from_slice(&seven_bits(comment.len() + 10)?);
    bytes.extend_from_slice(b"COMM");
    bytes.extend_from_slice(&seven_bits(comment.len())?);
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&comment);
    Some(Start { bytes, replaced: 0 })
}

/// A length in four octets of seven bits (ID3v2.4 §6.2).
fn seven_bits(length: usize) -> Option<[u8; 4]> {
    let length = u32::try_from(length).ok().filter(|length| *length < 1 << 28)?;
    Some([21, 14, 7, 0].map(|shift| (length >> shift & 0x7F) as u8))
}

/// An Ogg Opus that begins with `start`, with `text` as a comment more.
pub fn opus(start: &[u8], text: &str) -> Option<Start> {
    let (head, first) = packet(start)?;
    head.starts_with(b"OpusHead").then_some(())?;
    let rest = start.get(first..)?;
    let (tags, second) = packet(rest)?;
    let tags = commented(tags, text)?;
    let segments = tags.len() / 255 + 1;
    let mut page = rest.get(..PAGE_BYTES - 1)?.to_vec();
    page.push(u8::try_from(segments).ok()?);
    page.extend(std::iter::repeat_n(255, segments - 1));
    page.push((tags.len() % 255) as u8);
    page.extend_from_slice(&tags);
    page[22..26].fill(0);
    let sum = crc(&page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    let mut bytes = start.get(..first)?.to_vec();
    bytes.extend_from_slice(&page);
    Some(Start { bytes, replaced: first + second })
}

/// The one packet of the page that `start` begins with, and how long the page is.
fn packet(start: &[u8]) -> Option<(&[u8], usize)> {
    (start.get(..5)? == b"OggS\0").then_some(())?;
    let count = usize::from(*start.get(PAGE_BYTES - 1)?);
    let segments = start.get(PAGE_BYTES..PAGE_BYTES + count)?;
    let (last, full) = segments.split_last()?;
    (*last < 255 && full.iter().all(|segment| *segment == 255)).then_some(())?;
    let from = PAGE_BYTES + count;
    let until = from + full.len() * 255 + usize::from(*last);
    Some((start.get(from..until)?, until))
}

/// `OpusTags` with a comment more; what follows the comments stays.
fn commented(tags: &[u8], text: &str) -> Option<Vec<u8>> {
    let number = |at: usize| -> Option<usize> {
        let field: [u8; 4] = tags.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(field)).ok()
    };
    tags.starts_with(b"OpusTags").then_some(())?;
    let counted = number(8)?.checked_add(12)?;
    let comments = number(counted)?;
    let after = counted + 4;
    let comment = format!("COMMENT={text}");
    let mut out = tags.get(..counted)?.to_vec();
    out.extend_from_slice(&u32::try_from(comments.checked_add(1)?).ok()?.to_le_bytes());
    out.extend_from_slice(&u32::try_from(comment.len()).ok()?.to_le_bytes());
    out.extend_from_slice(comment.as_bytes());
    out.extend_from_slice(tags.get(after..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Encode;
    use crate::mp3::{Encoder, Mp3Options};
    use crate::record::wav::{self, Format};

    const TEXT: &str = "王芳 (wf), 2026-11-30 09:40:37";

    fn copy(file: &[u8], start: &Start) -> Vec<u8> {
        [&start.bytes[..], &file[start.replaced..]].concat()
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        text.is_empty() || bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn a_marked_wav_has_the_same_samples_and_a_length_that_is_true() {
        for text in [TEXT, "even", ""] {
            let mut file = Format::stereo_8k(None).header(3);
            file.extend_from_slice(&[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]);
            let marked = copy(&file, &super::wav(&file, file.len() as u64, text).unwrap());
            let said = u32::from_le_bytes(marked[4..8].try_into().unwrap());
            assert_eq!(said as usize + 8, marked.len());
            assert_eq!(wav::read(&marked).unwrap().channels, wav::read(&file).unwrap().channels);
            assert!(holds(&marked, text) && marked.len().is_multiple_of(2));
        }
    }

    #[test]
    fn a_long_wav_says_its_new_length_where_long_ones_do() {
        let file = Format::stereo_8k(None).header(1 << 31);
        let start = super::wav(&file, file.len() as u64, TEXT).unwrap();
        let length = |bytes: &[u8]| u64::from_le_bytes(bytes[20..28].try_into().unwrap());
        let longer = (start.bytes.len() - start.replaced) as u64;
        assert_eq!(length(&start.bytes), length(&file) + longer);
    }

    #[test]
    fn a_marked_mp3_is_a_tag_before_the_same_frames() {
        let mut encoder = Encoder::new(Mp3Options::default(), Format::stereo_8k(None)).unwrap();
        let mut file = Vec::new();
        encoder.encode(&[0; 16_000], &mut file).unwrap();
        let info = encoder.finish(&mut file).unwrap();
        file[..info.len()].copy_from_slice(&info);
        let start = super::mp3(&file, TEXT).unwrap();
        assert_eq!((start.replaced, &start.bytes[..5]), (0, &b"ID3\x04\0"[..]));
        let size = start.bytes[6..10].iter().fold(0, |size, part| size << 7 | usize::from(*part));
        assert_eq!(size + 10, start.bytes.len(), "a player finds the first frame behind it");
        assert!(holds(&start.bytes, TEXT));
        assert_eq!(super::mp3(&copy(&file, &start), TEXT), None, "a tag is not put before a tag");
        assert_eq!(seven_bits(300), Some([0, 0, 2, 44]));
    }

    #[test]
    fn a_marked_opus_has_a_comment_more_and_a_sum_that_fits() {
        let mut encoder = crate::ogg_opus::Encoder::new(24, Format::stereo_8k(None)).unwrap();
        let mut file = Vec::new();
        encoder.encode(&[0; 16_000], &mut file).unwrap();
        encoder.finish(&mut file).unwrap();
        for text in [TEXT.to_owned(), "x".repeat(900)] {
            let start = super::opus(&file, &text).unwrap();
            let (_, first) = packet(&start.bytes).unwrap();
            let mut page = start.bytes[first..].to_vec();
            let said = u32::from_le_bytes(page[22..26].try_into().unwrap());
            page[22..26].fill(0);
            assert_eq!(crc(&page), said);
            let (tags, _) = packet(&page).unwrap();
            assert!(holds(tags, &format!("COMMENT={text}")));
            assert_eq!(tags[22..26], 1_u32.to_le_bytes(), "one comment behind `switchgrid`");
            let twice = super::opus(&copy(&file, &start), "again").unwrap();
            assert!(holds(&twice.bytes, &text) && holds(&twice.bytes, "COMMENT=again"));
        }
    }

    #[test]
    fn what_is_cut_or_another_file_stays_as_it_is() {
        let wav = Format::stereo_8k(None).header(3);
        let mut encoder = crate::ogg_opus::Encoder::new(24, Format::stereo_8k(None)).unwrap();
        let mut ogg = Vec::new();
        encoder.finish(&mut ogg).unwrap();
        let (_, head) = packet(&ogg).unwrap();
        let (_, tags) = packet(&ogg[head..]).unwrap();
        for cut in 0..wav.len() {
            assert_eq!(super::wav(&wav[..cut], cut as u64, TEXT), None, "{cut}");
        }
        for cut in 0..head + tags {
            assert_eq!(super::opus(&ogg[..cut], TEXT), None, "{cut}");
        }
        for odd in [&b""[..], b"RIFF", b"\xff", b"OggS\0", b"ID3\x04"] {
            assert_eq!(super::wav(odd, odd.len() as u64, TEXT), None);
            assert_eq!((super::mp3(odd, TEXT), super::opus(odd, TEXT)), (None, None));
        }
    }
}
