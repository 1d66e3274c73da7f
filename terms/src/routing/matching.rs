//! How the contacts and the agents of one queue find each other.

mod doors;

pub use doors::{Doors, ONWARD_MAX, Onward, Standing};

use crate::id::AgentId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the next agent is chosen among those who are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The agent idle longest: since they became ready, or since the end of their last call or
    /// wrap-up.
    #[default]
    LongestIdle,
    /// The agent whose last conversation from this queue ended longest ago; who had none goes first.
    LongestIdleQueue,
    /// The agent whose last conversation of any kind ended longest ago. A break does not set them
    /// back.
    LongestIdleGlobal,
    /// In turn, with memory.
    RoundRobin,
    /// In the order that the queue names them, from the first on each time.
    Linear,
    /// By lot.
    Random,
    /// By lot; each has as many lots as their weight says.
    WeightedRandom,
    /// Who had the fewest conversations from queues since they signed in.
    FewestCalls,
    /// Who talked least in conversations from queues since they signed in.
    LeastTalk,
    /// Whose share of busy time was lowest lately. Breaks do not count.
    Occupancy,
    /// Who is furthest behind their share of the queue's contacts, which is their weight.
    Percentage,
    /// All of them at once: whoever answers first has the contact.
    RingAll,
    /// One more of them every so many seconds, [`Matching::ring_more_every_s`], those who ring already
    /// ringing on: whoever answers first has the contact.
    Progressive,
    /// Who has the highest score by the queue's expression, [`Matching::expression`].
    Expression,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 14] = [
        Strategy::LongestIdle,
        Strategy::LongestIdleQueue,
        Strategy::LongestIdleGlobal,
        Strategy::RoundRobin,
        Strategy::Linear,
        Strategy::Random,
        Strategy::WeightedRandom,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Occupancy,
        Strategy::Percentage,
        Strategy::RingAll,
        Strategy::Progressive,
        Strategy::Expression,
    ];

    /// Its name in settings and in the event log.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::LongestIdle => "longest_idle",
            Strategy::LongestIdleQueue => "longest_idle_queue",
            Strategy::LongestIdleGlobal => "longest_idle_global",
            Strategy::RoundRobin => "round_robin",
            Strategy::Linear => "linear",
            Strategy::Random => "random",
            Strategy::WeightedRandom => "weighted_random",
            Strategy::FewestCalls => "fewest_calls",
            Strategy::LeastTalk => "least_talk",
            Strategy::Occupancy => "occupancy",
            Strategy::Percentage => "percentage",
            Strategy::RingAll => "ring_all",
            Strategy::Progressive => "progressive",
            Strategy::Expression => "expression",
        }
    }
}

/// What an agent can do, and how well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// Such as `cantonese`.
    pub name: String,
    /// Higher is better.
    pub level: u32,
}

/// A skill that a queue asks of its agents, or that they must not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Its name.
    pub skill: String,
    /// At least.
    pub level: u32,
    /// How long a contact waits for somebody who has it, in seconds; with 0 those who have it only go
    /// first. None: those who lack it never serve the queue.
    #[serde(default)]
    pub until_s: Option<u32>,
    /// The other way round: who has it at this level is who lacks it at any other.
    #[serde(default)]
    pub excluded: bool,
}

/// What [`Matching::needs`] come to among the free agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkillChoice {
    /// Whoever has what is needed is as good as anybody else who has: the strategy decides.
    #[default]
    All,
    /// Of those who have it, the ones whose levels come to more in all go first.
    BestAvailable,
    /// Needs are not looked at.
    Disregard,
}

/// What is particular to one agent of a queue. Who has no seat has weight 1 and level 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Who.
    pub agent: AgentId,
    /// Lots that they have among the free ones, for [`Strategy::WeightedRandom`], or their share, for
    /// [`Strategy::Percentage`]; 0 is only drawn
    /// when nobody else is free.
    pub weight: u32,
    /// Level 1 is asked at once, each further one [`Matching::widen_every_s`] later.
    pub level: u32,
}

impl Seat {
    /// A seat like any other.
    pub const fn usual(agent: AgentId) -> Self {
        Seat { agent, weight: 1, level: 1 }
    }
}

/// A caller of whom something is known that flows and queues go by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCaller {
    /// Their number, normalised.
    pub number: String,
    /// They go first, by as much as the queue says.
    #[serde(default)]
    pub vip: bool,
    /// The tenant's own word for what kind of customer they are; empty is none.
    #[serde(default)]
    pub class: String,
    /// Whom they are to talk with.
    #[serde(default)]
    pub agent: Option<AgentId>,
}

/// What a queue says about matching, beyond its strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Matching {
    /// Agents who differ from the rest.
    pub seats: Vec<Seat>,
    /// Skills that agents need.
    pub needs: Vec<Need>,
    /// What they come to.
    pub skill_choice: SkillChoice,
    /// Seconds from one phone that rings to the next with [`Strategy::Progressive`]; 0 counts as 1.
    pub ring_more_every_s: u32,
    /// Seconds of waiting from one level of seats to the next.
    pub widen_every_s: u32,
    /// Seconds of waiting that one point of a contact's own priority is worth among those of the
    /// queue's priority; 0: more points always go first.
    pub priority_step_s: u32,
    /// Added to the priority of a caller who is a VIP.
    pub vip_priority: i32,
    /// Seconds within which a caller who hung up while waiting comes back to their place; 0 is never.
    pub resume_s: u32,
    /// Seconds that a contact waits for the customer's own agent before others are asked; 0 is never.
    pub own_agent_s: u32,
    /// The same for the agent whom the caller talked with last, where there is no agent of their own.
    pub last_agent_s: u32,
    /// After a conversation an agent is offered nobody before they have said by a disposition what it
    /// was about: the wrap-up does not end by itself.
    pub wrap_up_mandatory: bool,
    /// A program of the tenant is asked about each contact that comes in.
    pub decision: Option<Decision>,
    /// What [`Strategy::Expression`] scores free agents by; without one all have the same.
    pub expression: Option<String>,
    /// Who comes in, who stays, and where the others go.
    pub doors: Doors,
    /// The phones of all its agents are told to answer what it offers by themselves.
    pub auto_answer: bool,
}

/// Another program is asked what a contact is worth and whom it waits for first. No agent is found for
/// it before there is an answer, or the time is over: then it waits as if nobody had been asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Where, by POST.
    pub url: String,
    /// How long an answer is waited for, in ms.
    pub timeout_ms: u32,
    /// Seconds that a contact waits for an agent who is named, where the answer does not say it.
    pub wait_s: u32,
}

impl Matching {
    /// Weights of those who have a seat.
    pub fn weights(&self) -> BTreeMap<AgentId, u32> {
        self.seats.iter().map(|seat| (seat.agent, seat.weight)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_called_the_same_everywhere() {
        for strategy in Strategy::ALL {
            let name = serde_json::to_value(strategy).expect("a name");
            assert_eq!(name, strategy.as_str());
        }
    }
}
