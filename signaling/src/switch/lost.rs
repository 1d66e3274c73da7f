//! A page takes back its agent's conversation: the box offers it when a page of the agent comes whose
//! conversation is lost, and whoever of an agent's phones dials the code `*47` has that agent's own
//! conversation, lost or not. Nobody has anybody else's: who asks is who has proven to be the agent.

use super::{Cx, Now, Switch};
use crate::call::{Call, FeatureCode};
use crate::sip::user_agent::{Command, Incoming, Origin};
use terms::{AgentId, CallId, LegId, TenantId};

impl Switch {
    /// A page has come at this agent's phone, at which they may be, or somebody else.
    pub(super) fn page_came(&mut self, now: Now, tenant: TenantId, phone: AgentId) {
        let acd = self.world.tenants.get(&tenant).map(|tenant| &tenant.acd);
        let agent = acd.map_or(phone, |acd| acd.user_of(phone));
        let mut calls = self.calls.values();
        let lost = calls.find(|call| call.tenant == tenant && call.is_lost_to(agent));
        if let Some(id) = lost.map(|call| call.id) {
            self.with_call(now, id, Call::page_came);
        }
    }

    /// An INVITE with the code takes the place of the leg in which its agent talks. False when it is no
    /// such code, or there is no such leg, or two and none that is lost: then it is a call like others,
    /// which is told so.
    pub(super) fn dials_back(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Origin::Agent(agent) = incoming.origin else { return false };
        if FeatureCode::parse(&incoming.called) != Some(FeatureCode::TakeBack) {
            return false;
        }
        let calls = self.calls.values().filter(|call| call.tenant == incoming.tenant);
        let own =
            calls.filter_map(|call| Some((call.id, call.talks_in(agent)?, call.is_lost_to(agent))));
        let own: Vec<(CallId, LegId, bool)> = own.collect();
        let meant = match own[..] {
            [one] => Some(one),
            _ => own.iter().copied().find(|&(.., is_lost)| is_lost),
        };
        let Some((id, old, _)) = meant else { return false };
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let mut cx = Cx { now, world: &mut self.world };
        if let Err(status) = call.dialled_replacement(&mut cx, old, incoming) {
            let (leg, cause, retry_after_s, warning) = (incoming.leg, 0, None, None);
            cx.sip(Command::Reject { leg, status, cause, retry_after_s, warning });
        }
        self.after(now, id);
        true
    }
}
