//! Free agents by a rank, the lowest first. Among equals the one idle longest is next.

use super::Candidate;
use crate::id_map::IdMap;
use std::collections::BTreeSet;
use terms::{AgentId, Moment};

#[derive(Clone, Debug, Default)]
pub(super) struct Ranked {
    order: BTreeSet<(i64, Moment, AgentId)>,
    places: IdMap<AgentId, (i64, Moment)>,
}

impl Ranked {
    pub fn insert(&mut self, candidate: &Candidate, rank: i64) {
        let (agent, since) = (candidate.agent, candidate.idle_since);
        if let Some((rank, since)) = self.places.insert(agent, (rank, since)) {
            self.order.remove(&(rank, since, agent));
        }
        self.order.insert((rank, since, agent));
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some((rank, since)) = self.places.remove(&agent) {
            self.order.remove(&(rank, since, agent));
        }
    }

    pub fn clear(&mut self) {
        self.order.clear();
        self.places.clear();
    }

    pub fn pick(&self) -> Option<AgentId> {
        self.order.first().map(|&(_, _, agent)| agent)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;

    #[test]
    fn the_lowest_is_next_and_among_equals_the_one_idle_longest() {
        let mut free = Ranked::default();
        for (agent, since, rank) in [(1, 30, 5), (2, 10, 7), (3, 20, 5)] {
            free.insert(&candidate(agent, since), rank);
        }
        assert_eq!(free.pick(), Some(AgentId(3)));
        free.insert(&candidate(3, 20), 9);
        assert_eq!(free.pick(), Some(AgentId(1)), "a second listing replaces the first");
        free.remove(AgentId(1));
        assert_eq!((free.pick(), free.len()), (Some(AgentId(2)), 2));
    }
}
