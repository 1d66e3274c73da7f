//! Offers, from ringing to their one end, and conversations, from answer to the end of wrap-up.

use super::agent::{Agent, Engaged, Presence, Stage, WrapUp};
use super::rings::Pick;
use super::{Busy, Distributor, Offer, Output, Timer, progressive};
use crate::switch::Now;
use std::time::Duration;
use terms::event::{Choice, FlowOut, Forwarding, OfferEnd};
use terms::{AgentId, CallId, QueueId, VisitId};

/// Reason of the break that an agent gets who does not answer.
pub const NO_ANSWER: &str = "no_answer";
/// Reason of the break that an agent gets who declines.
pub const DECLINED: &str = "declined";
/// Reason of the break in which an agent is shown who would be ready and wants no calls.
pub const DO_NOT_DISTURB: &str = "do_not_disturb";
/// Reason of the break that an agent gets whose phone cannot be reached; ends when it registers.
pub const UNREACHABLE: &str = "unreachable";

impl Distributor {
    pub(super) fn offer(&mut self, now: Now, queue: QueueId, id: VisitId, pick: Pick) {
        let agent_id = pick.agent;
        let choice = self.choice(now, queue, id, pick);
        let settings = self.queues.get(&queue).map(|queue| &queue.settings);
        let ring = settings.map_or(0, |settings| settings.ring_max_s);
        let deadline = now.moment + Duration::from_secs(ring.max(1).into());
        let more_at = settings.and_then(|set| progressive::more_at(now.moment, set, &pick));
        let visit = self.visits.get_mut(&id).expect("a waiting visit exists");
        let call = visit.call;
        let mut agents = Vec::new();
        if let Some(before) = visit.offer.take() {
            self.stop_offer_timers(id, &before);
            agents = before.agents;
        }
        agents.push(agent_id);
        let visit = self.visits.get_mut(&id).expect("a waiting visit exists");
        visit.offer = Some(Offer { agents, deadline, more_at });
        self.timers.insert((deadline, Timer::Offer(id)));
        self.timers.extend(more_at.map(|at| (at, Timer::RingMore(id))));
        let agent = self.agents.get_mut(&agent_id).expect("a listed agent exists");
        agent.engaged = Some(Engaged {
            call,
            stage: Stage::Ringing,
            queue: Some(queue),
            visit: Some(id),
            quiet: false,
            talking_since: None,
        });
        self.outputs.push_back(Output::Offer { visit: id, call, queue, agent: agent_id, choice });
        self.settle(agent_id, now, None);
    }

    /// Why this visit goes to this agent, while both are as they were chosen.
    fn choice(&self, now: Now, queue: QueueId, visit: VisitId, pick: Pick) -> Choice {
        let queue = self.queues.get(&queue).expect("an offer comes from a queue");
        let visit = self.visits.get(&visit).expect("a waiting visit exists");
        let agent = self.agents.get(&pick.agent).expect("a listed agent exists");
        let waited = (now.moment - visit.since).as_millis();
        Choice {
            by: pick.by,
            strategy: queue.settings.strategy,
            ring: u32::try_from(pick.ring).unwrap_or(u32::MAX),
            candidates: u32::try_from(pick.candidates).unwrap_or(u32::MAX),
            measure: queue.free.measure(&agent.candidate(), now.moment),
            priority: visit.priority,
            waited_ms: u64::try_from(waited).unwrap_or(u64::MAX),
            waiting: queue.len(),
            unscored: queue.free.unscored(pick.agent),
        }
    }

