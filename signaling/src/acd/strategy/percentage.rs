//! By shares: each agent gets that part of the queue's contacts which their weight is of all weights.
//! Next is the free agent who is furthest behind. Where the weights add up to 100 they are percent.
//!
//! Each contact moves an agent on by a step that is shorter the heavier they are; who stands lowest is
//! next (stride scheduling, Waldspurger and Weihl 1995). Who talks or is away falls behind and catches
//! up, by at most [`TURNS_MAX`] of their own steps: after a break nobody gets every contact of an hour.
//! Who has no weight is only asked while nobody with one is free.

use crate::id_map::IdMap;
use std::collections::BTreeSet;
use terms::AgentId;
use terms::routing::Matching;

/// Contacts that an agent may catch up.
const TURNS_MAX: u64 = 10;
/// A step of weight 1.
const STEP: u64 = 1 << 24;

#[derive(Clone, Debug)]
pub(super) struct Percentage {
    weights: IdMap<AgentId, u32>,
    /// Where each stands.
    stands: IdMap<AgentId, u64>,
    /// Those with a weight first.
    free: BTreeSet<(bool, u64, AgentId)>,
    /// Where the one who was next last had stood, at most.
    turn: u64,
}

impl Percentage {
    pub fn new(agents: &[AgentId], matching: &Matching) -> Self {
        let given = matching.weights();
        let weight = |&agent: &AgentId| (agent, given.get(&agent).copied().unwrap_or(1));
        Percentage {
            weights: agents.iter().map(weight).collect(),
            stands: IdMap::default(),
            free: BTreeSet::new(),
            turn: 0,
        }
    }

    pub fn go_on(&mut self, before: &Percentage) {
        self.stands.clone_from(&before.stands);
        self.turn = before.turn;
    }

    pub fn insert(&mut self, agent: AgentId) {
        let Some(weight) = self.weight(agent) else { return };
        let least = self.turn.saturating_sub(TURNS_MAX * step(weight));
        let stands = self.stands.entry(agent).or_insert(self.turn);
        *stands = least.max(*stands);
        self.free.insert((weight == 0, *stands, agent));
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some(&stands) = self.stands.get(&agent) {
            self.free.remove(&(self.weight(agent) == Some(0), stands, agent));
        }
    }

    pub fn clear(&mut self) {
        self.free.clear();
    }

    pub fn pick(&mut self) -> Option<AgentId> {
        let (spare, stands, agent) = self.free.pop_first()?;
        if !spare {
            self.turn = self.turn.max(stands);
        }
        let stands = stands.saturating_add(step(self.weight(agent).unwrap_or(1)));
        self.stands.insert(agent, stands);
        self.free.insert((spare, stands, agent));
        Some(agent)
    }

    pub fn weight(&self, agent: AgentId) -> Option<u32> {
        self.weights.get(&agent).copied()
    }

    pub fn len(&self) -> usize {
        self.free.len()
    }
}

/// How far one contact moves an agent of this weight on.
fn step(weight: u32) -> u64 {
    STEP / u64::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::routing::Seat;

    fn shares(weights: &[u32]) -> Percentage {
        let agents: Vec<AgentId> = (1..=weights.len() as u64).map(AgentId).collect();
        let seat = |(&agent, &weight)| Seat { weight, ..Seat::usual(agent) };
        let seats = agents.iter().zip(weights).map(seat).collect();
        let mut free = Percentage::new(&agents, &Matching { seats, ..Matching::default() });
        agents.iter().for_each(|&agent| free.insert(agent));
        free
    }

    /// How many of so many contacts each agent gets.
    fn given(free: &mut Percentage, contacts: u32) -> Vec<u32> {
        let mut given = vec![0; free.weights.len()];
        for _ in 0..contacts {
            let agent = free.pick().expect("somebody is free");
            given[agent.0 as usize - 1] += 1;
            // They talk, and are free again.
            free.remove(agent);
            free.insert(agent);
        }
        given
    }

    #[test]
    fn of_a_hundred_contacts_each_gets_their_percent() {
        assert_eq!(given(&mut shares(&[50, 30, 20]), 100), [50, 30, 20]);
        let part = given(&mut shares(&[50, 30, 20]), 10);
        assert_eq!(part, [5, 3, 2], "and not the first half of the hour to one of them");
    }

    #[test]
    fn who_was_away_catches_up_a_few_and_who_has_no_share_is_the_last() {
        let mut free = shares(&[1, 1, 0]);
        free.remove(AgentId(2));
        assert_eq!(given(&mut free, 50), [50, 0, 0]);
        free.insert(AgentId(2));
        let after = given(&mut free, 30);
        assert_eq!(after[0] + after[1], 30);
        assert!((20..=21).contains(&after[1]), "ten more than their half: {after:?}");
        free.remove(AgentId(1));
        free.remove(AgentId(2));
        assert_eq!(free.pick(), Some(AgentId(3)), "nobody else is free");
    }
}
