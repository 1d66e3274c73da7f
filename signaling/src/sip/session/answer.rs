//! Our answers to an INVITE of theirs: provisional, 200 until its ACK comes (RFC 3261 §13.3.1.4),
//! refusal.

use super::{Stage, cause, reason, status_of};
use crate::sip::core::UserAgent;
use crate::sip::flow::{Flow, Hop};
use crate::sip::message::Message;
use crate::sip::send::ServerMachine;
use crate::sip::transaction::Repeat;
use crate::sip::user_agent::Event;
use crate::switch::Now;
use std::sync::Arc;
use terms::{LegId, Moment};

/// A 200 of ours that waits for its ACK. Repeated over TCP as well: the ACK is end to end.
#[derive(Debug)]
pub(super) struct Answered {
    bytes: Arc<[u8]>,
    hop: Hop,
    /// CSeq number of the INVITE.
    seq: u32,
    /// The answer to the INVITE that began the leg.
    initial: bool,
    /// The ACK carries their answer.
    late: bool,
    /// It came before, with a PRACK.
    theirs: Option<String>,
    pub(super) repeat: Repeat,
    pub(super) ends_at: Moment,
}

impl Answered {
    /// It answers the INVITE that began the leg.
    pub(super) const fn initial(&self) -> bool {
        self.initial
    }

    /// It carries an offer of ours.
    pub(super) const fn offers(&self) -> bool {
        self.late && self.theirs.is_none()
    }
}

impl UserAgent {
    pub(in crate::sip) fn progress(
        &mut self,
        now: Now,
        leg: LegId,
        status: u16,
        sdp: Option<String>,
    ) {
        let Some(state) = self.legs.get_mut(&leg).filter(|l| l.stage == Stage::Incoming) else {
            return;
        };
        let Some(tx) = state.invite else { return };
        let status = status.clamp(180, 183);
        let reliable = state.reliable.is_some();
        // An offer of ours may only be in what they acknowledge.
        let sdp = sdp.filter(|_| reliable || !state.late);
        state.early = true;
        self.light(leg);
        if reliable {
            self.progress_reliably(now, leg, tx, status, sdp);
        } else {
            self.respond(now, tx, status, &[], sdp.as_deref());
        }
    }

    pub(in crate::sip) fn answer(&mut self, now: Now, leg: LegId, sdp: String) {
        let Some(state) = self.legs.get(&leg).filter(|l| l.stage == Stage::Incoming) else {
            return;
        };
        let Some(tx) = state.invite else { return };
        if self.holds_answer(leg, &sdp) {
            return;
        }
        if self.accept_invite(now, leg, tx, sdp, true)
            && let Some(state) = self.legs.get_mut(&leg)
        {
            state.stage = Stage::Confirmed;
            state.reliable = None;
            self.count("calls_answered");
        }
        self.light(leg);
        self.arm_leg(leg);
    }

    /// 200 to an INVITE or re-INVITE, repeated until its ACK.
    pub(super) fn accept_invite(
        &mut self,
        now: Now,
        leg: LegId,
        tx: u64,
        sdp: String,
        initial: bool,
    ) -> bool {
        let timer = self.timer_headers(now, leg);
        let timer: Vec<(&str, &str)> = timer.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let early = self.legs.get_mut(&leg).and_then(|state| state.reliable.as_mut());
        let theirs = early.and_then(|reliable| reliable.their_answer.take());
        let said = theirs.is_none().then_some(sdp.as_str());
        let Some(bytes) = self.respond(now, tx, 200, &timer, said) else { return false };
        let Some(hop) = self.servers.get(&tx).map(|tx| tx.hop.clone()) else { return false };
        let timing = self.config.timing;
        let Some(state) = self.legs.get_mut(&leg) else { return false };
        let seq = state.invite_seq;
        state.answered = Some(Answered {
            bytes,
            hop,
            seq,
            initial,
            late: state.late,
            theirs,
            repeat: Repeat::new(now.moment, timing.t1, timing.t2),
            ends_at: now.moment + timing.give_up(),
        });
        state.invite = None;
        state.local_sdp = Some(sdp);
        true
    }

    pub(in crate::sip) fn reject(
        &mut self,
        now: Now,
        leg: LegId,
        (status, cause): (u16, u8),
        (retry_after_s, warning): (Option<u32>, Option<&'static str>),
    ) {
        let waits = self.legs.get(&leg).is_some_and(|leg| leg.stage == Stage::Incoming);
        let Some(gone) = waits.then(|| self.release(leg)).flatten() else { return };
        let Some(tx) = gone.invite else { return };
        let seconds = retry_after_s.map(|seconds| seconds.to_string());
        // 399 is what a person reads, RFC 3261 §20.43.
        let warning = warning.map(|text| format!("399 switchgrid \"{text}\""));
        let why = (cause > 0).then(|| reason(cause));
        let headers = [("Reason", &why), ("Retry-After", &seconds), ("Warning", &warning)];
        let extra: Vec<(&str, &str)> =
            headers.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        self.respond(now, tx, status.clamp(300, 699), &extra, None);
        self.count("calls_refused");
    }

    /// A refusal that says why the switch lets go.
    pub(super) fn refuse_with_cause(&mut self, now: Now, tx: u64, cause: u8) {
        let reason = reason(cause);
        self.respond(now, tx, status_of(cause), &[("Reason", &reason)], None);
    }

    /// An ACK came: of a refusal it belongs to the transaction, of a 200 to the leg.
    pub(in crate::sip) fn on_ack(
        &mut self,
        now: Now,
        _flow: Flow,
        request: &Message,
        known: Option<u64>,
    ) {
        if let Some(id) = known
            && let Some(tx) = self.servers.get_mut(&id)
            && let ServerMachine::Invite(machine) = &mut tx.machine
        {
            machine.on_ack(now.moment);
            self.on_server_timeout(now, id);
        }
        let Some(tag) = request.to_tag() else { return };
        let Some(&leg) = self.tags.get(&*String::from_utf8_lossy(tag)) else { return };
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let ours = state.dialog.as_ref().is_some_and(|dialog| dialog.is_of(request));
        let seq = request.cseq().map(|cseq| cseq.number);
        let Some(answered) = state.answered.take_if(|a| ours && Some(a.seq) == seq) else { return };
        if let Stage::Closing(cause) = state.stage {
            return self.say_bye(now, leg, cause, false);
        }
        let sdp = answered.theirs.or_else(|| request.sdp()).filter(|_| answered.late);
        if answered.initial || answered.late {
            self.emit(Event::Acked { leg, sdp });
        }
        self.retry_offer(now, leg);
        self.arm_leg(leg);
    }

    /// Sends our 200 again, or gives up after 64·T1: the ACK is lost for good.
    pub(super) fn repeat_answer(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let Some(answered) = &mut state.answered else { return };
        if answered.ends_at <= now.moment {
            self.count("acks_lost");
            return self.say_bye(now, leg, cause::TIMER_EXPIRY, true);
        }
        if answered.repeat.at <= now.moment {
            answered.repeat.advance(now.moment);
            let (hop, bytes) = (answered.hop.clone(), answered.bytes.clone());
            self.transmit(hop, bytes, None);
        }
    }
}
