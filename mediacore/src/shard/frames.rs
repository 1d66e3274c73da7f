//! What the shard itself speaks to a leg: frames of prompts and mixes, and digits.

use super::{Alarm, Channel, Shard};
use crate::dtmf::{EVENT_BYTES, Sent};
use crate::leg::LegIdx;
use crate::rtp::{self, HEADER_BYTES, Header};
use std::time::Duration;
use terms::Moment;
use terms::media::PlayEnd;

/// Octets of the longest frame we make, 60 ms.
pub(super) const FRAME_OCTETS_MAX: usize = 480;
/// A shard that is behind by more than this does not send the missed frames in a burst.
const STALL_MAX: Duration = Duration::from_millis(200);

enum Next {
    Audio,
    Event([u8; EVENT_BYTES], bool),
    Nothing,
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
        let Some(agreed) = &leg.agreed else { return false };
        let (ptime_ms, octets) = (u32::from(agreed.ptime_ms), agreed.frame_octets());
        let codec = agreed.remote.send.codec;
        let mut payload = [0; FRAME_OCTETS_MAX];
        let next = if leg.sender.is_busy() {
            match leg.sender.poll(ptime_ms) {
                Sent::Packet { event, first, .. } => Next::Event(event.write(), first),
                Sent::Pause | Sent::Done => Next::Nothing,
            }
        } else if let Some(player) = &mut leg.player {
            if player.fill(codec, &mut payload[..octets]) { Next::Audio } else { Next::Nothing }
        } else {
            return false;
        };
        match next {
            Next::Audio => self.send_audio(due, idx, &payload[..octets]),
            Next::Event(event, first) => self.send_event(due, idx, &event, first),
            Next::Nothing => {}
        }
        let leg = self.leg_mut(idx).expect("sending keeps the leg");
        if leg.player.as_ref().is_some_and(|player| player.is_finished()) {
            self.stop_play(idx, None, PlayEnd::Finished);
        }
        true
    }

    /// Sends one packet of audio made here, when the leg wants any.
    pub(super) fn send_audio(&mut self, due: Moment, idx: LegIdx, payload: &[u8]) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(to), Some(agreed)) = (leg.target(), &leg.agreed) else { return };
        let payload_type = agreed.remote.send.audio;
        let stamp = leg.stream.stamp_local(due, payload.len() as u32, payload.len());
        let header = Header {
            payload_type,
            marker: stamp.marker,
            seq: stamp.seq,
            time: stamp.time,
            ssrc: leg.stream.ssrc(),
        };
        self.send_rtp(idx, to, &header, payload);
    }

    fn send_event(&mut self, due: Moment, idx: LegIdx, event: &[u8; EVENT_BYTES], first: bool) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(to), Some(agreed)) = (leg.target(), &leg.agreed) else { return };
        let Some(payload_type) = agreed.remote.send.dtmf else { return };
        let span = u32::from(agreed.ptime_ms) * 8;
        let stamp = if first {
            leg.stream.stamp_local(due, span, EVENT_BYTES)
        } else {
            leg.stream.stamp_again(due, EVENT_BYTES)
        };
        let header = Header {
            payload_type,
            // RFC 4733 §2.3.1: the marker is on the first packet of an event.
            marker: first,
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
