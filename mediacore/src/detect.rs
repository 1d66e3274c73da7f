//! Listens to what a leg says: digits as tones, and what the network, a fax machine or an answering
//! machine says while a call is being made.
//!
//! Everything here works on samples at 8 kHz and blocks of 10 or 20 ms, and holds no clock: time is
//! what the audio lasts. [`ear`] decodes a copy of the packets of a leg, so that a relayed leg stays
//! relayed, and feeds the rest: [`keys`] finds digits (ITU-T Q.23, Q.24), [`progress`] what a
//! [`terms::media::Watch`] asked for, with the tables of [`networks`] and the ear for one pure tone
//! of [`single`]; [`answerer`] guesses who speaks.

pub mod answerer;
pub mod ear;
pub mod goertzel;
pub mod keys;
pub mod networks;
pub mod progress;
pub mod single;
#[cfg(test)]
mod story;

/// Samples per second of everything in here.
pub const RATE_HZ: f32 = 8_000.0;

/// Peak of a sine of 0 dBm0 in samples of 16 bits: the loudest sine of A-law is +3.14 dBm0 (ITU-T
/// G.711 table 5) and has a peak of 32,256.
pub const PEAK_0_DBM0: f32 = 22_470.0;

/// Mean square of a sine at a level.
pub(crate) fn mean_square(dbm0: f32) -> f32 {
    PEAK_0_DBM0 * PEAK_0_DBM0 / 2.0 * 10f32.powf(dbm0 / 10.0)
}

/// Sum of the squares of samples.
pub(crate) fn energy(samples: &[i16]) -> f32 {
    // Sums of 32 bits would not hold a loud block; lanes of 64 cost as little.
    let sum: i64 = samples.iter().map(|&sample| i64::from(i32::from(sample).pow(2))).sum();
    sum as f32
}
