//! Offers before the call is answered, RFC 3311 §5: legal once the first one has its answer in a
//! provisional answer that was acknowledged. The switch answers them as any other offer.

use super::Leg;
use super::Stage;
use crate::sip::core::UserAgent;
use crate::sip::flow::Flow;
use crate::sip::message::{Message, Method};
use crate::sip::user_agent::Event;
use crate::switch::Now;
use terms::LegId;

impl Leg {
    /// Their first offer has its answer, they know it, and no other one is under way.
    pub(super) fn takes_early_offer(&self) -> bool {
        let answered = self.reliable.as_ref().is_some_and(|reliable| reliable.described);
        self.stage == Stage::Incoming && answered && !self.late && self.update.is_none()
    }
}

impl UserAgent {
    /// Their UPDATE in a dialog that nobody has answered in. False where there is no such dialog, and for
    /// everything else: it is unknown until the call is answered.
    pub(in crate::sip) fn on_early(
        &mut self,
        now: Now,
        flow: Flow,
        tag: &str,
        request: &Message,
    ) -> bool {
        let theirs = request.from_tag().unwrap_or_default();
        let Some(&id) = self.early_tags.get(tag) else { return false };
        let Some(branch) = self.branches.get_mut(&id) else { return false };
        let is_known = branch.fork_mut(theirs).is_some() || branch.rings.as_deref() == Some(theirs);
        let is_open = branch.pending && request.call_id() == &branch.dialog.call_id[..];
        let Some(leg) = branch.leg.filter(|_| is_known && is_open) else { return false };
        if request.method() != Method::Update {
            return false;
        }
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let fork = branch.fork_mut(theirs);
        let (fresh, described) =
            fork.map_or((true, false), |fork| (fork.dialog.on_remote_seq(number), fork.described));
        let Some(tx) = self.start_server(now, flow, request, "") else { return true };
        let sdp = request.sdp();
        if sdp.is_none() && !request.body().is_empty() {
            self.respond(now, tx, 415, &[("Accept", "application/sdp")], None);
            return true;
        }
        let Some(sdp) = sdp.filter(|_| fresh) else {
            self.respond(now, tx, if fresh { 200 } else { 500 }, &[], None);
            return true;
        };
        let waits = self.legs.get(&leg).is_none_or(|state| state.update.is_some());
        if !described || waits {
            // Until they have described themselves reliably, the offer of our INVITE is open.
            self.refuse_second_offer(now, tx, !described);
            return true;
        }
        if let Some(state) = self.legs.get_mut(&leg) {
            state.update = Some(tx);
            state.update_early = Some((id, theirs.into(), sdp.clone()));
        }
        self.count("offers_early");
        self.emit(Event::Offer { leg, sdp: Some(sdp), source: flow.remote });
        true
    }

    /// The switch took what their UPDATE describes: their answer need not say it again.
    pub(super) fn take_early(&mut self, leg: LegId) {
        let taken = self.legs.get_mut(&leg).and_then(|state| state.update_early.take());
        let Some((id, theirs, sdp)) = taken else { return };
        if let Some(branch) = self.branches.get_mut(&id).filter(|branch| branch.pending) {
            branch.early = Some((theirs, sdp));
        }
    }
}
