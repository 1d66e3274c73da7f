//! Gives every member of a room its seat after any change: the matrix decides, here it is done. A
//! seat that does not change leaves buffers and streams as they are, so that nobody can hear that
//! somebody else came to listen.

use super::Shard;
use super::fax::is_treated;
use crate::codec::{Converter, Rate};
use crate::jitter::Jitter;
use crate::leg::{Agreed, Leg, LegIdx, Route};
use crate::room::Mode;
use crate::room::matrix::{self, Member, Seat};
use terms::Moment;
use terms::media::Audience;

impl Shard {
    /// Others hear the leg from now on.
    pub(super) fn set_audience(&mut self, now: Moment, idx: LegIdx, audience: Audience) {
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        leg.audience = audience;
        if let Some(room) = leg.room {
            self.arrange(now, room);
        }
    }

    /// Its digits are heard here alone from now on, or by the other of two as well.
    pub(super) fn keep_digits(&mut self, now: Moment, idx: LegIdx, kept: bool) {
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        leg.digits_kept = kept;
        if let Some(room) = leg.room {
            self.arrange(now, room);
        }
    }

    /// Gives every member of a room its seat, after any change.
    pub(super) fn arrange(&mut self, now: Moment, index: u32) {
        let Some(room) = &self.rooms[index as usize].room else { return };
        let agreed = |idx| self.leg(idx).and_then(|leg| leg.agreed.as_ref());
        let relays = |one, two| match (agreed(one), agreed(two)) {
            (Some(_), Some(_)) if self.both_fax(one, two) => true,
            (Some(one), Some(two)) => one.relays_to(two) && two.relays_to(one),
            // Nothing is heard before both have agreed.
            (None, _) | (_, None) => true,
        };
        let members: Vec<Member> =
            room.members.iter().filter_map(|&idx| self.member(idx)).collect();
        let is_party = |idx| self.member(idx).is_some_and(|member| member.is_party());
        let announced = room.announcement.is_some();
        let mode = match room.mode_of(is_party, relays) {
            // Who is announced something hears a mix, even of nobody.
            Mode::Idle | Mode::Relay(..) if announced => Mode::Mix,
            mode => mode,
        };
        let seats = matrix::seats(&members, &room.bridges, mode, announced);
        let is_wide = |member: &&Member| agreed(member.idx).is_some_and(Agreed::is_wideband);
        let has_parties = members.iter().any(Member::is_party);
        // Who listens in changes nothing of what the parties hear, not even its bandwidth.
        let counts = |member: &&Member| if has_parties { member.is_party() } else { member.active };
        let wide = members.iter().filter(counts).any(|member| is_wide(&member));
        let far_hears = !room.bridges.is_empty() && seats.iter().any(|seat| seat.is_decoded());
        let grid = far_hears || seats.iter().any(|seat| seat.hears_mix);
        for (member, seat) in members.iter().zip(&seats) {
            self.set_seat(member.idx, *seat);
            let digits_to = self.digits_to(mode, member.idx);
            self.set_digits_to(member.idx, digits_to);
            if let Some(leg) = self.leg_mut(member.idx) {
                leg.treated = is_treated(leg, mode, members.len());
            }
            self.open_ear(now, member.idx);
        }
        let room = self.rooms[index as usize].room.as_mut().expect("looked up above");
        (room.mode, room.grid) = (mode, grid);
        room.rate = if wide { Rate::Wide } else { Rate::Narrow };
        if grid {
            self.start_mix(now, index);
        }
    }

    fn both_fax(&self, one: LegIdx, two: LegIdx) -> bool {
        [one, two].into_iter().all(|idx| self.leg(idx).is_some_and(Leg::is_fax))
    }

    fn member(&self, idx: LegIdx) -> Option<Member> {
        let leg = self.leg(idx)?;
        Some(Member { idx, leg: leg.id, audience: leg.audience, active: !leg.held })
    }

    pub(super) fn set_seat(&mut self, idx: LegIdx, seat: Seat) {
        let limits = self.config.jitter;
        let Some(leg) = self.leg_mut(idx) else { return };
        if seat.is_decoded() && leg.jitter.is_none() {
            let codec = leg.agreed.as_ref().map(|agreed| agreed.remote.receive.codec);
            leg.jitter = codec.map(|codec| Jitter::new(codec, limits));
            if let Some(jitter) = leg.jitter.as_mut().filter(|_| leg.modem) {
                jitter.fix();
            }
            leg.voice = Converter::default();
        } else if !seat.is_decoded()
            && let Some(jitter) = leg.jitter.take()
            && leg.route == Route::Mix
        {
            leg.counts.keep(&jitter);
        }
        let hears_otherwise = leg.hears_mix != seat.hears_mix;
        (leg.route, leg.tapped, leg.hears_mix) = (seat.route, seat.tapped, seat.hears_mix);
        if let Some(outlet) = leg.outlet.as_mut().filter(|_| hears_otherwise) {
            outlet.clear();
        }
    }
}
