//! The spectrum of a frame: ten line spectral frequencies, in radians, §3.2.4 and §3.2.6.
//!
//! What is told is not the frequencies but how they differ from a moving average of the last four
//! frames. Where the two polynomials of the filter have their roots on the unit circle in turns,
//! the filter is stable: the order and the least gap between frequencies are what keeps it so.

use std::f32::consts::PI;

use super::filter::Predictor;
use super::frame::{Silence, SpectrumCode};
use super::tables::{self, ORDER};

pub type Frequencies = [f32; ORDER];
/// Cosines of frequencies: what is interpolated between frames.
pub type Cosines = [f32; ORDER];

/// The codebooks, in radians.
pub static FIRST: [Frequencies; 128] = scaled(tables::SPECTRUM_FIRST, 1.0 / 8_192.0);
pub static SECOND: [Frequencies; 32] = scaled(tables::SPECTRUM_SECOND, 1.0 / 8_192.0);

/// What speech keeps of the past, by the index of the predictor.
const KEPT: [[Frequencies; 4]; 2] = [
    scaled(tables::SPECTRUM_KEPT[0], 1.0 / 32_768.0),
    scaled(tables::SPECTRUM_KEPT[1], 1.0 / 32_768.0),
];
/// The predictors of speech.
pub static SPEECH: [Average; 2] = [Average::new(KEPT[0]), Average::new(KEPT[1])];
/// The predictors of silence: the first, and a mean of both, Annex B §B.4.2.1.
static SILENCE: [Average; 2] =
    [Average::new(KEPT[0]), Average::new(blended(&KEPT[0], 0.6, &KEPT[1], 0.4))];

/// Least gap that is told between neighbours, and after the second pass.
const GAPS: [f32; 2] = [0.0012, 0.0006];
/// Least gap between neighbours of a filter, and the lowest and highest frequency.
const GAP: f32 = 0.0391;
const LOWEST: f32 = 0.005;
const HIGHEST: f32 = 3.135;

const fn scaled<const N: usize>(table: [[i16; ORDER]; N], unit: f32) -> [Frequencies; N] {
    let mut out = [[0.0; ORDER]; N];
    let mut row = 0;
    while row < N {
        let mut n = 0;
        while n < ORDER {
            out[row][n] = table[row][n] as f32 * unit;
            n += 1;
        }
        row += 1;
    }
    out
}

const fn blended(
    a: &[Frequencies; 4],
    of_a: f32,
    b: &[Frequencies; 4],
    of_b: f32,
) -> [Frequencies; 4] {
    let mut out = [[0.0; ORDER]; 4];
    let mut row = 0;
    while row < 4 {
        let mut n = 0;
        while n < ORDER {
            out[row][n] = of_a * a[row][n] + of_b * b[row][n];
            n += 1;
        }
        row += 1;
    }
    out
}

/// A moving average over the last frames.
#[derive(Debug)]
pub struct Average {
    /// The share of each past frame, the newest first.
    kept: [Frequencies; 4],
    /// The share of this frame: what the others leave.
    pub now: Frequencies,
}

impl Average {
    const fn new(kept: [Frequencies; 4]) -> Self {
        let mut now = [1.0; ORDER];
        let mut n = 0;
        while n < ORDER {
            now[n] -= kept[0][n] + kept[1][n] + kept[2][n] + kept[3][n];
            n += 1;
        }
        Average { kept, now }
    }
}

/// What was told of the last four frames, the newest first.
#[derive(Clone, Debug)]
pub struct Told {
    last: [Frequencies; 4],
}

impl Default for Told {
    fn default() -> Self {
        Told { last: [even(); 4] }
    }
}

impl Told {
    /// What the past frames bring to this one.
    pub fn expected(&self, average: &Average) -> Frequencies {
        let of = |n: usize| average.kept.iter().zip(&self.last).map(move |(p, l)| p[n] * l[n]);
        std::array::from_fn(|n| of(n).sum())
    }

    /// Keeps what was told, and gives the frequencies that it means.
    pub fn hear(&mut self, average: &Average, told: Frequencies) -> Frequencies {
        let mut frequencies = self.expected(average);
        for (n, frequency) in frequencies.iter_mut().enumerate() {
            *frequency += average.now[n] * told[n];
        }
        self.keep(told);
        stable(frequencies)
    }

    /// Keeps what would have had to be told for these frequencies: those of a lost frame.
    pub fn suppose(&mut self, average: &Average, frequencies: &Frequencies) {
        let expected = self.expected(average);
        self.keep(std::array::from_fn(|n| (frequencies[n] - expected[n]) / average.now[n]));
    }

    pub fn keep(&mut self, told: Frequencies) {
        self.last.rotate_right(1);
        self.last[0] = told;
    }

