//! Reliable provisional answers, RFC 3262: only where the caller requires them. One at a time; the
//! next one waits for the PRACK of the one before.

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
        let Some(reliable) = self.legs.get_mut(&leg).and_then(|leg| leg.reliable.as_mut()) else {
            return;
        };
        if reliable.waiting.is_some() {
            reliable.queued = Some((status, sdp));
            return;
        }
        reliable.rseq += 1;
        let rseq = reliable.rseq.to_string();
        let extra = [("Require", "100rel"), ("RSeq", rseq.as_str())];
        let Some(bytes) = self.respond(now, tx, status, &extra, sdp.as_deref()) else { return };
        let Some(hop) = self.servers.get(&tx).map(|tx| tx.hop.clone()) else { return };
        if let Some(reliable) = self.legs.get_mut(&leg).and_then(|leg| leg.reliable.as_mut()) {
            reliable.waiting = Some((hop, bytes));
            reliable.describes = sdp.is_some();
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
        let next = reliable.queued.take();
        self.answer_prack(now, leg, tx, request.sdp());
        if let Some((status, sdp)) = next {
            self.progress(now, leg, status, sdp);
        }
        self.arm_leg(leg);
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
