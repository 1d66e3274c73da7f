//! Items: pieces of work that are no call, handed to the agents of the queues that calls wait in. One
//! machine per tenant, beside the [`super::Distributor`] and not in it: a call has its agent whatever
//! items they have, and items go by what the distributor says of an agent.
//!
//! # How an item finds its agent
//! A queue keeps the waiting items of each channel in the order of calls (priority, then age), and of
//! the agents whom they reach (levels and skills, as for calls) those who may have one more of the
//! channel, the one with the smallest share of their capacity taken first; among equals who was handed
//! one longest ago, then the lower id. After every input no such agent has an item that they could have,
//! and none passes an older one of the same priority.
//!
//! # How an offer ends
//! It is taken, declined, not answered in time, or withdrawn because the agent went away, has a call, or
//! somebody else has the item. Whatever the end, the item stands where its age puts it. Who declined
//! or did not answer is passed over for it for [`PASSED_OVER`]; who did not answer
//! [`UNANSWERED_MAX`] times in a row is offered none until they take one or sign in anew.
//!
//! Methods take the time; outputs come from [`ItemDesk::poll_output`]. Nothing is kept here: whoever
//! drives this keeps the items, and gives them back after a start.

mod line;
mod offer;
#[cfg(test)]
mod tests;
mod worker;

use super::queue::Key;
use super::rings::Layout;
use super::skill_set::counted;
use crate::switch::Now;
use line::Place;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use terms::event::Activity;
use terms::item::{Channel, ItemRules};
use terms::routing::{Plan, SkillSet};
use terms::{AgentId, ItemId, Moment, QueueId, SkillSetId, Timestamp};
use worker::Worker;

/// Who declined an item or did not answer is not offered it again for so long.
pub const PASSED_OVER: Duration = Duration::from_secs(300);
/// Offers that an agent leaves unanswered in a row before they are offered none.
pub const UNANSWERED_MAX: u32 = 3;
/// Channels.
const CHANNELS: usize = Channel::ALL.len();

/// An item that comes in, or is there after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Which.
    pub item: ItemId,
    /// Where.
    pub queue: QueueId,
    /// How it came.
    pub channel: Channel,
    /// Added to the queue's priority.
    pub priority: i32,
    /// Its age counts from here.
    pub received_at: Timestamp,
    /// Who has taken it.
    pub taken_by: Option<AgentId>,
}

/// Why an agent was offered an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Of which ring of agents they are, 1 is the nearest; none where a person named them.
    pub ring: Option<usize>,
    /// Agents of that ring who could have had it.
    pub candidates: usize,
    /// Items of the channel that they had.
    pub open: u32,
    /// How many they may have.
    pub capacity: u32,
    /// How long the item had waited, in seconds.
    pub waited_s: i64,
}

/// Why an offer ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// Nobody answered in time.
    Unanswered,
    /// The agent went away or has a call.
    Withdrawn,
}

/// What the desk wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The item is an agent's to take, until then.
    Offered {
        /// Which.
        item: ItemId,
        /// Whose.
        agent: AgentId,
        /// Then it goes back.
        until: Timestamp,
        /// Why they.
        why: Why,
    },
    /// It waits again.
    Returned {
        /// Which.
        item: ItemId,
        /// Whose it was.
        agent: AgentId,
        /// Why.
        back: Back,
    },
}

/// Why an agent cannot have an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such item, or it is over.
    #[error("there is no such item any more")]
    Gone,
    /// Another agent is offered it or has it.
    #[error("another agent has this item")]
    Others,
    /// The agent does not serve its queue.
    #[error("this agent does not serve the item's queue")]
    NotTheirs,
    /// The agent has as many as they may have.
    #[error("this agent has as many items of this channel as they may have")]
    Full,
    /// The agent is signed out, on a break or has a call.
    #[error("this agent cannot be offered an item now")]
    Away,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Offered { agent: AgentId, deadline: Moment },
    Taken { agent: AgentId },
}

#[derive(Clone, Debug)]
struct Item {
    queue: QueueId,
    channel: Channel,
    priority: i32,
    received_at: Timestamp,
    key: Key,
    /// Which rings of agents it reaches, and when it reaches further ones.
    stage: usize,
    widens_at: Option<Moment>,
    state: State,
    /// Who is not offered it, until when.
    passed: BTreeMap<AgentId, Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Offer(ItemId),
    Widen(ItemId),
    Pass(ItemId, AgentId),
}

/// What waits in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Items, without those that are offered.
    pub items: u32,
    /// The first of them that will be offered was received then.
    pub first: Option<Timestamp>,
}

