//! What a [`Watch`] asked for: the rhythm of the network's tones, the special information tones, the
//! calls of fax machines, who answered, and the beep of an answering machine.
//!
//! The voice is cut into blocks of 20 ms; each is one pure tone, one pair of tones, or neither.
//! Blocks of one sound and level in a row are a stretch, and everything here is told from how long
//! stretches and the pauses between them last, by the values of ITU-T E.180, Q.35 and T.30.

use super::answerer::Answerer;
use super::goertzel::Bank;
use super::networks::{Made, Rhythm, rhythms};
use super::single::single;
use super::{energy, mean_square};
use crate::activity::Activity;
use std::collections::VecDeque;
use terms::media::{Progress, Watch};

/// Samples of a block, 20 ms.
const BLOCK: usize = 160;
const BLOCK_MS: u32 = 20;
/// Less pure is no tone.
const PURITY_MIN: f32 = 0.92;
/// Of a pair: share of a block's energy that is in it. A block cannot part 440 from 480 Hz; both
/// terms hold most of the beat.
const PAIR_SHARE_MIN: f32 = 0.7;
const PAIR_LEVEL_MIN_DBM0: f32 = -40.0;
/// A stretch holds one frequency to this much.
const SAME_HZ_MAX: f32 = 30.0;
/// And one power to this much, 4 dB either way: a vowel may be as pure as a tone, but it swells.
const SAME_POWER_MAX: f32 = 2.5;
/// A tone that goes on this long is no word.
const TONE_MS_MIN: u32 = 120;
/// Stretches that are remembered.
const STRETCHES_MAX: usize = 4;
/// How far a rhythm may be off: a share, and a block on each side.
const RHYTHM_SHARE_MAX: f32 = 0.15;
const RHYTHM_MS_MAX: f32 = 30.0;
/// A pause of a ringback is told from others after this.
const LONG_PAUSE_MS: u32 = 1_500;
/// ITU-T T.30 §4.3.3: 1,100 ± 38 Hz, 0.5 s ± 15 %, pauses of 3 s.
const CNG_HZ: f32 = 1_100.0;
const CNG_HZ_OFF_MAX: f32 = 45.0;
/// With a block on each side that is only partly the tone.
const CNG_MS: std::ops::RangeInclusive<u32> = 360..=620;
const CNG_PAUSE_MS: u32 = 1_000;
/// ITU-T T.30 §4.3.3: 2,100 ± 15 Hz, 2.6 to 4 s.
const CED_HZ: f32 = 2_100.0;
const CED_HZ_OFF_MAX: f32 = 30.0;
const CED_MS_MIN: u32 = 500;
/// ITU-T E.180 §9: 950, 1,400 and 1,800 Hz, each ± 50 Hz and 330 ± 70 ms, pauses up to 30 ms.
const SIT_HZ: [f32; 3] = [950.0, 1_400.0, 1_800.0];
const SIT_HZ_OFF_MAX: f32 = 60.0;
const SIT_MS: std::ops::RangeInclusive<u32> = 220..=440;
const SIT_PAUSE_MS_MAX: u32 = 80;
/// The beep of a machine.
const BEEP_HZ: std::ops::RangeInclusive<f32> = 350.0..=2_600.0;
const BEEP_MS: std::ops::RangeInclusive<u32> = 200..=2_000;
const BEEP_PAUSE_MS: u32 = 80;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sound {
    /// Frequency and power.
    Tone(f32, f32),
    /// The pair of so many of the network's rhythms.
    Pair(usize),
}

impl Sound {
    fn is_like(self, other: Sound) -> bool {
        match (self, other) {
            (Sound::Tone(one, loud), Sound::Tone(two, quiet)) => {
                let power = loud.max(quiet) / loud.min(quiet);
                (one - two).abs() <= SAME_HZ_MAX && power <= SAME_POWER_MAX
            }
            (Sound::Pair(one), Sound::Pair(two)) => one == two,
            (Sound::Tone(..), Sound::Pair(_)) | (Sound::Pair(_), Sound::Tone(..)) => false,
        }
    }

    fn is_near(self, hz: f32, off_max: f32) -> bool {
        matches!(self, Sound::Tone(own, _) if (own - hz).abs() <= off_max)
    }
}

/// One sound without a pause, and the pause after it until now.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    sound: Sound,
    on_ms: u32,
    off_ms: u32,
}

