//! Makes audio a little shorter or longer without changing its pitch: one period is left out or
//! said twice, and the two sides overlap for that period (waveform similarity overlap-add, Verhelst
//! and Roelands 1993, in the form that NetEQ calls accelerate and preemptive expand).
//!
//! In speech a period must repeat well, else nothing is done: between two vowels there is soon
//! a better place. In silence any place will do.

use crate::codec::Rate;

/// Periods in question, in tenths of a millisecond: 2.5 to 15 ms, 66 to 400 Hz.
const PERIOD_MIN_TENTHS: usize = 25;
const PERIOD_MAX_TENTHS: usize = 150;
/// What is compared, 10 ms.
const WINDOW_TENTHS: usize = 100;
/// How alike two periods of speech must be; one is the same.
const ALIKE_MIN: f32 = 0.9;

/// Milliseconds of audio that a change looks at.
pub const LOOK_MS: u32 = 30;

/// Leaves a period out near the beginning. Says how many samples were left out; none when there is
/// too little audio or no good place.
pub fn shorten(rate: Rate, samples: &mut Vec<i16>, is_quiet: bool) -> usize {
    let Some(period) = period(rate, samples, is_quiet) else { return 0 };
    for n in 0..period {
        samples[n] = blend(samples[n], samples[n + period], n, period);
    }
    samples.drain(period..2 * period);
    period
}

/// Says a period twice near the beginning. Says how many samples were put in.
pub fn lengthen(rate: Rate, samples: &mut Vec<i16>, is_quiet: bool) -> usize {
    let Some(period) = period(rate, samples, is_quiet) else { return 0 };
    let again: Vec<i16> =
        (0..period).map(|n| blend(samples[n + period], samples[n], n, period)).collect();
    samples.splice(period..period, again);
    period
}

/// From `from` to `to`, at place `n` of `length`.
fn blend(from: i16, to: i16, n: usize, length: usize) -> i16 {
    let weight = (n + 1) as f32 / (length + 1) as f32;
    (f32::from(from) * (1.0 - weight) + f32::from(to) * weight) as i16
}

/// The best period, of an even number of samples, because a tick of G.722 is two.
fn period(rate: Rate, samples: &[i16], is_quiet: bool) -> Option<usize> {
    let of = |tenths: usize| rate.samples(1) * tenths / 10;
    let (least, most, window) = (of(PERIOD_MIN_TENTHS), of(PERIOD_MAX_TENTHS), of(WINDOW_TENTHS));
    if samples.len() < rate.samples(LOOK_MS) {
        return None;
    }
    let step = rate.samples(1) / 4;
    let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
        let scored = lags.map(|lag| (lag, likeness(samples, lag, window, step)));
        scored.fold((least, f32::MIN), |best, new| if new.1 > best.1 { new } else { best })
    };
    // Every second lag by every second sample of 8 kHz, then all around the best.
    let (coarse, _) = best(&mut (least..=most).step_by(step), step);
    let around = coarse.saturating_sub(step).max(least)..=(coarse + step).min(most);
    let (lag, alike) = best(&mut around.step_by(2), 1);
    (is_quiet || alike >= ALIKE_MIN).then_some(lag)
}

/// Correlation of the beginning with what comes `lag` later, 1 when it is the same.
fn likeness(samples: &[i16], lag: usize, window: usize, step: usize) -> f32 {
    let (mut both, mut here, mut there) = (0.0_f32, 1.0_f32, 1.0_f32);
    for n in (0..window).step_by(step) {
        let (one, two) = (f32::from(samples[n]), f32::from(samples[n + lag]));
        both += one * two;
        here += one * one;
        there += two * two;
    }
    both / (here * there).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_at, noise, tone, voice};

    /// The largest step from one sample to the next.
    fn step_max(samples: &[i16]) -> i32 {
        let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
        samples.windows(2).map(step).max().unwrap_or(0)
    }

    #[test]
    fn a_tone_stays_a_tone_of_its_pitch_and_level() {
        for rate in [Rate::Narrow, Rate::Wide] {
            for hz in [150, 440, 1_000] {
                for change in [shorten, lengthen] {
                    let said = tone(hz, rate.hz(), rate.samples(200), 10_000);
                    let mut changed = said.clone();
                    let by = change(rate, &mut changed, false);
                    assert!(by >= rate.samples(5) / 2 && by <= rate.samples(15), "{hz} Hz: {by}");
                    assert_eq!(said.len().abs_diff(changed.len()), by);
                    assert!(step_max(&changed) <= step_max(&said) * 11 / 10, "{hz} Hz clicks");
                    let level = level_at(&changed[..rate.samples(100)], hz, rate.hz());
                    assert!((level + 10.3).abs() < 1.0, "{rate:?} {hz} Hz: {level:.1} dB");
                }
            }
        }
    }

    #[test]
    fn noise_is_left_alone_unless_it_is_silence() {
        let hiss = noise(400, 9_000, 3);
        let mut changed = hiss.clone();
        assert_eq!(shorten(Rate::Narrow, &mut changed, false), 0);
        assert_eq!(lengthen(Rate::Narrow, &mut changed, false), 0);
        assert_eq!(changed, hiss);
        assert!(shorten(Rate::Narrow, &mut changed, true) > 0);
        assert_eq!(shorten(Rate::Narrow, &mut vec![0; 100], true), 0, "too short");
    }

    #[test]
    fn a_voice_is_changed_by_its_own_periods_and_does_not_click() {
        let said = voice(8_000, 8_000);
        let mut changes = 0;
        for start in (800..7_000).step_by(400) {
            for change in [shorten, lengthen] {
                let mut part = said[start..start + 320].to_vec();
                let before = step_max(&part);
                let by = change(Rate::Narrow, &mut part, false);
                // 125 Hz: a period of 64 samples.
                assert!(by == 0 || by.abs_diff(64) <= 2, "{by} at {start}");
                assert!(step_max(&part) <= before * 13 / 10 + 50);
                changes += usize::from(by > 0);
            }
        }
        assert!(changes > 16, "{changes} of 32");
    }
}
