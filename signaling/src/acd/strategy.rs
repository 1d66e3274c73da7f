//! Who is next among the free agents of one queue. A strategy keeps them in its own order and gives
//! one away in O(log n). Each has a file; those that go by a figure of the agent's are a [`Rule`].

mod expression;
mod fewest_calls;
mod least_talk;
mod linear;
mod longest_idle;
mod longest_idle_global;
mod longest_idle_queue;
mod occupancy;
mod percentage;
mod progressive;
mod random;
mod ranked;
mod ring_all;
mod round_robin;
mod row;
mod score;
mod weighted_random;

use super::tally::Tally;
use crate::ivr::template::Variables;
use expression::Expression;
use linear::Linear;
use longest_idle_queue::LongestIdleQueue;
use percentage::Percentage;
use rand::rngs::SmallRng;
use random::Random;
use ranked::Ranked;
use round_robin::RoundRobin;
pub use score::check_score;
use std::collections::BTreeMap;
use std::time::Duration;
use terms::routing::{Matching, Skill, Strategy};
use terms::{AgentId, Moment};
use weighted_random::WeightedRandom;

/// What a strategy may know of a free agent. None of it changes while they are free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub agent: AgentId,
    /// Since they became ready, or since the end of their last call or wrap-up.
    pub idle_since: Moment,
    pub tally: Tally,
}

/// Skills of the agents of a queue whose strategy asks for them.
pub(super) type Skills = BTreeMap<AgentId, Vec<Skill>>;

/// What a strategy may know of the contact that an agent is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact<'a> {
    pub now: Moment,
    pub waited: Duration,
    /// The queue's priority and its own.
    pub priority: i32,
    /// Where they come from, and what their flow learned.
    pub facts: &'a Variables,
}

/// A strategy that goes by a figure.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// The lowest is next; it does not change while the agent is free.
    rank: fn(&Candidate) -> i64,
    /// What is told of it.
    measure: fn(&Candidate, Moment) -> i64,
}

/// The free agents of a queue, or of one of its rings.
#[derive(Clone, Debug)]
pub(super) struct Free(Order);

#[derive(Clone, Debug)]
enum Order {
    Ranked(Rule, Ranked),
    LongestIdleQueue(LongestIdleQueue),
    RoundRobin(RoundRobin),
    Linear(Linear),
    Random(Random),
    WeightedRandom(WeightedRandom),
    Percentage(Percentage),
    Expression(Expression),
}

impl Free {
    /// Nobody yet. `agents` is the order that the queue names them in.
    pub fn new(
        strategy: Strategy,
        agents: &[AgentId],
        matching: &Matching,
        skills: &Skills,
    ) -> Self {
        let ranked = |rule| Order::Ranked(rule, Ranked::default());
        Free(match strategy {
            Strategy::LongestIdle => ranked(longest_idle::RULE),
            Strategy::LongestIdleGlobal => ranked(longest_idle_global::RULE),
            Strategy::FewestCalls => ranked(fewest_calls::RULE),
            Strategy::LeastTalk => ranked(least_talk::RULE),
            Strategy::Occupancy => ranked(occupancy::RULE),
            Strategy::RingAll => ranked(ring_all::RULE),
            Strategy::Progressive => ranked(progressive::RULE),
            Strategy::LongestIdleQueue => Order::LongestIdleQueue(LongestIdleQueue::default()),
            Strategy::RoundRobin => Order::RoundRobin(RoundRobin::new(agents)),
            Strategy::Linear => Order::Linear(Linear::new(agents)),
            Strategy::Random => Order::Random(Random::default()),
            Strategy::WeightedRandom => {
                Order::WeightedRandom(WeightedRandom::new(agents, matching))
            }
            Strategy::Percentage => Order::Percentage(Percentage::new(agents, matching)),
            Strategy::Expression => Order::Expression(Expression::new(agents, matching, skills)),
        })
    }

    pub fn insert(&mut self, candidate: &Candidate) {
        let agent = candidate.agent;
        match &mut self.0 {
            Order::Ranked(rule, free) => free.insert(candidate, (rule.rank)(candidate)),
            Order::LongestIdleQueue(free) => free.insert(candidate),
            Order::RoundRobin(free) => free.insert(agent),
            Order::Linear(free) => free.insert(agent),
            Order::Random(free) => free.insert(agent),
            Order::WeightedRandom(free) => free.insert(agent),
            Order::Percentage(free) => free.insert(agent),
            Order::Expression(free) => free.insert(candidate),
        }
    }