    pub fn speech(&mut self, code: SpectrumCode) -> Frequencies {
        let sum = summed(&FIRST[code.first], &SECOND[code.low], &SECOND[code.high]);
        self.hear(&SPEECH[code.predictor], as_heard(sum))
    }

    pub fn silence(&mut self, code: &Silence) -> Frequencies {
        let first = usize::from(tables::SILENCE_FIRST[code.first]);
        let [low, high] = tables::SILENCE_SECOND.map(|rows| usize::from(rows[code.second]));
        let sum = summed(&FIRST[first], &SECOND[low], &SECOND[high]);
        self.hear(&SILENCE[code.predictor], spread(sum, GAPS[0]))
    }
}

/// Frequencies of a flat spectrum: where all begins.
pub fn even() -> Frequencies {
    std::array::from_fn(|n| (n + 1) as f32 * PI / (ORDER + 1) as f32)
}

/// Both stages together: the lower five of one row and the upper five of another.
pub fn summed(first: &Frequencies, low: &Frequencies, high: &Frequencies) -> Frequencies {
    std::array::from_fn(|n| first[n] + if n < ORDER / 2 { low[n] } else { high[n] })
}

/// What a search tells, with the gaps that the other side will make.
pub fn as_heard(told: Frequencies) -> Frequencies {
    spread(spread(told, GAPS[0]), GAPS[1])
}

/// Moves neighbours apart that are nearer than a gap.
fn spread(mut told: Frequencies, gap: f32) -> Frequencies {
    for n in 1..ORDER {
        let missing = told[n - 1] - told[n] + gap;
        if missing > 0.0 {
            told[n - 1] -= 0.5 * missing;
            told[n] += 0.5 * missing;
        }
    }
    told
}

/// In order, with gaps, and inside the band.
fn stable(mut frequencies: Frequencies) -> Frequencies {
    frequencies.sort_by(f32::total_cmp);
    let mut least = LOWEST;
    for frequency in &mut frequencies {
        *frequency = frequency.max(least);
        least = *frequency + GAP;
    }
    // The top wins: what it pushes down still rises, and by the gap where there is one.
    let mut most = HIGHEST;
    for frequency in frequencies.iter_mut().rev() {
        *frequency = frequency.min(most);
        most = *frequency - GAP;
    }
    frequencies
}

/// The filters of the two subframes: halfway from the last frame, and the frame's own.
pub fn interpolated(last: &Cosines, now: &Cosines) -> [Predictor; 2] {
    let between = std::array::from_fn(|n| 0.5 * (last[n] + now[n]));
    [predictor(&between), predictor(now)]
}

/// The filter whose two polynomials have their roots at these cosines, §3.2.6.
fn predictor(cosines: &Cosines) -> Predictor {
    let half = |from: usize| product(std::array::from_fn(|n| cosines[2 * n + from]));
    let (sum, difference) = (half(0), half(1));
    let mut taps = [1.0; ORDER + 1];
    for n in 1..=ORDER / 2 {
        let even = sum[n] + sum[n - 1];
        let odd = difference[n] - difference[n - 1];
        taps[n] = 0.5 * (even + odd);
        taps[ORDER + 1 - n] = 0.5 * (even - odd);
    }
    taps
}

/// The first half of the symmetric product of 1 − 2qz⁻¹ + z⁻².
fn product(cosines: [f32; ORDER / 2]) -> [f32; ORDER / 2 + 1] {
    let mut taps = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for q in cosines {
        for n in (1..taps.len()).rev() {
            let before = if n > 1 { taps[n - 2] } else { 0.0 };
            taps[n] += before - 2.0 * q * taps[n - 1];
        }
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flat_spectrum_is_a_filter_that_does_nothing() {
        let taps = predictor(&even().map(f32::cos));
        assert!(taps[1..].iter().all(|tap| tap.abs() < 1e-5), "{taps:?}");
    }

    #[test]
    fn frequencies_of_any_code_are_in_order_and_apart() {
        let mut told = Told::default();
        let mut random = 5_u32;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let bits = (random >> 8) as usize;
            let heard = told.speech(SpectrumCode {
                predictor: bits & 1,
                first: bits >> 1 & 127,
                low: bits >> 8 & 31,
                high: bits >> 13 & 31,
            });
            assert!(heard[0] >= LOWEST - 1e-6 && heard[ORDER - 1] <= HIGHEST, "{heard:?}");
            assert!(heard.windows(2).all(|two| two[1] - two[0] > GAP - 1e-4), "{heard:?}");
        }
    }

    #[test]
    fn a_lost_frame_supposes_what_gives_its_frequencies() {
        let mut told = Told::default();
        let code = SpectrumCode { predictor: 1, first: 77, low: 3, high: 9 };
        let heard = told.speech(code);
        let mut lost = told.clone();
        lost.suppose(&SPEECH[1], &heard);
        let again = told.hear(&SPEECH[1], lost.last[0]);
        assert!(heard.iter().zip(again).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
