//! WAV files that people bring: PCM of 8, 16, 24 and 32 bits, 32-bit floats, A-law and µ-law (format
//! tags 1, 3, 6, 7 and the extensible form), 4 to 192 kHz. A wrong length of the last chunk is
//! forgiven: writers that were killed leave one.

use super::funnel::Funnel;
use super::{CHANNELS_MAX, Error};
use crate::g711::{self, Law};
use std::time::Duration;

#[derive(Clone, Copy)]
struct Format {
    tag: u16,
    channels: u16,
    rate_hz: u32,
    bits: u16,
}

impl Format {
    fn parse(chunk: &[u8]) -> Option<Format> {
        let mut tag = u16_at(chunk, 0)?;
        if tag == 0xFFFE {
            // Extensible: the tag is in the first two bytes of the sub-format.
            tag = u16_at(chunk, 24)?;
        }
        Some(Format {
            tag,
            channels: u16_at(chunk, 2)?,
            rate_hz: u32_at(chunk, 4)?,
            bits: u16_at(chunk, 14)?,
        })
    }

    fn check(self) -> Result<Format, Error> {
        let Format { tag, channels, rate_hz, bits } = self;
        let depth = matches!((tag, bits), (1, 8 | 16 | 24 | 32) | (3, 32) | (6 | 7, 8));
        if depth && (1..=CHANNELS_MAX).contains(&channels) && (4_000..=192_000).contains(&rate_hz) {
            Ok(self)
        } else {
            Err(Error::Format { tag, bits, channels, rate_hz })
        }
    }

    fn sample(self, bytes: &[u8]) -> f32 {
        let whole = match (self.tag, bytes) {
            (3, &[a, b, c, d]) => return f32::from_le_bytes([a, b, c, d]),
            (6, &[octet]) => i32::from(g711::decode(Law::A, octet)) << 16,
            (7, &[octet]) => i32::from(g711::decode(Law::Mu, octet)) << 16,
            (_, &[octet]) => (i32::from(octet) - 128) << 24,
            (_, &[a, b]) => i32::from_le_bytes([0, 0, a, b]),
            (_, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]),
            (_, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        whole as f32 / 2_147_483_648.0
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Finds a chunk. A length beyond the end of the file is cut.
fn chunk(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    while rest.len() >= 8 {
        let len = u32_at(rest, 4)? as usize;
        let body = &rest[8..];
        if rest[..4] == name {
            return Some(&body[..len.min(body.len())]);
        }
        rest = body.get(len.checked_add(len & 1)?..)?;
    }
    None
}

/// Reads a WAV file as samples at 8 kHz.
///
/// # Errors
/// What is missing, of another format, or too long.
pub fn decode(bytes: &[u8], length_max: Duration) -> Result<Vec<i16>, Error> {
    let format = chunk(bytes, *b"fmt ").and_then(Format::parse).ok_or(Error::NoChunk("fmt "))?;
    let format = format.check()?;
    let data = chunk(bytes, *b"data").ok_or(Error::NoChunk("data"))?;
    let width = usize::from(format.bits / 8);
    let mut funnel = Funnel::new(format.rate_hz, length_max)?;
    for frame in data.chunks_exact(width * usize::from(format.channels)) {
        let sum: f32 = frame.chunks_exact(width).map(|bytes| format.sample(bytes)).sum();
        funnel.push(sum / f32::from(format.channels))?;
    }
    funnel.finish()
}
