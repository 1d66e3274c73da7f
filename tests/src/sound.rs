//! Listening to files: which side says what, and whether another maker's decoder agrees.

use mediacore::record::wav;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both sides of a stereo recording, 8 kHz.
pub struct Sides {
    /// The customer.
    pub left: Vec<i16>,
    /// Everybody else.
    pub right: Vec<i16>,
}

/// Reads a recording.
///
/// # Panics
/// When it is no stereo WAV at 8 kHz.
pub fn sides(bytes: &[u8]) -> Sides {
    let file = wav::read(bytes).expect("a recording is a WAV file");
    assert_eq!((file.format.channels, file.format.rate_hz), (2, 8000));
    let mut channels = file.channels.into_iter();
    let mut next = || channels.next().expect("two channels");
    Sides { left: next(), right: next() }
}

/// The samples of a mono WAV at 8 kHz.
///
/// # Panics
/// When it is none.
pub fn mono(file: &Path) -> Vec<i16> {
    mono_of(&std::fs::read(file).expect("the file is there"))
}

/// The samples of the bytes of such a file.
///
/// # Panics
/// When it is none.
pub fn mono_of(bytes: &[u8]) -> Vec<i16> {
    let file = wav::read(bytes).expect("a WAV file");
    assert_eq!((file.format.channels, file.format.rate_hz), (1, 8000));
    file.channels.into_iter().next().expect("one channel")
}

/// A tone at 8 kHz.
pub fn tone(hz: u32, seconds: u32) -> Vec<i16> {
    let step = 2.0 * std::f64::consts::PI * f64::from(hz) / 8000.0;
    (0..8_000 * seconds).map(|n| ((step * f64::from(n)).sin() * 8_000.0) as i16).collect()
}

/// A mono WAV of samples at 8 kHz.
pub fn mono_wav(samples: &[i16]) -> Vec<u8> {
    let format = wav::Format { tag: wav::TAG_PCM, channels: 1, rate_hz: 8_000 };
    let mut file = format.header(samples.len() as u64);
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// Share of the loud pieces of `said` (20 ms at 8 kHz) that stand somewhere in `heard` as they were
/// said, but for what A-law takes.
pub fn share_heard(said: &[i16], heard: &[i16]) -> f64 {
    let is_like = |(&a, &b): (&i16, &i16)| {
        (i32::from(a) - i32::from(b)).abs() <= 64 + i32::from(a).abs() / 16
    };
    let pieces: Vec<&[i16]> =
        said.chunks_exact(160).filter(|piece| loudness(piece) > 500.0).collect();
    let is_heard = |piece: &&&[i16]| {
        heard.windows(piece.len()).any(|window| piece.iter().zip(window).all(is_like))
    };
    let count = pieces.iter().filter(is_heard).count();
    count as f64 / pieces.len().max(1) as f64
}

/// Half seconds of `samples` (8 kHz) that hold each tone of `there` and none of `absent`.
pub fn halves_with(samples: &[i16], there: &[u32], absent: &[u32]) -> usize {
    // Of two or three tones alike each has a half or a third; a tone that is absent has only what
    // G.711 and a late packet leave.
    let holds = |half: &&[i16]| {
        there.iter().all(|&hz| share_at(half, f64::from(hz)) > 0.2)
            && absent.iter().all(|&hz| share_at(half, f64::from(hz)) < 0.02)
    };
    samples.chunks_exact(4_000).filter(holds).count()
}

/// Root mean square, 0–32,767.
pub fn loudness(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// Share of the energy of `samples` (8 kHz) that lies at `hz`, 0–1 (Goertzel).
pub fn share_at(samples: &[i16], hz: f64) -> f64 {
    let step = 2.0 * std::f64::consts::PI * hz / 8000.0;
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (x, angle) = (f64::from(sample), step * n as f64);
        re += x * angle.cos();
        im += x * angle.sin();
        energy += x * x;
    }
    if energy == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (samples.len() as f64 * energy) }
}

/// The WAV that LAME makes of an MP3, beside it.
///
/// # Panics
/// When LAME cannot decode it.
pub fn decoded_by_lame(mp3: &Path) -> PathBuf {
    let wav = mp3.with_extension("lame.wav");
    let output = Command::new("lame").args(["--quiet", "--decode"]).arg(mp3).arg(&wav).output();
    let output = output.expect("lame is installed by scripts/setup --tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wav
}

/// An Opus file as the decoder of Xiph's opus-tools gives it, at 8 kHz.
///
/// # Panics
/// When it cannot decode it.
pub fn decoded_by_opusdec(opus: &Path) -> PathBuf {
    let wav = opus.with_extension("opusdec.wav");
    let output =
        Command::new("opusdec").args(["--quiet", "--rate", "8000"]).arg(opus).arg(&wav).output();
    let output = output.expect("opusdec is installed by scripts/setup --tests");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    wav
}

/// Seconds of a file as sox decodes it.
///
/// # Panics
/// When sox cannot play it.
pub fn seconds_by_sox(file: &Path) -> f64 {
    let output = Command::new("soxi").arg("-D").arg(file).output().expect("soxi is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let decoded = Command::new("sox").arg(file).args(["-n", "stat"]).output().expect("sox");
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("soxi prints seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_found_where_it_stands_and_nothing_else_is() {
        // Noise: no piece of it is like another (a linear congruence, Knuth's).
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 4
        });
        let said: Vec<i16> = noise.take(8_000).collect();
        let other = tone(500, 1);
        let coarse = |sample: &i16| sample / 32 * 32;
        let heard: Vec<i16> =
            [0; 77].into_iter().chain(said.iter().map(coarse)).chain(other.clone()).collect();
        assert!(share_heard(&said, &heard) > 0.99);
        assert!(share_heard(&said, &other) < 0.01);
        let half = share_heard(&said, &heard[..4_077]);
        assert!((half - 0.5).abs() < 0.01, "half of it is missing: {half}");
        assert!(share_heard(&[0; 8_000], &heard) < 0.01, "silence is nothing that was said");
    }
}
