//! Automatic call distribution: one single-writer machine per tenant, because queues share agents.
//!
//! # How an assignment is found
//! A queue keeps its waiting visits in order (priority, then age; or age with priority as waiting
//! time) and its free agents in the order of its strategy; where it has rings of agents, a visit
//! reaches more of them the longer it waits. A queue with a visit that reaches a free agent is
//! *matchable*, and the set of matchable queues is ordered by the first such visit.
//! [`Distributor::pump`] takes the first until the set is empty, so after every input no free agent
//! has an eligible waiting caller, and no caller passes an older one of the same priority whom the
//! agent could have taken. Every step is a look into an ordered index: O(log n), times the rings.
//!
//! # How an offer ends
//! An offer has an owner (the call), a deadline, and exactly one end: answered, declined,
//! unanswered, unreachable, picked up by a colleague or withdrawn. Whatever the end, the agent and
//! the visit are put where they belong in the same step; nobody stays reserved. A visit rings at one
//! agent, or with [`Strategy::RingAll`] and [`Strategy::Progressive`] at several, who have one
//! deadline: the first answer withdraws the other offers, and the visit goes back to its place when
//! the last of them has ended.
//!
//! Methods take the time; outputs come from [`Distributor::poll_output`].

mod agent;
mod apply;
mod audit;
mod callback;
mod claim;
mod decide;
mod doors;
pub mod items;
mod keep;
mod load;
mod offer;
mod personal;
mod phone;
mod presence;
mod progressive;
mod queue;
mod resume;
mod rings;
mod second;
mod skill_set;
mod strategy;
mod tally;
#[cfg(test)]
mod tests;

pub use agent::Stage;
pub use claim::Claim;
pub(crate) use keep::{KeptAgent, KeptVisit};
pub(crate) use personal::KeptLast;
pub use personal::Personal;
pub(crate) use resume::KeptLeaver;
pub use strategy::check_score;

use crate::id_table::IdTable;
use crate::ivr::template::Variables;
use crate::switch::Now;
use agent::Agent;
use queue::{Key, Queue};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rings::Pick;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use terms::event::{Activity, Choice, FlowOut, Forwarding, OfferEnd};
use terms::routing::{SkillSet, Strategy};
use terms::{AgentId, CallId, Moment, QueueId, SkillSetId, Timestamp, VisitId};

/// Agents at whom one contact rings at a time, with [`Strategy::RingAll`] and
/// [`Strategy::Progressive`].
pub const RUNG_MAX: usize = 20;

/// What the distributor wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ring this agent for this visit; the offer's deadline is kept here.
    Offer {
        /// The stay.
        visit: VisitId,
        /// Whose.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// Why they.
        choice: Choice,
    },
    /// The offer ended by the distributor's own doing: stop ringing.
    OfferEnded {
        /// The stay.
        visit: VisitId,
        /// Whose.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// Why.
        end: OfferEnd,
    },
    /// The visit is over: go to the queue's overflow.
    FlowOut {
        /// The stay.
        visit: VisitId,
        /// Whose.
        call: CallId,
        /// Why.
        reason: FlowOut,
    },
    /// An agent is a call's that wanted them, and reserved: ring them.
    Claimed {
        /// Who.
        agent: AgentId,
        /// Whose.
        call: CallId,
    },
    /// An agent whom a call waits for has left.
    ClaimOver {
        /// Who.
        agent: AgentId,
        /// Whose.
        call: CallId,
    },
    /// An agent's state changed.
    AgentChanged(Changed),
}

/// A new state of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Who.
    pub agent: AgentId,
    /// From now on.
    pub activity: Activity,
    /// Reason of a break, or disposition when a wrap-up ends.
    pub reason: Option<String>,
    /// The call it is about.
    pub call: Option<CallId>,
    /// The queue whose call it is.
    pub queue: Option<QueueId>,
    /// The skill set of their sitting.
    pub skill_set: Option<SkillSetId>,
}

