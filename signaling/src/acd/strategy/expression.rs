//! The agent whom the queue's expression gives the highest score for this contact; among equals the one
//! idle longest. Without an expression all have the same score.
//!
//! A score is computed for [`SCORED_MAX`] free agents at most, those idle longest, so that one choice
//! costs at most so many times [`super::score::NODES_MAX`] parts, however large the queue is. Who has
//! no score, because a text stands where a number is needed or a division is by zero, counts as 0.

use super::score::{Score, Scored};
use super::{Candidate, Contact, Skills};
use crate::id_map::IdMap;
use crate::ivr::number::Number;
use std::collections::BTreeMap;
use terms::routing::Matching;
use terms::{AgentId, Moment};

/// Free agents among whom one contact's is chosen.
pub(super) const SCORED_MAX: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// None where the queue has no expression, or one that an older check let pass.
    score: Option<Score>,
    /// Of the agents, as far as an expression asks for it.
    seats: IdMap<AgentId, Seat>,
    /// Their levels of the skills that it names, one agent's after the other's: they are read together.
    levels: Vec<u32>,
    /// Since when each free one is idle.
    free: IdMap<AgentId, Moment>,
    /// The free ones, the one idle longest first.
    idle: BTreeMap<(Moment, AgentId), Free>,
    chosen: Option<Chosen>,
}

/// A free agent, with what is kept so that it need not be looked up for each score.
#[derive(Clone, Debug)]
struct Free {
    candidate: Candidate,
    seat: Option<Seat>,
}

/// What stays the same of an agent, whether they are free or not.
#[derive(Clone, Copy, Debug)]
struct Seat {
    /// Where their levels begin.
    levels_from: usize,
    weight: u32,
}

/// Who was next last, and why.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    agent: AgentId,
    score: Number,
    unscored: u32,
}

impl Expression {
    pub fn new(agents: &[AgentId], matching: &Matching, skills: &Skills) -> Self {
        let score = matching.expression.as_deref().and_then(|text| Score::parse(text).ok());
        let (mut seats, mut levels) = (IdMap::default(), Vec::new());
        if let Some(score) = &score {
            let weights = matching.weights();
            for &agent in agents {
                let known = skills.get(&agent).map(Vec::as_slice).unwrap_or_default();
                let weight = weights.get(&agent).copied().unwrap_or(1);
                seats.insert(agent, Seat { levels_from: levels.len(), weight });
                levels.extend(score.levels(known));
            }
        }
        Expression {
            score,
            seats,
            levels,
            free: IdMap::default(),
            idle: BTreeMap::new(),
            chosen: None,
        }
    }

    pub fn insert(&mut self, candidate: &Candidate) {
        let (agent, since) = (candidate.agent, candidate.idle_since);
        self.remove(agent);
        let free = Free { candidate: *candidate, seat: self.seats.get(&agent).copied() };
        self.free.insert(agent, since);
        self.idle.insert((since, agent), free);
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some(since) = self.free.remove(&agent) {
            self.idle.remove(&(since, agent));
        }
        self.chosen = self.chosen.filter(|chosen| chosen.agent != agent);
    }

    pub fn clear(&mut self) {
        self.free.clear();
        self.idle.clear();
        self.chosen = None;
    }

    pub fn pick(&mut self, contact: &Contact) -> Option<AgentId> {
        let nothing = Number::integer(0)?;
        self.chosen = match &self.score {
            Some(score) => self.highest(score, contact, nothing),
            None => self.idle.values().next().map(|free| {
                let agent = free.candidate.agent;
                Chosen { agent, score: nothing, unscored: 0 }
            }),
        };
        self.chosen.map(|chosen| chosen.agent)
    }

    /// Who has the highest score; `nothing` is that of who has none.
    fn highest(&self, score: &Score, contact: &Contact, nothing: Number) -> Option<Chosen> {
        let free = self.idle.values().take(SCORED_MAX);
        let scored: Vec<Scored> = free.map(|free| self.scored(score, free)).collect();
        let scores = score.of(&scored, contact);
        let (mut best, mut unscored) = (None, 0);
        for (agent, score) in scored.iter().zip(scores) {
            let score = score.unwrap_or_else(|_| {
                unscored += 1;
                nothing
            });
            if best.is_none_or(|(_, highest)| score > highest) {
                best = Some((agent.candidate.agent, score));
            }
        }
        best.map(|(agent, score)| Chosen { agent, score, unscored })
    }

    fn scored<'a>(&'a self, score: &Score, free: &'a Free) -> Scored<'a> {
        let levels = free.seat.and_then(|Seat { levels_from, .. }| {
            self.levels.get(levels_from..levels_from + score.skills())
        });
        Scored {
            candidate: &free.candidate,
            levels: levels.unwrap_or_default(),
            weight: free.seat.map_or(1, |seat| seat.weight),
        }
    }

