//! Contacts that wait for one agent of their own for a while: the customer's, or the one whom the
//! caller talked with last. The agent may be talking; who is not there is not waited for. When the
//! time is over, the agent leaves or does not answer, the contact waits for everybody, in its place.

use super::{Distributor, Key, Place, Timer};
use crate::switch::Now;
use std::collections::BTreeMap;
use std::time::Duration;
use terms::event::ChosenBy;
use terms::{AgentId, Moment, QueueId, VisitId};

/// Callers of a tenant of whom it is remembered whom they talked with last; of more, those who talked
/// longest ago are forgotten. They do not outlive the process.
pub const LAST_MAX: usize = 10_000;

/// Whom a contact waits for, before it waits for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Personal {
    /// Who.
    pub agent: AgentId,
    /// How long.
    pub wait: Duration,
    /// Why they.
    pub by: ChosenBy,
}

/// A contact waits for one agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub agent: AgentId,
    pub until: Moment,
    pub by: ChosenBy,
}

/// Whom callers talked with last.
#[derive(Debug, Default)]
pub(super) struct Last {
    agents: BTreeMap<String, (AgentId, u64)>,
    order: BTreeMap<u64, String>,
    conversations: u64,
}

impl Last {
    fn note(&mut self, caller: &str, agent: AgentId) {
        self.conversations += 1;
        if let Some((_, before)) =
            self.agents.insert(caller.to_owned(), (agent, self.conversations))
        {
            self.order.remove(&before);
        }
        self.order.insert(self.conversations, caller.to_owned());
        if self.order.len() > LAST_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.agents.remove(&oldest);
        }
    }
}

impl Distributor {
    /// A caller talks with an agent.
    pub fn talks(&mut self, caller: &str, agent: AgentId) {
        self.last.note(caller, agent);
    }

    /// Whom a caller talked with last.
    pub fn last_agent(&self, caller: &str) -> Option<AgentId> {
        self.last.agents.get(caller).map(|&(agent, _)| agent)
    }

    /// True for an agent who serves the queue and is there, however busy.
    pub(super) fn may_await(&self, agent: AgentId, queue: QueueId) -> bool {
        let serves = self.queues.get(&queue).is_some_and(|queue| queue.free.ring(agent).is_some());
        self.agents.get(&agent).is_some_and(|agent| agent.in_plan && agent.is_there()) && serves
    }

    /// A visit that waits for everybody waits for one agent from now on.
    pub(super) fn await_agent(&mut self, now: Now, id: VisitId, personal: Personal) {
        let Personal { agent: agent_id, wait, by } = personal;
        let Some(visit) = self.visits.get_mut(&id) else { return };
        let Some(agent) = self.agents.get_mut(&agent_id) else { return };
        let Some(queue) = self.queues.get_mut(&visit.queue) else { return };
        let until = now.moment + wait;
        visit.awaited = Some(Awaited { agent: agent_id, until, by });
        queue.take(visit.key);
        queue.personal.insert(visit.key, id);
        agent.personal.insert(visit.key, id);
        self.timers.insert((until, Timer::Personal(id)));
        let queue = visit.queue;
        self.relist(queue);
        self.relist_agent(agent_id);
    }

    /// A visit waits for everybody again.
    pub(super) fn await_all(&mut self, id: VisitId) {
        let Some((key, _)) = self.stop_awaiting(id) else { return };
        let Some(visit) = self.visits.get(&id) else { return };
        let queue_id = visit.queue;
        if let Some(queue) = self.queues.get_mut(&queue_id) {
            queue.put(key, visit.stage, id);
        }
        self.relist(queue_id);
    }

    /// A visit waits for no agent of its own any more. Its place and the agent.
    pub(super) fn stop_awaiting(&mut self, id: VisitId) -> Option<(Key, Awaited)> {
        let visit = self.visits.get_mut(&id)?;
        let awaited = visit.awaited.take()?;
        let key = visit.key;
        self.timers.remove(&(awaited.until, Timer::Personal(id)));
        if let Some(queue) = self.queues.get_mut(&visit.queue) {
            queue.personal.remove(&key);
        }
        if let Some(agent) = self.agents.get_mut(&awaited.agent) {
            agent.personal.remove(&key);
        }
        self.relist_agent(awaited.agent);
        Some((key, awaited))
    }

    /// Who waits for an agent who is not there any more waits for everybody.
    pub(super) fn leave_personal(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get(&id).filter(|agent| !agent.is_there()) else { return };
        let visits: Vec<VisitId> = agent.personal.values().copied().collect();
        for visit in visits {
            self.await_all(visit);
        }
    }

    /// Puts an agent whom contacts wait for where they belong in the set of what is matchable.
    pub(super) fn relist_agent(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let head = agent.personal.keys().next().copied().filter(|_| agent.listed);
        if agent.matchable == head {
            return;
        }
        if let Some(old) = std::mem::replace(&mut agent.matchable, head) {
            self.matchable.remove(&(old, Place::Agent(id)));
        }
        if let Some(new) = head {
            self.matchable.insert((new, Place::Agent(id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_agent_of_so_many_callers_is_remembered() {
        let mut last = Last::default();
        last.note("first", AgentId(1));
        for n in 0..LAST_MAX as u64 - 1 {
            last.note(&n.to_string(), AgentId(2));
        }
        last.note("first", AgentId(3));
        last.note("one more", AgentId(4));
        assert_eq!((last.agents.len(), last.order.len()), (LAST_MAX, LAST_MAX));
        assert_eq!(last.agents.get("first").map(|found| found.0), Some(AgentId(3)));
        assert_eq!(last.agents.get("0"), None, "theirs was the longest ago");
    }
}
