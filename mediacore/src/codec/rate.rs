//! The two rates of linear samples in a shard, and the way between them.
//!
//! 8 kHz is the telephone's, 16 kHz that of every wideband codec here: Opus decodes to it by
//! itself, so that an exact 2:1 is all that is left to do. [`Converter`] is a half-band filter of
//! 55 taps (windowed sine by Kaiser): flat to 3.4 kHz, 60 dB down from 4.6 kHz on, 1.75 ms of
//! delay. Prompts of other rates are resampled once, when they are loaded.

use std::f64::consts::PI;
use std::sync::LazyLock;
use terms::media::Codec;

/// Samples a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// 8 kHz.
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Rate {
    /// That of a codec.
    pub const fn of(codec: Codec) -> Rate {
        if codec.is_wideband() { Rate::Wide } else { Rate::Narrow }
    }
    /// In Hz.
    pub const fn hz(self) -> u32 {
        match self {
            Rate::Narrow => 8_000,
            Rate::Wide => 16_000,
        }
    }
    /// Samples in that many milliseconds.
    pub const fn samples(self, ms: u32) -> usize {
        (self.hz() / 1_000 * ms) as usize
    }
}

/// Taps on each side of the middle that are not zero.
const PAIRS: usize = 14;
/// Samples at the lower rate that the filter looks at.
const SPAN: usize = 2 * PAIRS;
/// Of the Kaiser window: 60 dB with this many taps.
const BETA: f64 = 6.2;
/// Bits behind the point of a coefficient: with 14 the sum of 28 products fits 32 bits.
const BITS: u32 = 14;

/// Coefficients of the odd taps, from the middle outward, for interpolation.
static TAPS: LazyLock<[i32; PAIRS]> = LazyLock::new(taps);

fn taps() -> [i32; PAIRS] {
    let taps: [f64; PAIRS] = std::array::from_fn(|n| {
        let place = (2 * n + 1) as f64;
        let window =
            bessel(BETA * (1.0 - (place / (2 * PAIRS) as f64).powi(2)).sqrt()) / bessel(BETA);
        (PI * place / 2.0).sin() / (PI * place / 2.0) * window
    });
    // Both sides together are one, so that a constant stays what it is.
    let sum: f64 = taps.iter().sum::<f64>() * 2.0;
    taps.map(|tap| (tap / sum * f64::from(1 << BITS)).round() as i32)
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    (1..40).fold(1.0, |sum, n| {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum + term
    })
}

/// Brings one stream of samples from one rate to the other. Between equal rates it copies.
#[derive(Clone, Debug)]
pub struct Converter {
    /// The newest samples at the lower rate: upward what came in, downward the odd ones.
    odd: [i16; SPAN],
    /// Downward the even ones, which pass the middle tap only.
    even: [i16; SPAN],
}

impl Default for Converter {
    fn default() -> Self {
        Converter { odd: [0; SPAN], even: [0; SPAN] }
    }
}

fn shift(line: &mut [i16; SPAN], sample: i16) {
    line.copy_within(1.., 0);
    line[SPAN - 1] = sample;
}

/// The point halfway between the two samples in the middle of the line.
fn between(line: &[i16; SPAN]) -> i32 {
    let taps = &*TAPS;
    (0..PAIRS)
        .map(|n| taps[n] * (i32::from(line[PAIRS - 1 - n]) + i32::from(line[PAIRS + n])))
        .sum()
}

fn rounded(sum: i32, bits: u32) -> i16 {
    let value = (sum + (1 << (bits - 1))) >> bits;
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

impl Converter {
    /// Appends `samples` at the other rate; downward an odd last sample is left out.
    pub fn convert(&mut self, from: Rate, to: Rate, samples: &[i16], out: &mut Vec<i16>) {
        match (from, to) {
            (Rate::Narrow, Rate::Wide) => self.double(samples, out),
            (Rate::Wide, Rate::Narrow) => self.halve(samples, out),
            (Rate::Narrow, Rate::Narrow) | (Rate::Wide, Rate::Wide) => {
                out.extend_from_slice(samples);
            }
        }
    }

    fn double(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        for &sample in samples {
            shift(&mut self.odd, sample);
            out.extend([self.odd[PAIRS - 1], rounded(between(&self.odd), BITS)]);
        }
    }

    fn halve(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let (pairs, _) = samples.as_chunks::<2>();
        for &[even, odd] in pairs {
            shift(&mut self.even, even);
            let middle = i32::from(self.even[PAIRS]) << (BITS - 1);
            shift(&mut self.odd, odd);
            let sides = between(&self.odd) >> 1;
            out.push(rounded(middle + sides, BITS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_at, noise, signal_to_noise_db, tone};

    fn converted(from: Rate, to: Rate, samples: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        Converter::default().convert(from, to, samples, &mut out);
        out
    }

    #[test]
    fn a_tone_keeps_its_level_and_gets_no_image() {
        for hz in [300, 1_000, 3_400] {
            let narrow = tone(hz, 8_000, 8_000, 16_000);
            let wide = converted(Rate::Narrow, Rate::Wide, &narrow);
            assert_eq!(wide.len(), 16_000);
            let settled = &wide[1_600..];
            assert!((level_at(settled, hz, 16_000) + 6.2).abs() < 0.3, "{hz} Hz up");
            let image = level_at(settled, 8_000 - hz, 16_000);
            assert!(image < -60.0, "{hz} Hz has an image of {image:.0} dB");
            let back = converted(Rate::Wide, Rate::Narrow, &wide);
            assert_eq!(back.len(), 8_000);
            assert!((level_at(&back[800..], hz, 8_000) + 6.2).abs() < 0.5, "{hz} Hz down");
        }
    }

    #[test]
    fn what_is_above_the_telephone_band_does_not_fold_back() {
        for hz in [4_600, 5_000, 7_000] {
            let wide = tone(hz, 16_000, 16_000, 16_000);
            let narrow = converted(Rate::Wide, Rate::Narrow, &wide);
            let folded = level_at(&narrow[800..], 8_000 - hz, 8_000);
            assert!(folded < -60.0, "{hz} Hz folds to {folded:.0} dB");
        }
    }

    #[test]
    fn there_and_back_is_the_same_sound_in_pieces_of_any_size() {
        let said = crate::codec::sound::voice(8_000, 8_000);
        let (mut up, mut down) = (Converter::default(), Converter::default());
        let (mut wide, mut back) = (Vec::new(), Vec::new());
        for piece in said.chunks(7) {
            wide.clear();
            up.convert(Rate::Narrow, Rate::Wide, piece, &mut wide);
            down.convert(Rate::Wide, Rate::Narrow, &wide, &mut back);
        }
        let db = signal_to_noise_db(&said, &back, 30);
        assert!(db > 40.0, "{db:.1} dB");
    }

    #[test]
    fn the_loudest_noise_does_not_wrap() {
        let wide: Vec<i16> = noise(4_000, i16::MAX, 1);
        for (n, &sample) in converted(Rate::Wide, Rate::Narrow, &wide).iter().enumerate().skip(24) {
            let around = &wide[(2 * n).saturating_sub(48)..(2 * n).min(wide.len())];
            let most = around.iter().map(|s| f64::from(s.unsigned_abs())).fold(0.0, f64::max);
            assert!(f64::from(sample.unsigned_abs()) <= most * 1.6 + 1.0);
        }
    }
}
