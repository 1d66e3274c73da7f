//! Whoever is signed in at a phone is who calls from it, whosever it is. What registers by a code is a
//! further device of the agent's own, and no phone at which somebody else sits.

use super::{Now, Switch, World};
use crate::sip::user_agent::{Incoming, Origin};
use terms::{AgentId, PhoneNumber, TenantId};

impl Switch {
    /// The call as it comes from who is at the phone, and whose phone that is.
    pub(super) fn by_who_is_there(&self, mut incoming: Incoming) -> (Incoming, Option<AgentId>) {
        let Origin::Agent(phone) = incoming.origin else { return (incoming, None) };
        let Some(tenant) = self.world.tenants.get(&incoming.tenant) else {
            return (incoming, Some(phone));
        };
        let user = if incoming.by_code { phone } else { tenant.acd.user_of(phone) };
        if let Some(agent) = tenant.plan.agent(user).filter(|_| user != phone) {
            incoming.origin = Origin::Agent(user);
            incoming.caller = PhoneNumber::parse(&agent.sip_user, &tenant.plan.plan.country);
            incoming.caller_name.clone_from(&agent.name);
        }
        (incoming, Some(phone))
    }

    /// Of an agent's phones those of codes alone are there, or others too: who is at the agent's phone
    /// in their place is reached at the others only.
    pub(super) fn apps_alone(
        &mut self,
        now: Now,
        (tenant, agent): (TenantId, AgentId),
        phones: bool,
        browsers: bool,
    ) {
        if browsers {
            self.world.browsers_by_code.insert((tenant, agent));
        } else {
            self.world.browsers_by_code.remove(&(tenant, agent));
        }
        if let Some(tenant) = self.world.tenants.get_mut(&tenant) {
            tenant.acd.apps_alone(now, agent, phones);
        }
    }
}

impl World {
    /// Whether a browser is among the phones of this agent that ring: for themselves, or for a guest
    /// who is at their phone.
    pub fn has_browser(&self, (tenant, agent): (TenantId, AgentId), guest: bool) -> bool {
        let who = (tenant, agent);
        self.browsers.contains(&who) && !(guest && self.browsers_by_code.contains(&who))
    }
}
