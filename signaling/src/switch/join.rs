//! Who comes into a conversation from their phone (Join, RFC 3911): an agent with the right to, of the
//! same tenant. Everybody else is refused with 403, whatever they name. Who was refused stands in the log.

use super::{Cx, Now, Switch};
use crate::sip::user_agent::{Command, Incoming, Origin};
use terms::AgentId;
use terms::event::{ENTRY_VERSION, Entry, Kind};

impl Switch {
    /// The INVITE becomes a leg of the call that it names, or is refused. False when it names none.
    pub(super) fn joins(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Some(of) = incoming.join else { return false };
        let id = self.world.legs.get(&of).copied();
        let by = self.may_join(incoming);
        let call = id.and_then(|id| self.calls.get_mut(&id));
        let call = call.filter(|call| call.tenant == incoming.tenant && !call.is_ending());
        let named = call.as_ref().map(|call| (call.id, call.contact));
        let mut cx = Cx { now, world: &mut self.world };
        let result = match (call, by) {
            (_, None) => Err(403),
            (Some(call), Some(by)) => call.dialled_join(&mut cx, by, incoming),
            // It ended while this was on its way.
            (None, Some(_)) => Err(603),
        };
        if let Err(status) = result {
            let (leg, cause, retry_after_s, warning) = (incoming.leg, 0, None, None);
            cx.sip(Command::Reject { leg, status, cause, retry_after_s, warning });
            let agent = match incoming.origin {
                Origin::Agent(agent) => Some(agent),
                Origin::Trunk(_) => None,
            };
            cx.world.log(Entry {
                v: ENTRY_VERSION,
                seq: 0,
                at: now.wall,
                tenant: incoming.tenant,
                contact: named.map(|(_, contact)| contact),
                call: named.map(|(call, _)| call),
                leg: None,
                kind: Kind::JoinRefused { agent, status },
            });
        }
        if let Some(id) = id {
            self.after(now, id);
        }
        true
    }

    fn may_join(&self, incoming: &Incoming) -> Option<AgentId> {
        let Origin::Agent(agent) = incoming.origin else { return None };
        let plan = &self.world.tenants.get(&incoming.tenant)?.plan;
        plan.agent(agent).filter(|agent| agent.calling.join).map(|_| agent)
    }
}
