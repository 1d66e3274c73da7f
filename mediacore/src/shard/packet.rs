//! One packet's walk through the shard: keys, header, door, statistics, recording, and on to the other
//! party, the mix or the digits.

use super::{Alarm, Channel, Reason, Shard, Verdict, keeping};
use crate::codec::{Law, ticks};
use crate::dtmf::Event as DigitEvent;
use crate::g711;
use crate::latch::Passage;
use crate::leg::{Kind, LegIdx, Route};
use crate::mix::Frame;
use crate::mix::speakers::Told;
use crate::room::FarShard;
use crate::rtp::{self, Header, Packet};
use crate::srtp::ROOM_BYTES;
use crate::stats::Order;
use std::net::SocketAddr;
use std::time::Duration;
use terms::media::{Audience, Codec, Event};
use terms::{Moment, RoomId};

/// An accepted source speaks this long before the kernel filters for it, so that strangers around
/// the beginning of a call are counted.
const FILTER_AFTER: Duration = Duration::from_secs(1);

/// What a relayed packet carries.
#[derive(Clone, Copy)]
enum Carried {
    Audio(Codec),
    /// A telephone event, and its clock in ticks a second.
    Event(DigitEvent, u32),
}

impl Shard {
    /// Takes one datagram from the RTP socket of a leg, or from the shared one: the first `len` bytes
    /// of `buffer`. Behind them it has [`crate::srtp::ROOM_BYTES`] for the tag of an encrypted party
    /// that the packet is relayed to.
    pub fn handle_packet(
        &mut self,
        now: Moment,
        idx: LegIdx,
        from: SocketAddr,
        buffer: &mut [u8],
        len: usize,
    ) -> Verdict {
        let len = len.min(buffer.len());
        let idx = match self.sort(now, idx, from, &mut buffer[..len]) {
            Ok(idx) => idx,
            Err(verdict) => return verdict,
        };
        self.stats.packets_in += 1;
        let Some(leg) = self.legs.get_mut(idx.index()).and_then(|slot| slot.leg.as_deref_mut())
        else {
            return self.drop_packet(Reason::NotConnected);
        };
        if leg.is_fax() {
            return self.handle_udptl(now, idx, from, &buffer[..len]);
        }
        let (Some(agreed), Some(latch)) = (&leg.agreed, &mut leg.latch) else {
            return self.drop_packet(Reason::NotConnected);
        };
        let len = match &mut leg.srtp {
            None if agreed.remote.dtls.is_some() => {
                return self.drop_packet(Reason::NotConnected);
            }
            None => len,
            Some(_) if !latch.may_pass(from) => {
                leg.counts.strange += 1;
                return self.drop_packet(Reason::Strange);
            }
            Some(session) => match session.unprotect(&mut buffer[..len]) {
                Ok(len) => {
                    keeping::note_heard(&self.slots, idx, session);
                    len
                }
                Err(refused) => {
                    leg.counts.refuse(refused);
                    return self.refuse(refused);
                }
            },
        };
        let Ok(packet) = rtp::parse(&buffer[..len]) else {
            leg.counts.malformed += 1;
            return self.drop_packet(Reason::Malformed);
        };
        let kind = agreed.kind(packet.header.payload_type);
        let offered = matches!(kind, Kind::Audio(_) | Kind::Digit);
        match latch.check(now, from, &packet.header, offered, &buffer[..len]) {
            Passage::Accepted => self.accept(now, idx, &packet, kind, buffer),
            Passage::Held => Verdict::Consumed,
            Passage::Learned(held) => self.accept_learned(now, idx, from, held, &packet, buffer),
            Passage::Strange => {
                leg.counts.strange += 1;
                self.drop_packet(Reason::Strange)
            }
        }
    }

    /// The packets of probation and the one that ended it, in their order.
    fn accept_learned(
        &mut self,
        now: Moment,
        idx: LegIdx,
        source: SocketAddr,
        held: Vec<Vec<u8>>,
        packet: &Packet,
        buffer: &mut [u8],
    ) -> Verdict {
        let leg = self.leg(idx).expect("its door just let a packet in").id;
        self.events.push_back(Event::Learned { leg, source });
        self.keep(idx);
        for mut earlier in held {
            let packet = rtp::parse(&earlier).expect("it was parsed before it was held");
            earlier.resize(earlier.len() + ROOM_BYTES, 0);
            self.accept_and_queue(now, idx, &packet, &mut earlier);
        }
        self.accept_and_queue(now, idx, packet, buffer);
        Verdict::Consumed
    }

