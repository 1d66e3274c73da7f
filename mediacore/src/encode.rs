//! Renderings that are made from a recording's WAV: what an encoder is, and why there is none.
//! [`crate::mp3`] and [`crate::ogg_opus`] are encoders, `edge::encode` puts one between two files.

use crate::record::wav;
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
