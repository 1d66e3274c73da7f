//! In turn, in the order that the queue names its agents, with memory: the turn goes on after the
//! agent who had it last, also when that agent is not free.

use super::row::Row;
use std::collections::BTreeSet;
use terms::AgentId;

#[derive(Clone, Debug)]
pub(super) struct RoundRobin {
    row: Row,
    free: BTreeSet<usize>,
    /// The seat after the one that had the last turn.
    turn: usize,
}

impl RoundRobin {
    pub fn new(agents: &[AgentId]) -> Self {
        RoundRobin { row: Row::new(agents), free: BTreeSet::new(), turn: 0 }
    }

    /// The turn is after the last of them who had one.
    pub fn go_on(&mut self, before: &RoundRobin) {
        let here = |seat| before.row.agent(seat).and_then(|agent| self.row.seat(agent));
        self.turn = (0..before.turn).rev().find_map(here).map_or(0, |seat| seat + 1);
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

    pub fn pick(&mut self) -> Option<AgentId> {
        let seat = *self.free.range(self.turn..).next().or_else(|| self.free.first())?;
        self.turn = seat + 1;
        self.row.agent(seat)
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
    fn the_turn_goes_round_and_skips_who_is_not_free() {
        let agents = [AgentId(5), AgentId(3), AgentId(9)];
        let mut free = RoundRobin::new(&agents);
        agents.iter().for_each(|&agent| free.insert(agent));
        let turns: Vec<_> = (0..4).filter_map(|_| free.pick()).collect();
        assert_eq!(turns, [AgentId(5), AgentId(3), AgentId(9), AgentId(5)]);
        free.remove(AgentId(3));
        assert_eq!(free.pick(), Some(AgentId(9)));
        free.insert(AgentId(3));
        assert_eq!(free.pick(), Some(AgentId(5)), "the memory outlives a change");
    }
}
