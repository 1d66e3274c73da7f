//! Fax through the box. T.38: a leg in that mode takes UDPTL in place of RTP, and what the one
//! party sends the other gets, octet by octet and as it comes. It needs both in one room of one
//! shard, by themselves; everything else is dropped and counted. Recordings say when it began and
//! ended. A leg that a machine of ours has keeps it: the fax ends here (`documents`).
//!
//! Fax as audio: from the first tone of a machine on nothing that would alter its sound is done
//! with it. Relayed audio is not altered anyway; where it is mixed or converted the jitter buffer
//! keeps every sample at its place, and nobody looks for digits in it.

use super::{Channel, Reason, Shard, Verdict};
use crate::leg::{Leg, LegIdx, Route};
use crate::room::Mode;
use crate::udptl::{self, Door, Passage};
use std::net::SocketAddr;
use terms::Moment;
use terms::media::{Codec, Event, FaxRemote, Watch};

/// Rooms with more members are not listened to for fax machines: each listener costs, and nobody
/// sends a fax to so many.
const MEMBERS_MAX: usize = 4;
/// Telephone events of fax machines and modems (RFC 4734): ANS and its kin, CNG, V.21.
const EVENTS: std::ops::RangeInclusive<u8> = 32..=40;

impl Shard {
    /// T.38 was agreed for a leg.
    pub(super) fn fax(&mut self, now: Moment, idx: LegIdx, remote: &FaxRemote) {
        match &remote.machine {
            Some(terms) => self.speak_packets(idx, terms),
            None => self.stop_fax(idx),
        }
        self.stop_bot(idx);
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        let audio = leg.agreed.as_ref().map(|agreed| agreed.remote.rtp);
        let known = leg.latch.as_ref().and_then(|latch| latch.source());
        let known = known.filter(|_| audio == Some(remote.udptl));
        leg.fax.get_or_insert_default().open(Door::new(remote, known));
        leg.on_heard(now);
        self.set_filter(idx, None);
        self.mark_fax(now, idx, true);
        if let Some(room) = self.leg(idx).and_then(|leg| leg.room) {
            self.arrange(now, room);
        }
    }

    /// Audio was agreed again, or for the first time.
    pub(super) fn end_fax(&mut self, now: Moment, idx: LegIdx) {
        let fax = self.leg_mut(idx).and_then(|leg| leg.fax.as_mut());
        if fax.is_some_and(|fax| fax.door.take().is_some()) {
            self.mark_fax(now, idx, false);
            self.end_packets(idx);
        }
    }

    fn mark_fax(&mut self, now: Moment, idx: LegIdx, on: bool) {
        let Some(leg) = self.legs[idx.index()].leg.as_deref() else { return };
        for &(recording, _) in &leg.tracks {
            self.recorder.mark_fax(now, recording, on);
        }
    }

