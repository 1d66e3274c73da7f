//! The search for the code of a spectrum, §3.2.4: both averages, two stages, by weighted distance.

use std::f32::consts::PI;

use super::frame::SpectrumCode;
use super::spectrum::{FIRST, Frequencies, SECOND, SPEECH, Told, as_heard, summed};
use super::tables::ORDER;

/// Rows of the first stage that the second is searched for.
const KEPT: usize = 4;

/// The code that comes nearest to frequencies.
pub fn nearest(frequencies: &Frequencies, told: &Told) -> SpectrumCode {
    let weights = weights(frequencies);
    let mut best = (f32::MAX, SpectrumCode::default());
    for (predictor, average) in SPEECH.iter().enumerate() {
        let expected = told.expected(average);
        let wanted: Frequencies =
            std::array::from_fn(|n| (frequencies[n] - expected[n]) / average.now[n]);
        // An error of what is told counts as much as its share of the frequency.
        let weights: Frequencies =
            std::array::from_fn(|n| weights[n] * average.now[n] * average.now[n]);
        for first in nearest_first(&wanted) {
            let left: Frequencies = std::array::from_fn(|n| wanted[n] - FIRST[first][n]);
            let low = nearest_second(&left, &weights, 0..ORDER / 2);
            let high = nearest_second(&left, &weights, ORDER / 2..ORDER);
            let heard = as_heard(summed(&FIRST[first], &SECOND[low], &SECOND[high]));
            let error = distance(&wanted, &heard, &weights, 0..ORDER);
            if error < best.0 {
                best = (error, SpectrumCode { predictor, first, low, high });
            }
        }
    }
    best.1
}

/// Frequencies that are near each other matter more: they are a peak.
fn weights(frequencies: &Frequencies) -> Frequencies {
    let mut weights = std::array::from_fn(|n| {
        let below = if n == 0 { 0.04 * PI } else { frequencies[n - 1] };
        let above = if n == ORDER - 1 { 0.92 * PI } else { frequencies[n + 1] };
        let narrow = above - below - 1.0;
        if narrow > 0.0 { 1.0 } else { 10.0 * narrow * narrow + 1.0 }
    });
    weights[4] *= 1.2;
    weights[5] *= 1.2;
    weights
}

/// Rows of the first stage, by plain distance.
fn nearest_first(wanted: &Frequencies) -> [usize; KEPT] {
    let mut kept = [(f32::MAX, 0); KEPT];
    for (row, frequencies) in FIRST.iter().enumerate() {
        let error: f32 = wanted.iter().zip(frequencies).map(|(a, b)| (a - b) * (a - b)).sum();
        let mut candidate = (error, row);
        for better in &mut kept {
            if candidate.0 < better.0 {
                std::mem::swap(better, &mut candidate);
            }
        }
    }
    kept.map(|(_, row)| row)
}

fn nearest_second(
    left: &Frequencies,
    weights: &Frequencies,
    part: std::ops::Range<usize>,
) -> usize {
    let error = |row: &Frequencies| distance(left, row, weights, part.clone());
    let mut best = (f32::MAX, 0);
    for (row, frequencies) in SECOND.iter().enumerate() {
        let error = error(frequencies);
        if error < best.0 {
            best = (error, row);
        }
    }
    best.1
}

fn distance(
    a: &Frequencies,
    b: &Frequencies,
    weights: &Frequencies,
    part: std::ops::Range<usize>,
) -> f32 {
    part.map(|n| weights[n] * (a[n] - b[n]) * (a[n] - b[n])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_that_can_be_told_are_told() {
        let mut told = Told::default();
        for n in 0..64 {
            let code = SpectrumCode { predictor: n % 2, first: 2 * n, low: n % 32, high: n % 29 };
            let frequencies = told.clone().speech(code);
            let found = told.clone().speech(nearest(&frequencies, &told));
            told.speech(code);
            let error: f32 =
                found.iter().zip(frequencies).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / 10.0;
            assert!(error < 0.002, "{code:?}: {error}");
        }
    }
}
