//! Contacts that wait for one agent of their own for a while: the customer's, or the one whom the
//! caller talked with last. The agent may be talking; who is not there is not waited for. When the
//! time is over, the agent leaves or does not answer, the contact waits for everybody, in its place.

use super::{Distributor, Key, Place, Timer};
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::event::ChosenBy;
use terms::{AgentId, Moment, QueueId, Subscriber, VisitId};

/// Callers of a tenant of whom it is remembered whom they talked with last; of more, those who talked
/// longest ago are forgotten.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Awaited {
    pub agent: AgentId,
    pub until: Moment,
    pub by: ChosenBy,
}

/// Whom a caller talked with last, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptLast {
    caller: String,
    agent: AgentId,
}

/// Whom callers talked with last.
#[derive(Debug, Default)]
pub(super) struct Last {
    /// In the order of their conversations.
    by_order: BTreeMap<u64, KeptLast>,
    callers: BTreeMap<String, u64>,
    conversations: u64,
    /// A queue asks for it: what nobody asks for takes no room in what is kept.
    is_asked: bool,
    touched: BTreeSet<u64>,
}

impl Last {
    fn note(&mut self, caller: &str, agent: AgentId) {
        self.conversations += 1;
        self.put(self.conversations, KeptLast { caller: caller.to_owned(), agent });
        if self.by_order.len() > LAST_MAX
            && let Some(&oldest) = self.by_order.keys().next()
        {
            self.drop_one(oldest);
        }
    }

    fn put(&mut self, order: u64, last: KeptLast) {
        if let Some(before) = self.callers.insert(last.caller.clone(), order) {
            self.by_order.remove(&before);
            self.touch(before);
        }
        self.by_order.insert(order, last);
        self.touch(order);
    }

    fn drop_one(&mut self, order: u64) {
        let Some(last) = self.by_order.remove(&order) else { return };
        self.callers.remove(&last.caller);
        self.touch(order);
    }

    fn touch(&mut self, order: u64) {
        if self.is_asked {
            self.touched.insert(order);
        }
    }

    fn agent(&self, caller: &str) -> Option<AgentId> {
        self.by_order.get(self.callers.get(caller)?).map(|last| last.agent)
    }

    /// Whether a queue asks for the last agent, from now on.
    pub fn ask(&mut self, is_asked: bool) {
        if self.is_asked != is_asked {
            self.is_asked = is_asked;
            self.touched = self.by_order.keys().copied().collect();
        }
    }

    /// This person is remembered no more.
    pub fn forget(&mut self, person: &Subscriber) {
        let theirs = self.by_order.iter().filter(|(_, last)| person.is_in(&last.caller));
        let theirs: Vec<u64> = theirs.map(|(&order, _)| order).collect();
        for order in theirs {
            self.drop_one(order);
        }
    }

    /// What changed since this was asked last, by its order; none for what is not to be kept any more.
    pub fn take_touched(&mut self) -> impl Iterator<Item = (u64, Option<&KeptLast>)> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        let (by_order, is_asked) = (&self.by_order, self.is_asked);
        touched.map(move |order| (order, by_order.get(&order).filter(|_| is_asked)))
    }

    /// All that are kept, the longest ago first.
    pub fn all(&self) -> impl Iterator<Item = &KeptLast> {
        let is_asked = self.is_asked;
        self.by_order.values().filter(move |_| is_asked)
    }

    /// One that the process before kept.
    pub fn restore(&mut self, order: u64, last: KeptLast) {
        self.conversations = self.conversations.max(order);
        self.put(order, last);
        // One that no queue asks for any more is kept no longer.
        self.touched.insert(order);
    }
}

impl Distributor {
    /// A caller talks with an agent.
    pub fn talks(&mut self, caller: &str, agent: AgentId) {
        self.last.note(caller, agent);
    }

    /// Whom a caller talked with last.
    pub fn last_agent(&self, caller: &str) -> Option<AgentId> {
        self.last.agent(caller)
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

    /// A visit that stands there again waits for whom it waited for, where they are there and its time
    /// is not over. Everybody has to be back.
    pub(super) fn await_again(&mut self, now: Now, id: VisitId, awaited: Awaited) {
        let Some(visit) = self.visits.get(&id) else { return };
        let waits = visit.awaited.is_none() && visit.offer.is_none() && !visit.absent;
        let Awaited { agent, until, by } = awaited;
        if waits && until > now.moment && self.may_await(agent, visit.queue) {
            self.await_agent(now, id, Personal { agent, wait: until - now.moment, by });
        }
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
        assert_eq!((last.callers.len(), last.by_order.len()), (LAST_MAX, LAST_MAX));
        assert_eq!(last.agent("first"), Some(AgentId(3)));
        assert_eq!(last.agent("0"), None, "theirs was the longest ago");
    }

    #[test]
    fn each_has_one_record_as_long_as_a_queue_asks_for_it() {
        let mut last = Last::default();
        let mut kept = BTreeMap::new();
        let mut keep = |last: &mut Last| {
            for (order, found) in last.take_touched() {
                match found {
                    Some(found) => kept.insert(order, found.clone()),
                    None => kept.remove(&order),
                };
            }
            kept.clone()
        };
        last.note("13800138000", AgentId(1));
        assert!(keep(&mut last).is_empty(), "nobody asks for it");
        last.ask(true);
        last.note("13800138001", AgentId(2));
        last.note("13800138000", AgentId(3));
        let records = keep(&mut last);
        assert_eq!(records.len(), 2);
        let mut next = Last::default();
        let mut unasked = Last::default();
        for (order, found) in records {
            unasked.restore(order, found.clone());
            next.restore(order, found);
        }
        let dropped: Vec<u64> =
            unasked.take_touched().filter(|(_, found)| found.is_none()).map(|(n, _)| n).collect();
        assert_eq!(dropped, [2, 3], "nobody asks in the next process: they are kept no longer");
        assert_eq!(next.agent("13800138000"), Some(AgentId(3)));
        assert_eq!(next.conversations, last.conversations);
        last.forget(&Subscriber::parse("13800138000", "86").expect("a number"));
        let callers: Vec<String> = keep(&mut last).into_values().map(|last| last.caller).collect();
        assert_eq!(callers, ["13800138001"]);
        last.ask(false);
        assert!(keep(&mut last).is_empty(), "nobody asks any more");
    }
}
