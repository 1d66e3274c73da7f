//! Rooms of three and more: every 20 ms each gets the sum of the others, and who is whispered to
//! that voice as well.
//!
//! What goes to another shard is the sum of our own legs only, and what comes from one is heard by
//! our own legs only: with a bridge between every two shards everybody hears everybody once.

use super::{Alarm, Shard, Timer};
use crate::codec::Rate;
use crate::leg::LegIdx;
use crate::leg::outlet::Outlet;
use crate::mix::{Frame, Sum};
use std::cmp::Reverse;
use std::time::Duration;
use terms::media::Audience;
use terms::{LegId, Moment};

/// The grid.
const GRID: Duration = Duration::from_millis(20);
/// A shard that is behind by more than this skips the missed frames.
const STALL_MAX: Duration = Duration::from_millis(200);

impl Shard {
    pub(super) fn start_mix(&mut self, now: Moment, index: u32) {
        let slot = &mut self.rooms[index as usize];
        let room = slot.room.as_mut().expect("looked up by the caller");
        if room.mix_due.is_none() {
            room.mix_due = Some(now);
            let generation = slot.generation;
            self.timers.push(Reverse(Timer { at: now, index, generation, alarm: Alarm::Mix }));
        }
    }

    pub(super) fn on_mix_alarm(&mut self, now: Moment, timer: Timer) {
        let slot = &mut self.rooms[timer.index as usize];
        if slot.generation != timer.generation {
            return;
        }
        let Some(room) = slot.room.as_mut().filter(|room| room.mix_due == Some(timer.at)) else {
            return;
        };
        if !room.grid {
            room.mix_due = None;
            return;
        }
        let due = if now - timer.at > STALL_MAX { now } else { timer.at };
        room.mix_due = Some(due + GRID);
        self.timers.push(Reverse(Timer { at: due + GRID, ..timer }));
        self.mix(due, timer.index);
    }

    fn mix(&mut self, due: Moment, index: u32) {
        let room = self.rooms[index as usize].room.as_mut().expect("looked up by the caller");
        // The members move out and back, so that the legs can be reached meanwhile.
        let members = std::mem::take(&mut room.members);
        let rate = room.rate;
        let (mut sum, mut whispers, mut has_parties) = (Sum::new(rate), Vec::new(), false);
        let mut voices: Vec<Option<Frame>> = Vec::with_capacity(members.len());
        for &idx in &members {
            let voice = self.voice(idx, rate);
            let leg = self.leg(idx).expect("members are open");
            has_parties |= leg.audience == Audience::Everyone && !leg.held;
            voices.push(match (leg.audience, voice) {
                (Audience::Everyone, Some(voice)) => {
                    sum.add(&voice);
                    Some(voice)
                }
                (Audience::Only(to), Some(voice)) => {
                    whispers.push((to, voice));
                    None
                }
                (Audience::Nobody, _) | (_, None) => None,
            });
        }
        self.send_to_bridges(index, &members, has_parties.then_some(&sum), &whispers);
        let room = self.rooms[index as usize].room.as_mut().expect("looked up by the caller");
        let mut far = Sum::new(rate);
        for bridge in &mut room.bridges {
            far.add(&bridge.take(rate));
            whispers.extend(bridge.take_whispers(rate));
        }
        sum.add(&far.without(None));
        for (&idx, own) in members.iter().zip(&voices) {
            self.listen(due, idx, &sum, own.as_ref(), &whispers);
        }
        let room = self.rooms[index as usize].room.as_mut().expect("mixing keeps rooms");
        room.members = members;
    }

    /// What our parties say goes to every bridge; a whisper only where its one leg may be.
    fn send_to_bridges(
        &mut self,
        index: u32,
        members: &[LegIdx],
        parties: Option<&Sum>,
        whispers: &[(LegId, Frame)],
    ) {
        let room = self.rooms[index as usize].room.as_ref().expect("looked up by the caller");
        if room.bridges.is_empty() {
            return;
        }
        let is_here = |to| members.iter().any(|&idx| self.leg(idx).is_some_and(|leg| leg.id == to));
        let parties = parties.map(|sum| (Audience::Everyone, sum.without(None)));
        let away = whispers.iter().filter(|(to, _)| !is_here(*to));
        let away = away.map(|&(to, frame)| (Audience::Only(to), frame));
        let out: Vec<(Audience, Frame)> = parties.into_iter().chain(away).collect();
        for bridge in &room.bridges {
            let to_bridge = |&(audience, frame)| (bridge.far, room.id, audience, frame);
            self.frames.extend(out.iter().map(to_bridge));
        }
    }

    /// What a leg says now, at the room's rate; `None` when it is silent or on hold.
    fn voice(&mut self, idx: LegIdx, rate: Rate) -> Option<Frame> {
        let leg = self.leg_mut(idx)?;
        let frame = leg.jitter.as_mut()?.take()?;
        Some(frame.converted(rate, &mut leg.voice))
    }

    /// Gives a leg its frame, when it hears the mix; a packet leaves when a packet time is full.
    fn listen(
        &mut self,
        due: Moment,
        idx: LegIdx,
        sum: &Sum,
        own: Option<&Frame>,
        whispers: &[(LegId, Frame)],
    ) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if !leg.hears_mix || leg.is_busy() {
            if let Some(outlet) = leg.outlet.as_mut().filter(|_| leg.player.is_none()) {
                outlet.clear();
            }
            return;
        }
        let Some(agreed) = &leg.agreed else { return };
        let send = agreed.remote.send;
        let mut for_it = whispers.iter().filter(|(to, _)| *to == leg.id).peekable();
        let frame = if for_it.peek().is_some() {
            let mut sum = sum.clone();
            for_it.for_each(|(_, voice)| sum.add(voice));
            sum.without(own)
        } else {
            sum.without(own)
        };
        let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
        outlet.push(frame.rate(), frame.samples());
        self.send_waiting(due, idx);
    }
}