    /// The agent answered: the visit is over, the conversation begins, and whoever else rang for it
    /// is as they were. False when the offer had already ended.
    pub fn answered(&mut self, now: Now, id: VisitId, agent: AgentId) -> bool {
        let rung = self.rung(id);
        if !rung.contains(&agent) {
            return false;
        }
        for other in rung.into_iter().filter(|other| *other != agent) {
            self.end_offer(now, id, other, OfferEnd::Withdrawn);
        }
        self.remove(id);
        if let Some(engaged) = self.agents.get_mut(&agent).and_then(|agent| agent.engaged.as_mut())
        {
            engaged.stage = Stage::Talking;
            engaged.visit = None;
            engaged.talking_since = Some(now.moment);
        }
        self.settle(agent, now, None);
        self.pump(now);
        true
    }

    /// A colleague takes what rings at an agent: the visit is over, and the conversation begins with
    /// them. They were engaged before. False when that offer had already ended.
    pub fn picked_up(&mut self, now: Now, id: VisitId, from: AgentId, by: AgentId) -> bool {
        let Some(visit) = self.visits.get(&id) else { return false };
        let (call, queue) = (visit.call, visit.queue);
        if !self.rung(id).contains(&from) {
            return false;
        }
        self.end_offer(now, id, from, OfferEnd::PickedUp);
        self.withdraw(now, id);
        self.remove(id);
        self.serve(now, by, call, Some(queue));
        self.pump(now);
        true
    }

    /// The phone said no, or could not be reached. The contact rings on where else it does, and goes
    /// back to its place where it does not.
    pub fn offer_failed(&mut self, now: Now, id: VisitId, agent: AgentId, end: OfferEnd) {
        if self.end_offer(now, id, agent, end) {
            self.requeue(id, now);
            self.pump(now);
        }
    }

    pub(super) fn offer_expired(&mut self, now: Now, id: VisitId) {
        self.revoke_all(now, id, OfferEnd::NoAnswer);
    }

    /// Ends the offer to one agent by our own doing and tells the call.
    pub(super) fn revoke(&mut self, now: Now, id: VisitId, agent: AgentId, end: OfferEnd) {
        if !self.end_offer(now, id, agent, end) {
            return;
        }
        let visit = self.visits.get(&id).expect("a visit outlives its offers");
        let (call, queue) = (visit.call, visit.queue);
        self.outputs.push_back(Output::OfferEnded { visit: id, call, queue, agent, end });
        self.requeue(id, now);
    }

    /// The same for all whom it is offered to.
    pub(super) fn revoke_all(&mut self, now: Now, id: VisitId, end: OfferEnd) {
        for agent in self.rung(id) {
            self.revoke(now, id, agent, end);
        }
    }

    /// Takes the offers off a visit that is about to end. Whom it was offered to.
    pub(super) fn withdraw(&mut self, now: Now, id: VisitId) -> Vec<AgentId> {
        let rung = self.rung(id);
        for &agent in &rung {
            self.end_offer(now, id, agent, OfferEnd::Withdrawn);
        }
        rung
    }

    /// At whom a visit rings.
    pub(super) fn rung(&self, id: VisitId) -> Vec<AgentId> {
        let offer = self.visits.get(&id).and_then(|visit| visit.offer.as_ref());
        offer.map(|offer| offer.agents.clone()).unwrap_or_default()
    }

    /// Takes the offer off visit and agent. An agent who let a caller ring goes on a break, so that
    /// the same caller does not ring there again. False where there was no such offer.
    fn end_offer(&mut self, now: Now, id: VisitId, agent_id: AgentId, end: OfferEnd) -> bool {
        let Some(visit) = self.visits.get_mut(&id) else { return false };
        let Some(offer) = visit.offer.as_mut() else { return false };
        let Some(place) = offer.agents.iter().position(|agent| *agent == agent_id) else {
            return false;
        };
        offer.agents.remove(place);
        if offer.agents.is_empty()
            && let Some(over) = visit.offer.take()
        {
            self.stop_offer_timers(id, &over);
        }
        let agent = self.agents.get_mut(&agent_id).expect("an offered agent exists");
        agent.engaged = None;
        let reason = match end {
            OfferEnd::NoAnswer => Some(NO_ANSWER),
            OfferEnd::Declined => Some(DECLINED),
            OfferEnd::Unreachable => Some(UNREACHABLE),
            OfferEnd::Withdrawn | OfferEnd::PickedUp => None,
        };
        let is_ready = agent.presence == Presence::Ready && !agent.do_not_disturb;
        if let Some(reason) = reason.filter(|_| is_ready) {
            agent.presence = Presence::Break { reason: reason.to_owned() };
        }
        self.settle(agent_id, now, None);
        true
    }

