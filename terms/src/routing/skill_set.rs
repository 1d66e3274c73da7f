//! Parts of their skills and queues that agents may choose when they sign in.

use super::Plan;
use crate::id::{AgentId, QueueId, SkillSetId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What counts of an agent's skills and queues for one sitting. It takes away and never gives: what the
/// agent has not is not theirs by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillSet {
    /// Its id.
    pub id: SkillSetId,
    /// By which it is dialled, from 1.
    pub number: u32,
    /// The skills that count; empty where all do.
    pub skills: BTreeSet<String>,
    /// The queues that are served; empty where all are.
    pub queues: BTreeSet<QueueId>,
    /// Who may choose it.
    pub agents: BTreeSet<AgentId>,
}

impl Plan {
    /// The set of this number, where it is among those that the agent may choose.
    pub fn skill_set(&self, agent: AgentId, number: u32) -> Option<SkillSetId> {
        let theirs = |set: &&SkillSet| set.number == number && set.agents.contains(&agent);
        self.skill_sets.iter().find(theirs).map(|set| set.id)
    }
}
