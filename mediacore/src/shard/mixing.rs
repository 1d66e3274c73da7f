//! Rooms of three and more: every 20 ms each gets the sum of the others.
//!
//! What goes to another shard is the sum of our own legs only, and what comes from one is heard by
//! our own legs only: with a bridge between every two shards everybody hears everybody once.

use super::{Alarm, Shard, Timer};
use crate::g711;
use crate::jitter::{FRAME, Frame};
use crate::leg::{LegIdx, Route};
use crate::mix::Sum;
use crate::room::Mode;
use crate::shard::frames::FRAME_OCTETS_MAX;
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
        if room.mode != Mode::Mix {
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
        let mut far = Sum::default();
        for bridge in &mut room.bridges {
            far.add(&bridge.take());
        }
        let mut sum = Sum::default();
        let mut voices: Vec<Option<Frame>> = Vec::with_capacity(members.len());
        for &idx in &members {
            let voice = self.voice(idx);
            if let Some(voice) = &voice {
                sum.add(voice);
            }
            voices.push(voice);
        }
        self.send_to_bridges(index, &sum);
        let mut heard = [0; FRAME];
        far.without(None, &mut heard);
        sum.add(&heard);
        for (&idx, own) in members.iter().zip(&voices) {
            let mut out = [0; FRAME];
            sum.without(own.as_ref(), &mut out);
            self.listen(due, idx, &out);
        }
        let room = self.rooms[index as usize].room.as_mut().expect("mixing keeps rooms");
        room.members = members;
    }

    fn send_to_bridges(&mut self, index: u32, sum: &Sum) {
        let room = self.rooms[index as usize].room.as_ref().expect("looked up by the caller");
        if room.bridges.is_empty() {
            return;
        }
        let mut out = [0; FRAME];
        sum.without(None, &mut out);
        let id = room.id;
        let frames = room.bridges.iter().map(|bridge| (bridge.far, id, out));
        self.frames.extend(frames);
    }

    /// What a leg says now; `None` when it is silent or on hold.
    fn voice(&mut self, idx: LegIdx) -> Option<Frame> {
        let leg = self.leg_mut(idx)?;
        let jitter = leg.jitter.as_mut()?;
        let mut frame = [0; FRAME];
        jitter.take(&mut frame).then_some(frame)
    }

    /// Gives a leg its frame; a packet leaves when a packet time is full.
    fn listen(&mut self, due: Moment, idx: LegIdx, frame: &Frame) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if leg.route != Route::Mix || leg.is_busy() {
            leg.mixed.clear();
            return;
        }
        let Some(agreed) = &leg.agreed else { return };
        let (codec, octets) = (agreed.remote.send.codec, agreed.frame_octets());
        let at = leg.mixed.len();
        leg.mixed.resize(at + FRAME, 0);
        g711::encode_into(codec, frame, &mut leg.mixed[at..]);
        loop {
            let leg = self.leg_mut(idx).expect("listening keeps the leg");
            if leg.mixed.len() < octets {
                return;
            }
            let mut payload = [0; FRAME_OCTETS_MAX];
            payload[..octets].copy_from_slice(&leg.mixed[..octets]);
            leg.mixed.drain(..octets);
            self.send_audio(due, idx, &payload[..octets]);
        }
    }
}
