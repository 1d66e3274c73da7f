//! Digits as pairs of tones, ITU-T Q.23: 100 ms of sound, or as long as the key is held, and 100 ms of
//! silence for each, the lower tone at −9 dBm0 and the upper one at −7 dBm0 (ETSI ES 201 235-2 §4.2
//! has the upper one louder, because lines swallow it).

use crate::detect::PEAK_0_DBM0;
use crate::dtmf::HELD_MS_MIN;
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// Digits of one leg that may wait to sound.
pub const KEYS_MAX: usize = 64;
/// Samples of sound of a key that a command presses, and of silence after any.
const ON: usize = 800;
const OFF: usize = 800;
const SAMPLES_PER_MS: usize = 8;
/// Samples over which a tone rises and falls, 2 ms: less splatter, and Q.24 allows 5.
const RAMP: usize = 16;
const LOW_DBM0: f32 = -9.0;
const HIGH_DBM0: f32 = -7.0;
const KEYS: &str = "123A456B789C*0#D";
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// A key and for how many samples it sounds; none while it is down.
#[derive(Clone, Copy, Debug)]
struct Press {
    key: usize,
    on: Option<usize>,
}

/// Keys that are pressed for a phone that knows no events.
#[derive(Clone, Debug, Default)]
pub struct Keypad {
    waiting: VecDeque<Press>,
    /// The key that sounds or pauses, and the place in it.
    pressed: Option<(Press, usize)>,
}

impl Keypad {
    /// Appends digits; what is no key or beyond [`KEYS_MAX`] is left out. Says how many it took.
    pub fn push(&mut self, digits: &str) -> usize {
        let before = self.waiting.len();
        let keys = digits.chars().filter_map(|key| KEYS.find(key.to_ascii_uppercase()));
        let press = |key| Press { key, on: Some(ON) };
        self.waiting.extend(keys.take(KEYS_MAX.saturating_sub(before)).map(press));
        self.waiting.len() - before
    }

    /// A key went down that sounds until [`Keypad::let_go`]; what was down before is let go. False
    /// when it is no key or [`KEYS_MAX`] others wait.
    pub fn press(&mut self, key: char) -> bool {
        self.let_go(0);
        let key = KEYS.find(key.to_ascii_uppercase());
        let Some(key) = key.filter(|_| self.waiting.len() < KEYS_MAX) else { return false };
        self.waiting.push_back(Press { key, on: None });
        true
    }

    /// The key that is down was let go after `held_ms`: it sounds that long and at least
    /// [`HELD_MS_MIN`], and what has sounded of it has.
    pub fn let_go(&mut self, held_ms: u32) {
        let asked = held_ms.max(HELD_MS_MIN) as usize * SAMPLES_PER_MS;
        match (&mut self.pressed, self.waiting.iter_mut().find(|press| press.on.is_none())) {
            (Some((press, at)), _) if press.on.is_none() => {
                press.on = Some(asked.max(*at + RAMP));
            }
            (_, Some(press)) => press.on = Some(asked),
            (_, None) => {}
        }
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
        let (press, at) = match self.pressed.take() {
            Some(pressed) => pressed,
            None => (self.waiting.pop_front()?, 0),
        };
        if press.on.is_none_or(|on| at + 1 < on + OFF) {
            self.pressed = Some((press, at + 1));
        }
        Some(sample(press, at))
    }
}

fn sample(Press { key, on }: Press, at: usize) -> i16 {
    let left = on.map_or(RAMP, |on| on.saturating_sub(at));
    if left == 0 {
        return 0;
    }
    let one = |hz: f64, dbm0: f32| {
        let peak = f64::from(PEAK_0_DBM0 * 10f32.powf(dbm0 / 20.0));
        peak * (TAU * hz * at as f64 / 8_000.0).sin()
    };
    let edge = (at + 1).min(left).min(RAMP) as f64 / RAMP as f64;
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

    /// Keys and how long each is heard: what was said, and the rest.
    fn heard_after(begun: &[i16], keypad: &mut Keypad) -> Vec<(char, u32)> {
        let (mut said, mut frame) = (begun.to_vec(), [0; 160]);
        while keypad.fill(&mut frame) {
            said.extend(frame);
        }
        let mut heard = Vec::new();
        Detector::default().hear(&said, |found| {
            if let Found::Released { key, duration_ms } = found {
                heard.push((key, duration_ms));
            }
        });
        heard
    }

    #[test]
    fn a_key_sounds_as_long_as_it_is_held_and_40_milliseconds_at_least() {
        for (held_ms, lasts_ms) in [(10, 40), (40, 40), (500, 500), (2_000, 2_000)] {
            let mut keypad = Keypad::default();
            assert!(keypad.press('8'));
            let mut begun = [0; 80];
            keypad.fill(&mut begun);
            keypad.let_go(held_ms);
            let told = heard_after(&begun, &mut keypad);
            assert_eq!(told.len(), 1, "{held_ms} ms");
            assert!(told[0].0 == '8' && told[0].1.abs_diff(lasts_ms) <= 20, "{told:?}");
        }
    }

    #[test]
    fn what_has_sounded_of_a_key_has_and_the_next_press_ends_it() {
        let mut keypad = Keypad::default();
        keypad.press('1');
        let mut begun = [0; 1_600];
        keypad.fill(&mut begun);
        keypad.press('1');
        keypad.let_go(60);
        let told = heard_after(&begun, &mut keypad);
        let near =
            |(key, ms): (char, u32), expected: u32| key == '1' && ms.abs_diff(expected) <= 20;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(near(told[0], 200) && near(told[1], 60), "{told:?}");
        assert!(!keypad.press('x'));
    }

    #[test]
    fn more_than_the_limit_is_left_out() {
        let mut full = Keypad::default();
        full.push(&"5".repeat(KEYS_MAX));
        assert!(!full.press('1'));
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
