//! Rooms of three and more: every 20 ms each gets the sum of the others, and who is whispered to
//! that voice as well. Where many are heard by everyone the loudest are, and those of them who only
//! listen share one encoder for each codec: whose voice is in the sum, or who is whispered to, hears
//! something else and has an encoder of their own.
//!
//! What is announced in a room is mixed in on every shard for its own legs, so it crosses no bridge.
//!
//! What goes to another shard is the sum of our own legs only, and what comes from one is heard by
//! our own legs only: with a bridge between every two shards everybody hears everybody once. With it
//! goes how loud those legs are, so that the loudest are those of all shards.

use super::{Alarm, Shard, Timer};
use crate::codec::Rate;
use crate::leg::LegIdx;
use crate::leg::outlet::{Outlet, Shared};
use crate::mix::speakers::{Speakers, Told, Voice};
use crate::mix::{Frame, Sum};
use crate::room::Announcement;
use std::cmp::Reverse;
use std::time::Duration;
use terms::media::{Audience, Event, PlayEnd};
use terms::{LegId, Moment};

/// The grid.
const GRID: Duration = Duration::from_millis(20);
/// A shard that is behind by more than this skips the missed frames.
const STALL_MAX: Duration = Duration::from_millis(200);

/// One frame of a room.
struct Said {
    /// Of the parties, here and on other shards.
    sum: Sum,
    /// What this sounds like to who is not in it and to whom nobody whispers.
    everybody: Frame,
    /// Each with the one leg that may hear it.
    whispers: Vec<(LegId, Frame)>,
}

impl Said {
    /// What a leg hears, whose `own` voice is in the sum or not.
    fn to(&self, leg: LegId, own: Option<&Frame>) -> Frame {
        let mut whispers = self.whispers_to(leg).peekable();
        if whispers.peek().is_some() {
            let mut sum = self.sum.clone();
            whispers.for_each(|voice| sum.add(voice));
            return sum.without(own);
        }
        own.map_or(self.everybody, |own| self.sum.without(Some(own)))
    }

