//! A new offer inside a dialog, both ways, RFC 3261 §14: hold and resume in all their forms, and
//! glare (491).

use super::{Owner, Stage, cause};
use crate::sip::core::UserAgent;
use crate::sip::flow::Flow;
use crate::sip::message::Message;
use crate::sip::user_agent::Event;
use crate::switch::Now;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use terms::{LegId, Moment};

/// How often our offer is tried again while theirs is in the way.
const TRIES_MAX: u32 = 5;
/// How long our offer waits while something else is under way in the dialog.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// How often it looks again.
const BUSY_TRIES_MAX: u32 = 50;

/// Our offer to a leg.
#[derive(Debug, Default)]
pub(super) struct Offering {
    /// The INVITE that is under way.
    tx: Option<u64>,
    /// What it offers; none where the switch asked for nothing (a session refresh).
    sdp: Option<String>,
    /// What the switch wants to offer when that was answered.
    next: Option<String>,
    refresh: bool,
    tries: u32,
    busy: u32,
    pub(super) retry_at: Option<Moment>,
    /// It has had credentials, and those that its next try has.
    proven: bool,
    proof: Option<(&'static str, String)>,
    /// The ACK of the last 2xx: its repetitions get it again.
    ack: Option<(u64, Arc<[u8]>)>,
}

impl Offering {
    /// Our INVITE waits for its answer.
    pub(super) fn is_open(&self) -> bool {
        self.tx.is_some()
    }

    /// There is something to offer, and it was not sent.
    pub(super) fn waits(&self) -> bool {
        self.sdp.is_some() && self.tx.is_none()
    }
}

impl UserAgent {
    /// Their re-INVITE.
    pub(in crate::sip) fn on_reinvite(
        &mut self,
        now: Now,
        flow: Flow,
        leg: LegId,
        tx: u64,
        request: &Message,
    ) {
        let pause = self.rng.random_range(0..10_u32).to_string();
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let refusal = if matches!(state.stage, Stage::Incoming | Stage::Outgoing)
            || state.invite.is_some()
            || state.update.is_some()
        {
            Some((500, vec![("Retry-After", pause.as_str())]))
        } else if state.is_negotiating() || matches!(state.stage, Stage::Closing(_)) {
            Some((491, Vec::new()))
        } else if !request.body().is_empty() && request.sdp().is_none() {
            Some((415, vec![("Accept", "application/sdp")]))
        } else {
            None
        };
        if let Some((status, extra)) = refusal {
            self.respond(now, tx, status, &extra, None);
            return;
        }
        self.refresh_target(leg, flow, request);
        self.refreshed(now, leg, request);
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let sdp = request.sdp();
        state.invite = Some(tx);
        state.invite_seq = request.cseq().map_or(0, |cseq| cseq.number);
        state.late = sdp.is_none();
        let trunk = state.trunk;
        if let Some(server) = self.servers.get_mut(&tx) {
            server.leg = Some(leg);
            server.hop.trunk = trunk;
        }
        self.respond(now, tx, 100, &[], None);
        self.emit(Event::Offer { leg, sdp, source: flow.remote });
        self.arm_leg(leg);
    }

    /// Their Contact may have moved, and so may they (a phone that changed its network).
    pub(super) fn refresh_target(&mut self, leg: LegId, flow: Flow, request: &Message) {
        let dialog = self.legs.get_mut(&leg).and_then(|state| state.dialog.as_mut());
        if let Some(dialog) = dialog {
            dialog.refresh_target(request);
        }
        self.reach_by(leg, flow);
    }

    /// What follows in the dialog goes to whom this flow leads.
    pub(super) fn reach_by(&mut self, leg: LegId, flow: Flow) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        state.flow = flow;
        let nat = state.nat;
        let Some(dialog) = &state.dialog else { return };
        let (next, routed) = (dialog.next_hop().to_vec(), dialog.has_routes());
        let hop = self.hop_to(&next, flow, nat && !routed);
        if let Some(state) = self.legs.get_mut(&leg) {
            state.hop = hop.of(state.trunk);
        }
    }

