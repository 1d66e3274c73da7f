//! Who hears whom in a room, and the cheapest way to it.
//!
//! A member's [`Audience`] is its row of the gain matrix: everyone, nobody, or one leg. A *party* is
//! an active member whom everyone hears; who listens in or whispers is none. What the parties hear
//! of each other depends on the parties alone:
//!
//! - Two parties of one codec go on being relayed when somebody listens in: their packets are
//!   *tapped*, which is to say decoded for the listener as well, and what leaves for the two is the
//!   same to the bit. A listener on another shard is fed over the bridge in the same way.
//! - Who is whispered to hears the mix from then on; the other one is still relayed to.
//! - Who is silent costs nothing: it is neither decoded nor added.

use super::{Bridge, Mode};
use crate::leg::{LegIdx, Route};
use terms::LegId;
use terms::media::Audience;

/// A member as the matrix sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its place.
    pub idx: LegIdx,
    /// Its name.
    pub leg: LegId,
    /// Who hears it.
    pub audience: Audience,
    /// Not on hold.
    pub active: bool,
}

impl Member {
    /// Everyone hears it.
    pub fn is_party(&self) -> bool {
        self.active && self.audience == Audience::Everyone
    }

    /// Itself and the one leg that hears it, where that is so.
    fn whispers(&self) -> Option<(LegIdx, LegId)> {
        match self.audience {
            Audience::Only(to) if self.active => Some((self.idx, to)),
            Audience::Only(_) | Audience::Everyone | Audience::Nobody => None,
        }
    }
}

/// How a member takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Where its packets go.
    pub route: Route,
    /// They are relayed, and decoded for others all the same.
    pub tapped: bool,
    /// It hears the mix; else what is relayed to it, if anything.
    pub hears_mix: bool,
}

impl Seat {
    /// Neither hears nor is heard.
    pub const EMPTY: Seat = Seat { route: Route::Nowhere, tapped: false, hears_mix: false };

    /// Whether it is decoded.
    pub fn is_decoded(self) -> bool {
        self.tapped || self.route == Route::Mix
    }
}

/// The seats of `members`, one each, in a room whose parties hear each other by `mode`. While
/// something is `announced` there, all hear the mix.
pub fn seats(members: &[Member], bridges: &[Bridge], mode: Mode, announced: bool) -> Vec<Seat> {
    // A room of a thousand is looked through once for each change, not once for each member.
    let whispers: Vec<(LegIdx, LegId)> = members.iter().filter_map(Member::whispers).collect();
    let has_party = bridges.iter().any(|bridge| bridge.voices().parties)
        || members.iter().any(Member::is_party);
    let hears_mix = |of: &Member| {
        let whispered = whispers.iter().any(|&(from, to)| to == of.leg && from != of.idx)
            || bridges.iter().any(|bridge| bridge.voices().whispers.contains(&of.leg));
        of.active && (whispered || if of.is_party() { mode.is_mixed() } else { has_party })
    };
    let hears = |of: &Member| if announced { of.active } else { hears_mix(of) };
    let hears: Vec<bool> = members.iter().map(hears).collect();
    let listeners = hears.iter().filter(|&&hears| hears).count();
    let seat = |(n, of): (usize, &Member)| {
        let heard = !bridges.is_empty() || listeners > usize::from(hears[n]);
        match of.audience {
            _ if !of.active => Seat::EMPTY,
            Audience::Everyone => {
                let to = relayed_to(of.idx, mode).filter(|&to| {
                    members.iter().zip(&hears).any(|(member, &mixed)| member.idx == to && !mixed)
                });
                let (route, tapped) = match to {
                    Some(to) => (Route::Relay(to), heard),
                    None if heard => (Route::Mix, false),
                    None => (Route::Nowhere, false),
                };
                Seat { route, tapped, hears_mix: hears[n] }
            }
            Audience::Nobody => Seat { hears_mix: hears[n], ..Seat::EMPTY },
            Audience::Only(to) => {
                let here = members.iter().find(|member| member.leg == to && member.idx != of.idx);
                let heard = here.map_or(!bridges.is_empty(), |member| member.active);
                let route = if heard { Route::Mix } else { Route::Nowhere };
                Seat { route, tapped: false, hears_mix: hears[n] }
            }
        }
    };
    members.iter().enumerate().map(seat).collect()
}

