//! A contact of a queue with [`Strategy::Progressive`] rings at one more agent every so many seconds, as
//! far as so many may ring ([`RUNG_MAX`]) and somebody is free whom it reaches. All of them have one
//! deadline, which the last one to ring moves: nobody is set aside before they rang as long as the queue
//! says. When nobody is free it is looked again as much later. No phone is added once the contact has
//! waited its longest, and none where it was the agent's of its own that rang first.

use super::rings::Pick;
use super::{Distributor, RUNG_MAX, Timer};
use crate::switch::Now;
use std::time::Duration;
use terms::event::ChosenBy;
use terms::routing::{Queue, Strategy};
use terms::{Moment, VisitId};

/// When one more agent rings after this one was chosen, in a queue with these settings.
pub(super) fn more_at(now: Moment, settings: &Queue, pick: &Pick) -> Option<Moment> {
    let progressive = settings.strategy == Strategy::Progressive && pick.by == ChosenBy::Strategy;
    let every = Duration::from_secs(settings.matching.ring_more_every_s.max(1).into());
    progressive.then(|| now + every)
}

impl Distributor {
    /// One more agent rings for a visit that rings.
    pub(super) fn ring_more(&mut self, now: Now, id: VisitId) {
        let Some(visit) = self.visits.get_mut(&id) else { return };
        let Some(offer) = visit.offer.as_mut() else { return };
        if offer.more_at.is_none_or(|at| at > now.moment) {
            return;
        }
        offer.more_at = None;
        if offer.agents.len() >= RUNG_MAX || visit.leave_at <= now.moment {
            return;
        }
        let queue_id = visit.queue;
        let Some(queue) = self.queues.get_mut(&queue_id).filter(|queue| queue.open) else { return };
        let (stage, contact) = (visit.stage, visit.contact(now.moment));
        if queue.settings.strategy != Strategy::Progressive {
            return;
        }
        if let Some(pick) = queue.free.pick(stage, &contact, &mut self.dice) {
            return self.offer(now, queue_id, id, pick);
        }
        let every = queue.settings.matching.ring_more_every_s.max(1);
        let at = now.moment + Duration::from_secs(every.into());
        if let Some(offer) = visit.offer.as_mut() {
            offer.more_at = Some(at);
        }
        self.timers.insert((at, Timer::RingMore(id)));
    }
}
