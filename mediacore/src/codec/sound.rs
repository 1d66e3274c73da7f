//! Tones, noise and measures for the tests of the codecs.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::f64::consts::TAU;

/// A tone of `samples` samples.
pub fn tone(hz: u32, rate_hz: u32, samples: usize, peak: i16) -> Vec<i16> {
    let turn = TAU * f64::from(hz) / f64::from(rate_hz);
    (0..samples).map(|n| (f64::from(peak) * (turn * n as f64).sin()).round() as i16).collect()
}

/// White noise.
pub fn noise(samples: usize, peak: i16, seed: u64) -> Vec<i16> {
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..samples).map(|_| rng.random_range(-peak..=peak)).collect()
}

/// Something like a voice: a glottal pulse of 125 Hz through two formants, in syllables.
pub fn voice(rate_hz: u32, samples: usize) -> Vec<i16> {
    let rate = f64::from(rate_hz);
    let (mut one, mut two) = ([0.0; 2], [0.0; 2]);
    let resonate = |state: &mut [f64; 2], input: f64, hz: f64| {
        let radius: f64 = 1.0 - 150.0 / rate;
        let out =
            input + 2.0 * radius * (TAU * hz / rate).cos() * state[0] - radius * radius * state[1];
        *state = [out, state[0]];
        out
    };
    let period = (rate / 125.0) as usize;
    (0..samples)
        .map(|n| {
            let pulse = if n % period == 0 { 1.0 } else { 0.0 };
            let syllable = (TAU * 4.0 * n as f64 / rate).sin().abs();
            let formed =
                resonate(&mut one, pulse, 600.0) + 0.5 * resonate(&mut two, pulse, 1_800.0);
            (formed * 3_000.0 * syllable).clamp(-30_000.0, 30_000.0) as i16
        })
        .collect()
}

/// Root mean square against the loudest square wave, in dB.
pub fn level_dbov(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    20.0 * ((sum / samples.len().max(1) as f64).sqrt().max(1e-3) / 32_767.0).log10()
}

/// Level of one frequency, by one Fourier term, in dB of the loudest tone.
pub fn level_at(samples: &[i16], hz: u32, rate_hz: u32) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let turn = TAU * f64::from(hz) * n as f64 / f64::from(rate_hz);
        real += f64::from(sample) * turn.cos();
        imaginary += f64::from(sample) * turn.sin();
    }
    let peak = 2.0 * f64::hypot(real, imaginary) / samples.len() as f64;
    20.0 * (peak.max(1e-3) / 32_767.0).log10()
}

/// Signal to noise after a codec that delays by up to `delay_max` samples: the best of all delays,
/// with the gain that fits best, without the first and last 20 ms or so.
pub fn signal_to_noise_db(said: &[i16], heard: &[i16], delay_max: usize) -> f64 {
    let one = |delay: usize| {
        let pairs = said.iter().zip(&heard[delay.min(heard.len())..]).skip(400);
        let (mut both, mut signal, mut power, mut count) = (0.0, 0.0, 0.0, 0.0);
        for (&said, &heard) in pairs {
            let (said, heard) = (f64::from(said), f64::from(heard));
            both += said * heard;
            signal += said * said;
            power += heard * heard;
            count += 1.0;
        }
        assert!(count > 0.0, "something is compared");
        let gain = both / signal.max(1.0);
        let noise = (power - gain * both).max(1e-6);
        10.0 * (gain * both / noise).log10()
    };
    (0..=delay_max).map(one).fold(f64::MIN, f64::max)
}
