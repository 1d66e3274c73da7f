//! Calls that want one agent and no other, and stand in no queue: who calls back. The agent is theirs as
//! soon as they are free, before anybody whom a queue would offer; who leaves is waited for no longer.

use super::agent::Engaged;
use super::{Distributor, Output, Stage};
use crate::switch::Now;
use std::collections::{BTreeMap, VecDeque};
use terms::{AgentId, CallId};

/// Calls that want one agent at a time; one more finds them away.
pub const CLAIMS_MAX: usize = 5;

/// Who is wanted, and by which calls, the first one first.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<AgentId, VecDeque<CallId>>);

/// Whether the agent can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// At once: [`Output::Claimed`] follows.
    Taken,
    /// When they are done: [`Output::Claimed`] follows, or [`Output::ClaimOver`] where they leave.
    Waits,
    /// They are not there, not ready, or enough calls want them already.
    Away,
}

impl Claims {
    fn of(&self, agent: AgentId) -> usize {
        self.0.get(&agent).map_or(0, VecDeque::len)
    }

    pub fn wants(&self, agent: AgentId) -> bool {
        self.of(agent) > 0
    }

    fn take(&mut self, agent: AgentId) -> Option<CallId> {
        let calls = self.0.get_mut(&agent)?;
        let call = calls.pop_front();
        if calls.is_empty() {
            self.0.remove(&agent);
        }
        call
    }
}

impl Distributor {
    /// A call wants this agent.
    pub fn claim(&mut self, now: Now, id: AgentId, call: CallId) -> Claim {
        let agent = self.agents.get(&id).filter(|agent| agent.in_plan && agent.is_there());
        let Some(agent) = agent.filter(|_| self.claims.of(id) < CLAIMS_MAX) else {
            return Claim::Away;
        };
        let free = agent.is_free();
        self.claims.0.entry(id).or_default().push_back(call);
        self.settle(id, now, None);
        if free { Claim::Taken } else { Claim::Waits }
    }

    /// The call wants them no longer.
    pub fn unclaim(&mut self, id: AgentId, call: CallId) {
        let Some(calls) = self.claims.0.get_mut(&id) else { return };
        calls.retain(|other| *other != call);
        if calls.is_empty() {
            self.claims.0.remove(&id);
        }
    }

    /// An agent whose state changed: the first call that wants them has them, when they are free.
    pub(super) fn serve_claims(&mut self, id: AgentId) {
        if !self.claims.wants(id) {
            return;
        }
        let Some(agent) = self.agents.get_mut(&id).filter(|a| a.in_plan && a.is_there()) else {
            while let Some(call) = self.claims.take(id) {
                self.outputs.push_back(Output::ClaimOver { agent: id, call });
            }
            return;
        };
        if !agent.is_free() {
            return;
        }
        let Some(call) = self.claims.take(id) else { return };
        agent.engaged = Some(Engaged {
            call,
            stage: Stage::Ringing,
            queue: None,
            visit: None,
            quiet: false,
            talking_since: None,
        });
        self.outputs.push_back(Output::Claimed { agent: id, call });
    }
}
