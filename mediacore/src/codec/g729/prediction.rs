//! Linear prediction of what was said, §3.2: window, correlation, recursion, and the frequencies
//! of the filter.

use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;

use super::filter::{Predictor, dot};
use super::spectrum::Cosines;
use super::tables::ORDER;

/// Samples that are looked at: 120 of the past, the frame's 80, and 40 that come after it.
pub const WINDOW: usize = 240;
/// Where the window begins to fall.
const FALL: usize = 200;
/// White noise 40 dB below, and the widening of peaks by 60 Hz, that keep the recursion stable.
const WHITE: f32 = 1.0001;
const WIDENING_HZ: f32 = 60.0;

/// Half a Hamming window that rises, and a quarter of a cosine that falls, §3.2.1.
static SHAPE: LazyLock<[f32; WINDOW]> = LazyLock::new(|| {
    std::array::from_fn(|n| {
        if n < FALL {
            0.54 - 0.46 * (TAU * n as f32 / (2 * FALL - 1) as f32).cos()
        } else {
            (TAU * (n - FALL) as f32 / (4 * (WINDOW - FALL) - 1) as f32).cos()
        }
    })
});
/// What widens the peaks, by the lag.
static LAGS: LazyLock<[f32; ORDER + 1]> = LazyLock::new(|| {
    std::array::from_fn(|lag| {
        let angle = TAU * WIDENING_HZ * lag as f32 / 8_000.0;
        if lag == 0 { WHITE } else { (-0.5 * angle * angle).exp() }
    })
});

/// The predictor of the samples of a window.
pub fn predictor(samples: &[f32; WINDOW]) -> Predictor {
    let shape = &*SHAPE;
    let windowed: [f32; WINDOW] = std::array::from_fn(|n| samples[n] * shape[n]);
    let correlation: [f32; ORDER + 1] = std::array::from_fn(|lag| {
        let sum = dot(&windowed[lag..], &windowed[..WINDOW - lag]);
        LAGS[lag] * if lag == 0 { sum.max(1.0) } else { sum }
    });
    recursion(&correlation)
}

/// Levinson and Durbin.
fn recursion(correlation: &[f32; ORDER + 1]) -> Predictor {
    let mut taps = [0.0; ORDER + 1];
    taps[0] = 1.0;
    let mut error = correlation[0];
    for n in 1..=ORDER {
        let sum: f32 = (0..n).map(|m| taps[m] * correlation[n - m]).sum();
        let reflection = (-sum / error).clamp(-0.999_9, 0.999_9);
        let before = taps;
        for m in 1..n {
            taps[m] += reflection * before[n - m];
        }
        taps[n] = reflection;
        error *= 1.0 - reflection * reflection;
    }
    taps
}

/// Steps of the search for roots, and how often an interval is halved.
const STEPS: usize = 60;
const HALVINGS: usize = 4;

/// Cosines of the line spectral frequencies, falling, §3.2.3; `None` where not all ten are found.
pub fn cosines(predictor: &Predictor) -> Option<Cosines> {
    let polynomials = polynomials(predictor);
    let mut found = [0.0; ORDER];
    let mut count = 0;
    let mut high = 1.0;
    for step in 1..=STEPS {
        let low = (PI * step as f32 / STEPS as f32).cos();
        // Roots of the two polynomials come in turns; two may be in one step.
        while count < ORDER {
            let Some(root) = root(&polynomials[count % 2], low, high) else { break };
            found[count] = root;
            count += 1;
            high = root;
        }
        high = low;
    }
    (count == ORDER).then_some(found)
}

/// The symmetric and the antisymmetric polynomial without their roots at −1 and 1.
fn polynomials(predictor: &Predictor) -> [[f32; ORDER / 2 + 1]; 2] {
    let (mut sum, mut difference) = ([1.0; ORDER / 2 + 1], [1.0; ORDER / 2 + 1]);
    for n in 0..ORDER / 2 {
        sum[n + 1] = predictor[n + 1] + predictor[ORDER - n] - sum[n];
        difference[n + 1] = predictor[n + 1] - predictor[ORDER - n] + difference[n];
    }
    [sum, difference]
}

/// The root between two cosines, where the sign changes.
fn root(polynomial: &[f32; ORDER / 2 + 1], mut low: f32, mut high: f32) -> Option<f32> {
    let (mut at_low, mut at_high) = (value(polynomial, low), value(polynomial, high));
    if at_low * at_high > 0.0 {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        let at_middle = value(polynomial, middle);
        if at_low * at_middle <= 0.0 {
            (high, at_high) = (middle, at_middle);
        } else {
            (low, at_low) = (middle, at_middle);
        }
    }
    let slope = at_high - at_low;
    Some(if slope == 0.0 { low } else { low - at_low * (high - low) / slope })
}

/// A polynomial as a series of Chebyshev's, by Clenshaw's recurrence.
fn value(polynomial: &[f32; ORDER / 2 + 1], cosine: f32) -> f32 {
    let (mut one, mut two) = (0.0, 0.0);
    for tap in &polynomial[..ORDER / 2] {
        (one, two) = (2.0 * cosine * one - two + tap, one);
    }
    cosine * one - two + 0.5 * polynomial[ORDER / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::g729::spectrum;

    #[test]
    fn the_filter_comes_back_from_its_frequencies() {
        let mut random = 9_u32;
        let mut line = 0.0;
        let samples = std::array::from_fn(|n| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            line = 0.9 * line + f32::from((random >> 16) as u16) - 32_768.0;
            line + if n % 60 == 0 { 100_000.0 } else { 0.0 }
        });
        let taps = predictor(&samples);
        let cosines = cosines(&taps).expect("the filter is stable");
        assert!(cosines.windows(2).all(|two| two[0] > two[1]), "{cosines:?}");
        let [_, back] = spectrum::interpolated(&cosines, &cosines);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 0.02;
        assert!(taps.iter().zip(&back).all(near), "{taps:?} came back as {back:?}");
    }

    #[test]
    fn silence_and_full_scale_have_a_stable_filter() {
        for samples in [[0.0; WINDOW], [32_767.0; WINDOW]] {
            let taps = predictor(&samples);
            assert!(taps.iter().all(|tap| tap.is_finite()), "{taps:?}");
        }
    }
}
