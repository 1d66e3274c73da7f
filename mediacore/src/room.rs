//! Legs that hear each other. A room begins with its first leg and ends with its last.
//!
//! Two legs of one codec are relayed without decoding; two of different codecs are decoded and
//! encoded for each other; from three on there is a mix; a room of one costs nothing. Legs of other shards come in as one bridge for each shard, with frames of 20 ms.

use crate::codec::{Converter, Rate};
use crate::leg::LegIdx;
use crate::leg::outlet::Shared;
use crate::mix::Frame;
use crate::mix::speakers::Speakers;
use std::collections::VecDeque;
use terms::{Moment, RoomId};

/// Frames of a bridge that may wait; older ones make room.
const BRIDGE_FRAMES_MAX: usize = 8;
/// Frames that wait before a bridge is heard, so that two clocks may drift.
const BRIDGE_FRAMES_MIN: usize = 2;

/// The other shard's half of a room, by its shard number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FarShard(pub u16);

/// What comes from another shard.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// From where.
    pub far: FarShard,
    frames: VecDeque<Frame>,
    speaking: bool,
    /// The far half may run at another rate.
    converter: Converter,
}

impl Bridge {
    /// A bridge that was not heard yet.
    pub fn new(far: FarShard) -> Self {
        let frames = VecDeque::with_capacity(BRIDGE_FRAMES_MAX);
        Bridge { far, frames, speaking: false, converter: Converter::default() }
    }

    /// A frame came.
    pub fn put(&mut self, frame: &Frame) {
        if self.frames.len() == BRIDGE_FRAMES_MAX {
            self.frames.pop_front();
        }
        self.frames.push_back(*frame);
        self.speaking |= self.frames.len() >= BRIDGE_FRAMES_MIN;
    }

    /// The frame to mix now, at the room's rate.
    pub fn take(&mut self, rate: Rate) -> Frame {
        if !self.speaking {
            return Frame::silent(rate);
        }
        let frame = self.frames.pop_front();
        self.speaking = frame.is_some();
        frame.map_or(Frame::silent(rate), |frame| frame.converted(rate, &mut self.converter))
    }
}

/// How the members hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody to hear.
    Idle,
    /// The two who are not on hold.
    Relay(LegIdx, LegIdx),
    /// The two who are not on hold and speak different codecs.
    Convert(LegIdx, LegIdx),
    /// Everybody who is not on hold.
    Mix,
}

impl Mode {
    /// Whether the members are decoded and mixed on the grid.
    pub fn is_mixed(self) -> bool {
        matches!(self, Mode::Convert(..) | Mode::Mix)
    }
}

/// One room of a shard.
#[derive(Debug)]
pub struct Room {
    /// Its name.
    pub id: RoomId,
    /// Legs of this shard.
    pub members: Vec<LegIdx>,
    /// Legs of other shards.
    pub bridges: Vec<Bridge>,
    /// How they hear each other.
    pub mode: Mode,
    /// Wide from the first wideband leg on.
    pub rate: Rate,
    /// When the next frame is mixed.
    pub mix_due: Option<Moment>,
    /// Who is heard, where there are many.
    pub speakers: Speakers,
    /// What those hear who do not speak, one for each codec.
    pub shared: Vec<Shared>,
}

impl Room {
    /// An empty room.
    pub fn new(id: RoomId) -> Self {
        Room {
            id,
            members: Vec::new(),
            bridges: Vec::new(),
            mode: Mode::Idle,
            rate: Rate::Narrow,
            mix_due: None,
            speakers: Speakers::default(),
            shared: Vec::new(),
        }
    }

    /// The mode for these members, of whom `is_active` says who is not on hold, and `relays` which
    /// two understand each other without decoding.
    pub fn mode_of(
        &self,
        is_active: impl Fn(LegIdx) -> bool,
        relays: impl Fn(LegIdx, LegIdx) -> bool,
    ) -> Mode {
        let mut active = self.members.iter().copied().filter(|&leg| is_active(leg));
        match (active.next(), active.next(), active.next()) {
            (Some(_), _, _) if !self.bridges.is_empty() => Mode::Mix,
            (Some(one), Some(two), None) if relays(one, two) => Mode::Relay(one, two),
            (Some(one), Some(two), None) => Mode::Convert(one, two),
            (Some(_), Some(_), Some(_)) => Mode::Mix,
            (Some(_), None, _) | (None, _, _) => Mode::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(level: i16) -> Frame {
        Frame::from_samples(Rate::Narrow, &[level; 160])
    }

    fn taken(bridge: &mut Bridge) -> i16 {
        bridge.take(Rate::Narrow).samples()[0]
    }

    fn room(members: u32) -> Room {
        Room { members: (0..members).map(LegIdx).collect(), ..Room::new(RoomId(1)) }
    }

    #[test]
    fn two_are_relayed_three_are_mixed_and_hold_counts_out() {
        assert_eq!(room(0).mode_of(|_| true, |_, _| true), Mode::Idle);
        assert_eq!(room(1).mode_of(|_| true, |_, _| true), Mode::Idle);
        assert_eq!(room(2).mode_of(|_| true, |_, _| true), Mode::Relay(LegIdx(0), LegIdx(1)));
        assert_eq!(room(3).mode_of(|_| true, |_, _| true), Mode::Mix);
        assert_eq!(
            room(3).mode_of(|leg| leg.0 != 1, |_, _| true),
            Mode::Relay(LegIdx(0), LegIdx(2))
        );
        assert_eq!(room(2).mode_of(|leg| leg.0 != 1, |_, _| true), Mode::Idle);
        let converted = room(2).mode_of(|_| true, |_, _| false);
        assert_eq!(converted, Mode::Convert(LegIdx(0), LegIdx(1)));
        assert!(converted.is_mixed() && !Mode::Relay(LegIdx(0), LegIdx(1)).is_mixed());
    }

    #[test]
    fn one_leg_and_a_bridge_are_mixed() {
        let mut room = room(1);
        room.bridges.push(Bridge::new(FarShard(1)));
        assert_eq!(room.mode_of(|_| true, |_, _| true), Mode::Mix);
        assert_eq!(room.mode_of(|_| false, |_, _| true), Mode::Idle);
    }

    #[test]
    fn a_bridge_waits_for_two_frames_and_keeps_no_old_ones() {
        let mut bridge = Bridge::new(FarShard(1));
        bridge.put(&frame(1));
        assert_eq!(taken(&mut bridge), 0);
        (2..=20).for_each(|n| bridge.put(&frame(n)));
        assert_eq!(taken(&mut bridge), 13);
        let rest: Vec<i16> = (0..7).map(|_| taken(&mut bridge)).collect();
        assert_eq!(rest, [14, 15, 16, 17, 18, 19, 20]);
        assert_eq!(taken(&mut bridge), 0);
    }

    #[test]
    fn a_far_half_of_another_rate_is_heard_at_ours() {
        let mut bridge = Bridge::new(FarShard(1));
        (0..6).for_each(|_| bridge.put(&frame(1_000)));
        let heard: Vec<Frame> = (0..6).map(|_| bridge.take(Rate::Wide)).collect();
        assert!(heard.iter().all(|frame| frame.rate() == Rate::Wide));
        assert!(heard[5].samples().iter().all(|sample| (sample - 1_000).abs() < 5));
    }
}
