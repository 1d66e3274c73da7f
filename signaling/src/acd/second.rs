//! Call waiting: an agent who talks has one more call at the same phone, which rings there and may be
//! answered while the first is on hold. No queue offers it. The first stays the call that has the agent;
//! when it ends the second is that call, and when the second ends nothing follows it.

use super::agent::{Engaged, Presence, Stage};
use super::{Busy, Distributor};
use crate::switch::Now;
use terms::{AgentId, CallId, QueueId};

impl Distributor {
    /// An agent who talks gets one more call, without an offer.
    ///
    /// # Errors
    /// When no call of theirs was answered yet, or they have two.
    pub fn engage_second(
        &mut self,
        now: Now,
        id: AgentId,
        call: CallId,
        queue: Option<QueueId>,
    ) -> Result<(), Busy> {
        let agent = self.agents.get_mut(&id).ok_or(Busy(id))?;
        let talks = |first: &Engaged| first.call != call && first.stage != Stage::Ringing;
        if !agent.engaged.as_ref().is_some_and(talks) || agent.second.is_some() {
            return Err(Busy(id));
        }
        agent.second = Some(Box::new(Engaged {
            call,
            stage: Stage::Ringing,
            queue,
            visit: None,
            quiet: agent.presence == Presence::SignedOut,
            talking_since: None,
        }));
        self.settle(id, now, None);
        Ok(())
    }

    /// A call of the agent's is over, and they go on in another one, as busy as they were; it is one of
    /// `queue`, or of none.
    pub fn goes_over(
        &mut self,
        now: Now,
        id: AgentId,
        from: CallId,
        (to, queue): (CallId, Option<QueueId>),
    ) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let lines = [agent.engaged.as_mut(), agent.second.as_deref_mut()];
        for line in lines.into_iter().flatten().filter(|line| line.call == from) {
            (line.call, line.queue) = (to, queue);
        }
        self.settle(id, now, None);
    }

    /// The second call of an agent ended. False where this is not it.
    pub(super) fn release_second(&mut self, now: Now, id: AgentId, call: CallId) -> bool {
        let Some(agent) = self.agents.get_mut(&id) else { return false };
        let Some(second) = agent.second.take_if(|second| second.call == call) else {
            return false;
        };
        if let Some(since) = second.talking_since.filter(|_| !second.quiet) {
            agent.tally.served(now.moment, now.moment - since, second.queue.is_some());
        }
        self.settle(id, now, None);
        true
    }
}
