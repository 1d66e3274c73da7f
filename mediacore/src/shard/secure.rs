//! Handshakes of legs: driven by what comes, by time and by the agreement; their keys go where the
//! keys of descriptions go.

use super::{Alarm, Channel, Reason, Shard, TRANSMIT_MAX, Verdict};
use crate::dtls::{Handshake, Output};
use crate::leg::LegIdx;
use crate::slot::Kept;
use crate::srtp::Session;
use std::net::SocketAddr;
use std::sync::Arc;
use terms::Moment;
use terms::media::{Event, Failure, Srtp};

impl Shard {
    /// A leg was agreed about: begins its handshake, goes on with the one it has where it is about
    /// the same, or ends it.
    pub(super) fn secure(&mut self, now: Moment, idx: LegIdx) {
        let identity = self.config.identity.clone();
        let Some(leg) = self.leg_mut(idx) else { return };
        let agreed = leg.agreed.as_ref().and_then(|agreed| agreed.remote.dtls.clone());
        let Some(agreed) = agreed else {
            leg.handshake = None;
            return;
        };
        if leg.handshake.as_ref().is_some_and(|running| running.is_about(&agreed)) {
            return self.start_handshake(now, idx);
        }
        let Some(identity) = identity else {
            let leg = leg.id;
            return self.events.push_back(Event::Failed { leg, why: Failure::NoCertificate });
        };
        leg.handshake = Some(Box::new(Handshake::new(now, Arc::clone(&identity), agreed)));
        self.start_handshake(now, idx);
    }

    /// Begins a handshake that is ours to begin, once the way to the peer is known.
    pub(super) fn start_handshake(&mut self, now: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(latch), Some(handshake)) = (&leg.latch, &mut leg.handshake) else { return };
        let to = latch.target();
        if !to.ip().is_unspecified() && to.port() != 0 {
            handshake.start(now);
        }
        self.pump_handshake(now, idx);
    }

    /// A record of a handshake came where the audio of a leg does.
    pub(super) fn on_record(
        &mut self,
        now: Moment,
        idx: LegIdx,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Verdict {
        self.stats.handshakes_in += 1;
        let leg = self.legs[idx.index()].leg.as_deref_mut().expect("its port was just sorted");
        // On the shared port the source has proven itself; elsewhere it is where signalling says.
        let may_pass = leg.ways.is_some() || leg.latch.as_ref().is_some_and(|l| l.may_pass(from));
        if !may_pass {
            leg.counts.strange += 1;
            return self.drop_packet(Reason::Strange);
        }
        let Some(handshake) = &mut leg.handshake else {
            return self.drop_packet(Reason::NotConnected);
        };
        handshake.peer = Some(from);
        handshake.handle_packet(now, bytes);
        self.pump_handshake(now, idx);
        Verdict::Consumed
    }

    pub(super) fn on_handshake_alarm(&mut self, now: Moment, idx: LegIdx) {
        let Some(handshake) = self.leg_mut(idx).and_then(|leg| leg.handshake.as_mut()) else {
            return;
        };
        if handshake.alarm.is_some_and(|alarm| alarm <= now) {
            handshake.alarm = None;
            handshake.handle_timeout(now);
            self.pump_handshake(now, idx);
        }
    }

    /// Does what a handshake wants, and sets the alarm for the rest.
    fn pump_handshake(&mut self, now: Moment, idx: LegIdx) {
        let mut buffer = [0; TRANSMIT_MAX];
        loop {
            let Some(leg) = self.leg_mut(idx) else { return };
            let (id, door) = (leg.id, leg.door);
            let target = leg.latch.as_ref().map(|latch| latch.target());
            let unreached = leg.ways.as_ref().is_some_and(|ways| ways.open().is_empty());
            let Some(handshake) = &mut leg.handshake else { return };
            match handshake.poll(&mut buffer) {
                Some(Output::Send(len)) => {
                    let to = handshake.peer.or(target).filter(|to| to.port() != 0);
                    if let Some(to) = to {
                        let start = self.bytes.len();
                        self.bytes.extend_from_slice(&buffer[..len]);
                        self.stats.handshakes_out += 1;
                        self.queue_at(door, Channel::Rtp, to, start, len);
                    }
                }
                Some(Output::Keys(keys)) => self.on_keys(now, idx, &keys),
                Some(Output::Failed(why)) => {
                    let silent = unreached && why == Failure::NoHandshake;
                    let why = if silent { Failure::Unreached } else { why };
                    // What was heard before under other keys is heard no more.
                    leg.srtp = None;
                    self.events.push_back(Event::Failed { leg: id, why });
                }
                None => break,
            }
        }
        let Some(handshake) = self.leg_mut(idx).and_then(|leg| leg.handshake.as_mut()) else {
            return;
        };
        if let Some(at) = handshake.next_timeout()
            && handshake.alarm.is_none_or(|alarm| at < alarm)
        {
            handshake.alarm = Some(at);
            self.set_alarm(idx, at, Alarm::Handshake);
        }
    }

    /// The keys of a leg are made: it hears and is heard from now on.
    fn on_keys(&mut self, now: Moment, idx: LegIdx, keys: &Srtp) {
        let Some(leg) = self.leg_mut(idx) else { return };
        match &mut leg.srtp {
            Some(session) => session.rekey(keys),
            none => *none = Some(Box::new(Session::new(keys.clone()))),
        }
        leg.on_heard(now);
        self.keep(idx);
    }

    /// A leg that had its keys before a kill has no handshake before it.
    pub(super) fn resume_handshake(&mut self, idx: LegIdx, kept: &Kept) {
        let agreed = kept.remote.as_ref().and_then(|remote| remote.dtls.clone());
        let Some((identity, agreed)) = self.config.identity.clone().zip(agreed) else { return };
        if let Some(leg) = self.leg_mut(idx).filter(|_| kept.keys.is_some()) {
            leg.handshake = Some(Box::new(Handshake::finished(identity, agreed)));
        }
    }

    /// Tells the peer that the association ends with the leg.
    pub(super) fn close_handshake(&mut self, now: Moment, idx: LegIdx) {
        if let Some(handshake) = self.leg_mut(idx).and_then(|leg| leg.handshake.as_mut()) {
            handshake.close();
            self.pump_handshake(now, idx);
        }
    }
}
