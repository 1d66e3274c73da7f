//! Reliable provisional answers, RFC 3262: only where the caller requires them. One at a time; the
//! next one waits for the PRACK of the one before. To an INVITE without an offer the first of them
//! brings ours, and its PRACK their answer (§5).

use super::{Stage, cause};
use crate::sip::core::UserAgent;
use crate::sip::header;
use crate::sip::message::{Message, Name};
use crate::sip::transaction::Repeat;
use crate::sip::user_agent::Event;
use crate::switch::Now;
use std::sync::Arc;
use terms::{LegId, Moment};

/// The caller wants provisional answers to arrive.
#[derive(Debug)]
pub(super) struct Reliable {
    /// CSeq number of the INVITE.
    seq: u32,
    rseq: u32,
    /// The one that waits for its PRACK.
    waiting: Option<(crate::sip::flow::Hop, Arc<[u8]>)>,
    /// It answers their offer.
    describes: bool,
    /// One that did so was acknowledged.
    pub(super) described: bool,
    /// The first one had our offer.
    offers: bool,
    /// Their answer to it.
    pub(super) their_answer: Option<String>,
    /// Our 200, which waits for that.
    answer: Option<String>,
    /// The next one.
    queued: Option<(u16, Option<String>)>,
    pub(super) repeat: Repeat,
    pub(super) ends_at: Option<Moment>,
}

/// `Require: 100rel` in an INVITE.
pub(super) fn required(request: &Message) -> Option<Reliable> {
    request.lists(Name::Require, "100rel").then(|| Reliable {
        seq: request.cseq().map_or(0, |cseq| cseq.number),
        rseq: 0,
        waiting: None,
        describes: false,
        described: false,
        offers: false,
        their_answer: None,
        answer: None,
        queued: None,
        repeat: Repeat::idle(),
        ends_at: None,
    })
}

impl UserAgent {
    pub(super) fn progress_reliably(
        &mut self,
        now: Now,
        leg: LegId,
        tx: u64,
        status: u16,
        sdp: Option<String>,
    ) {
        let timing = self.config.timing;
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let late = state.late;
        let Some(reliable) = &mut state.reliable else { return };
        if reliable.waiting.is_some() {
            reliable.queued = Some((status, sdp));
            return;
        }
        // An offer that is not in the first of them waits for the 200.
        let sdp = sdp.filter(|_| !late || reliable.rseq == 0);
        reliable.offers |= late && sdp.is_some();
        reliable.rseq += 1;
        let rseq = reliable.rseq.to_string();
        let extra = [("Require", "100rel"), ("RSeq", rseq.as_str())];
        let Some(bytes) = self.respond(now, tx, status, &extra, sdp.as_deref()) else { return };
        let Some(hop) = self.servers.get(&tx).map(|tx| tx.hop.clone()) else { return };
        if let Some(reliable) = self.legs.get_mut(&leg).and_then(|leg| leg.reliable.as_mut()) {
            reliable.waiting = Some((hop, bytes));
            reliable.describes = sdp.is_some() && !late;
            reliable.repeat = Repeat::new(now.moment, timing.t1, std::time::Duration::MAX);
            reliable.ends_at = Some(now.moment + timing.give_up());
        }
        self.arm_leg(leg);
    }

    pub(in crate::sip) fn on_prack(&mut self, now: Now, leg: LegId, tx: u64, request: &Message) {
        let rack = request.first(Name::RAck).and_then(header::rack);
        let reliable = self.legs.get_mut(&leg).and_then(|leg| leg.reliable.as_mut());
        let right = reliable.filter(|reliable| {
            let named = rack.is_some_and(|(rseq, cseq)| {
                rseq == reliable.rseq && cseq.number == reliable.seq && cseq.method == b"INVITE"
            });
            named && reliable.waiting.is_some()
        });
        let Some(reliable) = right else {
            self.respond(now, tx, 481, &[], None);
            return;
        };
        reliable.waiting = None;
        reliable.ends_at = None;
        reliable.repeat = Repeat::idle();
        reliable.described |= reliable.describes;
        let (next, answer) = (reliable.queued.take(), reliable.answer.take());
        let mut sdp = request.sdp();
        if reliable.offers && reliable.their_answer.is_none() {
            reliable.their_answer = sdp.take();
        }
        self.answer_prack(now, leg, tx, sdp);
        match (answer, next) {
            (Some(sdp), _) => self.answer(now, leg, sdp),
            (None, Some((status, sdp))) => self.progress(now, leg, status, sdp),
            (None, None) => {}
        }
        self.arm_leg(leg);
    }

    /// Whether our 200 waits: they have our offer in a provisional answer that they have not
    /// acknowledged (RFC 3262 §3).
    pub(super) fn holds_answer(&mut self, leg: LegId, sdp: &str) -> bool {
        let reliable = self.legs.get_mut(&leg).and_then(|leg| leg.reliable.as_mut());
        let open = reliable.filter(|reliable| {
            reliable.offers && reliable.their_answer.is_none() && reliable.waiting.is_some()
        });
        open.map(|reliable| reliable.answer = Some(sdp.to_owned())).is_some()
    }

    /// A PRACK may carry the next offer, once the first one has its answer (RFC 3262 §5).
    fn answer_prack(&mut self, now: Now, leg: LegId, tx: u64, sdp: Option<String>) {
        if sdp.is_none() {
            self.respond(now, tx, 200, &[], None);
            return;
        }
        match self.legs.get_mut(&leg).filter(|state| state.takes_early_offer()) {
            Some(state) => {
                state.update = Some(tx);
                let source = state.flow.remote;
                self.emit(Event::Offer { leg, sdp, source });
            }
            None => {
                self.respond(now, tx, 488, &[], None);
            }
        }
    }

    /// Sends it again, or refuses the call after 64·T1 (RFC 3262 §3).
    pub(super) fn repeat_reliable(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let (stage, invite) = (state.stage, state.invite);
        let Some(reliable) = &mut state.reliable else { return };
        let Some((hop, bytes)) = reliable.waiting.clone() else { return };
        if reliable.ends_at.is_some_and(|at| at <= now.moment) && stage == Stage::Incoming {
            if let Some(tx) = invite {
                self.respond(now, tx, 504, &[], None);
            }
            self.end(leg, cause::TIMER_EXPIRY);
            return;
        }
        if reliable.repeat.at <= now.moment {
            reliable.repeat.advance(now.moment);
            self.transmit(hop, bytes, None);
        }
    }
}
