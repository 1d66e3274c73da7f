//! Contacts of which another program says what they are worth and whom they wait for first. Until then
//! such a contact is absent in its place: nobody is found for it, and everybody who comes stands behind
//! it. Whoever asks the program knows the deadline; the distributor waits as long as the queue lets it.

use super::{Distributor, Personal};
use crate::switch::Now;
use terms::VisitId;

impl Distributor {
    /// It is known of an absent contact how much priority it has of its own, and whom it waits for
    /// first: who is not there or does not serve the queue is not waited for. An agent is found for it
    /// from now on. Of others nothing changes. Answers the priority with the queue's.
    pub fn decide(
        &mut self,
        now: Now,
        id: VisitId,
        own: i32,
        personal: Option<Personal>,
    ) -> Option<i32> {
        let visit = self.visits.get_mut(&id).filter(|visit| visit.absent)?;
        let queue = self.queues.get_mut(&visit.queue)?;
        queue.absent.remove(&visit.key);
        visit.key = queue.key(own, visit.since, visit.key.arrival);
        visit.priority = queue.settings.priority.saturating_add(own);
        visit.absent = false;
        queue.put(visit.key, visit.stage, id);
        let (priority, queue) = (visit.priority, visit.queue);
        self.relist(queue);
        if let Some(personal) = personal.filter(|personal| self.may_await(personal.agent, queue)) {
            self.await_agent(now, id, personal);
        }
        self.pump(now);
        Some(priority)
    }
}