    /// An offer is over, or begins anew.
    pub(super) fn stop_offer_timers(&mut self, id: VisitId, offer: &Offer) {
        self.timers.remove(&(offer.deadline, Timer::Offer(id)));
        if let Some(at) = offer.more_at {
            self.timers.remove(&(at, Timer::RingMore(id)));
        }
    }

    /// Back to its place in the queue, unless it rings on at somebody: its age makes it the first of
    /// those who came later.
    fn requeue(&mut self, id: VisitId, now: Now) {
        let Some(visit) = self.visits.get(&id).filter(|visit| visit.offer.is_none()) else {
            return;
        };
        let (key, queue_id, call, leave_at) = (visit.key, visit.queue, visit.call, visit.leave_at);
        let stage = visit.stage;
        let queue = self.queues.get_mut(&queue_id).expect("a visit's queue exists");
        queue.ringing.remove(&key);
        if leave_at <= now.moment || !queue.open {
            let reason = if queue.open { FlowOut::MaxWait } else { FlowOut::Forced };
            self.remove(id);
            self.outputs.push_back(Output::FlowOut { visit: id, call, reason });
            return;
        }
        queue.put(key, stage, id);
        self.relist(queue_id);
    }

    /// An agent gets a call without a queue: they dial, or are dialled. `quiet` calls do not show.
    ///
    /// # Errors
    /// When the agent has another call, or somebody else is at their phone.
    pub fn engage(
        &mut self,
        now: Now,
        id: AgentId,
        call: CallId,
        queue: Option<QueueId>,
        quiet: bool,
    ) -> Result<(), Busy> {
        let displaced = self.is_displaced(id);
        let agent = self.agents.get_mut(&id).ok_or(Busy(id))?;
        if agent.engaged.is_some() || displaced {
            return Err(Busy(id));
        }
        let quiet = quiet || agent.presence == Presence::SignedOut;
        let stage = Stage::Ringing;
        let engaged = Engaged { call, stage, queue, visit: None, quiet, talking_since: None };
        agent.engaged = Some(engaged);
        if !quiet && !agent.owes_disposition() {
            // Who dials is done with the last call.
            self.drop_wrap_up(id);
        }
        self.settle(id, now, None);
        self.send_on();
        Ok(())
    }

