//! Legs that survive the process: what of them stands in their slots, and how they go on from there.
//!
//! A restored leg has its place, its room, its numbers and its figures; signaling claims it with its first command
//! about it. Players, digits under way and recordings are begun anew by those who want them.

use super::{Alarm, Channel, Shard, Slot};
use crate::leg::quality;
use crate::leg::{Leg, LegIdx};
use crate::slot::{Figures, Found, Going, Kept, Slots, moment_of};
use crate::srtp::Session;
use crate::stats::ReceiveStats;
use crate::stream::Stream;
use std::time::Duration;
use terms::Moment;
use terms::media::{Port, SeqNo};

/// Sequence numbers that are skipped after a kill. One would be enough, because a number stands in
/// the slot before its packet leaves; this many are about what the phone missed (two seconds), and
/// no phone takes the step for a new stream (MAX_DROPOUT is 3,000, RFC 3550 appendix A.1).
pub const SENT_AHEAD: u64 = 100;
/// Indices of encrypted reports that are skipped.
pub const REPORTS_AHEAD: u32 = 16;
/// A restored leg that signaling says nothing about for this long is released.
pub const CLAIM_MAX: Duration = Duration::from_secs(10);
/// How often somebody says that the shard lives, and in how many turns all legs write their figures.
pub const ALIVE_EVERY: Duration = Duration::from_millis(100);
const TURNS: usize = 10;

