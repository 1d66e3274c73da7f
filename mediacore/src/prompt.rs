//! Prompts and music: a WAV file becomes 8 kHz G.711 once, when it is loaded.
//!
//! Read: PCM of 8, 16, 24 and 32 bits, A-law and µ-law (format tags 1, 6, 7 and the extensible
//! form), mono or more channels (averaged), 4 to 192 kHz (resampled by `rubato`). Hostile files end
//! in an error that names what would be right.

use crate::g711::{self, Law};
use rubato::audioadapter::Adapter;
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{Fft, FixedSync, Resampler};
use std::collections::HashMap;
use std::sync::Arc;

/// The longest prompt or piece of music, 30 minutes.
pub const SAMPLES_MAX: usize = 30 * 60 * 8_000;
/// Letters of a prompt's name at most.
pub const NAME_MAX: usize = 120;
const RATE_HZ: u32 = 8_000;

/// Why a WAV file cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// No RIFF header.
    #[error("not a WAV file: it does not begin with RIFF and WAVE")]
    NotWav,
    /// A chunk is missing.
    #[error("the \"{0}\" chunk is missing or too short")]
    NoChunk(&'static str),
    /// The format is not spoken.
    #[error(
        "format tag {tag} with {bits} bits, {channels} channels and {rate_hz} Hz is not played; \
         PCM of 8 to 32 bits, A-law or µ-law with 1 to 8 channels and 4000 to 192000 Hz is"
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
    /// No audio in it, or more than we play.
    #[error("{seconds} seconds of audio; more than none and at most 1800 are played")]
    Length {
        /// How long it is.
        seconds: u64,
    },
    /// The resampler refused.
    #[error("cannot be resampled: {0}")]
    Resample(String),
}

/// A parsed file: mono samples at the file's own rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Samples per second.
    pub rate_hz: u32,
    /// The average of all channels.
    pub samples: Vec<f32>,
}

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

    fn check(self) -> Result<Format, WavError> {
        let Format { tag, channels, rate_hz, bits } = self;
        let depth = matches!((tag, bits), (1, 8 | 16 | 24 | 32) | (6 | 7, 8));
        if depth && (1..=8).contains(&channels) && (4_000..=192_000).contains(&rate_hz) {
            Ok(self)
        } else {
            Err(WavError::Format { tag, bits, channels, rate_hz })
        }
    }

    fn sample(self, bytes: &[u8]) -> f32 {
        let whole = match (self.tag, bytes) {
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

/// Finds a chunk. A length beyond the end of the file is cut: writers that were killed leave a
/// wrong one.
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

/// Reads a WAV file.
pub fn parse_wav(bytes: &[u8]) -> Result<Wav, WavError> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(WavError::NotWav);
    }
    let format = chunk(bytes, *b"fmt ").and_then(Format::parse).ok_or(WavError::NoChunk("fmt "))?;
    let format = format.check()?;
    let data = chunk(bytes, *b"data").ok_or(WavError::NoChunk("data"))?;
    let width = usize::from(format.bits / 8);
    let frame = width * usize::from(format.channels);
    let frames = data.len() / frame;
    let seconds = frames as u64 / u64::from(format.rate_hz);
    if frames == 0
        || frames as u64 * u64::from(RATE_HZ) > SAMPLES_MAX as u64 * u64::from(format.rate_hz)
    {
        return Err(WavError::Length { seconds });
    }
    let samples = data
        .chunks_exact(frame)
        .map(|frame| {
            let sum: f32 = frame.chunks_exact(width).map(|bytes| format.sample(bytes)).sum();
            sum / f32::from(format.channels)
        })
        .collect();
    Ok(Wav { rate_hz: format.rate_hz, samples })
}

