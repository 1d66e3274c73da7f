//! Digits as pairs of tones, ITU-T Q.23, found as Q.24 asks.
//!
//! A hop is 10 ms. In each hop the strongest row and column must hold most of the energy, with a
//! twist (column over row) of −8 to +4 dB; from one hop to the next the phase of both must turn as
//! their frequencies say, which tells 1.5 % off (a key) from 3.5 % off (none) although 10 ms alone
//! could not. What leaks from one tone into the other's term is taken out first. Two such pairs of
//! hops in a row are a key: 40 ms always suffice, 20 ms never do.
//! Speech does not hold two pure tones in tune for that long. A key ends after three hops without
//! it, so a drop-out of 10 ms does not end it and a pause of 40 ms always does.
//!
//! A hop that is too quiet for a key costs its energy only.

use super::goertzel::{Bank, Term, leak, offset_hz};
use super::{energy, mean_square};

/// Samples of a hop, 10 ms.
const HOP: usize = 80;
const HOP_MS: u32 = 10;
/// Rows first, then columns.
const HZ: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Quieter is no key: both tones together. Q.24 has networks that accept down to −29 dBm0 a tone.
const LEVEL_MIN_DBM0: f32 = -33.0;
/// Between the 1.5 % that must be taken and the 3.5 % that must not.
const OFFSET_MAX: f32 = 0.024;
/// Share of the energy that is in the two tones: to begin, and to go on.
const SHARE_MIN: f32 = 0.72;
const SHARE_HELD_MIN: f32 = 0.5;
/// Column over row in dB. Frequencies that are off look quieter by up to 1 dB, and what leaks
/// between the tones is then not all taken out.
const TWIST_DB_MAX: f32 = 5.5;
const TWIST_DB_MIN: f32 = -10.0;
/// Hops in tune that make a key.
const HOPS_MIN: u32 = 3;
/// Hops without the key that end it.
const BAD_MAX: u32 = 3;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A key went down, at least 30 ms ago.
    Pressed(char),
    /// It was let go.
    Released {
        /// The key.
        key: char,
        /// How long it sounded.
        duration_ms: u32,
    },
}

/// The two tones of one hop.
#[derive(Clone, Copy, Debug)]
struct Pair {
    row: usize,
    column: usize,
    terms: [Term; 2],
    share: f32,
    twist_db: f32,
    /// How far row and column are off since the hop before, in shares of their frequency.
    offsets: Option<[f32; 2]>,
}

impl Pair {
    fn key(&self) -> char {
        KEYS[self.row][self.column]
    }

    fn begins(&self) -> bool {
        self.share >= SHARE_MIN && (TWIST_DB_MIN..=TWIST_DB_MAX).contains(&self.twist_db)
    }

    fn offsets_since(&self, before: &Pair) -> [f32; 2] {
        let nominal = [HZ[self.row], HZ[4 + self.column]];
        std::array::from_fn(|n| {
            let angle = self.terms[n].angle_from(before.terms[n]);
            offset_hz(angle, nominal[n], HOP) / nominal[n]
        })
    }

    /// Whether both tones are in tune over the last three hops: what is off by the phase of one hop
    /// counts half.
    fn is_in_tune(&self, before: &Pair) -> bool {
        let (Some(now), Some(earlier)) = (self.offsets, before.offsets) else { return false };
        now.iter().zip(earlier).all(|(now, earlier)| ((now + earlier) / 2.0).abs() <= OFFSET_MAX)
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    key: char,
    hops: u32,
    bad: u32,
}

/// Finds the keys of one voice.
#[derive(Clone, Debug)]
pub struct Detector {
    bank: Bank<8>,
    hop: [i16; HOP],
    filled: usize,
    before: Option<Pair>,
    /// What of a row's tone is in a column's term.
    leaks: [[Term; 4]; 4],
    held: Option<Held>,
}

impl Default for Detector {
    fn default() -> Self {
        Detector {
            bank: Bank::new(HZ),
            hop: [0; HOP],
            filled: 0,
            before: None,
            leaks: std::array::from_fn(|row| {
                std::array::from_fn(|column| leak(HZ[4 + column] - HZ[row], HOP))
            }),
            held: None,
        }
    }
}

impl Detector {
    /// Takes samples at 8 kHz and tells each key as it is found and as it ends.
    pub fn hear(&mut self, mut samples: &[i16], mut found: impl FnMut(Found)) {
        while !samples.is_empty() {
            let take = samples.len().min(HOP - self.filled);
            self.hop[self.filled..self.filled + take].copy_from_slice(&samples[..take]);
            self.filled += take;
            samples = &samples[take..];
            if self.filled == HOP {
                self.filled = 0;
                self.take_hop(&mut found);
            }
        }
    }

    /// The key that is down.
    pub fn held(&self) -> Option<char> {
        self.held.map(|held| held.key)
    }