/// The items of one tenant.
#[derive(Debug, Default)]
pub struct ItemDesk {
    places: BTreeMap<QueueId, Place>,
    workers: BTreeMap<AgentId, Worker>,
    items: BTreeMap<ItemId, Item>,
    sets: BTreeMap<SkillSetId, SkillSet>,
    rules: ItemRules,
    timers: BTreeSet<(Moment, Timer)>,
    /// Lines in which an agent may have been found for an item.
    touched: BTreeSet<(QueueId, Channel)>,
    outputs: VecDeque<Output>,
}

impl ItemDesk {
    /// A desk that knows no queue and no agent.
    pub fn new() -> Self {
        ItemDesk::default()
    }

    /// Queues and agents are these from now on. What was offered stays offered, and who has an item
    /// keeps it.
    pub fn apply(&mut self, now: Now, plan: &Plan) {
        self.sets = plan.skill_sets.iter().map(|set| (set.id, set.clone())).collect();
        for worker in self.workers.values_mut() {
            worker.leave_plan();
        }
        for agent in &plan.agents {
            self.workers.entry(agent.id).or_default().join_plan(agent.skills.clone());
        }
        for place in self.places.values_mut() {
            place.settings = None;
        }
        for queue in &plan.queues {
            self.places.entry(queue.id).or_default().settings = Some(queue.clone());
            for agent in &queue.agents {
                if let Some(worker) = self.workers.get_mut(agent) {
                    worker.queues.insert(queue.id);
                }
            }
        }
        let places: Vec<QueueId> = self.places.keys().copied().collect();
        for id in places {
            self.lay_out(now, id, true);
        }
        self.relist_all(now);
    }

    /// Capacities and times are these from now on. Who has more items than that keeps them.
    pub fn set_rules(&mut self, now: Now, rules: ItemRules) {
        self.rules = rules;
        self.relist_all(now);
    }

    /// What the distributor says of an agent.
    pub fn set_activity(
        &mut self,
        now: Now,
        id: AgentId,
        activity: Activity,
        skill_set: Option<SkillSetId>,
    ) {
        self.learn(now, id, activity, skill_set);
        self.pump(now);
    }

    /// What several agents do, before anybody is offered anything: who is named first is not given
    /// everything.
    pub fn set_activities(
        &mut self,
        now: Now,
        agents: impl IntoIterator<Item = (AgentId, Activity, Option<SkillSetId>)>,
    ) {
        for (id, activity, skill_set) in agents {
            self.learn(now, id, activity, skill_set);
        }
        self.pump(now);
    }

    fn learn(&mut self, now: Now, id: AgentId, activity: Activity, skill_set: Option<SkillSetId>) {
        let worker = self.workers.entry(id).or_default();
        if worker.activity == activity && worker.skill_set == skill_set {
            return;
        }
        if worker.activity == Activity::SignedOut {
            worker.unanswered = 0;
        }
        worker.activity = activity;
        if worker.skill_set != skill_set {
            worker.skill_set = skill_set;
            let queues: Vec<QueueId> = worker.queues.iter().copied().collect();
            for queue in queues {
                self.lay_out(now, queue, false);
            }
        }
        self.relist(id);
        self.withdraw_from(now, id);
    }

    /// An item comes in. One that is known stays as it is.
    pub fn arrive(&mut self, now: Now, arrival: Arrival) {
        let Arrival { item: id, queue, channel, priority, received_at, taken_by } = arrival;
        if self.items.contains_key(&id) {
            return;
        }
        let place = self.places.entry(queue).or_default();
        let item = Item {
            queue,
            channel,
            priority,
            received_at,
            key: place.key(priority, received_at, id),
            stage: 0,
            widens_at: None,
            state: State::Waiting,
            passed: BTreeMap::new(),
        };
        self.items.insert(id, item);
        match taken_by {
            Some(agent) => self.hold(now, id, agent),
            None => self.stand(now, id),
        }
        self.pump(now);
    }

    /// The item is over, or is taken out by somebody.
    pub fn end(&mut self, now: Now, id: ItemId) {
        if !self.items.contains_key(&id) {
            return;
        }
        self.lift(id);
        if let Some(item) = self.items.remove(&id) {
            for (agent, until) in item.passed {
                self.timers.remove(&(until, Timer::Pass(id, agent)));
            }
        }
        self.pump(now);
    }

    /// Waits in another queue from now on, with its age; everybody there may be offered it.
    pub fn transfer(&mut self, now: Now, id: ItemId, queue: QueueId) {
        if !self.items.contains_key(&id) {
            return;
        }
        self.lift(id);
        self.places.entry(queue).or_default();
        if let Some(item) = self.items.get_mut(&id) {
            item.queue = queue;
            for (agent, until) in std::mem::take(&mut item.passed) {
                self.timers.remove(&(until, Timer::Pass(id, agent)));
            }
        }
        self.stand(now, id);
        self.pump(now);
    }