    fn accept_and_queue(&mut self, now: Moment, idx: LegIdx, packet: &Packet, buffer: &mut [u8]) {
        let Some(agreed) = self.leg(idx).and_then(|leg| leg.agreed.as_ref()) else { return };
        let kind = agreed.kind(packet.header.payload_type);
        if let Verdict::Forward { to, address, range } = self.accept(now, idx, packet, kind, buffer)
        {
            self.stats.packets_forwarded -= 1;
            self.stats.packets_out -= 1;
            let (start, len) = (self.bytes.len(), range.len().min(super::TRANSMIT_MAX));
            self.bytes.extend_from_slice(&buffer[range][..len]);
            self.queue(to, Channel::Rtp, address, start, len);
        }
    }

    fn accept(
        &mut self,
        now: Moment,
        idx: LegIdx,
        packet: &Packet,
        kind: Kind,
        bytes: &mut [u8],
    ) -> Verdict {
        let header = packet.header;
        let leg = self.legs[idx.index()].leg.as_deref_mut().expect("its door let a packet in");
        leg.on_heard(now);
        if std::mem::take(&mut leg.silence_told) {
            self.events.push_back(Event::Heard { leg: leg.id });
        }
        if leg.filter.is_none() && leg.door == idx && now - leg.connected_at > FILTER_AFTER {
            self.filter_source(now, idx);
        }
        let leg = self.legs[idx.index()].leg.as_deref_mut().expect("its door let a packet in");
        let changed = leg.receive.ssrc().is_some_and(|ssrc| ssrc != header.ssrc);
        if changed && kind == Kind::Unknown {
            // Noise does not become the source of a leg.
            leg.counts.unknown += 1;
            return self.drop_packet(Reason::UnknownPayload);
        }
        if changed && let Some(jitter) = &mut leg.jitter {
            jitter.restart();
        }
        match leg.receive.note(now, header.ssrc, header.seq) {
            Order::New => leg.note_pause(kind, &bytes[packet.payload()]),
            Order::Late => {}
            Order::Duplicate => {
                leg.counts.duplicate += 1;
                return self.drop_packet(Reason::Duplicate);
            }
            Order::Jump => return self.drop_packet(Reason::Jump),
        }
        match kind {
            Kind::Audio(codec) => self.take_audio(now, idx, packet, codec, bytes),
            Kind::Digit => self.take_event(now, idx, packet, bytes),
            Kind::ComfortNoise => {
                leg.counts.comfort_noise += 1;
                if let Some(jitter) = &mut leg.jitter
                    && !jitter.put_noise(now, header.time, &bytes[packet.payload()])
                {
                    leg.receive.discard(header.seq);
                }
                self.skip(idx, &header);
                Verdict::Consumed
            }
            Kind::Unknown => {
                leg.counts.unknown += 1;
                self.skip(idx, &header);
                self.drop_packet(Reason::UnknownPayload)
            }
        }
    }

    fn take_audio(
        &mut self,
        now: Moment,
        idx: LegIdx,
        packet: &Packet,
        codec: Codec,
        bytes: &mut [u8],
    ) -> Verdict {
        let header = packet.header;
        let leg = self.legs[idx.index()].leg.as_deref_mut().expect("its door let a packet in");
        leg.receive.note_arrival(now, header.seq, header.time, codec.clock_hz());
        let payload = &bytes[packet.payload()];
        for &(_, track) in &leg.tracks {
            self.recorder.frame(now, track, codec, header.time, header.seq, header.ssrc, payload);
        }
        if leg.ear.is_some() {
            self.hear(now, idx, &header, &bytes[packet.payload()]);
        }
        let leg = self.legs[idx.index()].leg.as_deref_mut().expect("still here");
        let (route, says_key) = (leg.route, leg.says_key());
        if leg.tapped
            && let Some(jitter) = &mut leg.jitter
        {
            jitter.put(now, header.time, &bytes[packet.payload()]);
        }
        if leg.taps != 0 {
            self.tap(now, idx, codec, &header, &bytes[packet.payload()]);
        }
        match route {
            Route::Nowhere => Verdict::Consumed,
            // The other gets the digit made anew, and its sound would be a second one; or not at all.
            Route::Relay(_) if says_key => {
                self.skip(idx, &header);
                Verdict::Consumed
            }
            Route::Relay(to) => self.relay(now, to, packet, Carried::Audio(codec), bytes),
            Route::Mix => {
                let leg = self.legs[idx.index()].leg.as_deref_mut().expect("still here");
                if let Some(jitter) = &mut leg.jitter
                    && !jitter.put(now, header.time, &bytes[packet.payload()])
                {
                    leg.receive.discard(header.seq);
                }
                Verdict::Consumed
            }
        }
    }

