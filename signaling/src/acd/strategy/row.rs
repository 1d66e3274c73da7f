//! The agents of a queue in the order that it names them.

use crate::id_map::IdMap;
use terms::AgentId;

#[derive(Clone, Debug)]
pub(super) struct Row {
    seats: IdMap<AgentId, usize>,
    agents: Vec<AgentId>,
}

impl Row {
    pub fn new(agents: &[AgentId]) -> Self {
        Row {
            seats: agents.iter().enumerate().map(|(seat, &agent)| (agent, seat)).collect(),
            agents: agents.to_vec(),
        }
    }

    pub fn seat(&self, agent: AgentId) -> Option<usize> {
        self.seats.get(&agent).copied()
    }

    pub fn agent(&self, seat: usize) -> Option<AgentId> {
        self.agents.get(seat).copied()
    }

    /// The place in the list, 1 is the first.
    pub fn place(&self, agent: AgentId) -> Option<i64> {
        self.seat(agent).and_then(|seat| i64::try_from(seat + 1).ok())
    }
}
