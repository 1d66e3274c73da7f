//! Who picks up what: the codes `*8` and `*8` with an extension, and the same from a screen. Agents
//! who serve a queue together are a team and take each other's calls; whoever may pick up anybody's
//! names the extension. Of several calls the one that rings longest is taken.

use super::{Cx, Now, Switch};
use crate::call::FeatureCode;
use crate::sip::user_agent::{Incoming, Origin};
use terms::{AgentId, CallId, LegId, TenantId};

/// Why nothing is picked up, for people.
const NOTHING: &str = "nothing rings there that you may pick up";

impl Switch {
    /// An INVITE with the code becomes a leg of the call that rings. False when it is no such code,
    /// or nothing is picked up: then it is a call like others, which is told so.
    pub(super) fn dials_pickup(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Origin::Agent(agent) = incoming.origin else { return false };
        let Some(FeatureCode::PickUp(from)) = FeatureCode::parse(&incoming.called) else {
            return false;
        };
        let tenant = incoming.tenant;
        let from = match from {
            None => None,
            Some(number) => match self.extension(tenant, &number) {
                Some(agent) => Some(agent),
                None => return false,
            },
        };
        let Some((id, leg)) = self.rings_for(tenant, agent, from) else { return false };
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let mut cx = Cx { now, world: &mut self.world };
        let taken = call.dialled_pickup(&mut cx, leg, agent, incoming).is_ok();
        self.after(now, id);
        taken
    }

    /// Rings the phone of who asks on a screen.
    pub(super) fn asks_pickup(
        &mut self,
        now: Now,
        tenant: TenantId,
        agent: AgentId,
        from: Option<AgentId>,
    ) -> Result<(), String> {
        let (id, leg) = self.rings_for(tenant, agent, from).ok_or(NOTHING)?;
        let call = self.calls.get_mut(&id).ok_or(NOTHING)?;
        let mut cx = Cx { now, world: &mut self.world };
        let result = call.ring_picker(&mut cx, leg, agent);
        self.after(now, id);
        result.map_err(str::to_owned)
    }

    fn extension(&self, tenant: TenantId, number: &str) -> Option<AgentId> {
        self.world.tenants.get(&tenant)?.plan.short_number(number)
    }

    /// What this agent may pick up: at that phone, or at any of the team. Legs are named in the order
    /// they begin, so the least is the one that rings longest.
    fn rings_for(
        &self,
        tenant: TenantId,
        agent: AgentId,
        from: Option<AgentId>,
    ) -> Option<(CallId, LegId)> {
        let plan = &self.world.tenants.get(&tenant)?.plan;
        let any = plan.agent(agent)?.pickup_any && from.is_some();
        let team = plan.team(agent);
        let may = |colleague: AgentId| {
            colleague != agent
                && from.is_none_or(|from| from == colleague)
                && (any || team.contains(&colleague))
        };
        let calls = self.calls.values().filter(|call| call.tenant == tenant && !call.is_ending());
        let ringing = calls.flat_map(|call| {
            let id = call.id;
            call.rings_at().into_iter().map(move |(leg, colleague)| (id, leg, colleague))
        });
        let allowed = ringing.filter(|&(_, _, colleague)| may(colleague));
        allowed.map(|(id, leg, _)| (id, leg)).min_by_key(|&(_, leg)| leg)
    }

    /// Whether this agent may take what rings at that colleague's phone, which they have named.
    pub(super) fn may_pick_up(&self, tenant: TenantId, agent: AgentId, colleague: AgentId) -> bool {
        let Some(tenant) = self.world.tenants.get(&tenant) else { return false };
        let any = tenant.plan.agent(agent).is_some_and(|agent| agent.pickup_any);
        colleague != agent && (any || tenant.plan.team(agent).contains(&colleague))
    }
}
