//! Takes over a new plan while people talk and wait. Queues and agents are matched by id: who is in
//! both stays as they are, who is new begins signed out, who is gone leaves after their call.

use super::agent::{Agent, Presence};
use super::queue::Queue;
use super::rings::{Layout, Rings};
use super::skill_set::counting;
use super::{Distributor, Output, Timer};
use crate::switch::Now;
use std::collections::{BTreeMap, BTreeSet};
use terms::event::{FlowOut, OfferEnd};
use terms::routing::{self, Plan};
use terms::{AgentId, QueueId, VisitId};

impl Distributor {
    /// Uses `plan` from now on.
    pub fn apply(&mut self, now: Now, plan: &Plan) {
        self.unlist_all();
        self.apply_agents(now, plan);
        self.apply_skill_sets(now, plan);
        self.apply_queues(plan);
        self.list_all();
        self.widen_all(now);
        self.await_who_serves();
        self.close_queues(now);
        self.sign_out_leavers(now, plan);
        self.empty_phones(now);
        self.forget();
        self.thin_out_all();
        self.pump(now);
    }

    fn unlist_all(&mut self) {
        for agent in self.agents.values_mut() {
            agent.listed = false;
            agent.matchable = None;
        }
        self.matchable.clear();
        for queue in self.queues.values_mut() {
            queue.listed = None;
        }
    }

    fn apply_queues(&mut self, plan: &Plan) {
        for queue in self.queues.values_mut() {
            queue.open = false;
        }
        let (agents, sets) = (&self.agents, &self.skill_sets);
        for settings in &plan.queues {
            let layout = Layout::of(settings, |agent| counting(agents, sets, agent, settings));
            let queue = self
                .queues
                .get_or_insert_with(settings.id, || Queue::new(settings.clone(), layout.clone()));
            queue.open = true;
            let same = queue.settings.strategy == settings.strategy
                && queue.settings.matching.seats == settings.matching.seats
                && queue.settings.matching.expression == settings.matching.expression;
            queue.settings = settings.clone();
            if !same {
                queue.free = Rings::new(settings, layout);
            } else if *queue.free.layout() != layout {
                queue.lay_out(layout);
            }
        }
        for queue in self.queues.values_mut() {
            queue.free.clear();
        }
        self.last.ask(plan.queues.iter().any(|queue| queue.matching.last_agent_s > 0));
        let asks = |queue: &routing::Queue| !queue.matching.doors.stays_while.is_empty();
        self.asks_to_stay = plan.queues.iter().any(asks);
    }

    fn apply_agents(&mut self, now: Now, plan: &Plan) {
        let known: BTreeSet<AgentId> = plan.agents.iter().map(|agent| agent.id).collect();
        let mut serves: BTreeMap<AgentId, Vec<QueueId>> = BTreeMap::new();
        for queue in &plan.queues {
            for &agent in queue.agents.iter().filter(|agent| known.contains(agent)) {
                let queues = serves.entry(agent).or_default();
                if !queues.contains(&queue.id) {
                    queues.push(queue.id);
                }
            }
        }
        for settings in &plan.agents {
            let id = settings.id;
            let agent = self.agents.get_or_insert_with(id, || Box::new(Agent::new(id, now)));
            agent.skills.clone_from(&settings.skills);
        }
        for (id, agent) in self.agents.iter_mut() {
            agent.in_plan = known.contains(&id);
            agent.queues = serves.remove(&id).unwrap_or_default();
        }
    }

    fn list_all(&mut self) {
        for agent in self.agents.values_mut().filter(|agent| agent.in_plan && agent.is_free()) {
            agent.listed = true;
            let candidate = agent.candidate();
            for queue in &agent.queues {
                if let Some(queue) = self.queues.get_mut(queue) {
                    queue.free.insert(&candidate);
                }
            }
        }
        let queues: Vec<QueueId> = self.queues.keys().copied().collect();
        for queue in queues {
            self.relist(queue);
        }
        let agents: Vec<AgentId> = self.agents.keys().copied().collect();
        for agent in agents {
            self.relist_agent(agent);
        }
    }

    /// Rings may be others now.
    fn widen_all(&mut self, now: Now) {
        let visits: Vec<VisitId> = self.visits.keys().copied().collect();
        for visit in visits {
            self.widen(now, visit);
        }
    }

    /// Who waits for an agent who does not serve the queue any more waits for everybody.
    pub(super) fn await_who_serves(&mut self) {
        let gone: Vec<VisitId> = self
            .visits
            .iter()
            .filter(|(_, visit)| {
                visit.awaited.is_some_and(|awaited| !self.may_await(awaited.agent, visit.queue))
            })
            .map(|(&id, _)| id)
            .collect();
        for id in gone {
            self.await_all(id);
        }
    }

    /// Who waits in a queue that is gone is sent on by force.
    fn close_queues(&mut self, now: Now) {
        let closed: Vec<VisitId> =
            self.queues.values().filter(|queue| !queue.open).flat_map(Queue::visits).collect();
        for id in closed {
            if self.visits.get(&id).is_some_and(|visit| visit.offer.is_some()) {
                // The end of the last offer sends the contact on.
                self.revoke_all(now, id, OfferEnd::Withdrawn);
                continue;
            }
            let Some(call) = self.visits.get(&id).map(|visit| visit.call) else { continue };
            self.remove(id);
            self.outputs.push_back(Output::FlowOut { visit: id, call, reason: FlowOut::Forced });
        }
    }

    fn sign_out_leavers(&mut self, now: Now, plan: &Plan) {
        let leavers: Vec<AgentId> =
            self.agents.values().filter(|agent| !agent.in_plan).map(|agent| agent.id).collect();
        for id in leavers {
            debug_assert!(plan.agent(id).is_none(), "a leaver is not in the plan");
            if let Some(agent) = self.agents.get_mut(&id) {
                agent.presence = Presence::SignedOut;
            }
            self.drop_wrap_up(id);
            if let Some(visit) = self.offered_to(id) {
                self.revoke(now, visit, id, OfferEnd::Withdrawn);
            }
            self.settle(id, now, None);
        }
    }

    /// Who has left and has no call any more.
    fn forget(&mut self) {
        self.agents.retain(|_, agent| agent.in_plan || agent.engaged.is_some());
        self.queues.retain(|_, queue| queue.open || queue.len() > 0);
        let agents = &self.agents;
        self.timers.retain(|(_, timer)| match timer {
            Timer::WrapUp(agent) => agents.contains_key(agent),
            Timer::Offer(_)
            | Timer::RingMore(_)
            | Timer::Wait(_)
            | Timer::Widen(_)
            | Timer::Personal(_) => true,
        });
    }
}
