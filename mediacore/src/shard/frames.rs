//! What the shard itself speaks to a leg: frames of prompts and mixes, and digits.

use super::{Alarm, Channel, Shard};
use crate::codec::{Law, Rate};
use crate::dtmf::{EVENT_BYTES, SEGMENT_TICKS, Sent};
use crate::g711;
use crate::leg::LegIdx;
use crate::leg::outlet::Outlet;
use crate::rtp::{self, HEADER_BYTES, Header};
use std::time::Duration;
use terms::Moment;
use terms::media::PlayEnd;

/// Samples of the longest frame we make, 60 ms at 8 kHz; as octets of G.711 as many.
const FRAME_SAMPLES_MAX: usize = 480;
/// A shard that is behind by more than this does not send the missed frames in a burst.
const STALL_MAX: Duration = Duration::from_millis(200);

enum Next {
    /// So many octets of G.711.
    Octets(usize),
    /// Its samples wait in the outlet.
    Outlet,
    Event([u8; EVENT_BYTES], Place),
    Nothing,
}

/// Where the packet of an event stands in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    /// The first of another segment.
    Segment,
    Further,
}

impl Shard {
    /// Begins to speak to a leg, unless it is being spoken to.
    pub(super) fn start_frames(&mut self, now: Moment, idx: LegIdx) {
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        if leg.frame_due.is_some() || leg.agreed.is_none() {
            return;
        }
        leg.frame_due = Some(now);
        self.set_alarm(idx, now, Alarm::Frame);
    }

