//! WAV files: the header that our files begin with, and a reader for what we and others write.
//! Promise: the header is valid from the first byte on, sizes included; beyond 4 GiB it is RF64
//! (EBU Tech 3306).
//!
//! A-law is format tag 6 and µ-law 7 (RFC 2361), 8 bits a sample; PCM is tag 1, 16 bits.
//!
//! ```text
//! PCM      RIFF size WAVE │ fmt 16 │                     │ data size │ samples     44 bytes before
//! A-, µ-law RIFF size WAVE │ fmt 18 │ fact samples        │ data size │ samples     58 bytes before
//! RF64     RF64 −1 WAVE │ ds64 28 │ fmt │ fact −1 (laws)  │ data −1   │ samples     36 bytes more
//! ```

use crate::codec::Rate;
use crate::g711::{self, Law};

/// Format tags that are read.
pub const TAG_PCM: u16 = 1;
/// A-law.
pub const TAG_ALAW: u16 = 6;
/// µ-law.
pub const TAG_ULAW: u16 = 7;
/// The real tag stands in the first two bytes of the sub-format.
const TAG_EXTENSIBLE: u16 = 0xFFFE;

/// What the samples of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// [`TAG_PCM`], [`TAG_ALAW`] or [`TAG_ULAW`].
    pub tag: u16,
    /// One or two, interleaved.
    pub channels: u16,
    /// Samples a second and channel.
    pub rate_hz: u32,
}

/// Where the samples lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What they are.
    pub format: Format,
    /// First byte.
    pub data_at: u64,
    /// Length in bytes.
    pub data_bytes: u64,
}

/// A whole file, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// What it was.
    pub format: Format,
    /// The samples, one list a channel.
    pub channels: Vec<Vec<i16>>,
}

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not RIFF/WAVE or RF64.
    #[error("not a WAV file: it must begin with RIFF or RF64 and WAVE")]
    NotWav,
    /// A chunk is missing or cut short.
    #[error("the {0} chunk is missing or cut short")]
    Chunk(&'static str),
    /// A format that is not read.
    #[error(
        "format tag {tag} with {channels} channels of {bits} bits at {rate_hz} Hz is not read: PCM of 16 bits, A-law or µ-law, mono or stereo, up to 192 kHz is needed"
    )]
    Format {
        /// As found.
        tag: u16,
        /// As found.
        channels: u16,
        /// As found.
        bits: u16,
        /// As found.
        rate_hz: u32,
    },
}

impl Format {
    /// A recording's format: stereo at 8 kHz in that law, or PCM.
    pub fn stereo_8k(law: Option<Law>) -> Format {
        Format::stereo(law, Rate::Narrow)
    }

    /// The same at either rate; a law is always at 8 kHz.
    pub fn stereo(law: Option<Law>, rate: Rate) -> Format {
        let tag = match law {
            Some(Law::A) => TAG_ALAW,
            Some(Law::Mu) => TAG_ULAW,
            None => TAG_PCM,
        };
        let rate_hz = if law.is_some() { 8000 } else { rate.hz() };
        Format { tag, channels: 2, rate_hz }
    }

    /// The law of the samples; `None` is PCM.
    pub fn law(self) -> Option<Law> {
        match self.tag {
            TAG_ALAW => Some(Law::A),
            TAG_ULAW => Some(Law::Mu),
            _ => None,
        }
    }

    /// Bytes of one sample over all channels.
    pub fn frame_bytes(self) -> u64 {
        u64::from(self.channels) * if self.tag == TAG_PCM { 2 } else { 1 }
    }

    /// Everything before the samples, for a file of that many samples a channel.
    pub fn header(self, samples: u64) -> Vec<u8> {
        let data_bytes = samples * self.frame_bytes();
        let extra = if self.tag == TAG_PCM { 0 } else { 14 };
        let riff_bytes = 36 + extra + data_bytes;
        let long = riff_bytes > u64::from(u32::MAX);
        let size = |bytes: u64| (if long { u32::MAX } else { bytes as u32 }).to_le_bytes();
        let mut header = Vec::with_capacity(96);
        header.extend_from_slice(if long { b"RF64" } else { b"RIFF" });
        header.extend_from_slice(&size(riff_bytes));
        header.extend_from_slice(b"WAVE");
        if long {
            header.extend_from_slice(b"ds64\x1C\0\0\0");
            for value in [riff_bytes + 36, data_bytes, samples] {
                header.extend_from_slice(&value.to_le_bytes());
            }
            header.extend_from_slice(&[0; 4]);
        }
        self.write_fmt(&mut header);
        if self.tag != TAG_PCM {
            header.extend_from_slice(b"fact\x04\0\0\0");
            header.extend_from_slice(&size(samples));
        }
        header.extend_from_slice(b"data");
        header.extend_from_slice(&size(data_bytes));
        header
    }

    fn write_fmt(self, header: &mut Vec<u8>) {
        let frame_bytes = self.frame_bytes() as u32;
        let bits: u16 = if self.tag == TAG_PCM { 16 } else { 8 };
        header.extend_from_slice(b"fmt ");
        header.extend_from_slice(&(if bits == 16 { 16_u32 } else { 18 }).to_le_bytes());
        header.extend_from_slice(&self.tag.to_le_bytes());
        header.extend_from_slice(&self.channels.to_le_bytes());
        header.extend_from_slice(&self.rate_hz.to_le_bytes());
        header.extend_from_slice(&(self.rate_hz * frame_bytes).to_le_bytes());
        header.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
        header.extend_from_slice(&bits.to_le_bytes());
        if bits == 8 {
            header.extend_from_slice(&[0; 2]);
        }
    }

