//! Renderings that are made from a recording's WAV: what an encoder is, and why there is none.
//! [`crate::mp3`] and [`crate::ogg_opus`] are encoders, `edge::encode` puts one between two files;
//! each has a `check` that reads such a file again.

use crate::record::wav;
use std::fmt;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Samples in, bytes of a file out.
pub trait Encode {
    /// Encodes interleaved samples onto the end of `out`.
    ///
    /// # Errors
    /// When the codec refuses.
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error>;

    /// The rest of the file goes onto the end of `out`; what is given back replaces as many bytes
    /// at the file's beginning.
    ///
    /// # Errors
    /// When the codec refuses.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Vec<u8>, Error>;
}

/// Why there is no rendering.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{doing} {}", path.display())]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Not a WAV that is read.
    #[error("read {}", path.display())]
    Wav {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: wav::Error,
    },
    /// LAME refused.
    #[error("{kbit} kbit/s at {rate_hz} Hz cannot be encoded: {detail}")]
    Lame {
        /// As asked.
        kbit: u16,
        /// Of the WAV.
        rate_hz: u32,
        /// What LAME says.
        detail: String,
    },
    /// libopus refused.
    #[error("Opus of {kbit} kbit/s at {rate_hz} Hz cannot be encoded: {detail}")]
    Opus {
        /// As asked.
        kbit: u16,
        /// Of the WAV.
        rate_hz: u32,
        /// What is wrong, and what would be right.
        detail: String,
    },
}

/// Which encoder made a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// [`crate::mp3`].
    Mp3,
    /// [`crate::ogg_opus`].
    Opus,
}

/// How a file is not what its encoder gave; places are bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// No frame or page of ours begins here.
    Lost {
        /// Where.
        at: u64,
    },
    /// It ends before its last frame or page does.
    Cut {
        /// Where the one begins that is not whole.
        at: u64,
    },
    /// The checksum of what begins here is another.
    Checksum {
        /// Where.
        at: u64,
    },
}

impl Damage {
    /// A word for programs and sums.
    pub fn kind(self) -> &'static str {
        match self {
            Damage::Lost { .. } => "header",
            Damage::Cut { .. } => "truncated",
            Damage::Checksum { .. } => "changed",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Damage::Lost { at } => write!(f, "what begins at byte {at} is no sound"),
            Damage::Cut { at } => write!(f, "cut short: what begins at byte {at} is not whole"),
            Damage::Checksum { at } => {
                write!(f, "the bytes from {at} on are not those that were written")
            }
        }
    }
}

/// What a `check` found: how long the file is in ms (a range where it does not say it exactly), or
/// what is wrong with it.
pub type Checked = Result<RangeInclusive<i64>, Damage>;

/// Fills the buffer unless the data ends, and says how much is in it.
pub(crate) fn read_full(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..])? {
            0 => break,
            got => filled += got,
        }
    }
    Ok(filled)
}