/// Listens to one leg.
#[derive(Debug)]
pub struct Watcher {
    what: Watch,
    network: Option<([Rhythm; 3], [Bank<2>; 3])>,
    block: [i16; BLOCK],
    filled: usize,
    stretches: VecDeque<Stretch>,
    /// Blocks without the sound of the newest stretch; one alone does not end it.
    missing: u32,
    /// Another sound in the last block; two blocks of it begin a stretch.
    begun: Option<Sound>,
    activity: Activity,
    answerer: Answerer,
    /// The last word of the network.
    network_said: Option<Progress>,
    told: Vec<Progress>,
}

impl Watcher {
    /// Listens for this.
    pub fn new(what: Watch) -> Self {
        let network = what.tones.map(|plan| {
            let rhythms = rhythms(plan);
            let bank = |rhythm: Rhythm| match rhythm.made {
                Made::Of(hz) => Bank::new([hz, hz]),
                Made::Both(one, two) => Bank::new([one, two]),
            };
            (rhythms, rhythms.map(bank))
        });
        Watcher {
            what,
            network,
            block: [0; BLOCK],
            filled: 0,
            stretches: VecDeque::with_capacity(STRETCHES_MAX + 1),
            missing: 0,
            begun: None,
            activity: Activity::default(),
            answerer: Answerer::default(),
            network_said: None,
            told: Vec::new(),
        }
    }

    /// What it listens for.
    pub fn what(&self) -> Watch {
        self.what
    }

    /// Takes samples at 8 kHz and tells what it heard.
    pub fn hear(&mut self, mut samples: &[i16], mut heard: impl FnMut(Progress)) {
        while !samples.is_empty() {
            let take = samples.len().min(BLOCK - self.filled);
            self.block[self.filled..self.filled + take].copy_from_slice(&samples[..take]);
            self.filled += take;
            samples = &samples[take..];
            if self.filled == BLOCK {
                self.filled = 0;
                self.take_block(&mut heard);
            }
        }
    }

    fn take_block(&mut self, heard: &mut impl FnMut(Progress)) {
        let sound = self.sound();
        self.follow(sound);
        let is_tone = |newest: &Stretch| newest.off_ms == 0 && newest.on_ms >= TONE_MS_MIN;
        let speaks = self.activity.note(&self.block) && !self.stretches.back().is_some_and(is_tone);
        if self.what.tones.is_some() {
            self.look_for_network(heard);
            if self.is_sit() {
                self.tell(Progress::SpecialInformation, heard);
            }
        }
        if self.what.fax {
            self.look_for_fax(heard);
        }
        if self.what.answerer {
            if self.is_beep() {
                self.tell(Progress::Beep, heard);
            }
            if let Some(guess) = self.answerer.note(speaks, BLOCK_MS) {
                self.tell(guess, heard);
            }
        }
    }

    fn tell(&mut self, progress: Progress, heard: &mut impl FnMut(Progress)) {
        if !self.told.contains(&progress) {
            self.told.push(progress);
            heard(progress);
        }
    }

    fn sound(&self) -> Option<Sound> {
        self.pair().or_else(|| {
            let tone = single(&self.block)?;
            (tone.purity >= PURITY_MIN).then_some(Sound::Tone(tone.hz, tone.power))
        })
    }

    fn pair(&self) -> Option<Sound> {
        let (rhythms, banks) = self.network.as_ref()?;
        let energy = energy(&self.block);
        if energy < mean_square(PAIR_LEVEL_MIN_DBM0) * BLOCK as f32 {
            return None;
        }
        let found = rhythms.iter().zip(banks).position(|(rhythm, bank)| {
            let Made::Both(..) = rhythm.made else { return false };
            let [one, two] = bank.terms(&self.block).map(|term| term.power());
            let share = (one + two) * 2.0 / BLOCK as f32 / energy;
            // Both must be there: one alone is another tone.
            share >= PAIR_SHARE_MIN && one.min(two) * 12.0 > one.max(two)
        });
        // Busy and congestion are made of the same.
        found.map(|n| match rhythms[n].made == rhythms[1].made {
            true => Sound::Pair(1),
            false => Sound::Pair(n),
        })
    }

    /// Lengthens the newest stretch or its pause, or begins a new one.
    fn follow(&mut self, sound: Option<Sound>) {
        let missing = self.missing;
        let goes_on = |newest: &&mut Stretch| {
            missing <= 1 && sound.is_some_and(|sound| newest.sound.is_like(sound))
        };
        if let Some(newest) = self.stretches.back_mut().filter(goes_on) {
            newest.on_ms += BLOCK_MS + newest.off_ms;
            newest.off_ms = 0;
        } else if let (Some(sound), Some(begun)) = (sound, self.begun)
            && begun.is_like(sound)
        {
            if let Some(before) = self.stretches.back_mut() {
                before.off_ms -= BLOCK_MS;
            }
            self.stretches.push_back(Stretch { sound, on_ms: 2 * BLOCK_MS, off_ms: 0 });
            if self.stretches.len() > STRETCHES_MAX {
                self.stretches.pop_front();
            }
        } else {
            if let Some(newest) = self.stretches.back_mut() {
                newest.off_ms += BLOCK_MS;
            }
            self.missing += 1;
            self.begun = sound;
            return;
        }
        (self.missing, self.begun) = (0, None);
    }

