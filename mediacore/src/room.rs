//! Legs that hear each other. A room begins with its first leg and ends with its last.
//!
//! Two legs of one codec are relayed without decoding; two of different codecs are decoded and
//! encoded for each other; from three on there is a mix; a room of one costs nothing. Who hears whom
//! is the [`matrix`]. Legs of other shards come in as one [`Bridge`] for each shard, with frames of
//! 20 ms.

mod announcement;
mod bridge;
pub mod matrix;

pub use announcement::{Announcement, Spoken};
pub use bridge::{Bridge, FarVoices};

use crate::codec::Rate;
use crate::leg::LegIdx;
use crate::leg::outlet::Shared;
use crate::mix::speakers::Speakers;
use terms::{Moment, RoomId};

/// The other shard's half of a room, by its shard number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FarShard(pub u16);

/// How the parties hear each other: the members whom everyone hears, those on hold left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody to hear.
    Idle,
    /// Two.
    Relay(LegIdx, LegIdx),
    /// Two who speak different codecs.
    Convert(LegIdx, LegIdx),
    /// All of them.
    Mix,
}

impl Mode {
    /// Whether the parties are decoded and mixed on the grid.
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
    /// How the parties hear each other.
    pub mode: Mode,
    /// Somebody, here or on another shard, hears the mix.
    pub grid: bool,
    /// Wide from the first wideband party on.
    pub rate: Rate,
    /// When the next frame is mixed.
    pub mix_due: Option<Moment>,
    /// What all hear beside the voices.
    pub announcement: Option<Announcement>,
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
            grid: false,
            rate: Rate::Narrow,
            mix_due: None,
            announcement: None,
            speakers: Speakers::default(),
            shared: Vec::new(),
        }
    }

    /// The mode for these members, of whom `is_party` says whom everyone hears, and `relays` which
    /// two understand each other without decoding.
    pub fn mode_of(
        &self,
        is_party: impl Fn(LegIdx) -> bool,
        relays: impl Fn(LegIdx, LegIdx) -> bool,
    ) -> Mode {
        let mut parties = self.members.iter().copied().filter(|&leg| is_party(leg));
        let far = self.bridges.iter().any(|bridge| bridge.voices().parties);
        match (parties.next(), parties.next(), parties.next()) {
            (Some(_), _, _) if far => Mode::Mix,
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
        room.bridges.push(Bridge::new(FarShard(1), FarVoices::PARTIES));
        assert_eq!(room.mode_of(|_| true, |_, _| true), Mode::Mix);
        assert_eq!(room.mode_of(|_| false, |_, _| true), Mode::Idle);
    }
}
