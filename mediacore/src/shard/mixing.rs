//! Rooms of three and more: every 20 ms each gets the sum of the others.
//!
//! What goes to another shard is the sum of our own legs only, and what comes from one is heard by
//! our own legs only: with a bridge between every two shards everybody hears everybody once.

use super::{Alarm, Shard, Timer};
use crate::codec::Rate;
use crate::leg::outlet::Outlet;
use crate::leg::{LegIdx, Route};
use crate::mix::{Frame, Sum};
use std::cmp::Reverse;
use std::time::Duration;
use terms::Moment;

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
        if !room.mode.is_mixed() {
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
        let mut far = Sum::new(rate);
        for bridge in &mut room.bridges {
            far.add(&bridge.take(rate));
        }
        let mut sum = Sum::new(rate);
        let mut voices: Vec<Option<Frame>> = Vec::with_capacity(members.len());
        for &idx in &members {
            let voice = self.voice(idx, rate);
            if let Some(voice) = &voice {
                sum.add(voice);
            }
            voices.push(voice);
        }
        self.send_to_bridges(index, &sum);
        sum.add(&far.without(None));
        for (&idx, own) in members.iter().zip(&voices) {
            self.listen(due, idx, &sum.without(own.as_ref()));
        }
        let room = self.rooms[index as usize].room.as_mut().expect("mixing keeps rooms");
        room.members = members;
    }

    fn send_to_bridges(&mut self, index: u32, sum: &Sum) {
        let room = self.rooms[index as usize].room.as_ref().expect("looked up by the caller");
        if room.bridges.is_empty() {
            return;
        }
        let out = sum.without(None);
        let id = room.id;
        let frames = room.bridges.iter().map(|bridge| (bridge.far, id, out));
        self.frames.extend(frames);
    }

    /// What a leg says now, at the room's rate; `None` when it is silent or on hold.
    fn voice(&mut self, idx: LegIdx, rate: Rate) -> Option<Frame> {
        let leg = self.leg_mut(idx)?;
        let frame = leg.jitter.as_mut()?.take()?;
        Some(frame.converted(rate, &mut leg.voice))
    }

    /// Gives a leg its frame; a packet leaves when a packet time is full.
    fn listen(&mut self, due: Moment, idx: LegIdx, frame: &Frame) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if leg.route != Route::Mix || leg.is_busy() {
            if let Some(outlet) = leg.outlet.as_mut().filter(|_| leg.player.is_none()) {
                outlet.clear();
            }
            return;
        }
        let Some(agreed) = &leg.agreed else { return };
        let send = agreed.remote.send;
        let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
        outlet.push(frame.rate(), frame.samples());
        self.send_waiting(due, idx);
    }
}