    fn look_for_network(&mut self, heard: &mut impl FnMut(Progress)) {
        let Some((rhythms, _)) = &self.network else { return };
        let said = rhythms.iter().position(|rhythm| self.has_rhythm(rhythm, rhythms));
        let Some(said) = said.map(|n| rhythms[n].means) else { return };
        if self.network_said != Some(said) {
            self.network_said = Some(said);
            heard(said);
        }
    }

    /// A long pause after one stretch, or a second stretch after a short one.
    fn has_rhythm(&self, rhythm: &Rhythm, all: &[Rhythm; 3]) -> bool {
        let is_made = |stretch: &&Stretch| match (stretch.sound, rhythm.made) {
            (Sound::Tone(..), Made::Of(hz)) => stretch.sound.is_near(hz, SAME_HZ_MAX),
            (Sound::Pair(n), Made::Both(..)) => all[n].made == rhythm.made,
            (Sound::Tone(..), Made::Both(..)) | (Sound::Pair(_), Made::Of(_)) => false,
        };
        let mut newest = self.stretches.iter().rev().filter(is_made);
        let (Some(last), before) = (newest.next(), newest.next()) else { return false };
        if !lasts(last.on_ms, rhythm.on_ms) {
            return false;
        }
        if rhythm.off_ms > LONG_PAUSE_MS {
            return last.off_ms == LONG_PAUSE_MS;
        }
        last.off_ms == 2 * BLOCK_MS
            && before.is_some_and(|before| {
                lasts(before.on_ms, rhythm.on_ms) && lasts(before.off_ms, rhythm.off_ms)
            })
    }

    fn look_for_fax(&mut self, heard: &mut impl FnMut(Progress)) {
        let Some(&newest) = self.stretches.back() else { return };
        if newest.sound.is_near(CNG_HZ, CNG_HZ_OFF_MAX)
            && CNG_MS.contains(&newest.on_ms)
            && newest.off_ms == CNG_PAUSE_MS
        {
            self.tell(Progress::FaxCalling, heard);
        }
        if newest.sound.is_near(CED_HZ, CED_HZ_OFF_MAX) && newest.on_ms >= CED_MS_MIN {
            self.tell(Progress::FaxAnswering, heard);
        }
    }

    fn is_sit(&self) -> bool {
        let newest = self.stretches.len().saturating_sub(SIT_HZ.len());
        let mut last = self.stretches.iter().skip(newest).zip(SIT_HZ).enumerate();
        self.stretches.len() >= SIT_HZ.len()
            && last.all(|(n, (stretch, hz))| {
                // The third need not have ended.
                let lasts = if n == 2 {
                    stretch.on_ms >= *SIT_MS.start()
                } else {
                    SIT_MS.contains(&stretch.on_ms) && stretch.off_ms <= SIT_PAUSE_MS_MAX
                };
                lasts && stretch.sound.is_near(hz, SIT_HZ_OFF_MAX)
            })
    }

    fn is_beep(&self) -> bool {
        let Some(newest) = self.stretches.back() else { return false };
        let Sound::Tone(hz, _) = newest.sound else { return false };
        let of_network = self.network.as_ref().is_some_and(|(rhythms, _)| {
            rhythms.iter().any(|rhythm| match rhythm.made {
                Made::Of(own) => (own - hz).abs() <= SAME_HZ_MAX,
                Made::Both(..) => false,
            })
        });
        let of_fax = newest.sound.is_near(CNG_HZ, CNG_HZ_OFF_MAX)
            || newest.sound.is_near(CED_HZ, CED_HZ_OFF_MAX);
        BEEP_HZ.contains(&hz)
            && BEEP_MS.contains(&newest.on_ms)
            && newest.off_ms == BEEP_PAUSE_MS
            && !of_network
            && !of_fax
            && self.answerer.has_heard()
    }
}

/// Whether a stretch of blocks is as long as it should be.
fn lasts(ms: u32, nominal_ms: u32) -> bool {
    let off = (ms as f32 - nominal_ms as f32).abs();
    off <= nominal_ms as f32 * RHYTHM_SHARE_MAX + RHYTHM_MS_MAX
}
