//! What comes from the half of a room on another shard: one voice that all may hear, and one for
//! each leg of ours that somebody over there whispers to. A frame carries for whom it is, so that
//! what only the agent may hear never reaches the sum for the customer.

use super::FarShard;
use crate::codec::{Converter, Rate};
use crate::mix::Frame;
use crate::mix::speakers::Told;
use std::collections::VecDeque;
use terms::LegId;
use terms::media::Audience;

/// Frames of a voice that may wait; older ones make room.
const FRAMES_MAX: usize = 8;
/// What was told counts for so many frames, 200 ms: the far half tells it with each of its own.
const TOLD_FRAMES_MAX: u32 = 10;
/// Frames that wait before a voice is heard, so that two clocks may drift.
const FRAMES_MIN: usize = 2;

/// Who speaks in the half of a room on another shard, as the engine's map says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarVoices {
    /// Somebody whom everybody hears.
    pub parties: bool,
    /// Legs that somebody there whispers to, in order, each once.
    pub whispers: Vec<LegId>,
}

impl FarVoices {
    /// People whom everybody hears, and no one else.
    pub const PARTIES: FarVoices = FarVoices { parties: true, whispers: Vec::new() };

    /// The voices of legs with these audiences.
    pub fn of(audiences: impl Iterator<Item = Audience>) -> Self {
        let mut voices = FarVoices::default();
        for audience in audiences {
            match audience {
                Audience::Everyone => voices.parties = true,
                Audience::Nobody => {}
                Audience::Only(leg) => voices.whispers.push(leg),
            }
        }
        voices.whispers.sort_unstable();
        voices.whispers.dedup();
        voices
    }
}

/// Frames of one voice on their way.
#[derive(Clone, Debug)]
struct Queue {
    frames: VecDeque<Frame>,
    speaking: bool,
    /// The far half may run at another rate.
    converter: Converter,
}

impl Queue {
    fn new() -> Self {
        let frames = VecDeque::with_capacity(FRAMES_MAX);
        Queue { frames, speaking: false, converter: Converter::default() }
    }

    fn put(&mut self, frame: &Frame) {
        if self.frames.len() == FRAMES_MAX {
            self.frames.pop_front();
        }
        self.frames.push_back(*frame);
        self.speaking |= self.frames.len() >= FRAMES_MIN;
    }

    fn take(&mut self, rate: Rate) -> Option<Frame> {
        if !self.speaking {
            return None;
        }
        let frame = self.frames.pop_front();
        self.speaking = frame.is_some();
        Some(frame?.converted(rate, &mut self.converter))
    }
}

/// What comes from another shard.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// From where.
    pub far: FarShard,
    voices: FarVoices,
    parties: Queue,
    /// What the far half says of its voices, and our frames since.
    told: Option<(Told, u32)>,
    /// By whom they are for; as many as `voices` says.
    whispers: Vec<(LegId, Queue)>,
}

impl Bridge {
    /// A bridge that was not heard yet.
    pub fn new(far: FarShard, voices: FarVoices) -> Self {
        let mut bridge = Bridge {
            far,
            voices: FarVoices::default(),
            parties: Queue::new(),
            told: None,
            whispers: Vec::new(),
        };
        bridge.set_voices(voices);
        bridge
    }

    /// Who speaks over there.
    pub fn voices(&self) -> &FarVoices {
        &self.voices
    }

    /// Others speak over there from now on.
    pub fn set_voices(&mut self, voices: FarVoices) {
        self.whispers.retain(|(leg, _)| voices.whispers.contains(leg));
        for &leg in &voices.whispers {
            if self.whispers.iter().all(|&(known, _)| known != leg) {
                self.whispers.push((leg, Queue::new()));
            }
        }
        self.voices = voices;
    }

    /// A frame came, for `audience`. What nobody announced is left out.
    pub fn put(&mut self, audience: Audience, frame: &Frame) {
        match audience {
            Audience::Everyone => self.parties.put(frame),
            Audience::Nobody => {}
            Audience::Only(leg) => {
                if let Some((_, queue)) = self.whispers.iter_mut().find(|(to, _)| *to == leg) {
                    queue.put(frame);
                }
            }
        }
    }

