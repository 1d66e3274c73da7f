//! Their UPDATE, RFC 3311: a session refresh without a description, a new offer with one.

use super::answer::Answered;
use super::{Leg, Stage};
use crate::sip::core::UserAgent;
use crate::sip::flow::Flow;
use crate::sip::message::Message;
use crate::sip::user_agent::Event;
use crate::switch::Now;
use rand::Rng;
use terms::LegId;

impl Leg {
    /// An offer of ours waits for their answer; one to an INVITE without any goes out in our answer, or
    /// before it, and then their PRACK has theirs.
    fn has_open_offer(&self) -> bool {
        let agreed = self.reliable.as_ref().is_some_and(|it| it.their_answer.is_some());
        let asked = self.invite.is_some() && self.late && !agreed;
        let in_answer = self.answered.as_ref().is_some_and(Answered::offers);
        self.offering.is_open() || asked || in_answer
    }
}

impl UserAgent {
    pub(in crate::sip) fn on_update(
        &mut self,
        now: Now,
        flow: Flow,
        leg: LegId,
        tx: u64,
        request: &Message,
    ) {
        let sdp = request.sdp();
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if sdp.is_none() && !request.body().is_empty() {
            self.respond(now, tx, 415, &[("Accept", "application/sdp")], None);
            return;
        }
        let is_quiet = state.stage == Stage::Confirmed && !state.is_negotiating();
        if sdp.is_some() && !is_quiet && !state.takes_early_offer() {
            let ours_waits = state.has_open_offer();
            return self.refuse_second_offer(now, tx, ours_waits);
        }
        // What the INVITE says of the session's timer counts until it is answered.
        let is_early = state.stage == Stage::Incoming;
        self.refresh_target(leg, flow, request);
        if !is_early {
            self.refreshed(now, leg, request);
        }
        let Some(state) = self.legs.get_mut(&leg) else { return };
        match sdp {
            Some(sdp) => {
                state.update = Some(tx);
                self.emit(Event::Offer { leg, sdp: Some(sdp), source: flow.remote });
            }
            None if is_early => {
                self.respond(now, tx, 200, &[], None);
            }
            None => {
                let timer = self.timer_headers(now, leg);
                let timer: Vec<(&str, &str)> =
                    timer.iter().map(|(n, v)| (*n, v.as_str())).collect();
                self.respond(now, tx, 200, &timer, None);
            }
        }
        self.arm_leg(leg);
    }

    /// One offer at a time, RFC 3311 §5.2: 491 while ours waits for their answer, and a time to come
    /// again after while theirs waits for ours.
    pub(super) fn refuse_second_offer(&mut self, now: Now, tx: u64, ours_waits: bool) {
        if ours_waits {
            self.respond(now, tx, 491, &[], None);
            return;
        }
        let pause = self.rng.random_range(0..10_u32).to_string();
        self.respond(now, tx, 500, &[("Retry-After", &pause)], None);
    }
}
