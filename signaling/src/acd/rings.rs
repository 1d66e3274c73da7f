//! The free agents of a queue in rings: who fits best first, others after so much waiting.
//!
//! An agent's ring follows from the queue's levels and needs alone, so it is worked out when the plan
//! comes. Inside a ring the strategy decides. Rings that open at the same wait are one *stage* of a
//! visit: a visit of stage `s` reaches the rings of all stages up to `s`. Where a queue asks for the
//! best available, agents whose levels come to different sums are in rings of their own.

use super::strategy::{Candidate, Contact, Free, Skills};
use crate::id_map::IdMap;
use rand::rngs::SmallRng;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;
use terms::event::ChosenBy;
use terms::routing::{self, Matching, Need, Skill, SkillChoice, Strategy};
use terms::{AgentId, Moment};

/// How far off an agent is: the seconds that a contact waits before they may be asked, and how many
/// needs they miss that are only wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    after_s: u32,
    misses: u32,
    /// What their levels of what is needed come to, where it counts; more is nearer.
    levels: Reverse<u32>,
}

/// Who is in which ring, the nearest first; each in the order of the queue's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    rings: BTreeMap<Distance, Vec<AgentId>>,
    /// Of those in them, where the strategy asks for it.
    skills: Skills,
}

impl Layout {
    /// `skills` tells those of an agent that count; none for who does not serve the queue now.
    pub fn of<'a>(
        queue: &routing::Queue,
        skills: impl Fn(AgentId) -> Option<Cow<'a, [Skill]>>,
    ) -> Self {
        let matching = &queue.matching;
        let levels: BTreeMap<AgentId, u32> =
            matching.seats.iter().map(|seat| (seat.agent, seat.level)).collect();
        let mut rings: BTreeMap<Distance, Vec<AgentId>> = BTreeMap::new();
        let mut known = Skills::new();
        for &agent in &queue.agents {
            let level = levels.get(&agent).copied().unwrap_or(1);
            let after_s = matching.widen_every_s.saturating_mul(level.saturating_sub(1));
            let Some(skills) = skills(agent) else { continue };
            if let Some(distance) = chosen(after_s, matching, &skills) {
                rings.entry(distance).or_default().push(agent);
                if queue.strategy == Strategy::Expression {
                    known.insert(agent, skills.into_owned());
                }
            }
        }
        Layout { rings, skills: known }
    }

    /// The rings, the nearest first, each with the wait after which it is asked.
    pub fn nearest_first(&self) -> impl Iterator<Item = (Duration, &[AgentId])> {
        let wait = |distance: &Distance| Duration::from_secs(distance.after_s.into());
        self.rings.iter().map(move |(distance, agents)| (wait(distance), agents.as_slice()))
    }
}

/// The same as [`distance`], as far as the queue goes by skills.
fn chosen(after_s: u32, matching: &Matching, skills: &[Skill]) -> Option<Distance> {
    let needs = matching.needs.as_slice();
    match matching.skill_choice {
        SkillChoice::All => distance(after_s, needs, skills),
        SkillChoice::Disregard => distance(after_s, &[], skills),
        SkillChoice::BestAvailable => {
            let levels = Reverse(levels(needs, skills));
            distance(after_s, needs, skills).map(|distance| Distance { levels, ..distance })
        }
    }
}

/// What an agent's levels of the skills that are needed come to. What they must not have counts
/// nothing.
fn levels(needs: &[Need], skills: &[Skill]) -> u32 {
    let wanted =
        |skill: &&Skill| needs.iter().any(|need| !need.excluded && need.skill == skill.name);
    skills.iter().filter(wanted).fold(0, |sum, skill| sum.saturating_add(skill.level))
}

/// None where the agent misses what is always needed, or has what never fits.
fn distance(after_s: u32, needs: &[Need], skills: &[Skill]) -> Option<Distance> {
    let mut distance = Distance { after_s, misses: 0, levels: Reverse(0) };
    let has = |need: &Need| {
        skills.iter().any(|skill| skill.name == need.skill && skill.level >= need.level)
    };
    for need in needs.iter().filter(|need| has(need) == need.excluded) {
        distance.after_s = distance.after_s.max(need.until_s?);
        distance.misses += 1;
    }
    Some(distance)
}

