//! The agent idle longest: since the end of their last conversation or wrap-up, or since they became
//! ready. An offer that the caller withdrew does not set the clock back.

use std::collections::{BTreeMap, BTreeSet};
use terms::{AgentId, Moment};

#[derive(Clone, Debug, Default)]
pub(in crate::acd) struct LongestIdle {
    order: BTreeSet<(Moment, AgentId)>,
    since: BTreeMap<AgentId, Moment>,
}

impl LongestIdle {
    pub fn insert(&mut self, agent: AgentId, idle_since: Moment) {
        self.remove(agent);
        self.order.insert((idle_since, agent));
        self.since.insert(agent, idle_since);
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some(since) = self.since.remove(&agent) {
            self.order.remove(&(since, agent));
        }
    }

    pub fn clear(&mut self) {
        self.order.clear();
        self.since.clear();
    }

    pub fn pick(&self) -> Option<AgentId> {
        self.order.first().map(|&(_, agent)| agent)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_idle_longest_is_next() {
        let mut free = LongestIdle::default();
        free.insert(AgentId(1), Moment::from_secs(30));
        free.insert(AgentId(2), Moment::from_secs(10));
        free.insert(AgentId(3), Moment::from_secs(20));
        assert_eq!(free.pick(), Some(AgentId(2)));
        free.insert(AgentId(2), Moment::from_secs(40));
        assert_eq!(free.pick(), Some(AgentId(3)), "a second listing replaces the first");
        free.remove(AgentId(3));
        assert_eq!((free.pick(), free.len()), (Some(AgentId(1)), 2));
    }
}
