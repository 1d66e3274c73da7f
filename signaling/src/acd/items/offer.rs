//! Offers: who is handed what, and how that ends.

use super::line::{Free, Match};
use super::{
    Back, ItemDesk, Output, PASSED_OVER, Refusal, State, Timer, UNANSWERED_MAX, Why, waited,
};
use crate::switch::Now;
use std::time::Duration;
use terms::item::Channel;
use terms::{AgentId, ItemId, QueueId};

impl ItemDesk {
    /// Whether an agent may take an item: one that they are offered, or one that waits in a queue of
    /// theirs, while they may have one more.
    ///
    /// # Errors
    /// Why not.
    pub fn may_take(&self, id: ItemId, agent: AgentId) -> Result<(), Refusal> {
        let item = self.items.get(&id).ok_or(Refusal::Gone)?;
        match item.state {
            State::Offered { agent: whose, .. } | State::Taken { agent: whose } => {
                if whose == agent { Ok(()) } else { Err(Refusal::Others) }
            }
            State::Waiting => {
                let place = self.places.get(&item.queue);
                if !place.is_some_and(|place| place.ring_of.contains_key(&agent)) {
                    return Err(Refusal::NotTheirs);
                }
                let (open, capacity) = self.open(agent, item.channel);
                if open < capacity { Ok(()) } else { Err(Refusal::Full) }
            }
        }
    }

    /// An agent takes an item.
    ///
    /// # Errors
    /// As [`ItemDesk::may_take`]; nothing is changed then.
    pub fn take(&mut self, now: Now, id: ItemId, agent: AgentId) -> Result<(), Refusal> {
        self.may_take(id, agent)?;
        if self.items.get(&id).is_some_and(|item| item.state == State::Taken { agent }) {
            return Ok(());
        }
        self.lift(id);
        self.hold(now, id, agent);
        self.pump(now);
        Ok(())
    }

    /// The agent to whom an item is offered does not want it. Said late, it changes nothing.
    pub fn decline(&mut self, now: Now, id: ItemId, agent: AgentId) {
        let state = self.items.get(&id).map(|item| item.state);
        if !matches!(state, Some(State::Offered { agent: whose, .. }) if whose == agent) {
            return;
        }
        // Whoever says no is there.
        if let Some(worker) = self.workers.get_mut(&agent) {
            worker.unanswered = 0;
        }
        self.lift(id);
        self.pass(now, id, agent);
        self.stand(now, id);
        self.pump(now);
    }

    /// Whether an item may be offered to this agent because a person says so, whatever queue they serve
    /// and however many offers they left unanswered.
    ///
    /// # Errors
    /// Why not.
    pub fn may_give(&self, id: ItemId, agent: AgentId) -> Result<(), Refusal> {
        let item = self.items.get(&id).ok_or(Refusal::Gone)?;
        let while_talking = self.rules.while_talking.contains(&item.channel);
        let worker = self.workers.get(&agent).ok_or(Refusal::Away)?;
        if !worker.is_there(while_talking) {
            return Err(Refusal::Away);
        }
        let has_it = match item.state {
            State::Offered { agent: whose, .. } | State::Taken { agent: whose } => whose == agent,
            State::Waiting => false,
        };
        let (open, capacity) = self.open(agent, item.channel);
        if has_it || open < capacity { Ok(()) } else { Err(Refusal::Full) }
    }

    /// An item is offered to this agent, whoever had it.
    ///
    /// # Errors
    /// As [`ItemDesk::may_give`]; nothing is changed then.
    pub fn give(&mut self, now: Now, id: ItemId, agent: AgentId) -> Result<(), Refusal> {
        self.may_give(id, agent)?;
        self.lift(id);
        self.offer(now, id, agent, None, 1);
        self.pump(now);
        Ok(())
    }

    /// Hands out what can be handed out, the first item before the others.
    pub(super) fn pump(&mut self, now: Now) {
        while let Some(found) = self.next_match() {
            self.lift(found.item);
            self.offer(now, found.item, found.agent, Some(found.ring + 1), found.candidates);
        }
    }

    /// Of the lines that were touched the first item with an agent for it. Lines without one are not
    /// looked at again before they are touched.
    fn next_match(&mut self) -> Option<Match> {
        let items = &self.items;
        let is_passed = |item: ItemId, agent: AgentId| {
            items.get(&item).is_none_or(|item| item.passed.contains_key(&agent))
        };
        let mut first: Option<Match> = None;
        let mut done: Vec<(QueueId, Channel)> = Vec::new();
        for &(queue, channel) in &self.touched {
            let place = self.places.get(&queue);
            match place.and_then(|place| place.first(channel, is_passed)) {
                Some(found) if first.is_none_or(|first| found.key < first.key) => {
                    first = Some(found);
                }
                Some(_) => {}
                None => done.push((queue, channel)),
            }
        }
        for line in done {
            self.touched.remove(&line);
        }
        first
    }

