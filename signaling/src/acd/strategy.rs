//! Who is next among the free agents of one queue. A strategy keeps them in its own order and gives
//! one away in O(log n).

mod longest_idle;
mod round_robin;

use longest_idle::LongestIdle;
use round_robin::RoundRobin;
use terms::routing::Strategy;
use terms::{AgentId, Moment};

/// The free agents of a queue.
#[derive(Clone, Debug)]
pub(super) enum Free {
    LongestIdle(LongestIdle),
    RoundRobin(RoundRobin),
}

impl Free {
    /// Nobody yet. `agents` is the order that the queue names them in.
    pub fn new(strategy: Strategy, agents: &[AgentId]) -> Self {
        match strategy {
            Strategy::LongestIdle => Free::LongestIdle(LongestIdle::default()),
            Strategy::RoundRobin => Free::RoundRobin(RoundRobin::new(agents)),
        }
    }

    pub fn insert(&mut self, agent: AgentId, idle_since: Moment) {
        match self {
            Free::LongestIdle(free) => free.insert(agent, idle_since),
            Free::RoundRobin(free) => free.insert(agent),
        }
    }

    pub fn remove(&mut self, agent: AgentId) {
        match self {
            Free::LongestIdle(free) => free.remove(agent),
            Free::RoundRobin(free) => free.remove(agent),
        }
    }

    /// Nobody is free; whose turn it is stays.
    pub fn clear(&mut self) {
        match self {
            Free::LongestIdle(free) => free.clear(),
            Free::RoundRobin(free) => free.clear(),
        }
    }

    /// The next agent. They stay listed until they are removed.
    pub fn pick(&mut self) -> Option<AgentId> {
        match self {
            Free::LongestIdle(free) => free.pick(),
            Free::RoundRobin(free) => free.pick(),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Free::LongestIdle(free) => free.len(),
            Free::RoundRobin(free) => free.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
