//! Whoever is signed in at a phone is who calls from it, whosever it is. What registers by a code is a
//! further device of the agent's own, and no phone at which somebody else sits.

use super::Switch;
use crate::sip::user_agent::{Incoming, Origin};
use terms::{AgentId, PhoneNumber};

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
}