fn relayed_to(idx: LegIdx, mode: Mode) -> Option<LegIdx> {
    match mode {
        Mode::Relay(one, two) if idx == one => Some(two),
        Mode::Relay(one, two) if idx == two => Some(one),
        Mode::Relay(..) | Mode::Idle | Mode::Convert(..) | Mode::Mix => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FarShard, FarVoices, Room};
    use super::*;
    use terms::RoomId;

    const EVERYONE: Audience = Audience::Everyone;
    const NOBODY: Audience = Audience::Nobody;

    fn seated(audiences: &[Audience], far: Option<FarVoices>) -> (Mode, Vec<Seat>) {
        let member = |(n, &audience): (usize, &Audience)| Member {
            idx: LegIdx(n as u32),
            leg: LegId(n as u64),
            audience,
            active: true,
        };
        let members: Vec<Member> = audiences.iter().enumerate().map(member).collect();
        let room = Room {
            members: members.iter().map(|member| member.idx).collect(),
            bridges: far.into_iter().map(|far| Bridge::new(FarShard(1), far)).collect(),
            ..Room::new(RoomId(1))
        };
        let mode = room.mode_of(|idx| members[idx.index()].is_party(), |_, _| true);
        (mode, seats(&members, &room.bridges, mode, false))
    }

    fn relay(to: u32, tapped: bool) -> Seat {
        Seat { route: Route::Relay(LegIdx(to)), tapped, hears_mix: false }
    }

    const MIXED: Seat = Seat { route: Route::Mix, tapped: false, hears_mix: true };
    const EAR: Seat = Seat { route: Route::Nowhere, tapped: false, hears_mix: true };

    #[test]
    fn two_who_are_listened_to_are_relayed_all_the_same() {
        let (_, alone) = seated(&[EVERYONE, EVERYONE], None);
        assert_eq!(alone, [relay(1, false), relay(0, false)]);
        let (_, listened) = seated(&[EVERYONE, EVERYONE, NOBODY], None);
        assert_eq!(listened, [relay(1, true), relay(0, true), EAR]);
        let (_, far) = seated(&[EVERYONE, EVERYONE], Some(FarVoices::default()));
        assert_eq!(far, [relay(1, true), relay(0, true)]);
    }

    #[test]
    fn who_is_whispered_to_hears_the_mix_and_the_other_one_does_not() {
        let whisper = Audience::Only(LegId(1));
        let (_, seats) = seated(&[EVERYONE, EVERYONE, whisper], None);
        let customer = Seat { route: Route::Mix, tapped: false, hears_mix: false };
        let agent = Seat { route: Route::Relay(LegIdx(0)), tapped: true, hears_mix: true };
        assert_eq!(seats, [customer, agent, MIXED]);
        let far = FarVoices { parties: false, whispers: vec![LegId(1)] };
        assert_eq!(seated(&[EVERYONE, EVERYONE], Some(far)).1, [customer, agent]);
    }

    #[test]
    fn three_parties_are_mixed_and_one_alone_costs_nothing() {
        assert_eq!(seated(&[EVERYONE; 3], None), (Mode::Mix, vec![MIXED; 3]));
        assert_eq!(seated(&[EVERYONE], None), (Mode::Idle, vec![Seat::EMPTY]));
        assert_eq!(seated(&[NOBODY; 2], None), (Mode::Idle, vec![Seat::EMPTY; 2]));
        let whisper = Audience::Only(LegId(77));
        assert_eq!(seated(&[whisper], None).1, [Seat::EMPTY], "nobody is there to hear it");
    }

    #[test]
    fn a_listener_beside_one_party_hears_it_and_the_far_ones() {
        let (mode, seats) = seated(&[EVERYONE, NOBODY], None);
        assert_eq!(mode, Mode::Idle);
        let speaker = Seat { route: Route::Mix, tapped: false, hears_mix: false };
        assert_eq!(seats, [speaker, EAR]);
        assert_eq!(seated(&[NOBODY], Some(FarVoices::PARTIES)).1, [EAR]);
        assert_eq!(seated(&[NOBODY], Some(FarVoices::default())).1, [Seat::EMPTY]);
    }
}