impl Shard {
    /// The same with slots to keep its legs in. They are as they were left: [`Shard::find_kept`] says
    /// what stands there.
    pub fn with_slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }

    /// Its slots.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The shard lives. Some of its legs write their figures, each once a second.
    pub fn alive(&self, now: Moment) {
        if self.slots.is_empty() {
            return;
        }
        self.slots.alive(now);
        let turn = (u128::from(now.0) / ALIVE_EVERY.as_nanos()) as usize % TURNS;
        for index in (turn..self.legs.len()).step_by(TURNS) {
            self.note_figures(LegIdx(index as u32));
        }
    }

    fn note_figures(&self, idx: LegIdx) {
        if let Some(leg) = self.leg(idx) {
            self.slots.figure(idx.index(), &quality::figures(leg));
        }
    }

    /// What a leg counted in the process before.
    fn count_on(&self, now: Moment, leg: &mut Leg, figures: &Figures) {
        let deaf = self.slots.last_alive().map_or(Duration::ZERO, |alive| now - alive);
        let deaf = deaf + Duration::from_millis(figures.deaf_ms.into());
        leg.receive = ReceiveStats::resumed(now, figures, deaf);
        leg.counts.strange = figures.strange.into();
        leg.counts.malformed = figures.dropped.into();
        leg.counts.late_before = figures.late.into();
        leg.counts.concealed_ms_before = figures.concealed_ms.into();
        leg.counts.sent_before = figures.sent.into();
    }

    /// Legs that stand in the slots, in the order of their places, and how many slots were torn.
    /// What cannot be used is emptied.
    pub fn find_kept(&self) -> (Vec<(LegIdx, Kept, Going)>, usize) {
        let (mut legs, mut torn) = (Vec::new(), 0);
        let slots = if self.slots.is_taken() { self.slots.len() } else { 0 };
        for index in 0..slots {
            match self.slots.find(index) {
                Found::Empty => continue,
                Found::Leg(kept, going) if index < self.config.legs_max => {
                    legs.push((LegIdx(index as u32), *kept, going));
                    continue;
                }
                Found::Leg(..) => {}
                Found::Torn => torn += 1,
            }
            self.slots.clear(index);
        }
        (legs, torn)
    }

    /// A leg goes on at its place; the edge has its sockets again. To be called in the order of
    /// [`Shard::find_kept`], before anything else.
    pub fn restore(&mut self, now: Moment, idx: LegIdx, kept: &Kept, going: &Going) {
        if self.names.contains_key(&kept.leg) {
            return self.slots.clear(idx.index());
        }
        while self.legs.len() <= idx.index() {
            self.legs_free.push(self.legs.len() as u32);
            self.legs.push(Slot { generation: 0, leg: None });
        }
        self.legs_free.retain(|&free| free != idx.0);
        let sent = going.sent + SENT_AHEAD;
        let sent_at = moment_of(going.sent_ms, now);
        let stream = Stream::resumed(kept.ssrc, SeqNo(sent as u16), going.time, sent_at);
        let door = match kept.port {
            Port::Own => idx,
            Port::Shared => self.shared_door(),
        };
        let mut leg = Box::new(Leg::new(now, kept.leg, door, stream));
        leg.local = Some(kept.local);
        leg.audience = kept.audience;
        leg.digits_kept = kept.digits_kept;
        leg.unclaimed = true;
        // What it said last is not known. Who does not pause is heard at once.
        leg.pauses = true;
        self.count_on(now, &mut leg, &self.slots.figures(idx.index()));
        self.seat(idx, leg);
        self.note_figures(idx);
        self.stats.legs_restored += 1;
        if let Some(remote) = &kept.remote {
            self.resume_handshake(idx, kept);
            self.connect(now, idx, remote.clone());
            self.resume(now, idx, kept, going, sent);
        }
        if let Some(room) = kept.room {
            self.join(now, idx, room);
            self.set_held(now, idx, kept.held);
        }
        self.keep(idx);
        self.set_alarm(idx, now + CLAIM_MAX, Alarm::Claim);
    }

    fn resume(&mut self, now: Moment, idx: LegIdx, kept: &Kept, going: &Going, sent: u64) {
        let leg = self.leg_mut(idx).expect("it was just seated");
        if let (Some(latch), Some(source)) = (&mut leg.latch, kept.source) {
            latch.resume(now, source);
        }
        if let Some(keys) = &kept.keys {
            leg.srtp = Some(Box::new(Session::new(keys.clone())));
        }
        if let Some(session) = &mut leg.srtp {
            let reports = going.reports.saturating_add(REPORTS_AHEAD);
            session.resume((kept.ssrc, sent), reports, going.heard, going.heard_report);
        }
        if let Some(way) = kept.source {
            self.reopen_way(now, idx, way);
        }
    }

    /// A place that could not be had again: its leg is gone.
    pub fn give_up(&mut self, idx: LegIdx) {
        self.slots.clear(idx.index());
    }

    /// Somebody wants the leg.
    pub(super) fn claim(&mut self, idx: LegIdx) {
        if let Some(leg) = self.leg_mut(idx) {
            leg.unclaimed = false;
        }
    }

    pub(super) fn on_claim_alarm(&mut self, now: Moment, idx: LegIdx) {
        if self.leg(idx).is_some_and(|leg| leg.unclaimed) {
            self.stats.legs_unclaimed += 1;
            self.release(now, idx);
        }
    }

    /// Writes what a command changed, the numbers too: a new key begins with numbers of its own.
    pub(super) fn keep(&mut self, idx: LegIdx) {
        if self.slots.is_empty() {
            return;
        }
        let Some(leg) = self.leg(idx) else { return };
        let Some(local) = leg.local else { return };
        let room = leg.room.and_then(|room| self.rooms[room as usize].room.as_ref());
        let kept = Kept {
            leg: leg.id,
            local,
            port: if leg.door == idx { Port::Own } else { Port::Shared },
            ssrc: leg.stream.ssrc(),
            keys: leg.made_keys().cloned(),
            remote: leg.agreed.as_ref().map(|agreed| agreed.remote.clone()),
            source: leg.latch.as_ref().and_then(|latch| latch.source()),
            room: room.map(|room| room.id),
            held: leg.held,
            audience: leg.audience,
            digits_kept: leg.digits_kept,
        };
        if let Some(session) = &leg.srtp {
            self.slots.reported(idx.index(), session.reports());
            self.slots.heard(idx.index(), session.heard());
        }
        note_sent(&self.slots, idx, leg);
        if !self.slots.keep(idx.index(), &kept) {
            self.stats.slots_short += 1;
        }
    }

    /// A packet leaves: where its stream is now. For audio two words.
    pub(super) fn note_sent(&self, idx: LegIdx, channel: Channel) {
        if self.slots.is_empty() {
            return;
        }
        let Some(leg) = self.leg(idx) else { return };
        match (channel, &leg.srtp) {
            (Channel::Rtp, _) => note_sent(&self.slots, idx, leg),
            (Channel::Rtcp, Some(session)) => self.slots.reported(idx.index(), session.reports()),
            (Channel::Rtcp, None) => {}
        }
    }
}

fn note_sent(slots: &Slots, idx: LegIdx, leg: &Leg) {
    let stream = &leg.stream;
    let index = leg.srtp.as_ref().and_then(|session| session.sent());
    let index = index.unwrap_or_else(|| u64::from(stream.seq().0));
    slots.sent(idx.index(), index, stream.time(), stream.sent_at());
}

/// An encrypted packet came: what comes again is refused after a kill, too.
pub(super) fn note_heard(slots: &Slots, idx: LegIdx, session: &Session) {
    if !slots.is_empty() {
        slots.heard(idx.index(), session.heard());
    }
}
