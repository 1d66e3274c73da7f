//! Tones of the Chinese network (GB/T 3380: 450 Hz) and our own beep, generated.
//!
//! Digits as tones are in [`keys`].
//!
//! Both frequencies divide 8,000 Hz into whole periods, so one short table per tone is exact.

pub mod keys;

use std::f64::consts::TAU;
use std::sync::LazyLock;

/// Samples per second of everything in here.
const RATE_HZ: u32 = 8_000;
/// Peak level: −15 dBm0, a comfortable signalling tone.
const PEAK: f64 = 5_700.0;
/// Peak level of a reminder: −25 dBm0, below a voice.
const PEAK_SOFT: f64 = 1_800.0;

/// Peak level of the notes of a conference: −20 dBm0, heard below a voice without covering it.
const PEAK_NOTE: f64 = 3_200.0;
/// Samples of one note, 150 ms: whole cycles of both, so that nothing clicks between them.
const NOTE_SAMPLES: u64 = 1_200;
/// Length of both notes in ms.
pub const NOTES_MS: u32 = 300;

/// Nine cycles of 450 Hz.
static HZ_450: LazyLock<[i16; 160]> = LazyLock::new(|| cycle(450.0, PEAK));
/// One cycle of 1 kHz.
static HZ_1000: LazyLock<[i16; 8]> = LazyLock::new(|| cycle(1000.0, PEAK));
/// The same, soft.
static HZ_1000_SOFT: LazyLock<[i16; 8]> = LazyLock::new(|| cycle(1000.0, PEAK_SOFT));

/// One cycle of 500 Hz, a note.
static HZ_500: LazyLock<[i16; 16]> = LazyLock::new(|| cycle(500.0, PEAK_NOTE));
/// One cycle of 800 Hz, a note.
static HZ_800: LazyLock<[i16; 10]> = LazyLock::new(|| cycle(800.0, PEAK_NOTE));

fn cycle<const N: usize>(hz: f64, peak: f64) -> [i16; N] {
    std::array::from_fn(|n| (peak * (TAU * hz * n as f64 / f64::from(RATE_HZ)).sin()) as i16)
}

/// A tone, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// 450 Hz, 1 s on, 4 s off.
    Ringback,
    /// 450 Hz, 350 ms on, 350 ms off.
    Busy,
    /// 1 kHz without pause.
    Beep,
    /// The same, soft: this is recorded.
    Reminder,
    /// 500 Hz, then 800 Hz.
    Arrival,
    /// 800 Hz, then 500 Hz.
    Departure,
    /// Nothing.
    Silence,
}

impl Tone {
    /// The sample at place `n`, counted from the beginning of the tone.
    pub fn sample(self, n: u64) -> i16 {
        match self {
            Tone::Ringback if n % 40_000 < 8_000 => HZ_450[(n % 160) as usize],
            Tone::Busy if n % 5_600 < 2_800 => HZ_450[(n % 5_600 % 160) as usize],
            Tone::Beep => HZ_1000[(n % 8) as usize],
            Tone::Reminder => HZ_1000_SOFT[(n % 8) as usize],
            Tone::Arrival => notes(n, true),
            Tone::Departure => notes(n, false),
            Tone::Ringback | Tone::Busy | Tone::Silence => 0,
        }
    }

    /// How many samples one round of its rhythm takes.
    pub fn round_samples(self) -> u64 {
        match self {
            Tone::Ringback => 40_000,
            Tone::Busy => 5_600,
            Tone::Arrival | Tone::Departure => 2 * NOTE_SAMPLES,
            Tone::Beep | Tone::Reminder | Tone::Silence => 8_000,
        }
    }
}

fn notes(n: u64, rises: bool) -> i16 {
    match (n / NOTE_SAMPLES, rises) {
        (0, true) | (1, false) => HZ_500[(n % 16) as usize],
        (0, false) | (1, true) => HZ_800[(n % 10) as usize],
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loud(tone: Tone, from_ms: u64, to_ms: u64) -> bool {
        (from_ms * 8..to_ms * 8).any(|n| tone.sample(n).unsigned_abs() > 3_000)
    }

    #[test]
    fn ringback_sounds_one_second_of_five() {
        assert!(loud(Tone::Ringback, 0, 100) && loud(Tone::Ringback, 900, 1_000));
        assert!(!loud(Tone::Ringback, 1_000, 5_000));
        assert!(loud(Tone::Ringback, 5_000, 5_100));
    }

    #[test]
    fn busy_sounds_every_other_350_ms() {
        assert!(loud(Tone::Busy, 0, 350) && !loud(Tone::Busy, 350, 700));
        assert!(loud(Tone::Busy, 700, 1_050));
    }

    #[test]
    fn the_beep_has_a_thousand_cycles_a_second() {
        let rising =
            (1..8_000).filter(|&n| Tone::Beep.sample(n - 1) < 0 && Tone::Beep.sample(n) >= 0);
        assert_eq!(rising.count(), 999);
        assert!((0..8_000).all(|n| Tone::Silence.sample(n) == 0));
        let peak = |tone: Tone| (0..8).map(|n| tone.sample(n)).max();
        assert_eq!((peak(Tone::Beep), peak(Tone::Reminder)), (Some(5_700), Some(1_800)));
    }
}
