//! The agent whose last conversation from this queue ended longest ago; who had none goes first. What
//! they did for other queues does not count.

use super::ranked::Ranked;
use super::{Candidate, earliest, millis};
use crate::id_map::IdMap;
use terms::{AgentId, Moment};

#[derive(Clone, Debug, Default)]
pub(super) struct LongestIdleQueue {
    free: Ranked,
    served: IdMap<AgentId, Moment>,
}

impl LongestIdleQueue {
    pub fn go_on(&mut self, before: &LongestIdleQueue) {
        self.served.clone_from(&before.served);
    }

    pub fn insert(&mut self, candidate: &Candidate) {
        let rank = self.served.get(&candidate.agent).map_or(i64::MIN, |&until| earliest(until));
        self.free.insert(candidate, rank);
    }

    pub fn remove(&mut self, agent: AgentId) {
        self.free.remove(agent);
    }

    pub fn clear(&mut self) {
        self.free.clear();
    }

    pub fn pick(&self) -> Option<AgentId> {
        self.free.pick()
    }

    pub fn served(&mut self, agent: AgentId, now: Moment) {
        self.served.insert(agent, now);
    }

    pub fn measure(&self, agent: AgentId, now: Moment) -> Option<i64> {
        self.served.get(&agent).map(|&until| millis(now - until))
    }

    pub fn len(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;

    #[test]
    fn who_served_this_queue_longest_ago_is_next_and_before_them_who_never_did() {
        let mut free = LongestIdleQueue::default();
        free.served(AgentId(1), Moment::from_secs(50));
        free.served(AgentId(2), Moment::from_secs(40));
        for agent in 1..=3 {
            // By idle time they would come in the order of their numbers.
            free.insert(&candidate(agent, agent));
        }
        let mut order = Vec::new();
        while let Some(agent) = free.pick() {
            order.push(agent.0);
            free.remove(agent);
        }
        assert_eq!(order, [3, 2, 1]);
        assert_eq!(free.measure(AgentId(2), Moment::from_secs(41)), Some(1_000));
        assert_eq!(free.measure(AgentId(3), Moment::from_secs(41)), None);
    }
}
