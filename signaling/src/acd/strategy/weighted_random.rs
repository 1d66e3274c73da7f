//! By lot, where each free agent has as many lots as their weight says. Who has none is drawn only
//! while nobody with a lot is free.
//!
//! The lots lie in a Fenwick tree over the queue's list: each node holds the sum of a stretch, so a
//! draw and a change take O(log n).

use super::row::Row;
use rand::Rng;
use rand::rngs::SmallRng;
use std::collections::BTreeSet;
use terms::AgentId;
use terms::routing::Matching;

#[derive(Clone, Debug)]
pub(super) struct WeightedRandom {
    row: Row,
    weights: Vec<u32>,
    free: BTreeSet<usize>,
    /// Node `n` holds the lots of the `n & -n` seats before seat `n`; node 0 holds nothing.
    sums: Vec<u64>,
    lots: u64,
}

impl WeightedRandom {
    pub fn new(agents: &[AgentId], matching: &Matching) -> Self {
        let given = matching.weights();
        let weight = |agent: &AgentId| given.get(agent).copied().unwrap_or(1);
        WeightedRandom {
            row: Row::new(agents),
            weights: agents.iter().map(weight).collect(),
            free: BTreeSet::new(),
            sums: vec![0; agents.len() + 1],
            lots: 0,
        }
    }

    pub fn insert(&mut self, agent: AgentId) {
        if let Some(seat) = self.row.seat(agent)
            && self.free.insert(seat)
        {
            let weight = u64::from(self.weights[seat]);
            self.lots += weight;
            self.change(seat, |sum| sum + weight);
        }
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some(seat) = self.row.seat(agent)
            && self.free.remove(&seat)
        {
            let weight = u64::from(self.weights[seat]);
            self.lots -= weight;
            self.change(seat, |sum| sum - weight);
        }
    }

    pub fn clear(&mut self) {
        self.free.clear();
        self.sums.fill(0);
        self.lots = 0;
    }

    pub fn pick(&self, dice: &mut SmallRng) -> Option<AgentId> {
        if self.lots == 0 {
            return self.row.agent(*self.free.first()?);
        }
        self.row.agent(self.seat_of(dice.random_range(0..self.lots)))
    }

    pub fn weight(&self, agent: AgentId) -> Option<u32> {
        self.weights.get(self.row.seat(agent)?).copied()
    }

    pub fn len(&self) -> usize {
        self.free.len()
    }

    fn change(&mut self, seat: usize, to: impl Fn(u64) -> u64) {
        let mut node = seat + 1;
        while let Some(sum) = self.sums.get_mut(node) {
            *sum = to(*sum);
            node += node & node.wrapping_neg();
        }
    }

    /// Whose the lot is: the first seat with which the sum of all lots is above it.
    fn seat_of(&self, mut lot: u64) -> usize {
        let mut seat = 0;
        let mut stretch = self.sums.len().next_power_of_two();
        while stretch > 0 {
            if let Some(sum) = self.sums.get(seat + stretch).filter(|sum| **sum <= lot) {
                lot -= sum;
                seat += stretch;
            }
            stretch /= 2;
        }
        seat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::BTreeMap;
    use terms::routing::Seat;

    #[test]
    fn each_is_drawn_as_often_as_their_weight_says() {
        let agents: Vec<AgentId> = (1..=5).map(AgentId).collect();
        let seat = |agent, weight| Seat { weight, ..Seat::usual(AgentId(agent)) };
        let seats = vec![seat(2, 3), seat(4, 0), seat(5, 6)];
        let mut free = WeightedRandom::new(&agents, &Matching { seats, ..Matching::default() });
        agents.iter().for_each(|&agent| free.insert(agent));
        free.insert(AgentId(2));
        free.remove(AgentId(1));
        let mut dice = SmallRng::seed_from_u64(7);
        let mut drawn: BTreeMap<u64, i32> = BTreeMap::new();
        for _ in 0..10_000 {
            *drawn.entry(free.pick(&mut dice).expect("somebody is free").0).or_insert(0) += 1;
        }
        let near = |agent: u64, times: i32| (drawn[&agent] - times).abs() < 200;
        assert!(near(2, 3_000) && near(3, 1_000) && near(5, 6_000), "{drawn:?}");
        assert_eq!(drawn.len(), 3, "{drawn:?}");
        [2, 3, 5].into_iter().for_each(|agent| free.remove(AgentId(agent)));
        assert_eq!((free.pick(&mut dice), free.len()), (Some(AgentId(4)), 1));
    }

    #[test]
    fn every_lot_belongs_to_one_seat_in_order() {
        for agents in [1_u64, 2, 3, 7, 8, 9] {
            let list: Vec<AgentId> = (1..=agents).map(AgentId).collect();
            let mut free = WeightedRandom::new(&list, &Matching::default());
            list.iter().for_each(|&agent| free.insert(agent));
            let seats: Vec<usize> = (0..agents).map(|lot| free.seat_of(lot)).collect();
            assert!(seats.iter().copied().eq(0..list.len()), "{agents}: {seats:?}");
        }
    }
}