/// Brings samples to 8 kHz and 16 bits.
pub fn to_8khz(wav: &Wav) -> Result<Vec<i16>, WavError> {
    if wav.rate_hz == RATE_HZ {
        return Ok(wav.samples.iter().copied().map(to_i16).collect());
    }
    let failed = |error: &dyn std::fmt::Display| WavError::Resample(error.to_string());
    let input = InterleavedOwned::new_from(wav.samples.clone(), 1, wav.samples.len())
        .map_err(|error| failed(&error))?;
    let mut resampler =
        Fft::<f32>::new(wav.rate_hz as usize, RATE_HZ as usize, 1_024, 1, FixedSync::Both)
            .map_err(|error| failed(&error))?;
    let output =
        resampler.process_all(&input, wav.samples.len(), None).map_err(|error| failed(&error))?;
    Ok((0..output.frames()).map(|n| to_i16(output.read_sample(0, n).unwrap_or(0.0))).collect())
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// A prompt in both laws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

impl Prompt {
    /// From a WAV file.
    pub fn from_wav(bytes: &[u8]) -> Result<Self, WavError> {
        Ok(Prompt::from_samples(&to_8khz(&parse_wav(bytes)?)?))
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
}

/// All prompts by name, such as `zh-CN/welcome`. A clone shares the prompts.
#[derive(Clone, Debug, Default)]
pub struct PromptStore {
    prompts: Arc<HashMap<String, Arc<Prompt>>>,
}

impl PromptStore {
    /// A store of these prompts.
    pub fn new(prompts: impl IntoIterator<Item = (String, Prompt)>) -> Self {
        let prompts = prompts.into_iter().map(|(name, prompt)| (name, Arc::new(prompt)));
        PromptStore { prompts: Arc::new(prompts.collect()) }
    }

    /// A prompt.
    pub fn get(&self, name: &str) -> Option<&Arc<Prompt>> {
        self.prompts.get(name)
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.prompts.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// How many prompts.
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
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
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn wav(tag: u16, bits: u16, channels: u16, rate_hz: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate_hz.to_le_bytes());
        bytes.extend((rate_hz * u32::from(channels * bits / 8)).to_le_bytes());
        bytes.extend((channels * bits / 8).to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// One second of a 400 Hz tone at half level.
    fn tone(rate_hz: u32) -> impl Iterator<Item = f32> {
        (0..rate_hz).map(move |n| 0.5 * (TAU * 400.0 * n as f32 / rate_hz as f32).sin())
    }

    /// Level of 400 Hz in samples at 8 kHz, by one Fourier term.
    fn level(samples: &[i16]) -> f32 {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            let turn = TAU * 400.0 * n as f32 / 8_000.0;
            real += f32::from(sample) / 32_768.0 * turn.cos();
            imaginary += f32::from(sample) / 32_768.0 * turn.sin();
        }
        2.0 * real.hypot(imaginary) / samples.len() as f32
    }

    #[test]
    fn every_rate_plays_the_same_tone_for_the_same_time() {
        for rate_hz in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            let data: Vec<u8> =
                tone(rate_hz).flat_map(|sample| to_i16(sample).to_le_bytes()).collect();
            let samples = to_8khz(&parse_wav(&wav(1, 16, 1, rate_hz, &data)).unwrap()).unwrap();
            assert!(samples.len().abs_diff(8_000) <= 8, "{rate_hz} Hz: {}", samples.len());
            let level = level(&samples[400..7_600]);
            assert!((level - 0.5).abs() < 0.02, "{rate_hz} Hz: level {level}");
        }
    }

    #[test]
    fn every_sample_format_plays_the_same_tone() {
        let pcm: Vec<i16> = tone(8_000).map(to_i16).collect();
        let laws = |law| pcm.iter().map(|&s| g711::encode(law, s)).collect::<Vec<u8>>();
        let eight: Vec<u8> = pcm.iter().map(|&s| ((s >> 8) + 128) as u8).collect();
        let deep = |zeros: usize| {
            let widen = |s: &i16| [vec![0; zeros], s.to_le_bytes().to_vec()].concat();
            pcm.iter().flat_map(widen).collect::<Vec<u8>>()
        };
        let files = [
            wav(6, 8, 1, 8_000, &laws(Law::A)),
            wav(7, 8, 1, 8_000, &laws(Law::Mu)),
            wav(1, 8, 1, 8_000, &eight),
            wav(1, 24, 1, 8_000, &deep(1)),
            wav(1, 32, 1, 8_000, &deep(2)),
        ];
        for file in files {
            let level = level(&to_8khz(&parse_wav(&file).unwrap()).unwrap());
            assert!((level - 0.5).abs() < 0.02, "level {level}");
        }
    }

    #[test]
    fn stereo_is_averaged() {
        let data: Vec<u8> =
            [1_000_i16, 3_000, -10, -30].iter().flat_map(|s| s.to_le_bytes()).collect();
        let samples = to_8khz(&parse_wav(&wav(1, 16, 2, 8_000, &data)).unwrap()).unwrap();
        assert_eq!(samples, [2_000, -20]);
    }

    #[test]
    fn bad_files_are_refused_with_a_reason() {
        assert_eq!(parse_wav(b"ID3"), Err(WavError::NotWav));
        assert_eq!(parse_wav(b"RIFF\0\0\0\0WAVE"), Err(WavError::NoChunk("fmt ")));
        let error = parse_wav(&wav(85, 0, 2, 44_100, &[0; 8])).unwrap_err();
        assert!(matches!(error, WavError::Format { tag: 85, .. }));
        assert!(parse_wav(&wav(1, 16, 1, 0, &[0; 8])).is_err());
        assert_eq!(parse_wav(&wav(1, 16, 1, 8_000, &[])), Err(WavError::Length { seconds: 0 }));
        let good = wav(1, 16, 1, 8_000, &[0; 64]);
        for cut in 0..good.len() {
            let _ = parse_wav(&good[..cut]);
        }
    }

    #[test]
    fn a_wrong_data_length_plays_what_is_there() {
        let mut file = wav(1, 16, 1, 8_000, &[1; 320]);
        let at = file.len() - 324;
        file[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(parse_wav(&file).unwrap().samples.len(), 160);
    }

    #[test]
    fn names_do_not_leave_the_store() {
        assert!(is_name("zh-CN/welcome") && is_name("moh"));
        for bad in ["", "/etc/passwd", "../x", "a//b", "a/../b", "a\0b", ".hidden", "a/", "a b"] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
