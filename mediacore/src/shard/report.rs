//! RTCP of every leg, and silences. Reports end at each leg: what one phone says about us is never
//! passed to another.

use super::{Alarm, Channel, Reason, Shard, keeping};
use crate::leg::LegIdx;
use crate::leg::quality;
use crate::rtcp::xr::Extended;
use crate::rtcp::{self, COMPOUND_MAX, Compound, Item, LastReport, Ntp, Sending};
use rand::Rng;
use std::net::SocketAddr;
use std::time::Duration;
use terms::Moment;
use terms::media::Event;

/// Silences that are told; the last one again and again.
pub(super) const SILENCES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
    Duration::from_secs(600),
];

impl Shard {
    /// Takes one datagram from the RTCP socket of a leg; an encrypted one is opened in place.
    pub fn handle_rtcp(&mut self, now: Moment, idx: LegIdx, from: SocketAddr, bytes: &mut [u8]) {
        self.stats.reports_in += 1;
        let epoch = self.config.epoch;
        let Some(leg) = self.legs.get_mut(idx.index()).and_then(|slot| slot.leg.as_deref_mut())
        else {
            self.drop_packet(Reason::NotConnected);
            return;
        };
        let (Some(agreed), Some(latch)) = (&leg.agreed, &leg.latch) else {
            self.drop_packet(Reason::NotConnected);
            return;
        };
        if !latch.takes_rtcp_from(from) {
            leg.counts.strange += 1;
            self.drop_packet(Reason::Strange);
            return;
        }
        if leg.awaits_keys() {
            self.drop_packet(Reason::NotConnected);
            return;
        }
        let nat = agreed.remote.nat;
        let len = match leg.srtp.as_mut().map(|session| session.unprotect_rtcp(bytes)) {
            None => bytes.len(),
            Some(Ok(len)) => {
                if let Some(session) = &leg.srtp {
                    keeping::note_heard(&self.slots, idx, session);
                }
                len
            }
            Some(Err(refused)) => {
                leg.counts.refuse(refused);
                self.refuse(refused);
                return;
            }
        };
        let bytes = &bytes[..len];
        let clock_hz = agreed.remote.send.codec.clock_hz();
        let (ours, ntp) = (leg.stream.ssrc(), Ntp::at(epoch, now));
        let (mut last, mut round_trip, mut receiver_time) = (None, None, None);
        let mut leaves = false;
        let mut far = leg.far;
        let read = rtcp::parse(bytes, |item| match item {
            Item::SenderReport { middle, .. } => last = Some(LastReport { middle, heard_at: now }),
            Item::Block(heard) if heard.about == ours => {
                far.reports += 1;
                far.packets_lost = heard.lost.max(0) as u64;
                let jitter_us = u64::from(heard.jitter) * 1_000_000 / u64::from(clock_hz);
                far.jitter_us = u32::try_from(jitter_us).unwrap_or(u32::MAX);
                round_trip = rtcp::round_trip_us(ntp, heard.last, heard.since).or(round_trip);
            }
            Item::ReceiverTime { ssrc, middle } => {
                receiver_time = Some((ssrc, LastReport { middle, heard_at: now }));
            }
            Item::ReceiverRoundTrip { about, last, since } if about == ours => {
                round_trip = rtcp::round_trip_us(ntp, last, since).or(round_trip);
            }
            Item::Voip(about, voip) if about == ours => far.voip = Some(voip),
            // A stream ends when signaling says so; anybody can forge a BYE.
            Item::Goodbye(_) => leaves = true,
            Item::Block(_) | Item::ReceiverRoundTrip { .. } | Item::Voip(..) => {}
        });
        if read.is_err() {
            leg.counts.malformed += 1;
            self.drop_packet(Reason::Malformed);
            return;
        }
        leg.far = far;
        leg.last_report = last.or(leg.last_report);
        leg.last_receiver_time = receiver_time.or(leg.last_receiver_time);
        leg.round_trip_us = round_trip.unwrap_or(leg.round_trip_us);
        if nat {
            leg.rtcp_source = Some(from);
        }
        // Who pauses sends no RTP by design, and reports all the time (RFC 3550 §6.2).
        if leg.pauses && !leaves {
            leg.on_heard(now);
            if std::mem::take(&mut leg.silence_told) {
                self.events.push_back(Event::Heard { leg: leg.id });
            }
        }
    }

    pub(super) fn schedule_report(&mut self, now: Moment, idx: LegIdx) {
        // Between half and one and a half intervals, so that reports do not march in step.
        let factor = self.rng.random_range(0.5..1.5);
        self.set_alarm(idx, now + self.config.rtcp_interval.mul_f64(factor), Alarm::Report);
    }

    pub(super) fn on_report_alarm(&mut self, now: Moment, idx: LegIdx) {
        self.send_report(now, idx, false);
        self.schedule_report(now, idx);
    }

    pub(super) fn say_goodbye(&mut self, now: Moment, idx: LegIdx) {
        self.send_report(now, idx, true);
    }

    fn send_report(&mut self, now: Moment, idx: LegIdx, bye: bool) {
        let Shard { config, legs, .. } = self;
        let Some(leg) = legs[idx.index()].leg.as_deref_mut() else { return };
        let Some(to) = leg.rtcp_target() else { return };
        let packets = leg.stream.packets();
        let spoke = packets > leg.reported_packets;
        leg.reported_packets = packets;
        let wanted = leg.agreed.as_ref().map(|agreed| agreed.remote.xr).unwrap_or_default();
        let extended = Extended {
            receiver_time: wanted.receiver_round_trip.then(|| Ntp::at(config.epoch, now)),
            answer: leg.last_receiver_time.take_if(|_| wanted.receiver_round_trip),
            voip: quality::voip_metrics(leg).filter(|_| wanted.voip_metrics),
        };
        let compound = Compound {
            ssrc: leg.stream.ssrc(),
            sending: spoke.then(|| Sending {
                ntp: Ntp::at(config.epoch, now),
                time: leg.stream.time_at(now),
                packets,
                octets: leg.stream.octets(),
            }),
            block: leg.receive.take_block(),
            last: leg.last_report,
            cname: &config.cname,
            extended,
            bye,
        };
        let mut out = [0; COMPOUND_MAX];
        let len = rtcp::write(&compound, now, &mut out);
        self.transmit(idx, Channel::Rtcp, to, len, |buffer| {
            buffer[..len].copy_from_slice(&out[..len]);
            len
        });
    }

    pub(super) fn on_silence_alarm(&mut self, now: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let expected = leg.agreed.as_ref().is_some_and(|agreed| agreed.remote.may_receive);
        if !expected {
            leg.on_heard(now);
        }
        let silence = now - leg.heard_at;
        let step = SILENCES[leg.silences.min(SILENCES.len() - 1)];
        let repeats = leg.silences.saturating_sub(SILENCES.len() - 1) as u32;
        let wanted = step + SILENCES[SILENCES.len() - 1] * repeats;
        let next = if silence < wanted {
            leg.heard_at + wanted
        } else {
            let ms = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
            let told = Event::Silent { leg: leg.id, ms, paused: leg.pauses };
            leg.silences += 1;
            leg.silence_told = true;
            let after = SILENCES[leg.silences.min(SILENCES.len() - 1)];
            let repeats = leg.silences.saturating_sub(SILENCES.len() - 1) as u32;
            let next = leg.heard_at + after + SILENCES[SILENCES.len() - 1] * repeats;
            self.events.push_back(told);
            next
        };
        self.set_alarm(idx, next.max(now + Duration::from_millis(1)), Alarm::Silence);
    }
}
