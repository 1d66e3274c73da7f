//! Who is heard in a big room: the loudest of those who speak.
//!
//! A voice that is in stays in through the pauses between words, and one that would take its place
//! must be clearly louder, so that two who speak at a time do not cut each other.
//!
//! Where a room is on several shards, each chooses among its own voices and tells the others how loud
//! those are. From its own and what it was told each shard finds the same loudest of all, and puts
//! into its sum those of them that are its own.

use crate::leg::LegIdx;
use std::cmp::Ordering;

/// A voice stays in for so many frames after its last word, 600 ms.
const HOLD_FRAMES: u32 = 30;
/// Who takes a place is louder by this, 6 dB.
const LOUDER: f32 = 4.0;
/// In the choice among shards, who pauses comes after who speaks.
const PAUSING: f32 = 1e-6;
/// Voices of which a shard tells the others at most; of more the quietest are not told.
pub const TOLD_MAX: usize = 16;

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

/// What the half of a room on one shard tells the others with each of its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Told {
    /// People there whom everybody may hear, whether they speak or not.
    pub parties: usize,
    count: usize,
    weights: [f32; TOLD_MAX],
}

impl Told {
    /// Of so many people, and of the voices that were chosen among them.
    pub fn of(parties: usize, voices: impl Iterator<Item = f32>) -> Self {
        let mut loudest: Vec<f32> = voices.collect();
        loudest.sort_unstable_by(|one, two| two.total_cmp(one));
        loudest.truncate(TOLD_MAX);
        let mut weights = [0.0; TOLD_MAX];
        weights[..loudest.len()].copy_from_slice(&loudest);
        Told { parties, count: loudest.len(), weights }
    }

    /// Where nobody is chosen, because all of so few people are heard.
    pub fn all_of(parties: usize) -> Self {
        Told::of(parties, std::iter::empty())
    }

    /// How loud each voice is, the loudest first.
    fn weights(&self) -> &[f32] {
        &self.weights[..self.count]
    }
}

#[derive(Clone, Copy, Debug)]
struct Speaker {
    voice: Voice,
    quiet: u32,
    /// In the last frame.
    heard: bool,
}

impl Speaker {
    /// How loud they are beside voices of other shards: who is heard already stays, unless another is
    /// louder by the margin.
    fn weight(&self) -> f32 {
        let Voice { level, speaks, .. } = self.voice;
        let stays = if self.heard { LOUDER } else { 1.0 };
        stays * if speaks { level } else { level * PAUSING }
    }
}

/// Those who are heard.
#[derive(Clone, Debug, Default)]
pub struct Speakers {
    all: Vec<Speaker>,
}

impl Speakers {
    /// Whether a leg is among the loudest of this shard.
    pub fn contains(&self, leg: LegIdx) -> bool {
        self.all.iter().any(|speaker| speaker.voice.leg == leg)
    }

