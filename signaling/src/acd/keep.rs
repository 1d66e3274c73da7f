//! What of a distributor outlives the process: what agents chose and do, and places in queues.

use super::agent::{Engaged, Presence, WrapUp};
use super::personal::{Awaited, KeptLast};
use super::phone::Guesses;
use super::queue::Key;
use super::resume::KeptLeaver;
use super::tally::Tally;
use super::{Distributor, Timer, Visit};
use crate::ivr::template::Variables;
use crate::kept::{self, Change};
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::event::Forwarding;
use terms::{
    AgentId, CallId, Moment, QueueId, SkillSetId, Subscriber, TenantId, Timestamp, VisitId,
};

/// An agent as they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptAgent {
    presence: Presence,
    engaged: Option<Engaged>,
    second: Option<Engaged>,
    wrap_up: Option<WrapUp>,
    idle_since: Moment,
    tally: Tally,
    registered: Option<bool>,
    own_phone: Option<bool>,
    at: Option<AgentId>,
    guessed: Guesses,
    guesses: Guesses,
    do_not_disturb: bool,
    forwarding: Forwarding,
    skill_set: Option<SkillSetId>,
}

/// A stay as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptVisit {
    call: CallId,
    queue: QueueId,
    priority: i32,
    since: Moment,
    key: Key,
    entered: Moment,
    since_wall: Timestamp,
    leave_at: Moment,
    absent: bool,
    stays: bool,
    awaited: Option<Awaited>,
}

impl KeptVisit {
    /// The same stay as it is when its caller is back from what they hear meanwhile.
    pub fn back(self, leave_at: Moment) -> Self {
        KeptVisit { leave_at, absent: false, stays: false, ..self }
    }
}