#[derive(Clone, Debug)]
struct Ring {
    stage: usize,
    free: Free,
}

/// An agent who was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub agent: AgentId,
    pub by: ChosenBy,
    /// Of which ring, 1 is the nearest.
    pub ring: usize,
    /// Free agents of that ring.
    pub candidates: usize,
}

/// The free agents of a queue.
#[derive(Clone, Debug)]
pub(super) struct Rings {
    layout: Layout,
    /// In the order of the layout.
    rings: Vec<Ring>,
    ring_of: IdMap<AgentId, usize>,
    /// Waits at which stages begin, the first at once.
    stages: Vec<Duration>,
}

impl Rings {
    /// Nobody is free yet.
    pub fn new(queue: &routing::Queue, layout: Layout) -> Self {
        let mut stages = vec![Duration::ZERO];
        let mut rings = Vec::with_capacity(layout.rings.len());
        let mut ring_of = IdMap::default();
        for (ring, (distance, agents)) in layout.rings.iter().enumerate() {
            let wait = Duration::from_secs(distance.after_s.into());
            if stages.last().is_none_or(|last| *last < wait) {
                stages.push(wait);
            }
            let free = Free::new(queue.strategy, agents, &queue.matching, &layout.skills);
            rings.push(Ring { stage: stages.len() - 1, free });
            ring_of.extend(agents.iter().map(|&agent| (agent, ring)));
        }
        Rings { layout, rings, ring_of, stages }
    }

