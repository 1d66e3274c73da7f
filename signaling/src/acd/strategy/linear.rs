//! In the order that the queue names its agents, from the first on each time: the second rings only
//! while the first is not free.

use super::row::Row;
use std::collections::BTreeSet;
use terms::AgentId;

#[derive(Clone, Debug)]
pub(super) struct Linear {
    row: Row,
    free: BTreeSet<usize>,
}

impl Linear {
    pub fn new(agents: &[AgentId]) -> Self {
        Linear { row: Row::new(agents), free: BTreeSet::new() }
    }

    pub fn insert(&mut self, agent: AgentId) {
        self.free.extend(self.row.seat(agent));
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some(seat) = self.row.seat(agent) {
            self.free.remove(&seat);
        }
    }

    pub fn clear(&mut self) {
        self.free.clear();
    }

    pub fn pick(&self) -> Option<AgentId> {
        self.row.agent(*self.free.first()?)
    }

    pub fn place(&self, agent: AgentId) -> Option<i64> {
        self.row.place(agent)
    }

    pub fn len(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_list_is_next_each_time() {
        let agents = [AgentId(5), AgentId(3), AgentId(9)];
        let mut free = Linear::new(&agents);
        agents.iter().rev().for_each(|&agent| free.insert(agent));
        assert_eq!([free.pick(), free.pick()], [Some(AgentId(5)); 2]);
        free.remove(AgentId(5));
        assert_eq!(free.pick(), Some(AgentId(3)));
        free.insert(AgentId(5));
        assert_eq!((free.pick(), free.place(AgentId(9))), (Some(AgentId(5)), Some(3)));
    }
}