/// A contact at the door of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// This stay.
    pub visit: VisitId,
    /// Whose.
    pub call: CallId,
    /// Where.
    pub queue: QueueId,
    /// Added to the queue's priority.
    pub priority: i32,
    /// Its place counts from here; a contact that comes back keeps its age.
    pub since: Moment,
    /// Whom it waits for first, where they are there.
    pub personal: Option<Personal>,
    /// Nobody is on the line: it stays absent until [`Distributor::present`], at most so long, and
    /// no limit of the queue refuses it, because it stood there before. It waits for nobody first.
    pub callback: Option<Duration>,
    /// Nobody is found for it, and it waits for nobody first, until [`Distributor::decide`].
    pub undecided: bool,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It waits, at this place; 1 is next. An offer may already be on its way.
    Waiting {
        /// The place.
        position: u32,
        /// Its priority.
        priority: i32,
    },
    /// The queue is full: it must go to the overflow.
    Full {
        /// The place it would have had.
        position: u32,
        /// Its priority.
        priority: i32,
    },
    /// Nobody is there for whom one might come in ([`terms::routing::Doors::joins_while`]): it must go
    /// to the overflow.
    Unstaffed {
        /// The place it would have had.
        position: u32,
        /// Its priority.
        priority: i32,
    },
}

/// There is no such queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no queue {0}")]
pub struct NoQueue(pub QueueId);

/// The agent has another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("agent {0} is busy")]
pub struct Busy(pub AgentId);

/// One stay of one contact.
#[derive(Clone, Debug)]
struct Visit {
    call: CallId,
    queue: QueueId,
    /// The queue's and its own.
    priority: i32,
    since: Moment,
    key: Key,
    since_wall: Timestamp,
    entered: Moment,
    leave_at: Moment,
    /// Which rings of agents it reaches by now, and when it reaches further ones.
    stage: usize,
    widens_at: Option<Moment>,
    /// It waits for one agent alone.
    awaited: Option<personal::Awaited>,
    offer: Option<Offer>,
    /// Nobody is found for it.
    absent: bool,
    /// It stays although nobody is there: it is not on the line, or hears something else meanwhile.
    stays: bool,
    /// What strategies may know of it.
    facts: Variables,
}

impl Visit {
    fn contact(&self, now: Moment) -> strategy::Contact<'_> {
        let (waited, priority) = (now - self.since, self.priority);
        strategy::Contact { now, waited, priority, facts: &self.facts }
    }
}

/// Agents who ring for one visit, until the same deadline. There is at least one.
#[derive(Clone, Debug)]
struct Offer {
    agents: Vec<AgentId>,
    deadline: Moment,
    /// When one more rings.
    more_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Offer(VisitId),
    RingMore(VisitId),
    Wait(VisitId),
    Widen(VisitId),
    Personal(VisitId),
    WrapUp(AgentId),
}

/// What stands among the matchable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A queue with a visit that reaches a free agent.
    Queue(QueueId),
    /// A free agent whom a visit waits for.
    Agent(AgentId),
}

/// A queue as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Which.
    pub queue: QueueId,
    /// Waiting, ringing ones included.
    pub waiting: u32,
    /// The oldest began to wait then.
    pub oldest: Option<Timestamp>,
    /// Agents signed in.
    pub signed_in: u32,
    /// Of those, free.
    pub idle: u32,
}

/// An agent as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentView {
    /// Who.
    pub agent: AgentId,
    /// What they do.
    pub activity: Activity,
    /// Reason of a break.
    pub reason: Option<String>,
    /// Since.
    pub since: Timestamp,
    /// Their call.
    pub call: Option<CallId>,
    /// Their phone is registered.
    pub registered: bool,
    /// Nobody may ring there.
    pub do_not_disturb: bool,
    /// Where calls to their extension go.
    pub forwarding: Forwarding,
    /// At whose phone they are, where it is not their own.
    pub at: Option<AgentId>,
    /// The skill set of their sitting.
    pub skill_set: Option<SkillSetId>,
}

/// The distributor of one tenant.
#[derive(Debug)]
pub struct Distributor {
    /// In boxes: a table has room for twice as many as are in it.
    agents: IdTable<AgentId, Box<Agent>>,
    queues: IdTable<QueueId, Queue>,
    skill_sets: BTreeMap<SkillSetId, SkillSet>,
    visits: BTreeMap<VisitId, Visit>,
    matchable: BTreeSet<(Key, Place)>,
    timers: BTreeSet<(Moment, Timer)>,
    arrivals: u64,
    outputs: VecDeque<Output>,
    /// Agents who changed, for those who keep them.
    touched: BTreeSet<AgentId>,
    /// Callers who may come back to their place.
    left: resume::Left,
    last: personal::Last,
    claims: claim::Claims,
    /// Queues in which nobody may be left whom those who wait could stay for.
    thinned: BTreeSet<QueueId>,
    /// Whether a queue of the plan says for whom those who wait in it stay.
    asks_to_stay: bool,
    /// By whose phone it is: who is signed in there and has another one of their own.
    guests: BTreeMap<AgentId, AgentId>,
    /// Who comes in next.
    introduced: Option<(VisitId, Variables)>,
    /// For strategies that draw lots.
    dice: SmallRng,
}

