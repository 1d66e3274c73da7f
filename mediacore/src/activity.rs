//! Whether somebody speaks: the power of a frame against the noise that was there before.
//!
//! The noise floor falls at once and rises by a third of a decibel in ten frames, so that a word
//! does not lift it and a fan that starts is forgotten after some seconds.

use crate::detect::energy;

/// Mean square below which nothing is speech, about −50 dBov.
const POWER_MIN: f32 = 1.1e4;
/// Speech is this much above the floor, 9 dB.
const ABOVE_FLOOR: f32 = 8.0;
const FLOOR_FALL: f32 = 0.5;
const FLOOR_RISE: f32 = 1.008;
const FLOOR_MIN: f32 = 16.0;
/// How fast the level follows: up quickly, down slowly.
const LEVEL_RISE: f32 = 0.5;
const LEVEL_FALL: f32 = 0.06;

/// The ear for one voice; frames of 10 or 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    floor: f32,
    level: f32,
}

impl Default for Activity {
    fn default() -> Self {
        // As quiet as −60 dBov, until something else is known.
        Activity { floor: 1_000.0, level: 0.0 }
    }
}

impl Activity {
    /// Takes a frame and says whether it is speech.
    pub fn note(&mut self, samples: &[i16]) -> bool {
        self.note_power(energy(samples) / samples.len().max(1) as f32)
    }

    /// Whether these samples would be speech.
    pub fn would(&self, samples: &[i16]) -> bool {
        self.is_speech(energy(samples) / samples.len().max(1) as f32)
    }

    /// Nothing came: a frame of silence.
    pub fn note_silence(&mut self) {
        self.note_power(0.0);
    }

    /// Mean square of the voice, smoothed: what makes one louder than another.
    pub fn level(&self) -> f32 {
        self.level
    }

    fn is_speech(&self, power: f32) -> bool {
        power > POWER_MIN && power > self.floor * ABOVE_FLOOR
    }

    fn note_power(&mut self, power: f32) -> bool {
        let share = if power > self.level { LEVEL_RISE } else { LEVEL_FALL };
        self.level += (power - self.level) * share;
        let active = self.is_speech(power);
        self.floor = if power < self.floor {
            (self.floor + (power - self.floor) * FLOOR_FALL).max(FLOOR_MIN)
        } else {
            self.floor * FLOOR_RISE
        };
        active
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{noise, voice};

    fn share(activity: &mut Activity, said: &[i16]) -> f32 {
        let frames = said.chunks(160).filter(|frame| activity.note(frame)).count();
        frames as f32 / (said.len() / 160) as f32
    }

    #[test]
    fn a_voice_is_heard_and_a_steady_noise_is_not() {
        for hiss in [0, 60, 400] {
            let mut activity = Activity::default();
            share(&mut activity, &noise(80_000, hiss, 1));
            assert!(share(&mut activity, &noise(16_000, hiss.max(1), 2)) < 0.02, "noise of {hiss}");
            let said: Vec<i16> = voice(8_000, 16_000)
                .iter()
                .zip(noise(16_000, hiss.max(1), 3))
                .map(|(said, hiss)| said.saturating_add(hiss))
                .collect();
            assert!(share(&mut activity, &said) > 0.5, "a voice over noise of {hiss}");
        }
    }

    #[test]
    fn a_voice_that_goes_on_stays_a_voice() {
        let mut activity = Activity::default();
        share(&mut activity, &voice(8_000, 160_000));
        assert!(share(&mut activity, &voice(8_000, 16_000)) > 0.5);
    }

    #[test]
    fn the_louder_one_has_the_higher_level() {
        let (mut loud, mut quiet) = (Activity::default(), Activity::default());
        share(&mut loud, &noise(1_600, 8_000, 1));
        share(&mut quiet, &noise(1_600, 4_000, 1));
        assert!(loud.level() > quiet.level() * 3.0);
        (0..200).for_each(|_| loud.note_silence());
        assert!(loud.level() < quiet.level());
    }
}