    pub(super) fn on_frame_alarm(&mut self, now: Moment, idx: LegIdx, at: Moment) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if leg.frame_due != Some(at) {
            return;
        }
        let due = if now - at > STALL_MAX { now } else { at };
        if !self.speak(due, idx) {
            self.leg_mut(idx).expect("speaking keeps the leg").frame_due = None;
            return;
        }
        let leg = self.leg_mut(idx).expect("speaking keeps the leg");
        let ptime_ms = leg.agreed.as_ref().map_or(20, |agreed| agreed.ptime_ms);
        let next = due + Duration::from_millis(u64::from(ptime_ms));
        leg.frame_due = Some(next);
        self.set_alarm(idx, next, Alarm::Frame);
    }

    /// One packet time of digits or prompt; `false` when there is nothing more to say.
    fn speak(&mut self, due: Moment, idx: LegIdx) -> bool {
        let Some(leg) = self.leg_mut(idx) else { return false };
        if leg.awaits_keys() {
            // Nobody hears it yet: the beginning of a prompt waits for the keys.
            return leg.is_busy();
        }
        let Some(agreed) = &leg.agreed else { return false };
        let (ptime_ms, send) = (agreed.ptime_ms, agreed.remote.send);
        let mut octets = [0; FRAME_SAMPLES_MAX];
        let next = if leg.sender.is_busy() {
            match leg.sender.poll(u32::from(ptime_ms)) {
                Sent::Packet { event, first, segment, .. } => {
                    let place = match (first, segment) {
                        (true, _) => Place::First,
                        (false, true) => Place::Segment,
                        (false, false) => Place::Further,
                    };
                    Next::Event(event.write(), place)
                }
                Sent::Pause | Sent::Done => Next::Nothing,
            }
        } else if leg.keypad.is_busy() {
            let samples = usize::from(ptime_ms) * 8;
            let mut said = [0; FRAME_SAMPLES_MAX];
            leg.keypad.fill(&mut said[..samples]);
            if let Some(law) = Law::of(send.codec) {
                g711::encode_into(law, &said[..samples], &mut octets[..samples]);
                Next::Octets(samples)
            } else {
                let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
                outlet.push(Rate::Narrow, &said[..samples]);
                Next::Outlet
            }
        } else if let Some(player) = &mut leg.player {
            let samples = usize::from(ptime_ms) * 8;
            match Law::of(send.codec) {
                // The octets of a prompt lie ready.
                Some(law) if player.fill(law, &mut octets[..samples]) => Next::Octets(samples),
                Some(_) => Next::Nothing,
                None => {
                    let mut said = [0; FRAME_SAMPLES_MAX];
                    let heard = player.fill_samples(&mut said[..samples]);
                    if heard {
                        let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
                        outlet.push(Rate::Narrow, &said[..samples]);
                    }
                    if heard { Next::Outlet } else { Next::Nothing }
                }
            }
        } else {
            return false;
        };
        match next {
            Next::Octets(samples) => {
                self.send_audio(due, idx, &octets[..samples], samples as u32);
            }
            Next::Outlet => self.send_waiting(due, idx),
            Next::Event(event, place) => self.send_event(due, idx, &event, place),
            Next::Nothing => {}
        }
        let leg = self.leg_mut(idx).expect("sending keeps the leg");
        if leg.player.as_ref().is_some_and(|player| player.is_finished()) {
            self.stop_play(idx, None, PlayEnd::Finished);
        }
        true
    }

    /// Sends every packet that the leg's outlet has samples for.
    pub(super) fn send_waiting(&mut self, due: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(agreed), Some(mut outlet)) = (&leg.agreed, leg.outlet.take()) else { return };
        let ptime_ms = agreed.ptime_ms;
        while let Some(packet) = outlet.poll(ptime_ms) {
            self.send_packet(due, idx, packet.payload, packet.ticks);
        }
        self.leg_mut(idx).expect("sending keeps the leg").outlet = Some(outlet);
    }

    /// Sends a packet time of audio made here, or lets its time pass.
    pub(super) fn send_packet(
        &mut self,
        due: Moment,
        idx: LegIdx,
        payload: Option<&[u8]>,
        ticks: u32,
    ) {
        match payload {
            Some(payload) => self.send_audio(due, idx, payload, ticks),
            None => {
                let leg = self.leg_mut(idx).expect("sending keeps the leg");
                leg.stream.rest(ticks);
            }
        }
    }

    /// Sends one packet of audio made here that lasts `ticks`, when the leg wants any.
    fn send_audio(&mut self, due: Moment, idx: LegIdx, payload: &[u8], ticks: u32) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(to), Some(agreed)) = (leg.target(), &leg.agreed) else { return };
        let payload_type = agreed.remote.send.audio;
        let stamp = leg.stream.stamp_local(due, ticks, payload.len());
        let header = Header {
            payload_type,
            marker: stamp.marker,
            seq: stamp.seq,
            time: stamp.time,
            ssrc: leg.stream.ssrc(),
        };
        self.send_rtp(idx, to, &header, payload);
    }

    fn send_event(&mut self, due: Moment, idx: LegIdx, event: &[u8; EVENT_BYTES], place: Place) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(to), Some(agreed)) = (leg.target(), &leg.agreed) else { return };
        let Some(payload_type) = agreed.remote.send.dtmf else { return };
        let send = agreed.remote.send;
        let span = u32::from(agreed.ptime_ms) * send.codec.clock_hz() / 1_000;
        let stamp = match place {
            Place::First => leg.stream.stamp_local(due, span, EVENT_BYTES),
            Place::Segment => {
                // The timestamps of the stream count the codec's clock, which may be another.
                let ticks = u64::from(SEGMENT_TICKS) * u64::from(send.codec.clock_hz());
                let step = ticks / u64::from(send.dtmf_hz.max(1));
                leg.stream.stamp_segment(due, step as u32, EVENT_BYTES)
            }
            Place::Further => leg.stream.stamp_again(due, EVENT_BYTES),
        };
        let header = Header {
            payload_type,
            // RFC 4733 §2.3.1: the marker is on the first packet of an event.
            marker: place == Place::First,
            seq: stamp.seq,
            time: stamp.time,
            ssrc: leg.stream.ssrc(),
        };
        self.send_rtp(idx, to, &header, event);
    }

    fn send_rtp(&mut self, idx: LegIdx, to: std::net::SocketAddr, header: &Header, payload: &[u8]) {
        self.transmit(idx, Channel::Rtp, to, HEADER_BYTES + payload.len(), |out| {
            rtp::write(header, out);
            out[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(payload);
            HEADER_BYTES + payload.len()
        });
    }
}
