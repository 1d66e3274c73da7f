//! Digits as pairs of tones, ITU-T Q.23: 100 ms of sound and 100 ms of silence for each, the lower
//! tone at −9 dBm0 and the upper one at −7 dBm0 (ETSI ES 201 235-2 §4.2 has the upper one louder,
//! because lines swallow it).

use crate::detect::PEAK_0_DBM0;
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// Digits of one leg that may wait to sound.
pub const KEYS_MAX: usize = 64;
/// Samples of sound, and of silence after it.
const ON: usize = 800;
const OFF: usize = 800;
/// Samples over which a tone rises and falls, 2 ms: less splatter, and Q.24 allows 5.
const RAMP: usize = 16;
const LOW_DBM0: f32 = -9.0;
const HIGH_DBM0: f32 = -7.0;
const KEYS: &str = "123A456B789C*0#D";
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Keys that are pressed for a phone that knows no events.
#[derive(Clone, Debug, Default)]
pub struct Keypad {
    waiting: VecDeque<usize>,
    /// The key that sounds or pauses, and the place in it.
    pressed: Option<(usize, usize)>,
}

impl Keypad {
    /// Appends digits; what is no key or beyond [`KEYS_MAX`] is left out. Says how many it took.
    pub fn push(&mut self, digits: &str) -> usize {
        let before = self.waiting.len();
        let keys = digits.chars().filter_map(|key| KEYS.find(key.to_ascii_uppercase()));
        self.waiting.extend(keys.take(KEYS_MAX.saturating_sub(before)));
        self.waiting.len() - before
    }

    /// Whether something sounds or waits.
    pub fn is_busy(&self) -> bool {
        self.pressed.is_some() || !self.waiting.is_empty()
    }

    /// Fills a frame at 8 kHz with tones and silence. `false` when nothing was left.
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        let mut any = false;
        for sample in out {
            *sample = match self.next() {
                Some(value) => {
                    any = true;
                    value
                }
                None => 0,
            };
        }
        any
    }

    fn next(&mut self) -> Option<i16> {
        let (key, at) = match self.pressed.take() {
            Some(pressed) => pressed,
            None => (self.waiting.pop_front()?, 0),
        };
        if at + 1 < ON + OFF {
            self.pressed = Some((key, at + 1));
        }
        Some(sample(key, at))
    }
}

fn sample(key: usize, at: usize) -> i16 {
    if at >= ON {
        return 0;
    }
    let one = |hz: f64, dbm0: f32| {
        let peak = f64::from(PEAK_0_DBM0 * 10f32.powf(dbm0 / 20.0));
        peak * (TAU * hz * at as f64 / 8_000.0).sin()
    };
    let edge = (at + 1).min(ON - at).min(RAMP) as f64 / RAMP as f64;
    (edge * (one(ROWS[key / 4], LOW_DBM0) + one(COLUMNS[key % 4], HIGH_DBM0))) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::keys::{Detector, Found};

    #[test]
    fn every_key_is_heard_as_itself_for_100_milliseconds() {
        let mut keypad = Keypad::default();
        assert_eq!(keypad.push("1x23a456b789c*0#d"), 16);
        let (mut detector, mut frame) = (Detector::default(), [0; 160]);
        let (mut keys, mut lengths) = (String::new(), Vec::new());
        while keypad.fill(&mut frame) {
            detector.hear(&frame, |found| match found {
                Found::Pressed(key) => keys.push(key),
                Found::Released { duration_ms, .. } => lengths.push(duration_ms),
            });
        }
        assert_eq!(keys, "123A456B789C*0#D");
        assert_eq!(lengths.len(), 16);
        assert!(lengths.iter().all(|ms| (90..=110).contains(ms)), "{lengths:?}");
        assert!(!keypad.is_busy());
    }

    #[test]
    fn more_than_the_limit_is_left_out() {
        let mut keypad = Keypad::default();
        assert_eq!(keypad.push(&"5".repeat(100)), KEYS_MAX);
        assert_eq!(keypad.push("1"), 0);
    }

    #[test]
    fn the_levels_are_7_and_9_below() {
        let mut keypad = Keypad::default();
        keypad.push("5");
        let mut out = [0; 800];
        keypad.fill(&mut out);
        // Against the loudest sine, which is 3.14 dB above 0 dBm0 and 0.14 dB below full scale.
        let level = |hz| crate::codec::sound::level_at(&out[80..720], hz, 8_000);
        assert!((level(770) + 9.0 + 3.28).abs() < 0.5, "{}", level(770));
        assert!((level(1_336) + 7.0 + 3.28).abs() < 0.5, "{}", level(1_336));
    }
}
