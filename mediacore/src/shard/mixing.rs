//! Rooms of three and more: every 20 ms each gets the sum of the others. In big ones the loudest are
//! heard, and those who only listen share one encoder for each codec.
//!
//! What goes to another shard is the sum of our own legs only, and what comes from one is heard by
//! our own legs only: with a bridge between every two shards everybody hears everybody once.

use super::{Alarm, Shard, Timer};
use crate::codec::Rate;
use crate::leg::outlet::{Outlet, Shared};
use crate::leg::{LegIdx, Route};
use crate::mix::speakers::{Speakers, Voice};
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
        let speakers_max = self.config.speakers_max;
        let room = self.rooms[index as usize].room.as_mut().expect("looked up by the caller");
        // What is used meanwhile moves out and back, so that the legs can be reached.
        let members = std::mem::take(&mut room.members);
        let mut speakers = std::mem::take(&mut room.speakers);
        let mut shared = std::mem::take(&mut room.shared);
        let rate = room.rate;
        let mut far = Sum::new(rate);
        for bridge in &mut room.bridges {
            far.add(&bridge.take(rate));
        }
        let is_big = members.len() > speakers_max;
        let voices = if is_big {
            self.loudest(due, &members, rate, &mut speakers)
        } else {
            let voice = |&idx: &LegIdx| self.voice(due, idx, rate).map(|voice| (idx, voice));
            members.iter().filter_map(voice).collect()
        };
        let mut sum = Sum::new(rate);
        voices.iter().for_each(|(_, voice)| sum.add(voice));
        self.send_to_bridges(index, &sum);
        sum.add(&far.without(None));
        let everybody = sum.without(None);
        let mut own = voices.iter().peekable();
        for &idx in &members {
            // Both are in the order of the members.
            match own.next_if(|(speaker, _)| *speaker == idx) {
                Some((_, voice)) => self.listen(due, idx, &sum.without(Some(voice))),
                None if is_big => self.listen_with_others(due, idx, &everybody, &mut shared),
                None => self.listen(due, idx, &everybody),
            }
        }
        shared.retain_mut(Shared::end_frame);
        let room = self.rooms[index as usize].room.as_mut().expect("mixing keeps rooms");
        (room.members, room.speakers, room.shared) = (members, speakers, shared);
    }

    /// The voices that are heard in a big room, in the order of the members; who comes in rises from
    /// silence and who goes falls into it.
    fn loudest(
        &mut self,
        due: Moment,
        members: &[LegIdx],
        rate: Rate,
        speakers: &mut Speakers,
    ) -> Vec<(LegIdx, Frame)> {
        let (mut frames, mut voices) = (Vec::new(), Vec::new());
        for &leg in members {
            let Some(frame) = self.voice(due, leg, rate) else { continue };
            let jitter = self.leg(leg).and_then(|leg| leg.jitter.as_ref());
            let (speaks, level) = jitter.map_or((false, 0.0), |j| (j.speaks(), j.level()));
            if speaks || speakers.contains(leg) {
                frames.push((leg, frame, speakers.contains(leg)));
                voices.push(Voice { leg, level, speaks });
            }
        }
        speakers.choose(&voices, self.config.speakers_max);
        let heard = frames.into_iter().filter_map(|(leg, frame, before)| {
            match (before, speakers.contains(leg)) {
                (true, true) => Some((leg, frame)),
                (false, false) => None,
                (_, comes) => Some((leg, frame.faded(comes))),
            }
        });
        heard.collect()
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
    fn voice(&mut self, due: Moment, idx: LegIdx, rate: Rate) -> Option<Frame> {
        let leg = self.leg_mut(idx)?;
        let frame = leg.jitter.as_mut()?.take(due)?;
        let muted = leg.digits_to.is_some() && leg.muted_until.is_some_and(|until| due < until);
        if muted || leg.says_key() {
            return None;
        }
        Some(frame.converted(rate, &mut leg.voice))
    }

    /// Gives a leg what everybody hears who does not speak, encoded once for all of one codec.
    fn listen_with_others(
        &mut self,
        due: Moment,
        idx: LegIdx,
        frame: &Frame,
        shared: &mut Vec<Shared>,
    ) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(agreed) = &leg.agreed else { return };
        let (send, ptime_ms) = (agreed.remote.send, agreed.ptime_ms);
        if leg.route != Route::Mix || leg.is_busy() || !Shared::suits(ptime_ms) {
            return self.listen(due, idx, frame);
        }
        leg.outlet = None;
        let serves = |shared: &Shared| shared.serves(&send, ptime_ms);
        let at = shared.iter().position(serves).unwrap_or_else(|| {
            shared.push(Shared::new(&send, ptime_ms));
            shared.len() - 1
        });
        for (payload, ticks) in shared[at].packets(frame.rate(), frame.samples()) {
            self.send_packet(due, idx, payload.as_deref(), *ticks);
        }
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