    pub fn remove(&mut self, agent: AgentId) {
        match &mut self.0 {
            Order::Ranked(_, free) => free.remove(agent),
            Order::LongestIdleQueue(free) => free.remove(agent),
            Order::RoundRobin(free) => free.remove(agent),
            Order::Linear(free) => free.remove(agent),
            Order::Random(free) => free.remove(agent),
            Order::WeightedRandom(free) => free.remove(agent),
            Order::Percentage(free) => free.remove(agent),
            Order::Expression(free) => free.remove(agent),
        }
    }

    /// Nobody is free; whose turn it is stays.
    pub fn clear(&mut self) {
        match &mut self.0 {
            Order::Ranked(_, free) => free.clear(),
            Order::LongestIdleQueue(free) => free.clear(),
            Order::RoundRobin(free) => free.clear(),
            Order::Linear(free) => free.clear(),
            Order::Random(free) => free.clear(),
            Order::WeightedRandom(free) => free.clear(),
            Order::Percentage(free) => free.clear(),
            Order::Expression(free) => free.clear(),
        }
    }

    /// Goes on from what the same strategy remembered for the same queue, of other agents.
    pub fn go_on(&mut self, before: &Free) {
        match (&mut self.0, &before.0) {
            (Order::LongestIdleQueue(free), Order::LongestIdleQueue(old)) => free.go_on(old),
            (Order::RoundRobin(free), Order::RoundRobin(old)) => free.go_on(old),
            (Order::Percentage(free), Order::Percentage(old)) => free.go_on(old),
            _ => {}
        }
    }

    /// The next agent for this contact. They stay listed until they are removed.
    pub fn pick(&mut self, contact: &Contact, dice: &mut SmallRng) -> Option<AgentId> {
        match &mut self.0 {
            Order::Ranked(_, free) => free.pick(),
            Order::LongestIdleQueue(free) => free.pick(),
            Order::RoundRobin(free) => free.pick(),
            Order::Linear(free) => free.pick(),
            Order::Random(free) => free.pick(dice),
            Order::WeightedRandom(free) => free.pick(dice),
            Order::Percentage(free) => free.pick(),
            Order::Expression(free) => free.pick(contact),
        }
    }

    /// The figure that the strategy went by: ms idle, conversations, ms talked, thousandths of busy
    /// time, the place in the queue's list, the weight, thousandths of the score. None where there is
    /// none: by lot, and for who had no conversation from this queue.
    pub fn measure(&self, candidate: &Candidate, now: Moment) -> Option<i64> {
        match &self.0 {
            Order::Ranked(rule, _) => Some((rule.measure)(candidate, now)),
            Order::LongestIdleQueue(free) => free.measure(candidate.agent, now),
            Order::RoundRobin(free) => free.place(candidate.agent),
            Order::Linear(free) => free.place(candidate.agent),
            Order::Random(_) => None,
            Order::WeightedRandom(free) => free.weight(candidate.agent).map(i64::from),
            Order::Percentage(free) => free.weight(candidate.agent).map(i64::from),
            Order::Expression(free) => free.measure(candidate.agent),
        }
    }

    /// Agents who counted as 0 when this one was picked, because they had no score.
    pub fn unscored(&self, agent: AgentId) -> Option<u32> {
        let Order::Expression(free) = &self.0 else { return None };
        free.unscored(agent)
    }

    /// An agent's conversation from this queue has ended.
    pub fn served(&mut self, agent: AgentId, now: Moment) {
        if let Order::LongestIdleQueue(free) = &mut self.0 {
            free.served(agent, now);
        }
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            Order::Ranked(_, free) => free.len(),
            Order::LongestIdleQueue(free) => free.len(),
            Order::RoundRobin(free) => free.len(),
            Order::Linear(free) => free.len(),
            Order::Random(free) => free.len(),
            Order::WeightedRandom(free) => free.len(),
            Order::Percentage(free) => free.len(),
            Order::Expression(free) => free.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A moment as a rank: earlier is lower.
fn earliest(moment: Moment) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
fn candidate(agent: u64, idle_since: u64) -> Candidate {
    let idle_since = Moment::from_secs(idle_since);
    Candidate { agent: AgentId(agent), idle_since, tally: Tally::new(idle_since) }
}