    /// The far half says this of its voices.
    pub fn tell(&mut self, told: Told) {
        self.told = Some((told, 0));
    }

    /// What the far half said of its voices last; `None` when it says nothing any more.
    pub fn told(&self) -> Option<Told> {
        self.told.filter(|&(_, frames)| frames < TOLD_FRAMES_MAX).map(|(told, _)| told)
    }

    /// The frame that all hear now, at the room's rate.
    pub fn take(&mut self, rate: Rate) -> Frame {
        if let Some((_, frames)) = &mut self.told {
            *frames = frames.saturating_add(1);
        }
        self.parties.take(rate).unwrap_or(Frame::silent(rate))
    }

    /// The frames that one leg each hears now, at the room's rate.
    pub fn take_whispers(&mut self, rate: Rate) -> impl Iterator<Item = (LegId, Frame)> + '_ {
        self.whispers.iter_mut().filter_map(move |(leg, queue)| Some((*leg, queue.take(rate)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Audience = Audience::Everyone;

    fn frame(level: i16) -> Frame {
        Frame::from_samples(Rate::Narrow, &[level; 160])
    }

    fn taken(bridge: &mut Bridge) -> i16 {
        bridge.take(Rate::Narrow).samples()[0]
    }

    #[test]
    fn a_bridge_waits_for_two_frames_and_keeps_no_old_ones() {
        let mut bridge = Bridge::new(FarShard(1), FarVoices::PARTIES);
        bridge.put(ALL, &frame(1));
        assert_eq!(taken(&mut bridge), 0);
        (2..=20).for_each(|n| bridge.put(ALL, &frame(n)));
        assert_eq!(taken(&mut bridge), 13);
        let rest: Vec<i16> = (0..7).map(|_| taken(&mut bridge)).collect();
        assert_eq!(rest, [14, 15, 16, 17, 18, 19, 20]);
        assert_eq!(taken(&mut bridge), 0);
    }

    #[test]
    fn what_a_far_half_told_counts_until_it_is_silent_for_a_while() {
        let mut bridge = Bridge::new(FarShard(1), FarVoices::PARTIES);
        assert_eq!(bridge.told(), None);
        bridge.tell(Told::all_of(3));
        for _ in 0..TOLD_FRAMES_MAX {
            assert_eq!(bridge.told(), Some(Told::all_of(3)));
            bridge.take(Rate::Narrow);
        }
        assert_eq!(bridge.told(), None);
        bridge.tell(Told::all_of(2));
        assert_eq!(bridge.told(), Some(Told::all_of(2)));
    }

    #[test]
    fn a_far_half_of_another_rate_is_heard_at_ours() {
        let mut bridge = Bridge::new(FarShard(1), FarVoices::PARTIES);
        (0..6).for_each(|_| bridge.put(ALL, &frame(1_000)));
        let heard: Vec<Frame> = (0..6).map(|_| bridge.take(Rate::Wide)).collect();
        assert!(heard.iter().all(|frame| frame.rate() == Rate::Wide));
        assert!(heard[5].samples().iter().all(|sample| (sample - 1_000).abs() < 5));
    }

    #[test]
    fn a_whisper_is_for_one_leg_and_an_unannounced_one_for_none() {
        let voices = FarVoices::of([Audience::Only(LegId(7)), Audience::Nobody].into_iter());
        assert_eq!(voices, FarVoices { parties: false, whispers: vec![LegId(7)] });
        let mut bridge = Bridge::new(FarShard(1), voices);
        for leg in [7, 8] {
            (0..2).for_each(|_| bridge.put(Audience::Only(LegId(leg)), &frame(500)));
        }
        assert_eq!(taken(&mut bridge), 0);
        let whispers: Vec<_> = bridge.take_whispers(Rate::Narrow).collect();
        assert_eq!(whispers, [(LegId(7), frame(500))]);
        bridge.set_voices(FarVoices::PARTIES);
        assert_eq!(bridge.take_whispers(Rate::Narrow).count(), 0, "it is over");
    }
}