    /// A call without a queue, a hold or its end: how far the agent's call is now.
    pub fn stage(&mut self, now: Now, id: AgentId, call: CallId, stage: Stage) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let line = match &mut agent.second {
            Some(second) if second.call == call => Some(&mut **second),
            _ => agent.engaged.as_mut().filter(|engaged| engaged.call == call),
        };
        if let Some(engaged) = line {
            engaged.stage = stage;
            engaged.talking_since.get_or_insert(now.moment);
            self.settle(id, now, None);
        }
    }

    /// A quiet call becomes the agent's conversation, and is shown as one.
    pub fn serve(&mut self, now: Now, id: AgentId, call: CallId, queue: Option<QueueId>) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let signed_out = agent.presence == Presence::SignedOut;
        if let Some(engaged) = agent.engaged.as_mut().filter(|engaged| engaged.call == call) {
            engaged.quiet = signed_out;
            (engaged.stage, engaged.queue) = (Stage::Talking, queue);
            engaged.talking_since = Some(now.moment);
            self.settle(id, now, None);
        }
    }

    /// True when the agent could be called now without a queue.
    pub fn is_reachable(&self, id: AgentId) -> bool {
        let is_free = |agent: &Agent| agent.engaged.is_none() && agent.wrap_up.is_none();
        self.agents.get(&id).is_some_and(|agent| is_free(agent)) && !self.is_displaced(id)
    }

    /// True when they have begun their work.
    pub fn is_signed_in(&self, id: AgentId) -> bool {
        let is_in = |agent: &Agent| agent.in_plan && agent.presence != Presence::SignedOut;
        self.agents.get(&id).is_some_and(|agent| is_in(agent))
    }

    /// True when nobody may ring this agent.
    pub fn is_not_disturbed(&self, id: AgentId) -> bool {
        self.agents.get(&id).is_some_and(|agent| agent.do_not_disturb)
    }

    /// Where calls to this agent's extension go.
    pub fn forwarding(&self, id: AgentId) -> Option<&Forwarding> {
        self.agents.get(&id).map(|agent| agent.forwarding())
    }

    /// The agent's call ended. Wrap-up follows when there is time for it, or a disposition is wanted, and
    /// the agent stays; who talks on in a second call has no time for it.
    pub fn release(
        &mut self,
        now: Now,
        id: AgentId,
        call: CallId,
        wrap_up: Option<(QueueId, Duration)>,
    ) {
        if self.release_second(now, id, call) {
            return;
        }
        let mandatory = wrap_up.is_some_and(|(queue, _)| {
            let queue = self.queues.get(&queue);
            queue.is_some_and(|queue| queue.settings.matching.wrap_up_mandatory)
        });
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let Some(engaged) = agent.engaged.filter(|engaged| engaged.call == call) else { return };
        agent.engaged = agent.second.take().map(|second| *second);
        let goes_on = agent.engaged.is_some();
        let handled = engaged.talking_since.map_or(Duration::ZERO, |since| now.moment - since);
        let wrap_up = wrap_up.filter(|&(_, time)| {
            (mandatory || !time.is_zero() && !goes_on)
                && !engaged.quiet
                && !agent.owes_disposition()
                && agent.presence != Presence::SignedOut
        });
        if !engaged.quiet {
            agent.idle_since = now.moment;
        }
        if engaged.talking_since.is_some() && !engaged.quiet {
            agent.tally.served(now.moment, handled, engaged.queue.is_some());
            if let Some(queue) = engaged.queue.and_then(|queue| self.queues.get_mut(&queue)) {
                queue.free.served(id, now.moment);
            }
        }
        if let Some((queue, time)) = wrap_up {
            let until = now.moment + time;
            let since = now.moment;
            let wrap_up = WrapUp { until, call, queue, handled, since, mandatory };
            agent.wrap_up = Some(Box::new(wrap_up));
            if !mandatory {
                self.timers.insert((until, Timer::WrapUp(id)));
            }
        } else if let Some(queue) = engaged.queue.and_then(|queue| self.queues.get_mut(&queue)) {
            queue.note_handling(handled);
        }
        self.settle(id, now, None);
        self.pump(now);
    }

    /// Wrap-up is over, by the agent or by the timer.
    pub(super) fn end_wrap_up(&mut self, now: Now, id: AgentId, disposition: Option<String>) {
        let Some(wrap_up) = self.drop_wrap_up(id) else { return };
        if let Some(queue) = self.queues.get_mut(&wrap_up.queue) {
            queue.note_handling(wrap_up.handled + (now.moment - wrap_up.since));
        }
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.idle_since = now.moment;
        }
        self.settle(id, now, disposition);
    }

    pub(super) fn drop_wrap_up(&mut self, id: AgentId) -> Option<WrapUp> {
        let wrap_up = self.agents.get_mut(&id)?.wrap_up.take()?;
        self.timers.remove(&(wrap_up.until, Timer::WrapUp(id)));
        Some(*wrap_up)
    }
}