    /// The score by which this agent was chosen, in thousandths.
    pub fn measure(&self, agent: AgentId) -> Option<i64> {
        let chosen = self.chosen.filter(|chosen| chosen.agent == agent);
        chosen.map(|chosen| chosen.score.thousandths())
    }

    /// How many counted as 0 then, because they had no score.
    pub fn unscored(&self, agent: AgentId) -> Option<u32> {
        let chosen = self.chosen.filter(|chosen| chosen.agent == agent);
        chosen.map(|chosen| chosen.unscored).filter(|unscored| *unscored > 0)
    }

    pub fn len(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use crate::ivr::template::Variables;
    use std::time::Duration;
    use terms::routing::{Seat, Skill};

    /// Agents 1 to 3, idle since seconds 30, 10 and 20, with level 5, 2 and no level of gas; the seat of
    /// agent 3 weighs 7.
    fn free(expression: Option<&str>) -> Expression {
        let gas = |level| vec![Skill { name: "gas".into(), level }];
        let skills = Skills::from([(AgentId(1), gas(5)), (AgentId(2), gas(2))]);
        let matching = Matching {
            seats: vec![Seat { weight: 7, ..Seat::usual(AgentId(3)) }],
            expression: expression.map(str::to_owned),
            ..Matching::default()
        };
        let agents = [1, 2, 3].map(AgentId);
        let mut free = Expression::new(&agents, &matching, &skills);
        for (agent, since) in [(1, 30), (2, 10), (3, 20)] {
            free.insert(&candidate(agent, since));
        }
        free
    }

    fn pick(free: &mut Expression, priority: i32, facts: &[(&str, &str)]) -> Option<u64> {
        let mut known = Variables::default();
        facts.iter().for_each(|(name, value)| known.set(name, value));
        let (now, waited) = (Moment::from_secs(40), Duration::from_secs(9));
        let contact = Contact { now, waited, priority, facts: &known };
        free.pick(&contact).map(|agent| agent.0)
    }

    #[test]
    fn the_highest_score_is_next_and_among_equals_the_one_idle_longest() {
        for (text, agent, measure) in [
            ("skill('gas')", 1, 5_000),
            ("agent_weight / 2", 3, 3_500),
            ("agent_idle_ms", 2, 30_000_000),
            ("-agent_idle_ms", 1, -10_000_000),
            ("if(business = 'gas', skill('gas'), agent_weight)", 1, 5_000),
            ("if(caller_province = '广东', agent_weight, 0) + priority", 3, 10_000),
            ("waited_ms", 2, 9_000_000),
            ("min(skill('gas'), 2)", 2, 2_000),
            ("7", 2, 7_000),
        ] {
            let mut free = free(Some(text));
            let facts = [("business", "gas"), ("caller_province", "广东")];
            assert_eq!(pick(&mut free, 3, &facts), Some(agent), "{text}");
            let agent = AgentId(agent);
            assert_eq!(
                (free.measure(agent), free.unscored(agent)),
                (Some(measure), None),
                "{text}"
            );
        }
        assert_eq!(pick(&mut free(None), 0, &[]), Some(2), "without an expression");
    }

    #[test]
    fn who_has_no_score_counts_as_0_and_that_is_told() {
        let mut free = free(Some("if(skill('gas') = 5, balance + 1, skill('gas') - 3)"));
        // Agent 1 has none; agents 2 and 3 have -1 and -3.
        assert_eq!(pick(&mut free, 0, &[("balance", "much")]), Some(1));
        assert_eq!((free.measure(AgentId(1)), free.unscored(AgentId(1))), (Some(0), Some(1)));
        assert_eq!(free.unscored(AgentId(2)), None);
        assert_eq!(pick(&mut free, 0, &[("balance", "-9")]), Some(2));
        assert_eq!(free.unscored(AgentId(2)), None);
        free.remove(AgentId(2));
        assert_eq!((free.measure(AgentId(2)), free.len()), (None, 2));
        free.clear();
        assert_eq!(pick(&mut free, 0, &[]), None);
    }

    #[test]
    fn so_many_are_scored_and_no_more() {
        let agents: Vec<AgentId> = (1..=SCORED_MAX as u64 + 1).map(AgentId).collect();
        let matching =
            Matching { expression: Some("-agent_idle_ms".into()), ..Matching::default() };
        let mut free = Expression::new(&agents, &matching, &Skills::new());
        let last = SCORED_MAX as u64 + 1;
        (1..last).for_each(|agent| free.insert(&candidate(agent, 10)));
        free.insert(&candidate(last, 20));
        assert_eq!(pick(&mut free, 0, &[]), Some(1), "the last has more, and is not looked at");
        free.remove(AgentId(1));
        assert_eq!(pick(&mut free, 0, &[]), Some(last));
    }
}
