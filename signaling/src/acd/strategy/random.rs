//! By lot: each free agent is as likely as any other.

use crate::id_map::IdMap;
use rand::Rng;
use rand::rngs::SmallRng;
use terms::AgentId;

#[derive(Clone, Debug, Default)]
pub(super) struct Random {
    free: Vec<AgentId>,
    places: IdMap<AgentId, usize>,
}

impl Random {
    pub fn insert(&mut self, agent: AgentId) {
        if !self.places.contains_key(&agent) {
            self.places.insert(agent, self.free.len());
            self.free.push(agent);
        }
    }

    pub fn remove(&mut self, agent: AgentId) {
        let Some(place) = self.places.remove(&agent) else { return };
        self.free.swap_remove(place);
        if let Some(&moved) = self.free.get(place) {
            self.places.insert(moved, place);
        }
    }

    pub fn clear(&mut self) {
        self.free.clear();
        self.places.clear();
    }

    pub fn pick(&self, dice: &mut SmallRng) -> Option<AgentId> {
        if self.free.is_empty() {
            return None;
        }
        self.free.get(dice.random_range(0..self.free.len())).copied()
    }

    pub fn len(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::BTreeMap;

    #[test]
    fn everybody_is_drawn_about_equally_often_and_who_left_never() {
        let mut dice = SmallRng::seed_from_u64(7);
        let mut free = Random::default();
        (1..=4).for_each(|agent| free.insert(AgentId(agent)));
        free.insert(AgentId(2));
        free.remove(AgentId(1));
        assert_eq!(free.len(), 3);
        let mut drawn: BTreeMap<AgentId, u32> = BTreeMap::new();
        for _ in 0..3_000 {
            *drawn.entry(free.pick(&mut dice).expect("somebody is free")).or_insert(0) += 1;
        }
        assert_eq!(drawn.len(), 3, "{drawn:?}");
        assert!(drawn.values().all(|times| (900..1_100).contains(times)), "{drawn:?}");
        (2..=4).for_each(|agent| free.remove(AgentId(agent)));
        assert_eq!(free.pick(&mut dice), None);
    }
}