impl Distributor {
    /// Nobody and nothing; [`Distributor::apply`] fills it. `seed` is for strategies that draw lots.
    pub fn new(seed: u64) -> Self {
        Distributor {
            agents: IdTable::new(),
            queues: IdTable::new(),
            skill_sets: BTreeMap::new(),
            visits: BTreeMap::new(),
            matchable: BTreeSet::new(),
            timers: BTreeSet::new(),
            arrivals: 0,
            outputs: VecDeque::new(),
            touched: BTreeSet::new(),
            left: resume::Left::default(),
            last: personal::Last::default(),
            claims: claim::Claims::default(),
            thinned: BTreeSet::new(),
            asks_to_stay: false,
            guests: BTreeMap::new(),
            introduced: None,
            dice: SmallRng::seed_from_u64(seed),
        }
    }

    /// Says what strategies may know of the contact that [`Distributor::enqueue`] takes next.
    pub fn introduce(&mut self, visit: VisitId, facts: Variables) {
        self.introduced = Some((visit, facts));
    }

    /// Puts a contact into a queue and looks for an agent.
    ///
    /// # Errors
    /// When the queue does not exist.
    pub fn enqueue(&mut self, now: Now, arrival: Arrival) -> Result<Entered, NoQueue> {
        let Arrival { visit, call, queue: id, priority, since, .. } = arrival;
        let Arrival { personal, callback, undecided, .. } = arrival;
        let introduced = self.introduced.take().filter(|(introduced, _)| *introduced == visit);
        let absent = callback.is_some() || undecided;
        let personal = personal.filter(|personal| !absent && self.may_await(personal.agent, id));
        let staffed = callback.is_some() || self.lets_in(id);
        let queue = self.queues.get_mut(&id).filter(|q| q.open).ok_or(NoQueue(id))?;
        self.arrivals += 1;
        let key = queue.key(priority, since, self.arrivals);
        let priority = queue.settings.priority.saturating_add(priority);
        let position = queue.position(key);
        if queue.is_full() && callback.is_none() {
            return Ok(Entered::Full { position, priority });
        }
        if !staffed {
            return Ok(Entered::Unstaffed { position, priority });
        }
        let wait_max = Duration::from_secs(queue.settings.wait_max_s.into());
        let leave_at = now.moment + callback.unwrap_or(wait_max);
        let since_wall = Timestamp(
            now.wall.0.saturating_sub(i64::try_from((now.moment - since).as_micros()).unwrap_or(0)),
        );
        let stay = Visit {
            call,
            queue: id,
            priority,
            since,
            key,
            since_wall,
            entered: now.moment,
            leave_at,
            stage: 0,
            widens_at: None,
            awaited: None,
            offer: None,
            absent,
            stays: callback.is_some(),
            facts: introduced.map(|(_, facts)| facts).unwrap_or_default(),
        };
        self.stand(now, visit, stay);
        if let Some(personal) = personal {
            self.await_agent(now, visit, personal);
        }
        self.pump(now);
        Ok(Entered::Waiting { position, priority })
    }

    /// A visit stands in its queue: it came in, or stands there again after a restart.
    fn stand(&mut self, now: Now, id: VisitId, visit: Visit) {
        let queue = self.queues.get_mut(&visit.queue).expect("its queue was found just now");
        if visit.absent {
            queue.absent.insert(visit.key, id);
        } else {
            queue.put(visit.key, visit.stage, id);
        }
        self.timers.insert((visit.leave_at, Timer::Wait(id)));
        self.thinned.insert(visit.queue);
        self.visits.insert(id, visit);
        self.widen(now, id);
    }

    /// The contact is gone, or goes elsewhere: its offers are withdrawn. Answers whom it was offered to.
    pub fn leave(&mut self, now: Now, visit: VisitId) -> Vec<AgentId> {
        let offered = self.withdraw(now, visit);
        self.remove(visit);
        self.pump(now);
        offered
    }