    /// An item that stands nowhere is this agent's to take.
    fn offer(
        &mut self,
        now: Now,
        id: ItemId,
        agent: AgentId,
        ring: Option<usize>,
        candidates: usize,
    ) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let within = Duration::from_secs(self.rules.offer_s(item.queue).into());
        let deadline = now.moment + within;
        item.state = State::Offered { agent, deadline };
        let channel = item.channel;
        let waited_s = i64::try_from(waited(now, item.received_at).as_secs()).unwrap_or(i64::MAX);
        self.timers.insert((deadline, Timer::Offer(id)));
        let capacity = self.rules.capacity(agent, channel);
        let worker = self.workers.entry(agent).or_default();
        let open = worker.open[channel.index()];
        worker.open[channel.index()] = open.saturating_add(1);
        worker.offers.insert(id);
        worker.handed_at = Some(now.moment);
        self.relist(agent);
        let why = Why { ring, candidates, open, capacity, waited_s };
        self.outputs.push_back(Output::Offered { item: id, agent, until: now.wall + within, why });
    }

    /// An item that stands nowhere is this agent's.
    pub(super) fn hold(&mut self, now: Now, id: ItemId, agent: AgentId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let is_new = !matches!(item.state, State::Offered { .. });
        item.state = State::Taken { agent };
        let worker = self.workers.entry(agent).or_default();
        let open = &mut worker.open[item.channel.index()];
        *open = open.saturating_add(1);
        worker.unanswered = 0;
        if is_new {
            worker.handed_at = Some(now.moment);
        }
        self.relist(agent);
    }

    /// Nobody answered in time.
    pub(super) fn offer_expired(&mut self, now: Now, id: ItemId) {
        let Some(State::Offered { agent, .. }) = self.items.get(&id).map(|item| item.state) else {
            return;
        };
        if let Some(worker) = self.workers.get_mut(&agent) {
            worker.unanswered = worker.unanswered.saturating_add(1).min(UNANSWERED_MAX);
        }
        self.lift(id);
        self.pass(now, id, agent);
        self.stand(now, id);
        self.outputs.push_back(Output::Returned { item: id, agent, back: Back::Unanswered });
    }

    /// What an agent is offered goes back where they cannot be offered it any more: that is no fault of
    /// theirs.
    pub(super) fn withdraw_from(&mut self, now: Now, agent: AgentId) {
        let Some(worker) = self.workers.get(&agent) else { return };
        let (items, rules) = (&self.items, &self.rules);
        let stays = |id: &ItemId| {
            let channel = items.get(id).map(|item| item.channel);
            channel.is_none_or(|of| worker.is_there(rules.while_talking.contains(&of)))
        };
        let back: Vec<ItemId> = worker.offers.iter().copied().filter(|id| !stays(id)).collect();
        for id in back {
            self.lift(id);
            self.stand(now, id);
            self.outputs.push_back(Output::Returned { item: id, agent, back: Back::Withdrawn });
        }
    }

    /// The agent is not offered this item for a while.
    pub(super) fn pass(&mut self, now: Now, id: ItemId, agent: AgentId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let until = now.moment + PASSED_OVER;
        if let Some(before) = item.passed.insert(agent, until) {
            self.timers.remove(&(before, Timer::Pass(id, agent)));
        }
        self.timers.insert((until, Timer::Pass(id, agent)));
    }

    /// The agent may be offered this item again.
    pub(super) fn forgive(&mut self, id: ItemId, agent: AgentId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.passed.remove(&agent);
        self.touched.insert((item.queue, item.channel));
    }

    /// Everybody stands where they belong, and no offer is where it cannot be.
    pub(super) fn relist_all(&mut self, now: Now) {
        let agents: Vec<AgentId> = self.workers.keys().copied().collect();
        for &agent in &agents {
            self.relist(agent);
            self.withdraw_from(now, agent);
        }
        self.pump(now);
    }

    /// An agent stands among those who may have one more, in each line where they may.
    pub(super) fn relist(&mut self, agent: AgentId) {
        let Some(worker) = self.workers.get_mut(&agent) else { return };
        for (queue, channel, ring, free) in worker.listed.drain(..) {
            if let Some(place) = self.places.get_mut(&queue) {
                place.lane_mut(channel).unlist(ring, &free);
            }
        }
        let queues = std::mem::take(&mut worker.queues);
        for &queue in &queues {
            self.list_in(agent, queue);
        }
        if let Some(worker) = self.workers.get_mut(&agent) {
            worker.queues = queues;
        }
    }

    /// The same for one queue, in which nobody is listed yet.
    pub(super) fn relist_in(&mut self, agent: AgentId, queue: QueueId) {
        if let Some(worker) = self.workers.get_mut(&agent) {
            worker.listed.retain(|(of, ..)| *of != queue);
        }
        self.list_in(agent, queue);
    }

    fn list_in(&mut self, agent: AgentId, queue: QueueId) {
        let Some(worker) = self.workers.get_mut(&agent).filter(|worker| worker.answers()) else {
            return;
        };
        let Some(place) = self.places.get_mut(&queue) else { return };
        let Some(&ring) = place.ring_of.get(&agent) else { return };
        for channel in Channel::ALL {
            if !worker.is_there(self.rules.while_talking.contains(&channel)) {
                continue;
            }
            if let Some(share) = worker.share(channel, self.rules.capacity(agent, channel)) {
                let free = Free { share, handed_at: worker.handed_at, agent };
                place.lane_mut(channel).list(ring, free);
                worker.listed.push((queue, channel, ring, free));
                self.touched.insert((queue, channel));
            }
        }
    }
}
