//! The pure tone of a block, if it is one: frequency and purity from three correlations.
//!
//! Pisarenko's method for one sine: white noise adds to the correlation at lag 0 only, so the
//! frequency follows from lags 1 and 2, and what lag 0 has more than the sine explains is noise.

use super::{RATE_HZ, mean_square};
use std::f32::consts::TAU;

/// Quieter blocks are silence.
const LEVEL_MIN_DBM0: f32 = -40.0;

/// One tone of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Single {
    /// Its frequency.
    pub hz: f32,
    /// Its share of the block's energy, 0 to 1.
    pub purity: f32,
    /// Mean square of the block.
    pub power: f32,
}

/// The tone that explains a block best; `None` when the block is silent or no tone at all.
pub fn single(samples: &[i16]) -> Option<Single> {
    let count = samples.len().saturating_sub(2);
    if count == 0 {
        return None;
    }
    let lag = |lag: usize| {
        let pairs = samples[lag..].iter().zip(samples).take(count);
        pairs.map(|(&now, &before)| i64::from(i32::from(now) * i32::from(before))).sum::<i64>()
            as f32
    };
    let [zero, one, two] = [lag(0), lag(1), lag(2)];
    if zero < mean_square(LEVEL_MIN_DBM0) * count as f32 {
        return None;
    }
    let root = (two * two + 8.0 * one * one).sqrt();
    let cos = if one.abs() < zero * 1e-3 {
        // A quarter of the sampling rate: lag 1 says nothing.
        0.0
    } else {
        (two + root) / (4.0 * one)
    };
    if !(-1.0..=1.0).contains(&cos) {
        return None;
    }
    let cos_twice = 2.0 * cos * cos - 1.0;
    let signal = if cos.abs() > cos_twice.abs() { one / cos } else { two / cos_twice };
    let purity = (signal / zero).clamp(0.0, 1.0);
    Some(Single { hz: cos.acos() / TAU * RATE_HZ, purity, power: zero / count as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{noise, tone};

    #[test]
    fn a_tone_is_found_at_its_frequency_in_noise_20_db_below() {
        for hz in [350, 425, 450, 950, 1_100, 1_400, 1_800, 2_000, 2_100, 2_600] {
            let hiss = noise(160, 1_000, u64::from(hz));
            let said: Vec<i16> = tone(hz, 8_000, 160, 8_000)
                .iter()
                .zip(&hiss)
                .map(|(tone, hiss)| tone + hiss)
                .collect();
            let found = single(&said).expect("a tone");
            assert!((found.hz - hz as f32).abs() < 20.0, "{hz} Hz is found at {}", found.hz);
            assert!(found.purity > 0.9, "{hz} Hz: {}", found.purity);
        }
    }

    #[test]
    fn noise_and_silence_are_no_pure_tone() {
        assert_eq!(single(&[0; 160]), None);
        assert_eq!(single(&[]), None);
        let hiss = noise(16_000, 8_000, 1);
        let blocks = hiss.chunks(160).filter_map(single);
        assert_eq!(blocks.filter(|found| found.purity > 0.8).count(), 0);
    }
}