    /// Takes one datagram of a leg that carries T.38.
    pub(super) fn handle_udptl(
        &mut self,
        now: Moment,
        idx: LegIdx,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Verdict {
        let leg = self.legs[idx.index()].leg.as_deref_mut().expect("looked up by the caller");
        let Some(fax) = &mut leg.fax else { return self.drop_packet(Reason::NotConnected) };
        let Some(door) = fax.door.as_mut().filter(|door| door.may_pass(from)) else {
            leg.counts.strange += 1;
            return self.drop_packet(Reason::Strange);
        };
        let Ok(seq) = udptl::parse(bytes) else {
            fax.counts.dropped += 1;
            return self.drop_packet(Reason::NotUdptl);
        };
        match door.check(from, seq, bytes) {
            Passage::Accepted => {
                fax.note(seq);
                if self.hear_packets(now, idx, bytes) {
                    return Verdict::Consumed;
                }
                self.pass_on(now, idx, bytes.len())
            }
            Passage::Held => Verdict::Consumed,
            Passage::Learned(held) => {
                fax.note(udptl::parse(&held).expect("it was parsed before it was held"));
                fax.note(seq);
                let leg = leg.id;
                self.events.push_back(Event::Learned { leg, source: from });
                for datagram in [&held[..], bytes] {
                    if !self.hear_packets(now, idx, datagram) {
                        self.pass_on_queued(now, idx, datagram);
                    }
                }
                Verdict::Consumed
            }
            Passage::Strange => {
                leg.counts.strange += 1;
                self.drop_packet(Reason::Strange)
            }
        }
    }

    /// From the buffer it came in to the other party.
    fn pass_on(&mut self, now: Moment, idx: LegIdx, len: usize) -> Verdict {
        // T.30 is half-duplex: who receives a page is silent for minutes and is not gone.
        self.leg_mut(idx).expect("its door let a datagram in").on_heard(now);
        let Some((to, address)) = self.fax_party(idx) else {
            let leg = self.leg_mut(idx).expect("its door let a datagram in");
            leg.fax.get_or_insert_default().counts.dropped += 1;
            return self.drop_packet(Reason::NoFaxParty);
        };
        let party = self.leg_mut(to).expect("it was just found");
        party.on_heard(now);
        party.fax.get_or_insert_default().counts.sent += 1;
        self.stats.packets_out += 1;
        self.stats.packets_forwarded += 1;
        Verdict::Forward { to, address, range: 0..len }
    }

    fn pass_on_queued(&mut self, now: Moment, idx: LegIdx, datagram: &[u8]) {
        if let Verdict::Forward { to, address, range } = self.pass_on(now, idx, datagram.len()) {
            self.stats.packets_forwarded -= 1;
            self.stats.packets_out -= 1;
            let start = self.bytes.len();
            self.bytes.extend_from_slice(datagram);
            self.queue(to, Channel::Rtp, address, start, range.len());
        }
    }

    /// The other of two, and where its datagrams go; nobody where it still speaks, lives on another
    /// shard, or is one of many.
    fn fax_party(&self, idx: LegIdx) -> Option<(LegIdx, SocketAddr)> {
        let Route::Relay(to) = self.leg(idx)?.route else { return None };
        let address = self.leg(to)?.fax_door()?.target();
        is_reachable(address).then_some((to, address))
    }

    /// The leg is a fax machine or a modem from now on, and where two talk so is the other.
    pub(super) fn become_modem(&mut self, now: Moment, idx: LegIdx) {
        let room = self.leg(idx).and_then(|leg| leg.room);
        let mode = room.and_then(|room| self.rooms[room as usize].room.as_ref());
        let pair = match mode.map(|room| room.mode) {
            Some(Mode::Relay(one, two) | Mode::Convert(one, two)) if [one, two].contains(&idx) => {
                [one, two]
            }
            _ => [idx, idx],
        };
        for idx in pair {
            let Some(leg) = self.leg_mut(idx).filter(|leg| !leg.modem) else { continue };
            leg.modem = true;
            leg.muted_until = None;
            if let Some(jitter) = &mut leg.jitter {
                jitter.fix();
            }
            self.open_ear(now, idx);
        }
    }

    /// A telephone event of a leg may be a machine's.
    pub(super) fn note_event(&mut self, now: Moment, idx: LegIdx, code: u8) {
        if EVENTS.contains(&code) {
            self.become_modem(now, idx);
        }
    }
}

/// Whether there is a place to send to.
pub(super) fn is_reachable(address: SocketAddr) -> bool {
    !address.ip().is_unspecified() && address.port() != 0
}

/// Whether what a member of a room says is treated in a way that a fax machine's sound does not bear.
pub(super) fn is_treated(leg: &Leg, mode: Mode, members: usize) -> bool {
    let is_mixed = mode.is_mixed() && leg.route == Route::Mix && members <= MEMBERS_MAX;
    is_mixed || leg.hides_keys()
}

/// Whether a codec keeps the sound of a modem, sample by sample and at its rate.
fn bears_modems(codec: Codec) -> bool {
    match codec {
        Codec::Pcma | Codec::Pcmu | Codec::L16Narrow => true,
        Codec::G722 | Codec::Opus | Codec::L16 | Codec::G729 => false,
    }
}

impl Leg {
    /// What is listened for: what somebody asked for, and fax machines where their sound would not
    /// stay as it is.
    pub(super) fn listens_for(&self) -> Watch {
        let codec = self.agreed.as_ref().map(|agreed| agreed.remote.receive.codec);
        let looks = self.treated && !self.modem && codec.is_some_and(bears_modems);
        Watch { fax: self.watch.fax || looks, ..self.watch }
    }
}