    /// Interleaved bytes to interleaved samples; a last half sample is left out.
    pub fn decode(self, bytes: &[u8], samples: &mut Vec<i16>) {
        match self.law() {
            Some(law) => samples.extend(bytes.iter().map(|&octet| g711::decode(law, octet))),
            None => {
                let pairs = bytes.chunks_exact(2);
                samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
            }
        }
    }
}

/// Finds the samples. `start` is the beginning of the file, long enough to reach the data chunk's
/// head; `file_bytes` its whole length, which bounds what the header claims.
pub fn layout(start: &[u8], file_bytes: u64) -> Result<Layout, Error> {
    let rf64 = start.starts_with(b"RF64");
    if !(rf64 || start.starts_with(b"RIFF")) || start.get(8..12) != Some(b"WAVE") {
        return Err(Error::NotWav);
    }
    let (mut at, mut format, mut long_data) = (12_usize, None, None);
    loop {
        let Some(head) = start.get(at..at + 8) else {
            return Err(Error::Chunk(if format.is_none() { "fmt" } else { "data" }));
        };
        let bytes = u32::from_le_bytes(head[4..].try_into().expect("four bytes")) as usize;
        let body = at + 8;
        match &head[..4] {
            b"fmt " => format = Some(read_fmt(start.get(body..body.saturating_add(bytes)))?),
            b"ds64" => {
                let field = start.get(body + 8..body + 16).ok_or(Error::Chunk("ds64"))?;
                long_data = Some(u64::from_le_bytes(field.try_into().expect("eight bytes")));
            }
            b"data" => {
                let format = format.ok_or(Error::Chunk("fmt"))?;
                let claimed = match long_data {
                    Some(long) if bytes == u32::MAX as usize => long,
                    _ => bytes as u64,
                };
                let there = file_bytes.saturating_sub(body as u64);
                let data_bytes = claimed.min(there);
                return Ok(Layout { format, data_at: body as u64, data_bytes });
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        at = body.saturating_add(bytes).saturating_add(bytes % 2);
    }
}

fn read_fmt(body: Option<&[u8]>) -> Result<Format, Error> {
    let body = body.filter(|body| body.len() >= 16).ok_or(Error::Chunk("fmt"))?;
    let word = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
    let tag = match word(0) {
        TAG_EXTENSIBLE if body.len() >= 26 => word(24),
        tag => tag,
    };
    let rate_hz = u32::from_le_bytes(body[4..8].try_into().expect("four bytes"));
    let (channels, bits) = (word(2), word(14));
    let known = matches!((tag, bits), (TAG_PCM, 16) | (TAG_ALAW | TAG_ULAW, 8));
    if !known || !(1..=2).contains(&channels) || !(1000..=192_000).contains(&rate_hz) {
        return Err(Error::Format { tag, channels, bits, rate_hz });
    }
    Ok(Format { tag, channels, rate_hz })
}

/// Reads and decodes a whole file.
pub fn read(bytes: &[u8]) -> Result<Wav, Error> {
    let layout = layout(bytes, bytes.len() as u64)?;
    let (at, len) = (layout.data_at as usize, layout.data_bytes as usize);
    let mut samples = Vec::with_capacity(len);
    layout.format.decode(&bytes[at..at + len], &mut samples);
    let count = usize::from(layout.format.channels);
    let channel = |first: usize| samples.chunks_exact(count).map(|frame| frame[first]).collect();
    Ok(Wav { format: layout.format, channels: (0..count).map(channel).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for law in [None, Some(Law::A), Some(Law::Mu)] {
            let format = Format::stereo_8k(law);
            let mut bytes = format.header(3);
            let data_at = bytes.len();
            bytes.extend((0..3 * format.frame_bytes()).map(|octet| octet as u8 * 17));
            let found = layout(&bytes, bytes.len() as u64).unwrap();
            assert_eq!((found.format, found.data_at as usize), (format, data_at));
            let wav = read(&bytes).unwrap();
            assert_eq!(wav.channels.len(), 2);
            assert_eq!(wav.channels[0].len(), 3);
            let riff_bytes = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
            assert_eq!(riff_bytes as usize, bytes.len() - 8);
        }
    }

    #[test]
    fn beyond_four_gigabytes_the_header_is_rf64() {
        let format = Format::stereo_8k(Some(Law::A));
        let samples = 3_000_000_000;
        let header = format.header(samples);
        assert!(header.starts_with(b"RF64\xFF\xFF\xFF\xFF"));
        let file_bytes = header.len() as u64 + 2 * samples;
        let found = layout(&header, file_bytes).unwrap();
        assert_eq!((found.data_at, found.data_bytes), (header.len() as u64, 2 * samples));
        assert_eq!(u64::from_le_bytes(header[20..28].try_into().unwrap()), file_bytes - 8);
        let last_short = (u64::from(u32::MAX) - 50) / 2;
        assert!(format.header(last_short).starts_with(b"RIFF"));
        assert!(format.header(last_short + 1).starts_with(b"RF64"));
    }

    #[test]
    fn a_header_that_lies_or_is_cut_is_refused_or_bounded() {
        let whole = Format::stereo_8k(None).header(1000);
        for end in 0..whole.len() {
            assert!(layout(&whole[..end], end as u64).is_err(), "cut at {end}");
        }
        assert_eq!(layout(&whole, 100).unwrap().data_bytes, 56);
        for at in 0..whole.len() {
            for value in [0, 0x7F, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = read(&bytes).map(|wav| assert!(wav.channels[0].len() <= bytes.len()));
            }
        }
    }
}