    /// Who has it gives it back: it waits with its age, and is not offered to them for a while.
    pub fn release(&mut self, now: Now, id: ItemId) {
        let Some(State::Taken { agent }) = self.items.get(&id).map(|item| item.state) else {
            return;
        };
        self.lift(id);
        self.pass(now, id, agent);
        self.stand(now, id);
        self.pump(now);
    }

    /// Deadlines that are reached.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now.moment {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::Offer(item) => self.offer_expired(now, item),
                Timer::Widen(item) => self.widen(now, item),
                Timer::Pass(item, agent) => self.forgive(item, agent),
            }
        }
        self.pump(now);
    }

    /// When [`ItemDesk::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What waits in a queue, of one channel.
    pub fn waiting(&self, queue: QueueId, channel: Channel) -> Waiting {
        let Some(place) = self.places.get(&queue) else { return Waiting::default() };
        let first = place.lane(channel).first().and_then(|(_, id)| self.items.get(&id));
        Waiting { items: place.lane(channel).len(), first: first.map(|item| item.received_at) }
    }

    /// Items of a channel that an agent is offered or has, and how many they may have.
    pub fn open(&self, agent: AgentId, channel: Channel) -> (u32, u32) {
        let open = self.workers.get(&agent).map_or(0, |worker| worker.open[channel.index()]);
        (open, self.rules.capacity(agent, channel))
    }

    /// Agents of a queue stand where levels and skills put them, and its items by its priority. `anew`:
    /// whatever it said before, and who is free is listed afterwards.
    fn lay_out(&mut self, now: Now, id: QueueId, anew: bool) {
        let (workers, sets) = (&self.workers, &self.sets);
        let Some(place) = self.places.get_mut(&id) else { return };
        let layout = place.settings.as_ref().map(|queue| {
            Layout::of(queue, |agent| {
                let worker = workers.get(&agent).filter(|worker| worker.in_plan)?;
                let set = worker.skill_set.and_then(|set| sets.get(&set));
                let set = set.filter(|set| set.agents.contains(&agent));
                counted(&worker.skills, set, queue)
            })
        });
        if !anew && place.layout == layout {
            return;
        }
        let waiting = place.lay_out(layout);
        let there: Vec<AgentId> = place.ring_of.keys().copied().collect();
        for item in waiting {
            self.unschedule(item);
            self.stand(now, item);
        }
        if !anew {
            there.into_iter().for_each(|agent| self.relist_in(agent, id));
        }
    }

    /// A waiting item is not looked at when it would reach further agents.
    fn unschedule(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if let Some(at) = item.widens_at.take() {
            self.timers.remove(&(at, Timer::Widen(id)));
        }
    }

    /// A waiting item stands in its line, as far as its age has brought it.
    fn stand(&mut self, now: Now, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let Some(place) = self.places.get_mut(&item.queue) else { return };
        item.state = State::Waiting;
        item.key = place.key(item.priority, item.received_at, id);
        let waited = waited(now, item.received_at);
        item.stage = place.stage(waited);
        item.widens_at = place.next_stage(item.stage).map(|at| now.moment + (at - waited));
        if let Some(at) = item.widens_at {
            self.timers.insert((at, Timer::Widen(id)));
        }
        place.lane_mut(item.channel).put(item.key, item.stage, id);
        self.touched.insert((item.queue, item.channel));
    }

    /// It reaches agents who are further off.
    fn widen(&mut self, now: Now, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.widens_at = None;
        if item.state != State::Waiting {
            return;
        }
        if let Some(place) = self.places.get_mut(&item.queue) {
            place.lane_mut(item.channel).take(item.key, item.stage);
        }
        self.stand(now, id);
    }

    /// The item stands nowhere and is nobody's.
    fn lift(&mut self, id: ItemId) {
        self.unschedule(id);
        let Some(item) = self.items.get_mut(&id) else { return };
        let (channel, state) = (item.channel, item.state);
        match state {
            State::Waiting => {
                if let Some(place) = self.places.get_mut(&item.queue) {
                    place.lane_mut(channel).take(item.key, item.stage);
                }
            }
            State::Offered { agent, deadline } => {
                self.timers.remove(&(deadline, Timer::Offer(id)));
                self.give_up(id, agent, channel);
            }
            State::Taken { agent } => self.give_up(id, agent, channel),
        }
    }

    /// An agent has one item less.
    fn give_up(&mut self, id: ItemId, agent: AgentId, channel: Channel) {
        if let Some(worker) = self.workers.get_mut(&agent) {
            worker.open[channel.index()] = worker.open[channel.index()].saturating_sub(1);
            worker.offers.remove(&id);
            self.relist(agent);
        }
    }
}

fn waited(now: Now, since: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.wall.0.saturating_sub(since.0)).unwrap_or(0))
}
