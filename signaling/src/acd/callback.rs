//! Stays of customers who are not on the line: they asked to be called back and keep their place. Such
//! a stay is *absent*, no agent is found for it, until whoever owns it says that it is present: because
//! an agent is to be called first, or because the customer is on the line again. Its place, which its
//! age decides, is the same all the while: nobody who stood before it is passed, and nobody who came
//! later passes it once it is present.

use super::{Distributor, Timer};
use crate::switch::Now;
use std::time::Duration;
use terms::{QueueId, VisitId};

impl Distributor {
    /// An agent may be found for an absent stay from now on; it ends after `stay`, where one is given.
    pub fn present(&mut self, now: Now, id: VisitId, stay: Option<Duration>) {
        let Some(visit) = self.visits.get_mut(&id) else { return };
        if let Some(stay) = stay {
            self.timers.remove(&(visit.leave_at, Timer::Wait(id)));
            visit.leave_at = now.moment + stay;
            self.timers.insert((visit.leave_at, Timer::Wait(id)));
        }
        if !std::mem::replace(&mut visit.absent, false) {
            return;
        }
        let (key, stage, queue_id) = (visit.key, visit.stage, visit.queue);
        if let Some(queue) = self.queues.get_mut(&queue_id) {
            queue.absent.remove(&key);
            queue.put(key, stage, id);
        }
        self.relist(queue_id);
        self.pump(now);
    }

    /// No agent is found for a stay from now on; it keeps its place. One that rings an agent, or waits
    /// for one alone, stays as it is.
    pub fn absent(&mut self, id: VisitId) {
        let Some(visit) = self.visits.get_mut(&id) else { return };
        if visit.absent || visit.offer.is_some() || visit.awaited.is_some() {
            return;
        }
        visit.absent = true;
        let (key, queue_id) = (visit.key, visit.queue);
        if let Some(queue) = self.queues.get_mut(&queue_id) {
            queue.take(key);
            queue.absent.insert(key, id);
        }
        self.relist(queue_id);
    }

    /// The stay is over, and somebody takes its place in the same moment: the next one is offered only
    /// when they stand there.
    pub fn vacate(&mut self, now: Now, id: VisitId) {
        self.withdraw(now, id);
        self.remove(id);
    }

    /// How long who comes now will wait: not at all where somebody is free, unknown while no agent of
    /// the queue is signed in.
    pub fn newcomers_wait(&self, id: QueueId) -> Option<Duration> {
        let queue = self.queues.get(&id)?;
        match queue.free.first_stage() {
            Some(0) => Some(Duration::ZERO),
            _ => self.estimated_wait(id, queue.len() + 1),
        }
    }

    /// Whether those before this stay will be served within `lead`, as far as it can be told: never
    /// while no agent of the queue is signed in.
    pub fn is_near(&self, queue: QueueId, id: VisitId, lead: Duration) -> bool {
        let ahead = self.position(id).map(|position| position - 1);
        let wait = ahead.and_then(|ahead| self.estimated_wait(queue, ahead));
        wait.is_some_and(|wait| wait <= lead)
    }
}
