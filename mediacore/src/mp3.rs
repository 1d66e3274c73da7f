//! MP3 from a recording's WAV, by LAME (LGPL, see NOTICE). The encoder takes samples and gives
//! bytes; `edge::encode` puts it between two files.
//! Promise: constant bit rate, one MPEG-2.5 stream at the rate of the WAV where MP3 has it, with an
//! Info frame in front that tells players the exact length.

mod check;

pub use check::check;

use crate::encode::{Encode, Error};
use crate::record::wav;
use mp3lame_encoder::{
    Bitrate, Builder, FlushGap, InterleavedPcm, Mode, MonoPcm, Quality, max_required_buffer_size,
};

/// Bits a second over all channels that can be encoded, in kbit/s: what the encoder has for 8 kHz.
pub const KBIT: [u16; 7] = [8, 16, 24, 32, 40, 48, 64];

/// How to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mp3Options {
    /// Bits a second over all channels in kbit/s, one of [`KBIT`].
    pub kbit: u16,
    /// Two channels; otherwise both are mixed into one.
    pub stereo: bool,
}

impl Default for Mp3Options {
    fn default() -> Self {
        Mp3Options { kbit: 32, stereo: true }
    }
}

/// Samples in, MP3 out.
pub struct Encoder {
    lame: mp3lame_encoder::Encoder,
    options: Mp3Options,
    channels: usize,
    rate_hz: u32,
    mono: Vec<i16>,
}

impl Encoder {
    /// An encoder for samples of this format.
    pub fn new(options: Mp3Options, format: wav::Format) -> Result<Encoder, Error> {
        let refused =
            |detail: String| Error::Lame { kbit: options.kbit, rate_hz: format.rate_hz, detail };
        let bitrate = match options.kbit {
            8 => Bitrate::Kbps8,
            16 => Bitrate::Kbps16,
            24 => Bitrate::Kbps24,
            32 => Bitrate::Kbps32,
            40 => Bitrate::Kbps40,
            48 => Bitrate::Kbps48,
            64 => Bitrate::Kbps64,
            _ => return Err(refused("8, 16, 24, 32, 40, 48 or 64 kbit/s is needed".to_owned())),
        };
        let stereo = options.stereo && format.channels == 2;
        // Plain stereo: a call's two sides have nothing in common that joint stereo could share,
        // and one side must not be heard on the other.
        let mode = if stereo { Mode::Stereo } else { Mode::Mono };
        let lame = Builder::new().ok_or_else(|| refused("out of memory".to_owned()))?;
        let build = || -> Result<mp3lame_encoder::Encoder, mp3lame_encoder::BuildError> {
            lame.with_num_channels(if stereo { 2 } else { 1 })?
                .with_sample_rate(format.rate_hz)?
                .with_brate(bitrate)?
                .with_mode(mode)?
                .with_quality(Quality::Good)?
                .build()
        };
        let lame = build().map_err(|error| refused(error.to_string()))?;
        let (channels, rate_hz) = (usize::from(format.channels), format.rate_hz);
        Ok(Encoder { lame, options, channels, rate_hz, mono: Vec::new() })
    }

    fn failed(&self, detail: &str) -> Error {
        Error::Lame { kbit: self.options.kbit, rate_hz: self.rate_hz, detail: detail.to_owned() }
    }
}

impl Encode for Encoder {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        out.reserve(max_required_buffer_size(samples.len()));
        let encoded = match (self.channels, self.options.stereo) {
            (2, true) => self.lame.encode_to_vec(InterleavedPcm(samples), out),
            (2, false) => {
                self.mono.clear();
                let halves = samples.chunks_exact(2);
                self.mono.extend(
                    halves.map(|pair| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16),
                );
                self.lame.encode_to_vec(MonoPcm(&self.mono), out)
            }
            _ => self.lame.encode_to_vec(MonoPcm(samples), out),
        };
        encoded.map(|_| ()).map_err(|error| self.failed(&error.to_string()))
    }

    /// What replaces the beginning is the Info frame.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Vec<u8>, Error> {
        out.reserve(max_required_buffer_size(0));
        // The flush that pads the last frame: the other one drops the samples still inside.
        let flushed = self.lame.flush_to_vec::<FlushGap>(out);
        flushed.map_err(|error| self.failed(&error.to_string()))?;
        let mut info = Vec::with_capacity(self.lame.lame_tag_size());
        if info.capacity() > 0 {
            self.lame.lame_tag_encode_to_vec(&mut info);
        }
        Ok(info)
    }
}