    /// Nothing follows the last sample: ends a key that is down, and begins anew.
    pub fn end(&mut self) -> Option<Found> {
        let held = self.held.take();
        *self = Detector::default();
        held.map(released)
    }

    fn take_hop(&mut self, found: &mut impl FnMut(Found)) {
        let mut pair = self.pair();
        let mut in_tune = false;
        if let (Some(now), Some(before)) = (&mut pair, &self.before)
            && now.key() == before.key()
            && now.begins()
            && before.begins()
        {
            now.offsets = Some(now.offsets_since(before));
            in_tune = now.is_in_tune(before);
        }
        if let Some(held) = &mut self.held {
            let goes_on =
                pair.is_some_and(|pair| pair.key() == held.key && pair.share >= SHARE_HELD_MIN);
            if goes_on {
                held.hops += 1 + held.bad;
                held.bad = 0;
            } else {
                held.bad += 1;
            }
            if held.bad == BAD_MAX {
                found(released(*held));
                self.held = None;
            }
        }
        if let (None, true, Some(pair)) = (self.held, in_tune, &pair) {
            let key = pair.key();
            self.held = Some(Held { key, hops: HOPS_MIN, bad: 0 });
            found(Found::Pressed(key));
        }
        self.before = pair;
    }

    fn pair(&self) -> Option<Pair> {
        let energy = energy(&self.hop);
        if energy < mean_square(LEVEL_MIN_DBM0) * HOP as f32 {
            return None;
        }
        let terms = self.bank.terms(&self.hop);
        let (row, column) = (strongest(&terms[..4]), strongest(&terms[4..]));
        let terms = apart([terms[row], terms[4 + column]], self.leaks[row][column]);
        let [low, high] = terms.map(Term::power);
        Some(Pair {
            row,
            column,
            terms,
            share: (low + high) * 2.0 / HOP as f32 / energy,
            twist_db: 10.0 * (high.max(1.0) / low.max(1.0)).log10(),
            offsets: None,
        })
    }
}

fn released(held: Held) -> Found {
    Found::Released { key: held.key, duration_ms: held.hops * HOP_MS }
}

/// The terms of two tones without what each leaks into the other's.
fn apart([row, column]: [Term; 2], leak: Term) -> [Term; 2] {
    let whole = 1.0 - leak.power();
    let back = Term { re: leak.re, im: -leak.im };
    let without = |own: Term, other: Term, leak: Term| Term {
        re: (own.re - (other.re * leak.re - other.im * leak.im)) / whole,
        im: (own.im - (other.re * leak.im + other.im * leak.re)) / whole,
    };
    [without(row, column, back), without(column, row, leak)]
}

fn strongest(terms: &[Term]) -> usize {
    let better =
        |best: usize, n: usize| if terms[n].power() > terms[best].power() { n } else { best };
    (1..terms.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::noise;
    use crate::detect::PEAK_0_DBM0;
    use std::f64::consts::TAU;

    const ALL: &str = "123A456B789C*0#D";

    /// How a key sounds: levels in dBm0, frequencies off by shares.
    #[derive(Clone, Copy)]
    struct Sound {
        row_dbm0: f32,
        column_dbm0: f32,
        row_off: f64,
        column_off: f64,
    }

    const PLAIN: Sound = Sound { row_dbm0: -9.0, column_dbm0: -7.0, row_off: 0.0, column_off: 0.0 };

    fn key(key: char, ms: usize, sound: Sound) -> Vec<i16> {
        let at = ALL.find(key).expect("a key");
        let one = |hz: f32, off: f64, dbm0: f32, n: usize| {
            let peak = f64::from(PEAK_0_DBM0) * 10f64.powf(f64::from(dbm0) / 20.0);
            peak * (TAU * f64::from(hz) * (1.0 + off) * n as f64 / 8_000.0 + 0.7).sin()
        };
        (0..ms * 8)
            .map(|n| {
                let row = one(HZ[at / 4], sound.row_off, sound.row_dbm0, n);
                let column = one(HZ[4 + at % 4], sound.column_off, sound.column_dbm0, n);
                (row + column) as i16
            })
            .collect()
    }

    /// Keys pressed and let go, in pieces of an odd size, from several places of the grid.
    fn heard(said: &[i16], lead: usize) -> (String, Vec<u32>) {
        let mut detector = Detector::default();
        let (mut keys, mut lengths) = (String::new(), Vec::new());
        let mut found = |found| match found {
            Found::Pressed(key) => keys.push(key),
            Found::Released { duration_ms, .. } => lengths.push(duration_ms),
        };
        detector.hear(&vec![0; lead], &mut found);
        said.chunks(33).for_each(|piece| detector.hear(piece, &mut found));
        detector.hear(&[0; 800], &mut found);
        (keys, lengths)
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    #[test]
    fn forty_milliseconds_and_a_pause_of_forty_are_one_digit_each() {
        for lead in (0..80).step_by(11) {
            let mut said = Vec::new();
            for name in ALL.chars().chain("1122".chars()) {
                said.extend(key(name, 40, PLAIN));
                said.extend(silence(40));
            }
            let (keys, lengths) = heard(&said, lead);
            assert_eq!(keys, format!("{ALL}1122"), "{lead} samples off the grid");
            assert!(lengths.iter().all(|ms| (30..=60).contains(ms)), "{lengths:?}");
        }
    }

    #[test]
    fn a_long_press_is_one_digit_of_its_length() {
        let (keys, lengths) = heard(&key('5', 1_000, PLAIN), 3);
        assert_eq!(keys, "5");
        assert!((980..=1_020).contains(&lengths[0]), "{lengths:?}");
    }

    #[test]
    fn twenty_milliseconds_are_no_digit_and_a_drop_out_of_ten_is_no_second() {
        for lead in (0..80).step_by(7) {
            assert_eq!(heard(&key('5', 20, PLAIN), lead).0, "");
            let mut said = key('8', 200, PLAIN);
            said[800..880].fill(0);
            assert_eq!(heard(&said, lead).0, "8");
        }
    }

    #[test]
    fn frequencies_are_taken_within_1_5_percent_and_not_beyond_3_5() {
        for name in ALL.chars() {
            for (row_off, column_off) in
                [(0.015, 0.015), (-0.015, 0.015), (0.015, -0.015), (-0.015, -0.015)]
            {
                for column_dbm0 in [-17.0, -9.0, -5.0] {
                    let sound = Sound { row_off, column_off, column_dbm0, ..PLAIN };
                    for lead in [0, 31, 57] {
                        assert_eq!(
                            heard(&key(name, 60, sound), lead).0,
                            name.to_string(),
                            "{row_off} {column_off}, column at {column_dbm0} dBm0"
                        );
                    }
                }
            }
            for (row_off, column_off) in [(0.035, 0.0), (-0.035, 0.0), (0.0, 0.035), (0.0, -0.035)]
            {
                let sound = Sound { row_off, column_off, ..PLAIN };
                for lead in [0, 31, 57] {
                    assert_eq!(
                        heard(&key(name, 100, sound), lead).0,
                        "",
                        "{name} {row_off} {column_off}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_twist_may_be_four_up_and_eight_down() {
        for (column_dbm0, taken) in
            [(-10.0, true), (-6.0, true), (-18.0, true), (-2.5, false), (-23.0, false)]
        {
            let sound = Sound { row_dbm0: -10.0, column_dbm0, ..PLAIN };
            for name in ALL.chars() {
                let expected = if taken { name.to_string() } else { String::new() };
                assert_eq!(heard(&key(name, 80, sound), 40).0, expected, "{column_dbm0} to -10");
            }
        }
    }

    #[test]
    fn levels_reach_from_full_scale_to_29_below() {
        for dbm0 in [-3.0, -10.0, -20.0, -29.0] {
            let sound = Sound { row_dbm0: dbm0, column_dbm0: dbm0, ..PLAIN };
            assert_eq!(heard(&key('7', 60, sound), 0).0, "7", "{dbm0} dBm0");
        }
        let quiet = Sound { row_dbm0: -45.0, column_dbm0: -45.0, ..PLAIN };
        assert_eq!(heard(&key('7', 60, quiet), 0).0, "");
    }

    #[test]
    fn noise_15_db_below_hides_no_digit_and_noise_alone_is_none() {
        let mut said = Vec::new();
        for name in ALL.chars() {
            said.extend(key(name, 50, PLAIN));
            said.extend(silence(50));
        }
        // White noise of this peak has an effective value of 0.577 of it: 15 dB below the keys.
        let hiss = noise(said.len(), 2_800, 3);
        said.iter_mut().zip(&hiss).for_each(|(said, hiss)| *said = said.saturating_add(*hiss));
        assert_eq!(heard(&said, 0).0, ALL);
        assert_eq!(heard(&noise(80_000 * 6, 12_000, 4), 0).0, "");
    }

    #[test]
    fn one_tone_alone_or_two_of_a_row_are_no_digit() {
        for hz in HZ {
            let said = crate::codec::sound::tone(hz as u32, 8_000, 4_000, 9_000);
            assert_eq!(heard(&said, 0).0, "", "{hz} Hz");
        }
        let two = [697, 852].map(|hz| crate::codec::sound::tone(hz, 8_000, 4_000, 7_000));
        let both: Vec<i16> = two[0].iter().zip(&two[1]).map(|(one, two)| one + two).collect();
        assert_eq!(heard(&both, 0).0, "");
    }
}
