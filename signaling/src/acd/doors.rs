//! Who comes into a queue and who stays, by what its agents are to those who wait: rules of the queue,
//! [`terms::routing::Doors`]. Who rings stays until the ringing is over, who is called back stays for as
//! long as they were promised, and so does who hears something else meanwhile.
//!
//! Whatever changes an agent marks the queues that they serve; [`Distributor::pump`] looks at those when
//! everybody is offered who can be. Looking ends at the first agent who is there.

use super::agent::Agent;
use super::queue::Queue;
use super::{Distributor, Output, Timer};
use crate::switch::Now;
use std::time::Duration;
use terms::event::{Activity, FlowOut};
use terms::routing::Standing;
use terms::{AgentId, Moment, QueueId, VisitId};

/// Longest time that a contact hears something else and keeps its place.
const ASIDE_MAX: Duration = Duration::from_secs(3_600);

/// What an agent is to those who wait; none where they are not there.
fn standing(agent: &Agent) -> Option<Standing> {
    let gone = agent.registered == Some(false);
    match agent.activity() {
        Activity::SignedOut => None,
        Activity::Ringing | Activity::Talking | Activity::Holding => Some(Standing::Busy),
        Activity::WrapUp | Activity::Break | Activity::Idle if gone => None,
        Activity::WrapUp => Some(Standing::WrapUp),
        Activity::Break => Some(Standing::Break),
        Activity::Idle => Some(Standing::Idle),
    }
}

impl Distributor {
    /// Whether a newcomer comes into a queue: it is not full, and somebody is there for whom one may.
    pub fn admits(&self, id: QueueId) -> bool {
        let open = self.queues.get(&id).filter(|queue| queue.open);
        open.is_some_and(|queue| !queue.is_full()) && self.lets_in(id)
    }

    /// Somebody is there for whom one may come in.
    pub fn lets_in(&self, id: QueueId) -> bool {
        let queue = self.queues.get(&id);
        queue.is_none_or(|queue| self.is_staffed(queue, &queue.settings.matching.doors.joins_while))
    }

    /// An agent who may ever serve the queue is one of these; also where none is named.
    fn is_staffed(&self, queue: &Queue, standings: &[Standing]) -> bool {
        let counts = |id: &AgentId| {
            let agent = self.agents.get(id).filter(|_| queue.free.ring(*id).is_some());
            let is = agent.and_then(|agent| standing(agent));
            is.is_some_and(|standing| standings.contains(&standing))
        };
        standings.is_empty() || queue.settings.agents.iter().any(counts)
    }

    /// An agent changed: queues whose callers stay for them may have nobody else.
    pub(super) fn thin_out(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get(&id).filter(|_| self.asks_to_stay) else { return };
        for queue_id in &agent.queues {
            let Some(queue) = self.queues.get(queue_id) else { continue };
            if !queue.settings.matching.doors.stays_while.is_empty() && queue.len() > 0 {
                self.thinned.insert(*queue_id);
            }
        }
    }

    /// The rules may be others now.
    pub(super) fn thin_out_all(&mut self) {
        self.thinned.extend(self.queues.keys());
    }

    /// Those go who have nobody to stay for.
    pub(super) fn send_on(&mut self) {
        while let Some(id) = self.thinned.pop_first() {
            let Some(queue) = self.queues.get(&id).filter(|queue| queue.open) else { continue };
            if self.is_staffed(queue, &queue.settings.matching.doors.stays_while) {
                continue;
            }
            let gone: Vec<VisitId> =
                queue.visits().filter(|visit| self.may_be_sent_on(*visit)).collect();
            for visit in gone {
                let Some(call) = self.visits.get(&visit).map(|visit| visit.call) else { continue };
                self.remove(visit);
                let reason = FlowOut::NoAgents;
                self.outputs.push_back(Output::FlowOut { visit, call, reason });
            }
        }
    }

    fn may_be_sent_on(&self, id: VisitId) -> bool {
        self.visits.get(&id).is_some_and(|visit| visit.offer.is_none() && !visit.stays)
    }

    /// A visit that should have been sent on.
    pub(super) fn stays_for_nobody(&self, id: VisitId) -> bool {
        let queue = self.visits.get(&id).and_then(|visit| self.queues.get(&visit.queue));
        let staffed =
            |queue: &Queue| self.is_staffed(queue, &queue.settings.matching.doors.stays_while);
        queue.is_some_and(|queue| !staffed(queue)) && self.may_be_sent_on(id)
    }

    /// A visit ends after so long at the latest, counted from now.
    pub fn limit(&mut self, now: Now, id: VisitId, stay: Duration) {
        self.leave_by(id, now.moment + stay);
    }

    fn leave_by(&mut self, id: VisitId, at: Moment) {
        let Some(visit) = self.visits.get_mut(&id) else { return };
        self.timers.remove(&(visit.leave_at, Timer::Wait(id)));
        visit.leave_at = at;
        self.timers.insert((at, Timer::Wait(id)));
    }

    /// A contact hears something else for a while: no agent is found for it, it is sent nowhere, and its
    /// place is the same all the while. When it would have had to leave; none, and nothing changes,
    /// where an agent rings for it or nobody is found for it anyway.
    pub fn step_aside(&mut self, now: Now, id: VisitId) -> Option<Moment> {
        let visit = self.visits.get(&id).filter(|visit| !visit.absent && visit.offer.is_none())?;
        let leave_at = visit.leave_at;
        // Who waits for one agent alone waits for everybody afterwards.
        self.await_all(id);
        self.absent(id);
        self.leave_by(id, now.moment + ASIDE_MAX);
        if let Some(visit) = self.visits.get_mut(&id) {
            visit.stays = true;
        }
        Some(leave_at)
    }

    /// It is back in its place, until `leave_at`; where that is over it goes as soon as nobody takes it.
    pub fn step_back(&mut self, now: Now, id: VisitId, leave_at: Moment) {
        let Some(visit) = self.visits.get_mut(&id) else { return };
        visit.stays = false;
        let queue = visit.queue;
        self.leave_by(id, leave_at.max(now.moment));
        self.thinned.insert(queue);
        self.present(now, id, None);
    }
}
