//! Prompts and music: a file becomes 8 kHz G.711 once, when it is loaded or uploaded.
//!
//! Read by their first bytes, whatever the name says: WAV ([`wav`]), MP3 ([`mp3`]) and Ogg Opus
//! ([`ogg`]), mono or more channels (averaged), of any rate (resampled by [`funnel`]). Promise:
//! files come from strangers; one that is damaged, too large, too long or of another kind ends in
//! an [`Error`] that says what is wrong, where, and what would be right. Memory is the file, one
//! chunk, and two octets for each 8 kHz sample.

pub mod funnel;
pub mod mp3;
pub mod ogg;
mod store;
pub mod wav;

pub use store::{OwnPrompts, PromptStore};

use crate::g711::{self, Law};
use std::time::Duration;

/// Letters of a prompt's name at most.
pub const NAME_MAX: usize = 120;
/// Samples a second of every prompt.
pub const RATE_HZ: u32 = 8_000;
/// Channels of a file at most.
pub const CHANNELS_MAX: u16 = 8;

/// How large a prompt may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes_max: u64,
    /// How long it plays.
    pub length_max: Duration,
}

impl Default for Limits {
    /// 64 MiB and half an hour.
    fn default() -> Self {
        Limits { bytes_max: 64 << 20, length_max: Duration::from_secs(30 * 60) }
    }
}

/// Why a file cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many bytes.
    #[error("{bytes} bytes; a prompt has at most {max}")]
    Bytes {
        /// How many.
        bytes: u64,
        /// [`Limits::bytes_max`].
        max: u64,
    },
    /// It plays too long.
    #[error("more than {} s of audio, which is as long as a prompt may be", max.as_secs_f64())]
    Long {
        /// [`Limits::length_max`].
        max: Duration,
    },
    /// Nothing to hear.
    #[error("no audio is in it")]
    Empty,
    /// Another kind of file.
    #[error("it is {0}; WAV, MP3 (MPEG audio layer III) and Ogg Opus are played")]
    Kind(String),
    /// A chunk of a WAV is missing.
    #[error("the \"{0}\" chunk of the WAV is missing or too short")]
    NoChunk(&'static str),
    /// A WAV of samples that are not read.
    #[error(
        "format tag {tag} with {bits} bits, {channels} channels and {rate_hz} Hz is not played; \
         PCM of 8 to 32 bits, 32-bit floats, A-law or µ-law with 1 to 8 channels and 4000 to \
         192000 Hz is"
    )]
    Format {
        /// The format tag.
        tag: u16,
        /// Bits of one sample.
        bits: u16,
        /// Channels.
        channels: u16,
        /// Samples per second.
        rate_hz: u32,
    },
    /// It is damaged.
    #[error("{part} {number}, {at_ms} ms into it, is damaged: {detail}; the whole file is needed")]
    Damaged {
        /// What of the file: a page, a packet, a frame.
        part: &'static str,
        /// Which, from 1.
        number: u64,
        /// How much could be played before.
        at_ms: u64,
        /// What is wrong.
        detail: String,
    },
    /// The resampler refused.
    #[error("it cannot be resampled: {0}")]
    Resample(String),
}

/// The kinds of files that are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RIFF.
    Wav,
    /// MPEG audio layer III.
    Mp3,
    /// Opus in Ogg.
    Opus,
}

impl Kind {
    /// How names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Kind::Wav => "wav",
            Kind::Mp3 => "mp3",
            Kind::Opus => "opus",
        }
    }

    /// The kind whose files' names end so; `.ogg` is taken for Opus.
    pub fn with_extension(extension: &str) -> Option<Kind> {
        match extension.to_ascii_lowercase().as_str() {
            "wav" => Some(Kind::Wav),
            "mp3" => Some(Kind::Mp3),
            "opus" | "ogg" => Some(Kind::Opus),
            _ => None,
        }
    }

    /// What the first bytes say.
    ///
    /// # Errors
    /// [`Error::Kind`] names what they look like, [`Error::Empty`] when there are none.
    pub fn of(bytes: &[u8]) -> Result<Kind, Error> {
        let other = |what: &str| Err(Error::Kind(what.to_owned()));
        match bytes {
            [] => Err(Error::Empty),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Ok(Kind::Wav),
            [b'O', b'g', b'g', b'S', ..] => Ok(Kind::Opus),
            [b'I', b'D', b'3', ..] => Ok(Kind::Mp3),
            // Eleven bits of synchronisation, a known version, layer III (ISO 11172-3 §2.4.1.3).
            &[0xFF, second, ..] if second & 0xE6 == 0xE2 && second & 0x18 != 0x08 => Ok(Kind::Mp3),
            &[0xFF, second, ..] if second & 0xF6 == 0xF0 => other("AAC (ADTS)"),
            &[0xFF, second, ..] if second & 0xE0 == 0xE0 => other("MPEG audio of layer I or II"),
            [b'R', b'F', b'6', b'4', ..] => other("RF64"),
            [b'R', b'I', b'F', b'F', ..] => other("a RIFF file that is not WAVE"),
            [b'f', b'L', b'a', b'C', ..] => other("FLAC"),
            [b'F', b'O', b'R', b'M', ..] => other("AIFF"),
            [b'#', b'!', b'A', b'M', b'R', ..] => other("AMR"),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => other("MP4 (M4A)"),
            [0x1A, 0x45, 0xDF, 0xA3, ..] => other("Matroska (WebM)"),
            _ => {
                let first: Vec<String> =
                    bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                Err(Error::Kind(format!("of an unknown kind (it begins with {})", first.join(" "))))
            }
        }
    }
}

/// A prompt in both laws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

impl Prompt {
    /// Reads a file of any kind that is played.
    ///
    /// # Errors
    /// Every [`Error`].
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Ok(Prompt::from_samples(&decode(bytes, limits)?))
    }

    /// From samples at 8 kHz.
    pub fn from_samples(samples: &[i16]) -> Self {
        let encoded = |law| samples.iter().map(|&sample| g711::encode(law, sample)).collect();
        Prompt { alaw: encoded(Law::A), ulaw: encoded(Law::Mu) }
    }

    /// The octets of a law, one for each sample.
    pub fn octets(&self, law: Law) -> &[u8] {
        match law {
            Law::A => &self.alaw,
            Law::Mu => &self.ulaw,
        }
    }

    /// How long it plays.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.alaw.len() as u64 * 1_000_000 / u64::from(RATE_HZ))
    }
}

/// Reads a file of any kind that is played as samples at 8 kHz.
///
/// # Errors
/// Every [`Error`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<i16>, Error> {
    if bytes.len() as u64 > limits.bytes_max {
        return Err(Error::Bytes { bytes: bytes.len() as u64, max: limits.bytes_max });
    }
    match Kind::of(bytes)? {
        Kind::Wav => wav::decode(bytes, limits.length_max),
        Kind::Mp3 => mp3::decode(bytes, limits.length_max),
        Kind::Opus => ogg::decode(bytes, limits.length_max),
    }
}

/// Whether a name may be that of a prompt: letters, digits, `-`, `_`, `.` and `/` between parts,
/// and no part that begins with a dot.
pub fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
    };
    name.len() <= NAME_MAX && name.split('/').all(part)
}

#[cfg(test)]
mod tests;
