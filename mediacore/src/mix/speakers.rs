//! Who is heard in a big room: the loudest of those who speak.
//!
//! A voice that is in stays in through the pauses between words, and one that would take its place
//! must be clearly louder, so that two who speak at a time do not cut each other.

use crate::leg::LegIdx;

/// A voice stays in for so many frames after its last word, 600 ms.
const HOLD_FRAMES: u32 = 30;
/// Who takes a place is louder by this, 6 dB.
const LOUDER: f32 = 4.0;

/// One voice of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voice {
    /// Whose.
    pub leg: LegIdx,
    /// Mean square, smoothed.
    pub level: f32,
    /// Whether this frame is speech.
    pub speaks: bool,
}

#[derive(Clone, Copy, Debug)]
struct Speaker {
    voice: Voice,
    quiet: u32,
}

/// Those who are heard.
#[derive(Clone, Debug, Default)]
pub struct Speakers {
    all: Vec<Speaker>,
}

impl Speakers {
    /// Whether a leg is heard.
    pub fn contains(&self, leg: LegIdx) -> bool {
        self.all.iter().any(|speaker| speaker.voice.leg == leg)
    }

    /// Chooses for the next frame: `voices` are those who speak now and those who were heard before.
    pub fn choose(&mut self, voices: &[Voice], max: usize) {
        for speaker in &mut self.all {
            let now = voices.iter().find(|voice| voice.leg == speaker.voice.leg);
            speaker.voice.speaks = now.is_some_and(|now| now.speaks);
            speaker.voice.level = now.map_or(0.0, |now| now.level);
            speaker.quiet = if speaker.voice.speaks { 0 } else { speaker.quiet + 1 };
        }
        self.all.retain(|speaker| speaker.quiet <= HOLD_FRAMES);
        self.all.truncate(max);
        for &voice in voices.iter().filter(|voice| voice.speaks) {
            if self.contains(voice.leg) {
                continue;
            }
            let speaker = Speaker { voice, quiet: 0 };
            if self.all.len() < max {
                self.all.push(speaker);
            } else if let Some(weakest) = self.weakest()
                && (!weakest.voice.speaks || voice.level > weakest.voice.level * LOUDER)
            {
                *weakest = speaker;
            }
        }
    }

    /// Who loses the place first: who pauses, then who is quietest.
    fn weakest(&mut self) -> Option<&mut Speaker> {
        let order = |speaker: &&mut Speaker| (speaker.voice.speaks, speaker.voice.level);
        self.all.iter_mut().min_by(|one, two| {
            let ((one, quiet), (two, loud)) = (order(one), order(two));
            one.cmp(&two).then(quiet.total_cmp(&loud))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(leg: u32, level: f32) -> Voice {
        Voice { leg: LegIdx(leg), level, speaks: true }
    }

    fn pause(leg: u32) -> Voice {
        Voice { speaks: false, ..voice(leg, 1.0) }
    }

    fn heard(speakers: &Speakers) -> Vec<u32> {
        (0..10).filter(|&leg| speakers.contains(LegIdx(leg))).collect()
    }

    #[test]
    fn the_loudest_are_heard_and_a_little_louder_is_not_enough() {
        let mut speakers = Speakers::default();
        speakers.choose(&[voice(0, 100.0), voice(1, 200.0), voice(2, 300.0), voice(3, 500.0)], 3);
        assert_eq!(heard(&speakers), [1, 2, 3], "500 is more than 6 dB above 100");
        speakers.choose(&[voice(0, 700.0), voice(1, 200.0), voice(2, 300.0), voice(3, 500.0)], 3);
        assert_eq!(heard(&speakers), [1, 2, 3], "700 is less than 6 dB above 200");
        speakers.choose(&[voice(0, 900.0), voice(1, 200.0), voice(2, 300.0), voice(3, 500.0)], 3);
        assert_eq!(heard(&speakers), [0, 2, 3]);
    }

    #[test]
    fn a_pause_between_words_keeps_the_place_unless_another_wants_it() {
        let mut speakers = Speakers::default();
        speakers.choose(&[voice(0, 100.0), voice(1, 100.0)], 2);
        for _ in 0..HOLD_FRAMES {
            speakers.choose(&[pause(0), voice(1, 100.0)], 2);
            assert_eq!(heard(&speakers), [0, 1]);
        }
        speakers.choose(&[pause(0), voice(1, 100.0)], 2);
        assert_eq!(heard(&speakers), [1]);
        speakers.choose(&[voice(0, 100.0), voice(1, 100.0)], 2);
        speakers.choose(&[pause(0), voice(1, 100.0), voice(2, 5.0)], 2);
        assert_eq!(heard(&speakers), [1, 2]);
    }

    #[test]
    fn who_left_is_not_heard_and_a_smaller_limit_holds_at_once() {
        let mut speakers = Speakers::default();
        speakers.choose(&[voice(0, 100.0), voice(1, 90.0), voice(2, 80.0)], 3);
        (0..=HOLD_FRAMES).for_each(|_| speakers.choose(&[voice(1, 90.0), voice(2, 80.0)], 3));
        assert_eq!(heard(&speakers), [1, 2]);
        speakers.choose(&[voice(1, 90.0), voice(2, 80.0)], 1);
        assert_eq!(heard(&speakers).len(), 1);
    }
}