    /// Place of a waiting contact, 1 is next.
    pub fn position(&self, visit: VisitId) -> Option<u32> {
        let visit = self.visits.get(&visit)?;
        Some(self.queues.get(&visit.queue)?.position(visit.key))
    }

    /// Contacts that wait in a queue, ringing ones included.
    pub fn waiting_in(&self, id: QueueId) -> u32 {
        self.queues.get(&id).map_or(0, Queue::len)
    }

    /// How long the contact at `position` will wait, from the handling times seen lately and the
    /// agents who are signed in; none while nobody is.
    pub fn estimated_wait(&self, id: QueueId, position: u32) -> Option<Duration> {
        let queue = self.queues.get(&id)?;
        let signed_in = self.signed_in(queue);
        (signed_in > 0).then(|| queue.handling * position / signed_in)
    }

    /// Deadlines that are reached.
    pub fn handle_timeout(&mut self, now: Now) {
        let mut more = Vec::new();
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now.moment {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::Offer(visit) => self.offer_expired(now, visit),
                Timer::RingMore(visit) => more.push(visit),
                Timer::Wait(visit) => self.waited_too_long(now, visit),
                Timer::Widen(visit) => self.widen(now, visit),
                Timer::Personal(visit) => self.await_all(visit),
                Timer::WrapUp(agent) => self.end_wrap_up(now, agent, None),
            }
        }
        // Who comes back to the queue in this moment stands in line before anybody is offered.
        self.pump(now);
        // Whoever is free now is nobody's who waits: they may ring for who rings already.
        for visit in more {
            self.ring_more(now, visit);
        }
        self.send_on();
    }

    /// When [`Distributor::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// All queues.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> + '_ {
        self.queues.values().filter(|queue| queue.open).map(|queue| QueueView {
            queue: queue.settings.id,
            waiting: queue.len(),
            oldest: queue
                .visits()
                .filter_map(|visit| self.visits.get(&visit))
                .map(|visit| visit.since_wall)
                .min(),
            signed_in: self.signed_in(queue),
            idle: queue.free.len() as u32,
        })
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = AgentView> + '_ {
        self.agents.values().map(|agent| agent.view())
    }

    /// Contacts that wait, ringing ones included.
    pub fn waiting(&self) -> usize {
        self.visits.len()
    }

    fn signed_in(&self, queue: &Queue) -> u32 {
        let present = |id: &&AgentId| {
            let agent = self.agents.get(id).filter(|_| queue.free.ring(**id).is_some());
            agent.is_some_and(|agent| agent.activity() != Activity::SignedOut)
        };
        queue.settings.agents.iter().filter(present).count() as u32
    }

    fn waited_too_long(&mut self, now: Now, id: VisitId) {
        // While an agent rings the contact is not sent away: the answer may be a second off.
        let Some(visit) = self.visits.get(&id).filter(|visit| visit.offer.is_none()) else {
            return;
        };
        debug_assert!(visit.leave_at <= now.moment, "a wait timer fires at its time");
        let call = visit.call;
        self.remove(id);
        self.outputs.push_back(Output::FlowOut { visit: id, call, reason: FlowOut::MaxWait });
    }

    fn remove(&mut self, id: VisitId) {
        self.stop_awaiting(id);
        let Some(visit) = self.visits.remove(&id) else { return };
        self.timers.remove(&(visit.leave_at, Timer::Wait(id)));
        if let Some(at) = visit.widens_at {
            self.timers.remove(&(at, Timer::Widen(id)));
        }
        if let Some(offer) = visit.offer {
            self.stop_offer_timers(id, &offer);
        }
        if let Some(queue) = self.queues.get_mut(&visit.queue) {
            queue.take(visit.key);
            queue.ringing.remove(&visit.key);
            queue.absent.remove(&visit.key);
        }
        self.relist(visit.queue);
    }

    /// A visit comes to the stage that its wait has reached, and knows when it comes to the next.
    fn widen(&mut self, now: Now, id: VisitId) {
        let Some(visit) = self.visits.get_mut(&id) else { return };
        let Some(queue) = self.queues.get_mut(&visit.queue) else { return };
        if let Some(at) = visit.widens_at {
            self.timers.remove(&(at, Timer::Widen(id)));
        }
        visit.stage = queue.free.stage(now.moment - visit.entered);
        visit.widens_at = queue.free.next_stage(visit.stage).map(|wait| visit.entered + wait);
        self.timers.extend(visit.widens_at.map(|at| (at, Timer::Widen(id))));
        if queue.take(visit.key).is_some() {
            queue.put(visit.key, visit.stage, id);
        }
        let queue = visit.queue;
        self.relist(queue);
    }

    /// Puts the queue where it belongs in the set of matchable queues.
    fn relist(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.relist(&mut self.matchable);
        }
    }

    /// After an agent's state changed: tells it, and lists or unlists the agent as free.
    fn settle(&mut self, id: AgentId, now: Now, disposition: Option<String>) {
        if self.agents.get(&id).is_some_and(|agent| agent.has_left()) {
            self.leave_phone(id);
        }
        self.serve_claims(id);
        let Some(agent) = self.agents.get_mut(&id) else { return };
        self.touched.insert(id);
        self.outputs.extend(agent.changes(now, disposition).map(Output::AgentChanged));
        let free = agent.is_free();
        let was_free = std::mem::replace(&mut agent.listed, free);
        self.thin_out(id);
        if free != was_free {
            self.list(id);
        }
        self.leave_personal(id);
    }

    /// An agent is free in all queues that they serve, or in none of them.
    fn list(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let candidate = agent.candidate();
        for queue_id in &agent.queues {
            let Some(queue) = self.queues.get_mut(queue_id) else { continue };
            match agent.listed {
                true => queue.free.insert(&candidate),
                false => queue.free.remove(id),
            }
            queue.relist(&mut self.matchable);
        }
        self.relist_agent(id);
    }

    /// Offers until no waiting contact reaches a free agent; then those go who have nobody to stay for.
    fn pump(&mut self, now: Now) {
        while let Some(&(key, place)) = self.matchable.first() {
            match place {
                Place::Queue(id) => self.offer_next(now, key, id),
                Place::Agent(id) => self.offer_personally(now, key, id),
            }
        }
        self.send_on();
    }

    fn offer_next(&mut self, now: Now, key: Key, id: QueueId) {
        let queue = self.queues.get_mut(&id).expect("a matchable queue exists");
        let visit = queue.take(key).expect("a matchable queue has its head");
        let stay = self.visits.get(&visit).expect("a waiting visit exists");
        let (stage, contact) = (stay.stage, stay.contact(now.moment));
        let pick = queue.free.pick(stage, &contact, &mut self.dice);
        let rings_all = queue.settings.strategy == Strategy::RingAll;
        queue.ringing.insert(key, visit);
        let pick = pick.expect("a matchable queue has a free agent");
        self.offer(now, id, visit, pick);
        if rings_all {
            self.offer_to_others(now, id, visit, stage, pick);
        }
        self.relist(id);
    }

    /// The rest of the ring that the first was chosen from, those idle longest before the others.
    fn offer_to_others(
        &mut self,
        now: Now,
        id: QueueId,
        visit: VisitId,
        stage: usize,
        first: Pick,
    ) {
        for _ in 1..RUNG_MAX {
            let queue = self.queues.get_mut(&id).expect("an offer comes from a queue");
            let stay = self.visits.get(&visit).expect("a visit outlives its offers");
            let contact = stay.contact(now.moment);
            let next = queue.free.pick(stage, &contact, &mut self.dice);
            let Some(next) = next.filter(|next| next.ring == first.ring) else { break };
            self.offer(now, id, visit, Pick { candidates: first.candidates, ..next });
        }
    }

    fn offer_personally(&mut self, now: Now, key: Key, id: AgentId) {
        let agent = self.agents.get(&id).expect("a matchable agent exists");
        let visit = *agent.personal.get(&key).expect("a matchable agent has their head");
        let (_, awaited) = self.stop_awaiting(visit).expect("the visit waits for this agent");
        let queue_id = self.visits.get(&visit).expect("a waiting visit exists").queue;
        let queue = self.queues.get_mut(&queue_id).expect("a visit's queue exists");
        queue.ringing.insert(key, visit);
        let ring = queue.free.ring(id).unwrap_or(1);
        self.offer(now, queue_id, visit, Pick { agent: id, by: awaited.by, ring, candidates: 1 });
    }
}