    /// Whether a leg is heard: among the loudest of all shards.
    pub fn hears(&self, leg: LegIdx) -> bool {
        self.all.iter().any(|speaker| speaker.heard && speaker.voice.leg == leg)
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
            let speaker = Speaker { voice, quiet: 0, heard: false };
            if self.all.len() < max {
                self.all.push(speaker);
            } else if let Some(weakest) = self.weakest()
                && (!weakest.voice.speaks || voice.level > weakest.voice.level * LOUDER)
            {
                *weakest = speaker;
            }
        }
    }

    /// Decides who of the chosen is heard: the `max` loudest of them and of what `far` shards told.
    /// Each of those says whether its voices go before ours among equals. What the others are told:
    /// how loud ours were when this was decided, so that all decide by the same.
    pub fn hear(&mut self, parties: usize, far: &[(bool, Told)], max: usize) -> Told {
        let own: Vec<f32> = self.all.iter().map(Speaker::weight).collect();
        for (at, speaker) in self.all.iter_mut().enumerate() {
            let goes_first = |before: bool, other: f32| match other.total_cmp(&own[at]) {
                Ordering::Greater => true,
                Ordering::Equal => before,
                Ordering::Less => false,
            };
            let ours = (0..own.len()).filter(|&other| goes_first(other < at, own[other])).count();
            let of_far = |(before, told): &(bool, Told)| {
                told.weights().iter().filter(|&&other| goes_first(*before, other)).count()
            };
            speaker.heard = ours + far.iter().map(of_far).sum::<usize>() < max;
        }
        Told::of(parties, own.into_iter())
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

    /// Two shards of a room, each with what the other told it.
    struct Halves([(Speakers, Told); 2]);

    impl Halves {
        fn new() -> Self {
            Halves([(Speakers::default(), Told::all_of(4)), (Speakers::default(), Told::all_of(4))])
        }

        /// One frame: each hears what the other told before it.
        fn frame(&mut self, voices: [&[Voice]; 2], max: usize) {
            let told = [self.0[1].1, self.0[0].1];
            for (here, (speakers, tells)) in self.0.iter_mut().enumerate() {
                speakers.choose(voices[here], max);
                *tells = speakers.hear(4, &[(here == 1, told[here])], max);
            }
        }

        fn heard(&self) -> [Vec<u32>; 2] {
            let of = |here: usize| {
                (0..10).filter(|&leg| self.0[here].0.hears(LegIdx(leg))).collect::<Vec<_>>()
            };
            [of(0), of(1)]
        }
    }

    #[test]
    fn two_shards_hear_the_loudest_of_both() {
        let mut halves = Halves::new();
        let one = [voice(0, 100.0), voice(1, 900.0), voice(2, 300.0)];
        let other = [voice(5, 200.0), voice(6, 800.0), voice(7, 50.0)];
        (0..3).for_each(|_| halves.frame([&one, &other], 3));
        assert_eq!(halves.heard(), [vec![1, 2], vec![6]]);
        // A little louder is not enough across shards either.
        let louder = [voice(5, 1_100.0), voice(6, 800.0), voice(7, 50.0)];
        (0..3).for_each(|_| halves.frame([&one, &louder], 3));
        assert_eq!(halves.heard(), [vec![1, 2], vec![6]]);
        let loud = [voice(5, 1_300.0), voice(6, 800.0), voice(7, 50.0)];
        (0..3).for_each(|_| halves.frame([&one, &loud], 3));
        assert_eq!(halves.heard(), [vec![1], vec![5, 6]]);
        // Who pauses makes room for who speaks, however quiet.
        let pauses = [pause(0), pause(1), pause(2)];
        (0..3).for_each(|_| halves.frame([&pauses, &loud], 3));
        assert_eq!(halves.heard(), [vec![], vec![5, 6, 7]]);
    }

    #[test]
    fn who_pauses_loses_the_place_to_a_soft_voice_of_another_shard() {
        let mut halves = Halves::new();
        let (loud, soft) = ([voice(0, 900.0)], [voice(5, 50.0)]);
        (0..3).for_each(|_| halves.frame([&loud, &soft], 1));
        assert_eq!(halves.heard(), [vec![0], vec![]]);
        // Between two words the level of the last one is still there.
        let between = [Voice { speaks: false, ..loud[0] }];
        (0..3).for_each(|_| halves.frame([&between, &soft], 1));
        assert_eq!(halves.heard(), [vec![], vec![5]]);
    }

    #[test]
    fn among_equals_one_shard_goes_first_and_no_more_than_the_limit_are_heard() {
        let mut halves = Halves::new();
        let one: Vec<Voice> = (0..4).map(|leg| voice(leg, 100.0)).collect();
        let other: Vec<Voice> = (5..9).map(|leg| voice(leg, 100.0)).collect();
        (0..4).for_each(|_| halves.frame([&one, &other], 3));
        let [ours, theirs] = halves.heard();
        assert_eq!((ours.len(), theirs.len()), (3, 0));
        halves.frame([&[], &other], 3);
        (0..=HOLD_FRAMES).for_each(|_| halves.frame([&[], &other], 3));
        assert_eq!(halves.heard(), [vec![], vec![5, 6, 7]]);
    }

    #[test]
    fn of_more_voices_than_can_be_told_the_loudest_are() {
        let told = Told::of(40, (0..40_u8).map(f32::from));
        assert_eq!((told.parties, told.weights().len()), (40, TOLD_MAX));
        assert_eq!((told.weights()[0], told.weights()[TOLD_MAX - 1]), (39.0, 24.0));
        assert_eq!(Told::all_of(2).weights(), [] as [f32; 0]);
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