    fn whispers_to(&self, leg: LegId) -> impl Iterator<Item = &Frame> {
        self.whispers.iter().filter(move |(to, _)| *to == leg).map(|(_, voice)| voice)
    }
}

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
        let speakers_max = self.config.speakers_max;
        let room = self.rooms[index as usize].room.as_mut().expect("looked up by the caller");
        // What is used meanwhile moves out and back, so that the legs can be reached.
        let members = std::mem::take(&mut room.members);
        let mut speakers = std::mem::take(&mut room.speakers);
        let mut shared = std::mem::take(&mut room.shared);
        let rate = room.rate;
        let of = |audience: fn(Audience) -> bool| {
            let leg = |idx| self.leg(idx).expect("members are open");
            let is_of = |&idx: &LegIdx| !leg(idx).held && audience(leg(idx).audience);
            members.iter().copied().filter(is_of).collect::<Vec<_>>()
        };
        let far: Vec<(bool, Told)> = self.told_by_bridges(index);
        let parties = of(|audience| audience == Audience::Everyone);
        let whisperers = of(|audience| matches!(audience, Audience::Only(_)));
        // Who listens in changes nothing of what the parties hear.
        let everywhere = parties.len() + far.iter().map(|(_, told)| told.parties).sum::<usize>();
        let is_big = everywhere > speakers_max;
        let (voices, told) = if is_big {
            self.loudest(due, &parties, rate, &mut speakers, &far)
        } else {
            let voice = |&idx: &LegIdx| self.voice(due, idx, rate).map(|voice| (idx, voice));
            (parties.iter().filter_map(voice).collect(), Told::all_of(parties.len()))
        };
        let mut sum = Sum::new(rate);
        voices.iter().for_each(|(_, voice)| sum.add(voice));
        let mut whispers: Vec<(LegId, Frame)> =
            whisperers.into_iter().filter_map(|idx| self.whisper(due, idx, rate)).collect();
        let said = (!parties.is_empty()).then_some(&sum);
        self.send_to_bridges(index, &members, said, &whispers, told);
        let room = self.rooms[index as usize].room.as_mut().expect("looked up by the caller");
        let mut far = Sum::new(rate);
        for bridge in &mut room.bridges {
            far.add(&bridge.take(rate));
            whispers.extend(bridge.take_whispers(rate));
        }
        sum.add(&far.without(None));
        let announced = room.announcement.as_mut().map(|announcement| announcement.take(rate));
        let only = room.announcement.as_ref().and_then(Announcement::only);
        let spoken = room.announcement.as_ref().and_then(Announcement::spoken);
        match (&announced, only) {
            (Some(frame), Some(to)) => whispers.push((to, *frame)),
            (Some(frame), None) => sum.add(frame),
            (None, _) => {}
        }
        if let Some(spoken) = &spoken {
            self.record_spoken(due, spoken);
        }
        let said = Said { everybody: sum.without(None), sum, whispers };
        let mut own = voices.iter().peekable();
        for (at, &idx) in members.iter().enumerate() {
            self.expect_listener(&members, at);
            // Both are in the order of the members.
            let own = own.next_if(|(speaker, _)| *speaker == idx).map(|(_, voice)| voice);
            if is_big && own.is_none() {
                self.listen_with_others(due, idx, &said, &mut shared);
            } else {
                self.listen(due, idx, &said, own);
            }
        }
        shared.retain_mut(Shared::end_frame);
        let room = self.rooms[index as usize].room.as_mut().expect("mixing keeps rooms");
        (room.members, room.speakers, room.shared) = (members, speakers, shared);
        if let Some(over) = room.announcement.take_if(|announcement| announcement.is_over()) {
            self.arrange(due, index);
            if let Some((leg, playback)) = over.told() {
                let end = PlayEnd::Finished;
                self.events.push_back(Event::PlayDone { leg, playback, end });
            }
        }
    }

    /// What the halves of a room on other shards say of their voices, each with whether it goes
    /// before us among equals.
    fn told_by_bridges(&self, index: u32) -> Vec<(bool, Told)> {
        let room = self.rooms[index as usize].room.as_ref().expect("looked up by the caller");
        let told = room.bridges.iter().filter_map(|bridge| Some((bridge.far, bridge.told()?)));
        told.map(|(far, told)| (far.0 < self.config.shard, told)).collect()
    }

    /// The voices of ours that are heard in a big room, in the order of the members, and what other
    /// shards are told of them; who comes in rises from silence and who goes falls into it.
    fn loudest(
        &mut self,
        due: Moment,
        members: &[LegIdx],
        rate: Rate,
        speakers: &mut Speakers,
        far: &[(bool, Told)],
    ) -> (Vec<(LegIdx, Frame)>, Told) {
        let (mut frames, mut voices) = (Vec::new(), Vec::new());
        for (at, &leg) in members.iter().enumerate() {
            self.expect_voice(members, at);
            let Some(frame) = self.voice(due, leg, rate) else { continue };
            let jitter = self.leg(leg).and_then(|leg| leg.jitter.as_ref());
            let (speaks, level) = jitter.map_or((false, 0.0), |j| (j.speaks(), j.level()));
            if speaks || speakers.contains(leg) {
                frames.push((leg, frame, speakers.hears(leg)));
                voices.push(Voice { leg, level, speaks });
            }
        }
        speakers.choose(&voices, self.config.speakers_max);
        let told = speakers.hear(members.len(), far, self.config.speakers_max);
        let heard = frames.into_iter().filter_map(|(leg, frame, before)| {
            match (before, speakers.hears(leg)) {
                (true, true) => Some((leg, frame)),
                (false, false) => None,
                (_, comes) => Some((leg, frame.faded(comes))),
            }
        });
        (heard.collect(), told)
    }

    /// What our parties say goes to every bridge; a whisper only where its one leg may be. Each goes
    /// with what we tell of our voices.
    fn send_to_bridges(
        &mut self,
        index: u32,
        members: &[LegIdx],
        parties: Option<&Sum>,
        whispers: &[(LegId, Frame)],
        told: Told,
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
            let to_bridge = |&(audience, frame)| (bridge.far, room.id, audience, frame, told);
            self.frames.extend(out.iter().map(to_bridge));
        }
    }

    /// What a leg says now, at the room's rate; `None` when it is silent or on hold.
    pub(super) fn voice(&mut self, due: Moment, idx: LegIdx, rate: Rate) -> Option<Frame> {
        let leg = self.leg_mut(idx)?;
        let frame = leg.jitter.as_mut()?.take(due)?;
        let muted =
            leg.hides_keys() && !leg.modem && leg.muted_until.is_some_and(|until| due < until);
        if muted || leg.says_key() {
            return None;
        }
        Some(frame.converted(rate, &mut leg.voice))
    }

    /// What a leg whispers now, and to whom.
    fn whisper(&mut self, due: Moment, idx: LegIdx, rate: Rate) -> Option<(LegId, Frame)> {
        let Audience::Only(to) = self.leg(idx)?.audience else { return None };
        Some((to, self.voice(due, idx, rate)?))
    }

    /// Gives a leg what everybody hears who does not speak, encoded once for all of one codec.
    fn listen_with_others(
        &mut self,
        due: Moment,
        idx: LegIdx,
        said: &Said,
        shared: &mut Vec<Shared>,
    ) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(agreed) = &leg.agreed else { return };
        let (send, ptime_ms) = (agreed.remote.send, agreed.ptime_ms);
        let hears_the_same =
            leg.hears_mix && !leg.is_busy() && said.whispers_to(leg.id).count() == 0;
        if !hears_the_same || !Shared::suits(ptime_ms) {
            return self.listen(due, idx, said, None);
        }
        leg.outlet = None;
        let serves = |shared: &Shared| shared.serves(&send, ptime_ms);
        let at = shared.iter().position(serves).unwrap_or_else(|| {
            shared.push(Shared::new(&send, ptime_ms));
            shared.len() - 1
        });
        let frame = &said.everybody;
        for (payload, ticks) in shared[at].packets(frame.rate(), frame.samples()) {
            self.send_packet(due, idx, payload.as_deref(), *ticks);
        }
    }

    /// Gives a leg its frame, when it hears the mix; a packet leaves when a packet time is full.
    fn listen(&mut self, due: Moment, idx: LegIdx, said: &Said, own: Option<&Frame>) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if !leg.hears_mix || leg.is_busy() {
            // Prompts and tones of keys go the same way.
            let is_used = leg.player.is_some() || leg.keypad.is_busy();
            if let Some(outlet) = leg.outlet.as_mut().filter(|_| !is_used) {
                outlet.clear();
            }
            return;
        }
        let Some(agreed) = &leg.agreed else { return };
        let send = agreed.remote.send;
        let frame = said.to(leg.id, own);
        let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
        outlet.push(frame.rate(), frame.samples());
        self.send_waiting(due, idx);
    }
}
