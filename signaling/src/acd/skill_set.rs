//! What of their skills and queues counts since an agent signed in: all of it, or what the skill set has
//! that they chose then, [`terms::routing::SkillSet`]. A set takes away: skills and queues that it has and
//! the agent has not are not theirs by it, and what a queue's agents must not have counts whatever they
//! chose. The choice holds until they sign in or out, and goes with the set where it is theirs no longer.

use super::agent::Agent;
use super::rings::Layout;
use super::strategy::Candidate;
use super::{Distributor, Output};
use crate::id_table::IdTable;
use crate::switch::Now;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use terms::routing::{Plan, Queue, Skill, SkillSet};
use terms::{AgentId, QueueId, SkillSetId, VisitId};

/// What who signs in hears about a set that is not theirs, or none at all.
const NOT_GIVEN: &str = "this skill set is not given to the agent";

/// The skills of an agent that count in a queue; none where their set leaves the queue out.
pub(super) fn counting<'a>(
    agents: &'a IdTable<AgentId, Box<Agent>>,
    sets: &BTreeMap<SkillSetId, SkillSet>,
    agent: AgentId,
    queue: &Queue,
) -> Option<Cow<'a, [Skill]>> {
    let Some(agent) = agents.get(&agent).filter(|agent| agent.in_plan) else {
        return Some(Cow::Owned(Vec::new()));
    };
    counted(&agent.skills, agent.skill_set.and_then(|set| sets.get(&set)), queue)
}

/// Of these skills those that count in a queue with this set; none where the set leaves the queue out.
pub(super) fn counted<'a>(
    skills: &'a [Skill],
    set: Option<&SkillSet>,
    queue: &Queue,
) -> Option<Cow<'a, [Skill]>> {
    let Some(set) = set else { return Some(Cow::Borrowed(skills)) };
    if !set.queues.is_empty() && !set.queues.contains(&queue.id) {
        return None;
    }
    if set.skills.is_empty() {
        return Some(Cow::Borrowed(skills));
    }
    let needs = &queue.matching.needs;
    let is_excluded = |name: &str| needs.iter().any(|need| need.excluded && need.skill == name);
    let counts = |skill: &&Skill| set.skills.contains(&skill.name) || is_excluded(&skill.name);
    Some(Cow::Owned(skills.iter().filter(counts).cloned().collect()))
}

impl Distributor {
    /// Whether an agent may sign in with this set; without one they may.
    pub(super) fn may_choose(&self, id: AgentId, set: Option<SkillSetId>) -> Result<(), String> {
        match set {
            Some(set) if !is_given(&self.skill_sets, set, id) => Err(NOT_GIVEN.to_owned()),
            _ => Ok(()),
        }
    }

    /// What counts of an agent's skills and queues from now on. Their queues find them as they are then;
    /// what rings at them goes on ringing.
    pub(super) fn choose_skills(&mut self, now: Now, id: AgentId, set: Option<SkillSetId>) {
        let set = set.filter(|&set| is_given(&self.skill_sets, set, id));
        let agent = self.agents.get_mut(&id).filter(|agent| agent.skill_set != set);
        let Some(agent) = agent else { return };
        agent.skill_set = set;
        let queues = agent.queues.clone();
        self.touched.insert(id);
        for queue in queues {
            self.lay_out(now, queue);
        }
        self.await_who_serves();
    }

    /// Agents of a queue stand where what they chose puts them.
    fn lay_out(&mut self, now: Now, id: QueueId) {
        let (agents, sets) = (&self.agents, &self.skill_sets);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let settings = &queue.settings;
        let layout = Layout::of(settings, |agent| counting(agents, sets, agent, settings));
        if *queue.free.layout() == layout {
            return;
        }
        queue.lay_out(layout);
        let seats: BTreeSet<AgentId> = queue.settings.agents.iter().copied().collect();
        let free = seats.iter().filter_map(|seat| agents.get(seat)).filter(|agent| agent.listed);
        let free: Vec<Candidate> = free.map(|agent| agent.candidate()).collect();
        for candidate in &free {
            queue.free.insert(candidate);
        }
        let visits: Vec<VisitId> = queue.visits().collect();
        for visit in visits {
            self.widen(now, visit);
        }
        self.relist(id);
        self.thinned.insert(id);
    }

    /// Sets are these from now on. Whose set is theirs no longer has all their skills and queues again.
    pub(super) fn apply_skill_sets(&mut self, now: Now, plan: &Plan) {
        self.skill_sets = plan.skill_sets.iter().map(|set| (set.id, set.clone())).collect();
        for (id, agent) in self.agents.iter_mut() {
            if agent.skill_set.is_some_and(|set| !is_given(&self.skill_sets, set, id)) {
                agent.skill_set = None;
                self.touched.insert(id);
                self.outputs.extend(agent.changes(now, None).map(Output::AgentChanged));
            }
        }
    }
}

fn is_given(sets: &BTreeMap<SkillSetId, SkillSet>, set: SkillSetId, agent: AgentId) -> bool {
    sets.get(&set).is_some_and(|set| set.agents.contains(&agent))
}