    /// What strategies remember of conversations goes on in those rings that stay.
    pub fn go_on(&mut self, before: &Rings) {
        for (ring, distance) in self.rings.iter_mut().zip(self.layout.rings.keys()) {
            let same = before.layout.rings.keys().position(|other| other == distance);
            if let Some(old) = same.and_then(|old| before.rings.get(old)) {
                ring.free.go_on(&old.free);
            }
        }
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The stage of a visit that has waited so long.
    pub fn stage(&self, waited: Duration) -> usize {
        self.stages.iter().rposition(|wait| *wait <= waited).unwrap_or(0)
    }

    /// After which wait the next stage begins.
    pub fn next_stage(&self, stage: usize) -> Option<Duration> {
        self.stages.get(stage + 1).copied()
    }

    /// The first stage at which somebody is free.
    pub fn first_stage(&self) -> Option<usize> {
        self.rings.iter().find(|ring| !ring.free.is_empty()).map(|ring| ring.stage)
    }

    /// True when a visit of this stage may be offered to this agent.
    #[cfg(test)]
    pub fn reaches(&self, stage: usize, agent: AgentId) -> bool {
        let ring = self.ring_of.get(&agent).and_then(|&ring| self.rings.get(ring));
        ring.is_some_and(|ring| ring.stage <= stage)
    }

    /// The ring of an agent, 1 is the nearest; none for who never serves this queue.
    pub fn ring(&self, agent: AgentId) -> Option<usize> {
        self.ring_of.get(&agent).map(|ring| ring + 1)
    }

    /// Who never serves this queue is not listed.
    pub fn insert(&mut self, candidate: &Candidate) {
        if let Some(free) = self.of(candidate.agent) {
            free.insert(candidate);
        }
    }

    pub fn remove(&mut self, agent: AgentId) {
        if let Some(free) = self.of(agent) {
            free.remove(agent);
        }
    }

    /// Nobody is free; whose turn it is stays.
    pub fn clear(&mut self) {
        self.rings.iter_mut().for_each(|ring| ring.free.clear());
    }

    /// The next agent for a visit of this stage, of the nearest ring that has one.
    pub fn pick(&mut self, stage: usize, contact: &Contact, dice: &mut SmallRng) -> Option<Pick> {
        let reached = self.rings.iter_mut().take_while(|ring| ring.stage <= stage);
        let (n, ring) = reached.enumerate().find(|(_, ring)| !ring.free.is_empty())?;
        let candidates = ring.free.len();
        let (agent, by) = (ring.free.pick(contact, dice)?, ChosenBy::Strategy);
        Some(Pick { agent, by, ring: n + 1, candidates })
    }

    /// See [`Free::measure`].
    pub fn measure(&self, candidate: &Candidate, now: Moment) -> Option<i64> {
        let ring = *self.ring_of.get(&candidate.agent)?;
        self.rings.get(ring)?.free.measure(candidate, now)
    }

    /// See [`Free::unscored`].
    pub fn unscored(&self, agent: AgentId) -> Option<u32> {
        let ring = *self.ring_of.get(&agent)?;
        self.rings.get(ring)?.free.unscored(agent)
    }

    /// An agent's conversation from this queue has ended.
    pub fn served(&mut self, agent: AgentId, now: Moment) {
        if let Some(free) = self.of(agent) {
            free.served(agent, now);
        }
    }

    pub fn len(&self) -> usize {
        self.rings.iter().map(|ring| ring.free.len()).sum()
    }

    fn of(&mut self, agent: AgentId) -> Option<&mut Free> {
        let ring = *self.ring_of.get(&agent)?;
        self.rings.get_mut(ring).map(|ring| &mut ring.free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(skill: &str, level: u32, until_s: Option<u32>) -> Need {
        Need { skill: skill.into(), level, until_s, excluded: false }
    }

    fn skill(name: &str, level: u32) -> Skill {
        Skill { name: name.into(), level }
    }

    #[test]
    fn how_far_off_an_agent_is_follows_from_what_they_miss() {
        let needs =
            [need("gas", 3, None), need("cantonese", 1, Some(0)), need("boilers", 5, Some(30))];
        let of = |skills: &[Skill]| distance(0, &needs, skills).map(|d| (d.after_s, d.misses));
        let (gas, cantonese, boilers) =
            (skill("gas", 3), skill("cantonese", 2), skill("boilers", 5));
        let all = [gas.clone(), cantonese.clone(), boilers.clone()];
        assert_eq!(of(&all), Some((0, 0)));
        assert_eq!(of(&[gas.clone(), boilers]), Some((0, 1)), "wished for, not needed");
        let few = [gas, cantonese, skill("boilers", 4)];
        assert_eq!(of(&few), Some((30, 1)), "needed for half a minute");
        assert_eq!(of(&[skill("gas", 2)]), None, "always needed at this level");
        assert_eq!(distance(60, &needs, &few).map(|d| d.after_s), Some(60), "the level is further");
    }

    #[test]
    fn what_agents_must_not_have_sets_back_who_has_it_and_nobody_else() {
        let of = |until_s, skills: &[Skill]| {
            let trainee = Need { excluded: true, ..need("trainee", 2, until_s) };
            distance(0, &[trainee], skills).map(|d| (d.after_s, d.misses))
        };
        let (has, less) = ([skill("trainee", 2)], [skill("trainee", 1)]);
        assert_eq!(of(None, &has), None, "never");
        assert_eq!(of(Some(40), &has), Some((40, 1)), "only after so long");
        assert_eq!(of(Some(0), &has), Some((0, 1)), "after all others");
        for skills in [&less[..], &[]] {
            assert_eq!(of(None, skills), Some((0, 0)), "{skills:?}");
        }
    }

    #[test]
    fn of_those_who_have_what_is_needed_more_of_it_is_nearer_where_the_queue_says_so() {
        let trainee = Need { excluded: true, ..need("trainee", 2, None) };
        let needs = vec![need("gas", 3, None), need("cantonese", 1, Some(0)), trainee];
        let of = |skill_choice, skills: &[Skill]| {
            let matching = Matching { needs: needs.clone(), skill_choice, ..Matching::default() };
            chosen(20, &matching, skills)
        };
        let (gas, expert) = ([skill("gas", 3)], [skill("gas", 9), skill("trainee", 1)]);
        let (both, wished) = ([skill("gas", 3), skill("cantonese", 1)], SkillChoice::BestAvailable);
        assert!(of(wished, &both) < of(wished, &expert), "whoever misses less comes first");
        assert!(of(wished, &expert) < of(wished, &gas), "nine is better than three");
        assert_eq!(of(SkillChoice::All, &expert), of(SkillChoice::All, &gas), "good enough");
        assert_eq!(of(wished, &[]), None, "it is needed all the same");
        let nothing = of(SkillChoice::Disregard, &[skill("trainee", 9)]);
        assert_eq!(nothing, of(SkillChoice::Disregard, &both), "nobody asks");
        assert_eq!(nothing.map(|d| (d.after_s, d.misses)), Some((20, 0)), "but for their seat");
    }
}