impl Distributor {
    /// Agents who changed since this was asked last.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<AgentId> {
        std::mem::take(&mut self.touched)
    }

    /// An agent as they are now.
    pub(crate) fn keep_agent(&self, id: AgentId) -> Option<KeptAgent> {
        let agent = self.agents.get(&id)?;
        Some(KeptAgent {
            presence: agent.presence.clone(),
            engaged: agent.engaged,
            second: agent.second.as_deref().copied(),
            wrap_up: agent.wrap_up.as_deref().copied(),
            idle_since: agent.idle_since,
            tally: agent.tally,
            registered: agent.registered,
            own_phone: agent.own_phone,
            at: agent.at,
            guessed: agent.guessed,
            guesses: agent.guesses,
            do_not_disturb: agent.do_not_disturb,
            forwarding: agent.forwarding().clone(),
            skill_set: agent.skill_set,
        })
    }

    /// A stay as it is now.
    pub(crate) fn keep_visit(&self, id: VisitId) -> Option<KeptVisit> {
        let visit = self.visits.get(&id)?;
        Some(KeptVisit {
            call: visit.call,
            queue: visit.queue,
            priority: visit.priority,
            since: visit.since,
            key: visit.key,
            entered: visit.entered,
            since_wall: visit.since_wall,
            leave_at: visit.leave_at,
            absent: visit.absent,
            stays: visit.stays,
            awaited: visit.awaited,
        })
    }

    /// An agent is what they were; `takes` says of a call that has them whether it goes on. An agent
    /// whose phone rang for a queue is free: the contact waits again; one who was at a phone that is in
    /// no plan any more has signed out. Offers begin with [`Distributor::restored`].
    pub(crate) fn restore_agent(
        &mut self,
        now: Now,
        id: AgentId,
        kept: KeptAgent,
        takes: impl Fn(CallId) -> bool,
    ) {
        let is_there = |phone: AgentId| self.agents.get(&phone).is_some_and(|of| of.in_plan);
        let phone_is_gone = kept.at.is_some_and(|phone| !is_there(phone));
        let Some(agent) = self.agents.get_mut(&id).filter(|agent| agent.in_plan) else { return };
        (agent.presence, agent.registered) = match phone_is_gone {
            true => (Presence::SignedOut, kept.own_phone),
            false => (kept.presence, kept.registered),
        };
        let goes_on = |engaged: &Engaged| engaged.visit.is_none() && takes(engaged.call);
        agent.engaged = kept.engaged.filter(goes_on);
        agent.second = kept.second.filter(goes_on).map(Box::new);
        if agent.engaged.is_none() {
            agent.engaged = agent.second.take().map(|second| *second);
        }
        let wrap_up = kept.wrap_up.filter(|_| agent.presence != Presence::SignedOut);
        agent.wrap_up = wrap_up.map(Box::new);
        agent.idle_since = kept.idle_since;
        agent.tally = kept.tally;
        agent.own_phone = kept.own_phone;
        (agent.guessed, agent.guesses) = (kept.guessed, kept.guesses);
        agent.do_not_disturb = kept.do_not_disturb;
        agent.forward(kept.forwarding);
        if let Some(wrap_up) = wrap_up.filter(|wrap_up| !wrap_up.mandatory) {
            self.timers.insert((wrap_up.until, Timer::WrapUp(id)));
        }
        self.sit_again(id, kept.at);
        self.choose_skills(now, id, kept.skill_set);
        self.settle(id, now, None);
    }

    /// A contact stands where it stood. False where its queue is gone.
    pub(crate) fn restore_visit(&mut self, now: Now, id: VisitId, kept: &KeptVisit) -> bool {
        if !self.queues.get(&kept.queue).is_some_and(|queue| queue.open) {
            return false;
        }
        let KeptVisit { call, queue, priority, since, key, .. } = *kept;
        let KeptVisit { entered, since_wall, leave_at, absent, stays, .. } = *kept;
        self.arrivals = self.arrivals.max(key.arrival);
        let stay = Visit {
            call,
            queue,
            priority,
            since,
            key,
            since_wall,
            entered,
            leave_at,
            stage: 0,
            widens_at: None,
            awaited: None,
            offer: None,
            absent,
            stays,
            facts: Variables::default(),
        };
        self.stand(now, id, stay);
        true
    }

    /// A contact waits for the agent it waited for. All agents have to be back.
    pub(crate) fn restore_wait(&mut self, now: Now, id: VisitId, kept: &KeptVisit) {
        if let Some(awaited) = kept.awaited {
            self.await_again(now, id, awaited);
        }
    }

    /// What changed of callers who left, and of whom callers talked with, since this was asked last.
    pub(crate) fn take_callers(&mut self, tenant: TenantId) -> Vec<Change> {
        let left = self.left.take_touched();
        let left = left.map(|(order, found)| Change::of(kept::Key::Left(tenant, order), found));
        let last = self.last.take_touched();
        let last = last.map(|(order, found)| Change::of(kept::Key::Last(tenant, order), found));
        left.chain(last).collect()
    }

    /// Whom callers talked with last, where a queue asks for it, the longest ago first.
    pub(crate) fn last_agents(&self) -> Vec<KeptLast> {
        self.last.all().cloned().collect()
    }

    /// Callers who may come back to their place.
    pub(crate) fn leavers(&self, now: Moment) -> Vec<KeptLeaver> {
        self.left.all(now).cloned().collect()
    }

    /// A caller who left may still come back.
    pub(crate) fn restore_left(&mut self, order: u64, kept: KeptLeaver) {
        self.left.restore(order, kept);
    }

    /// A caller talked with an agent last.
    pub(crate) fn restore_last(&mut self, order: u64, kept: KeptLast) {
        self.last.restore(order, kept);
    }

    /// This person is remembered no more: neither their place nor whom they talked with.
    pub(crate) fn forget_person(&mut self, person: &Subscriber) {
        self.left.forget(person);
        self.last.forget(person);
    }

    /// Everybody is back: who is free is offered who waits.
    pub(crate) fn restored(&mut self, now: Now) {
        self.thin_out_all();
        self.pump(now);
    }
}
