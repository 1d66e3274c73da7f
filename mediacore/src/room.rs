//! Legs that hear each other. A room begins with its first leg and ends with its last.
//!
//! Two legs are relayed without decoding; from three on there is a mix; a room of one costs
//! nothing. Legs of other shards come in as one bridge for each shard, with frames of 20 ms.

use crate::jitter::{FRAME, Frame};
use crate::leg::LegIdx;
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
}

impl Bridge {
    /// A bridge that was not heard yet.
    pub fn new(far: FarShard) -> Self {
        let frames = VecDeque::with_capacity(BRIDGE_FRAMES_MAX);
        Bridge { far, frames, speaking: false }
    }

    /// A frame came.
    pub fn put(&mut self, frame: &Frame) {
        if self.frames.len() == BRIDGE_FRAMES_MAX {
            self.frames.pop_front();
        }
        self.frames.push_back(*frame);
        self.speaking |= self.frames.len() >= BRIDGE_FRAMES_MIN;
    }

    /// The frame to mix now.
    pub fn take(&mut self) -> Frame {
        if !self.speaking {
            return [0; FRAME];
        }
        let frame = self.frames.pop_front();
        self.speaking = frame.is_some();
        frame.unwrap_or([0; FRAME])
    }
}

/// How the members hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody to hear.
    Idle,
    /// The two who are not on hold.
    Relay(LegIdx, LegIdx),
    /// Everybody who is not on hold.
    Mix,
}

/// One room of a shard.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its name.
    pub id: RoomId,
    /// Legs of this shard.
    pub members: Vec<LegIdx>,
    /// Legs of other shards.
    pub bridges: Vec<Bridge>,
    /// How they hear each other.
    pub mode: Mode,
    /// When the next frame is mixed.
    pub mix_due: Option<Moment>,
}

impl Room {
    /// An empty room.
    pub fn new(id: RoomId) -> Self {
        Room { id, members: Vec::new(), bridges: Vec::new(), mode: Mode::Idle, mix_due: None }
    }

    /// The mode for these members, of whom `is_active` says who is not on hold.
    pub fn mode_of(&self, is_active: impl Fn(LegIdx) -> bool) -> Mode {
        let mut active = self.members.iter().copied().filter(|&leg| is_active(leg));
        match (active.next(), active.next(), active.next()) {
            (Some(_), _, _) if !self.bridges.is_empty() => Mode::Mix,
            (Some(one), Some(two), None) => Mode::Relay(one, two),
            (Some(_), Some(_), Some(_)) => Mode::Mix,
            (Some(_), None, _) | (None, _, _) => Mode::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(members: u32) -> Room {
        Room { members: (0..members).map(LegIdx).collect(), ..Room::new(RoomId(1)) }
    }

    #[test]
    fn two_are_relayed_three_are_mixed_and_hold_counts_out() {
        assert_eq!(room(0).mode_of(|_| true), Mode::Idle);
        assert_eq!(room(1).mode_of(|_| true), Mode::Idle);
        assert_eq!(room(2).mode_of(|_| true), Mode::Relay(LegIdx(0), LegIdx(1)));
        assert_eq!(room(3).mode_of(|_| true), Mode::Mix);
        assert_eq!(room(3).mode_of(|leg| leg.0 != 1), Mode::Relay(LegIdx(0), LegIdx(2)));
        assert_eq!(room(2).mode_of(|leg| leg.0 != 1), Mode::Idle);
    }

    #[test]
    fn one_leg_and_a_bridge_are_mixed() {
        let mut room = room(1);
        room.bridges.push(Bridge::new(FarShard(1)));
        assert_eq!(room.mode_of(|_| true), Mode::Mix);
        assert_eq!(room.mode_of(|_| false), Mode::Idle);
    }

    #[test]
    fn a_bridge_waits_for_two_frames_and_keeps_no_old_ones() {
        let mut bridge = Bridge::new(FarShard(1));
        bridge.put(&[1; FRAME]);
        assert_eq!(bridge.take()[0], 0);
        (2..=20).for_each(|n| bridge.put(&[n; FRAME]));
        assert_eq!(bridge.take()[0], 13);
        let rest: Vec<i16> = (0..7).map(|_| bridge.take()[0]).collect();
        assert_eq!(rest, [14, 15, 16, 17, 18, 19, 20]);
        assert_eq!(bridge.take()[0], 0);
    }
}