    /// Rewrites the header for the stream of `to`, and what differs between the two in the payload.
    fn relay(
        &mut self,
        now: Moment,
        to: LegIdx,
        packet: &Packet,
        carried: Carried,
        bytes: &mut [u8],
    ) -> Verdict {
        let Some(leg) = self.leg_mut(to) else { return Verdict::Consumed };
        let (Some(address), Some(agreed)) = (leg.target(), &leg.agreed) else {
            return Verdict::Consumed;
        };
        if leg.is_busy() {
            return Verdict::Consumed;
        }
        let send = agreed.remote.send;
        let header = &packet.header;
        let payload_type = match carried {
            Carried::Audio(_) => Some(send.audio),
            Carried::Event(..) => send.dtmf,
        };
        let Some(payload_type) = payload_type else {
            leg.stream.skip_relay(header.ssrc, header.seq);
            return Verdict::Consumed;
        };
        let octets = packet.payload_len();
        let span = match carried {
            Carried::Audio(codec) => ticks(codec, &bytes[packet.payload()]),
            Carried::Event(..) => 0,
        };
        let source = (header.ssrc, header.seq, header.time, header.marker);
        let Some(stamp) = leg.stream.stamp_relay(now, source, span, octets) else {
            return self.drop_packet(Reason::BeforeSeam);
        };
        let ssrc = leg.stream.ssrc();
        match carried {
            Carried::Audio(codec) => {
                if let (Some(from), Some(to)) = (Law::of(codec), Law::of(send.codec)) {
                    g711::transcode(from, to, &mut bytes[packet.payload()]);
                }
            }
            Carried::Event(event, hz) => {
                let duration = event.converted(hz, send.dtmf_hz).duration;
                bytes[packet.payload()][2..4].copy_from_slice(&duration.to_be_bytes());
            }
        }
        let header =
            Header { payload_type, marker: stamp.marker, seq: stamp.seq, time: stamp.time, ssrc };
        let mut range = rtp::rewrite(bytes, packet, &header);
        if let Some(session) = &mut leg.srtp {
            match session.protect(&mut bytes[range.start..], range.len()) {
                Ok(len) => range.end = range.start + len,
                Err(refused) => return self.refuse(refused),
            }
        }
        let door = leg.door;
        self.note_sent(to, Channel::Rtp);
        self.stats.packets_out += 1;
        self.stats.packets_forwarded += 1;
        Verdict::Forward { to: door, address, range }
    }

    /// A packet that goes nowhere leaves no hole in the stream it would have gone into.
    fn skip(&mut self, idx: LegIdx, header: &Header) {
        if let Some(Route::Relay(to)) = self.leg(idx).map(|leg| leg.route)
            && let Some(to) = self.leg_mut(to)
        {
            to.stream.skip_relay(header.ssrc, header.seq);
        }
    }