    pub(in crate::sip) fn accept_offer(&mut self, now: Now, leg: LegId, sdp: String) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if let Some(tx) = state.invite.filter(|_| state.stage == Stage::Confirmed) {
            self.accept_invite(now, leg, tx, sdp, false);
        } else if let Some(tx) = state.update.take() {
            let is_early = state.stage != Stage::Confirmed;
            let timer = if is_early { Vec::new() } else { self.timer_headers(now, leg) };
            let timer: Vec<(&str, &str)> = timer.iter().map(|(n, v)| (*n, v.as_str())).collect();
            self.respond(now, tx, 200, &timer, Some(&sdp));
            self.take_early(leg);
            if let Some(state) = self.legs.get_mut(&leg) {
                state.local_sdp = Some(sdp);
            }
            self.retry_offer(now, leg);
        }
        self.arm_leg(leg);
    }

    pub(in crate::sip) fn reject_offer(&mut self, now: Now, leg: LegId, status: u16) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        state.update_early = None;
        let waits = match state.stage {
            Stage::Confirmed => state.invite.take().or(state.update.take()),
            // The INVITE itself goes on waiting for its answer.
            Stage::Incoming | Stage::Outgoing => state.update.take(),
            Stage::Closing(_) => None,
        };
        if let Some(tx) = waits {
            self.respond(now, tx, status.clamp(400, 699), &[], None);
        }
        self.retry_offer(now, leg);
    }

    /// The switch wants to offer something new.
    pub(in crate::sip) fn reoffer(&mut self, now: Now, leg: LegId, sdp: String) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if state.stage != Stage::Confirmed {
            return self.emit(Event::OfferRejected { leg, status: 491 });
        }
        if state.offering.is_open() {
            // What is under way, as a refresh, has an answer of its own to come.
            state.offering.next = Some(sdp);
            return;
        }
        state.offering.next = None;
        state.offering.sdp = Some(sdp);
        state.offering.refresh = false;
        state.offering.tries = 0;
        state.offering.busy = 0;
        self.offer_now(now, leg);
    }

    /// Keeps the session alive with what we said last.
    pub(super) fn reoffer_same(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if state.offering.sdp.is_some() {
            return;
        }
        state.offering.sdp = state.local_sdp.clone();
        state.offering.refresh = true;
        state.offering.tries = 0;
        state.offering.busy = 0;
        self.offer_now(now, leg);
    }

    pub(super) fn offer_now(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if state.is_negotiating() {
            state.offering.busy += 1;
            if state.offering.busy > BUSY_TRIES_MAX {
                return self.offer_over(now, leg, 491);
            }
            state.offering.retry_at = Some(now.moment + BUSY_PAUSE);
            return self.arm_leg(leg);
        }
        if state.is_cut_off() {
            state.offering.retry_at = None;
            return self.wait_for_flow(now, leg);
        }
        let Some(sdp) = state.offering.sdp.clone() else { return };
        let proof = state.offering.proof.take();
        let mut timer = self.refresh_headers(leg);
        timer.extend(proof);
        let add = |builder: &mut crate::sip::write::Builder| {
            for (name, value) in &timer {
                builder.header(name, value);
            }
        };
        let tx =
            self.request(now, leg, "INVITE", Owner::Reinvite(leg), add, ("application/sdp", &sdp));
        if let Some(state) = self.legs.get_mut(&leg) {
            state.offering.tx = tx;
            state.offering.tries += 1;
            state.offering.retry_at = None;
        }
        self.arm_leg(leg);
    }

    /// Time, or a quiet dialog, for an offer that had to wait.
    pub(super) fn retry_offer(&mut self, now: Now, leg: LegId) {
        let due = self.legs.get(&leg).is_some_and(|leg| {
            let waits = leg.offering.busy > 0 && !leg.is_negotiating();
            leg.offering.retry_at.is_some_and(|at| waits || at <= now.moment)
        });
        if due {
            self.offer_now(now, leg);
        }
    }

    pub(super) fn on_reinvite_response(
        &mut self,
        now: Now,
        leg: LegId,
        tx: u64,
        response: &Message,
    ) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if let Some((acked, ack)) = &state.offering.ack
            && *acked == tx
        {
            let (hop, ack) = (state.hop.clone(), ack.clone());
            return self.transmit(hop, ack, None);
        }
        if state.offering.tx != Some(tx) {
            return;
        }
        match response.status() {
            100..200 => {}
            200..300 => self.on_reinvite_accepted(now, leg, tx, response),
            491 if state.offering.tries < TRIES_MAX => self.retry_after_glare(now, leg),
            422 if self.lengthen(now, leg, response) => {
                if let Some(state) = self.legs.get_mut(&leg) {
                    // Whoever asked for a password may do so again.
                    (state.offering.tx, state.offering.proven) = (None, false);
                }
                self.offer_now(now, leg);
            }
            401 | 407 if self.prove_offer(leg, response) => self.offer_now(now, leg),
            status => {
                let refreshes = self.legs.get(&leg).is_some_and(|state| state.offering.refresh);
                if refreshes && !matches!(status, 408 | 481) {
                    self.put_off_refresh(now, leg, response);
                }
                self.on_reinvite_failed(now, leg, status);
            }
        }
    }

    fn on_reinvite_accepted(&mut self, now: Now, leg: LegId, tx: u64, response: &Message) {
        let via_branch = format!("z9hG4bK{}", self.token());
        let Some((hop, from)) = self.legs.get(&leg).map(|leg| (leg.hop.clone(), leg.flow.remote))
        else {
            return;
        };
        let via = self.seen(&hop, Some(from)).via(&via_branch);
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let Some(dialog) = &mut state.dialog else { return };
        dialog.refresh_target(response);
        let seq = response.cseq().map(|cseq| cseq.number);
        if let Ok(ack) = dialog.request("ACK", &via, seq).end() {
            let ack: Arc<[u8]> = ack.into();
            state.offering.ack = Some((tx, ack.clone()));
            self.transmit(hop, ack, None);
        }
        self.refresh_granted(now, leg, response);
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let refresh = state.offering.refresh;
        let offered = state.offering.close();
        if !refresh {
            state.local_sdp = offered;
            match response.sdp() {
                Some(sdp) => self.emit(Event::OfferAccepted { leg, sdp }),
                None => self.emit(Event::OfferRejected { leg, status: 488 }),
            }
        }
        self.arm_leg(leg);
        self.offer_next(now, leg);
    }

    fn offer_next(&mut self, now: Now, leg: LegId) {
        let next = self.legs.get_mut(&leg).and_then(|state| state.offering.next.take());
        if let Some(sdp) = next {
            self.reoffer(now, leg, sdp);
        }
    }

    /// The trunk asked who we are: the same offer says it, once.
    fn prove_offer(&mut self, leg: LegId, response: &Message) -> bool {
        let Some(state) = self.legs.get_mut(&leg) else { return false };
        if std::mem::replace(&mut state.offering.proven, true) {
            return false;
        }
        let Some(proof) = self.proof(leg, "INVITE", response) else { return false };
        if let Some(state) = self.legs.get_mut(&leg) {
            (state.offering.tx, state.offering.proof) = (None, Some(proof));
        }
        true
    }

    fn retry_after_glare(&mut self, now: Now, leg: LegId) {
        let pause = self.glare_pause(leg);
        if let Some(state) = self.legs.get_mut(&leg) {
            // Whoever asked for a password may do so again.
            (state.offering.tx, state.offering.proven) = (None, false);
            state.offering.retry_at = Some(now.moment + pause);
        }
        self.count("glares");
        self.arm_leg(leg);
    }

    /// 408 and 481 end the dialog (RFC 3261 §12.2.1.2); everything else leaves it as it was. So
    /// does 408 where we asked for T.38: some gateways drop what they do not know, and carry the
    /// fax in sound meanwhile.
    pub(super) fn on_reinvite_failed(&mut self, now: Now, leg: LegId, status: u16) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if status == 503 && state.adrift.is_some() {
            // Nobody listens where its Contact says: it has to come.
            state.offering.tx = None;
            return self.wait_for_flow(now, leg);
        }
        let goes_on = status == 408 && state.offering.asks_for_fax();
        if matches!(status, 408 | 481) && !goes_on {
            return self.say_bye(now, leg, cause::TIMER_EXPIRY, true);
        }
        self.offer_over(now, leg, status);
    }

    pub(super) fn offer_over(&mut self, now: Now, leg: LegId, status: u16) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let refresh = state.offering.refresh;
        state.offering.close();
        if !refresh {
            self.emit(Event::OfferRejected { leg, status });
        }
        self.arm_leg(leg);
        self.offer_next(now, leg);
    }
}

impl Offering {
    /// T.38 in place of the audio, which the other side need not take.
    fn asks_for_fax(&self) -> bool {
        !self.refresh && self.sdp.as_ref().is_some_and(|sdp| sdp.contains("\r\nm=image "))
    }

    /// Ends it; what was offered.
    fn close(&mut self) -> Option<String> {
        self.tx = None;
        self.retry_at = None;
        self.busy = 0;
        (self.proven, self.proof) = (false, None);
        self.sdp.take()
    }
}
