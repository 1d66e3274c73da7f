//! What agents set for their phones and lasts, and bars on calling out. The business store keeps both:
//! it hears of them by the event log, and says them in the plan. Of two words about one thing the
//! later counts, so a plan that was on its way when something was set takes nothing back.

use super::{Now, Switch, World};
use crate::acd::Distributor;
use crate::call::Call;
use crate::calling::Key;
use terms::AgentId;
use terms::control::AgentAction;
use terms::event::{Calling, ENTRY_VERSION, Entry, Forwarding, InCalling, Kind};
use terms::routing::Plan;

impl World {
    /// An agent chooses. What lasts of it is written down.
    ///
    /// # Errors
    /// A sentence for people, when the choice cannot be made now.
    pub fn act(&mut self, now: Now, key: Key, action: AgentAction) -> Result<(), String> {
        let (tenant, agent) = key;
        let of = self.tenants.get_mut(&tenant).ok_or("there is no such tenant")?;
        let before = settings(&of.acd, agent);
        of.acd.act(now, agent, action)?;
        let set = settings(&of.acd, agent);
        if set != before {
            of.set_at.insert(agent, now.wall);
            let (do_not_disturb, forwarding) = set;
            self.note_calling(now, key, InCalling::Set { do_not_disturb, forwarding });
        }
        Ok(())
    }

    /// What a plan says of phones and bars, where nothing was set or decided since.
    pub fn learn(&mut self, now: Now, plan: &Plan) {
        let Some(of) = self.tenants.get_mut(&plan.tenant) else { return };
        for agent in &plan.agents {
            self.calls_out.learn((plan.tenant, agent.id), agent.calling.bar);
            let known = of.set_at.get(&agent.id).copied().unwrap_or_default();
            if agent.phone.at <= known {
                continue;
            }
            of.set_at.insert(agent.id, agent.phone.at);
            let on = agent.phone.do_not_disturb;
            let forward = AgentAction::Forward(agent.phone.forwarding.clone());
            for action in [AgentAction::DoNotDisturb { on }, forward] {
                // Nothing but an agent who is not in the plan refuses these.
                let _ = of.acd.act(now, agent.id, action);
            }
        }
    }

    /// Something about an agent's calls that is about no call.
    pub fn note_calling(&mut self, now: Now, (tenant, agent): Key, what: InCalling) {
        self.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: now.wall,
            tenant,
            contact: None,
            call: None,
            leg: None,
            kind: Kind::Calling(Calling { agent, what }),
        });
    }
}

fn settings(acd: &Distributor, agent: AgentId) -> (bool, Forwarding) {
    (acd.is_not_disturbed(agent), acd.forwarding(agent).cloned().unwrap_or_default())
}

impl Switch {
    /// Who called out for too long by now.
    pub(super) fn bars_timeout(&mut self, now: Now) {
        let limits = self.world.config.out;
        for (key, limit) in self.world.calls_out.handle_timeout(now, &limits) {
            self.world.note_calling(now, key, InCalling::Barred { limit });
        }
    }

    /// Ends the dear calls of who was barred.
    pub(super) fn settle_bars(&mut self, now: Now) {
        let mut ended = false;
        while let Some(call) = self.world.calls_out.poll_ending() {
            self.with_call(now, call, Call::cut_off);
            ended = true;
        }
        if ended {
            self.settle(now);
        }
    }
}