    fn take_event(
        &mut self,
        now: Moment,
        idx: LegIdx,
        packet: &Packet,
        bytes: &mut [u8],
    ) -> Verdict {
        let header = packet.header;
        let Some(event) = DigitEvent::parse(&bytes[packet.payload()]) else {
            self.leg_mut(idx).expect("its door let a packet in").counts.malformed += 1;
            self.skip(idx, &header);
            return self.drop_packet(Reason::Malformed);
        };
        self.note_event(now, idx, event.code);
        let leg = self.leg_mut(idx).expect("its door let a packet in");
        let was_held = leg.digits.next_timeout().is_some();
        let step = leg.digits.note(now, header.ssrc, header.time, header.marker, event);
        let (timeout, held_ms) = (leg.digits.next_timeout(), leg.digits.held_ms());
        let (route, kept, anew) = (leg.route, leg.digits_kept, leg.digits_to.is_some());
        let hz = leg.agreed.as_ref().map_or(0, |agreed| agreed.remote.receive.dtmf_hz);
        let [before, complete] = step.digits;
        if let Some(digit) = before {
            self.tell_digit(now, idx, digit);
        }
        match event.key() {
            Some(key) if step.pressed => {
                self.interrupt(idx, key);
                self.press_anew(now, idx, key, Some(held_ms.unwrap_or(0)));
            }
            Some(_) => self.hold_anew(idx, held_ms),
            None => {}
        }
        if let Some(digit) = complete {
            self.tell_digit(now, idx, digit);
        }
        if let (false, Some(timeout)) = (was_held, timeout) {
            self.set_alarm(idx, timeout, Alarm::Digit);
        }
        match route {
            // The other gets a key made anew, or nothing at all; a flash or a fax tone goes through.
            Route::Relay(_) if kept || (anew && event.key().is_some()) => {
                self.skip(idx, &header);
                Verdict::Consumed
            }
            Route::Relay(to) => self.relay(now, to, packet, Carried::Event(event, hz), bytes),
            Route::Nowhere | Route::Mix => Verdict::Consumed,
        }
    }

    pub(super) fn on_digit_alarm(&mut self, now: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let sounded = leg.ear.as_mut().and_then(|ear| ear.handle_timeout(now));
        if let Some(digit) = leg.digits.handle_timeout(now).or(sounded) {
            self.tell_digit(now, idx, digit);
        } else {
            let sounds = leg.ear.as_ref().and_then(|ear| ear.next_timeout());
            if let Some(timeout) = leg.digits.next_timeout().or(sounds) {
                self.set_alarm(idx, timeout, Alarm::Digit);
            }
        }
    }

    fn filter_source(&mut self, now: Moment, idx: LegIdx) {
        let latch = self.leg(idx).and_then(|leg| leg.latch.as_ref());
        let Some(source) = latch.and_then(|latch| latch.filter(now)) else { return };
        self.set_filter(idx, Some(source));
        self.set_alarm(idx, now + crate::latch::UNEXPECTED_SILENCE, Alarm::Filter);
    }

    /// Opens the kernel's filter when its source fell silent and another may be learned.
    pub(super) fn on_filter_alarm(&mut self, now: Moment, idx: LegIdx) {
        let Some(leg) = self.leg(idx) else { return };
        let learns = leg.agreed.as_ref().is_some_and(|agreed| agreed.remote.nat);
        if !learns || leg.filter.is_none() {
            return;
        }
        if leg.latch.as_ref().and_then(|latch| latch.filter(now)).is_none() {
            return self.set_filter(idx, None);
        }
        let again = leg.heard_at + crate::latch::UNEXPECTED_SILENCE;
        self.set_alarm(idx, again.max(now + Duration::from_millis(1)), Alarm::Filter);
    }

    /// The socket said ECONNREFUSED: nobody listens where we send.
    pub fn handle_refused(&mut self, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if let Some(door) = leg.fax.as_mut().and_then(|fax| fax.door.as_mut()) {
            return door.dissolve();
        }
        if let Some(latch) = &mut leg.latch
            && leg.agreed.as_ref().is_some_and(|agreed| agreed.remote.nat)
        {
            latch.dissolve();
            self.set_filter(idx, None);
        }
    }

    /// A frame came from the half of a room on another shard, for `audience`, with what is `told` of
    /// its voices.
    pub fn handle_frame(
        &mut self,
        id: RoomId,
        far: FarShard,
        audience: Audience,
        frame: &Frame,
        told: Told,
    ) {
        let Some(&index) = self.room_names.get(&id) else { return };
        let room = self.rooms[index as usize].room.as_mut().expect("named rooms stand");
        if let Some(bridge) = room.bridges.iter_mut().find(|bridge| bridge.far == far) {
            bridge.put(audience, frame);
            bridge.tell(told);
        }
    }
}
