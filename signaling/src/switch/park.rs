//! Who takes a parked caller: any agent of the tenant, or those alone who parked them or may pick up for
//! that one, as the tenant says, and whoever else has the right to; an agent who is denied it takes whom
//! they parked themselves. It is done by the code `*45` with the slot or from a screen. Slots belong to a
//! tenant; nobody sees or takes another tenant's.

use super::{Cx, Now, Switch};
use crate::call::{Call, FeatureCode};
use crate::sip::user_agent::{Incoming, Origin};
use terms::{AgentId, TenantId};

/// Why nobody is taken, for people.
const NOBODY: &str = "nobody is parked there";

impl Switch {
    /// An INVITE with the code becomes a leg of the call on that slot. False when it is no such code,
    /// or nobody is taken: then it is a call like others, which is told so.
    pub(super) fn dials_parked(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Origin::Agent(agent) = incoming.origin else { return false };
        let Some(FeatureCode::Park(Some(slot))) = FeatureCode::parse(&incoming.called) else {
            return false;
        };
        let taken = self.take_parked(now, (incoming.tenant, slot), agent, |call, cx| {
            call.dialled_parked(cx, agent, incoming)
        });
        taken.is_ok()
    }

    /// Rings the phone of who asks on a screen; when they answer, they have the caller.
    pub(super) fn asks_parked(
        &mut self,
        now: Now,
        tenant: TenantId,
        by: AgentId,
        slot: u8,
    ) -> Result<(), String> {
        let taken = self.take_parked(now, (tenant, slot), by, |call, cx| call.ring_taker(cx, by));
        taken.map_err(str::to_owned)
    }

    fn take_parked(
        &mut self,
        now: Now,
        slot: (TenantId, u8),
        by: AgentId,
        take: impl FnOnce(&mut Call, &mut Cx) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let id = self.world.parked.get(&slot).copied().ok_or(NOBODY)?;
        let parker = self.calls.get(&id).and_then(|call| call.parked_by()).ok_or(NOBODY)?;
        if !self.may_take_parked(slot.0, by, parker) {
            return Err(NOBODY);
        }
        let call = self.calls.get_mut(&id).ok_or(NOBODY)?;
        let result = take(call, &mut Cx { now, world: &mut self.world });
        self.after(now, id);
        result
    }

    /// Whether this agent may have whom that one parked.
    fn may_take_parked(&self, tenant: TenantId, by: AgentId, parker: AgentId) -> bool {
        let Some(of) = self.world.tenants.get(&tenant) else { return false };
        let own = of.plan.agent(by).and_then(|agent| agent.calling.parked);
        let team_only = of.plan.plan.parking.team_only;
        let as_others = || !team_only || self.may_pick_up(tenant, by, parker);
        by == parker || own.unwrap_or_else(as_others)
    }

    /// Looks for slots that nobody is on.
    pub(super) fn audit_slots(&self) -> Result<(), String> {
        let mut slots = self.world.parked.iter();
        match slots.find(|(_, call)| !self.calls.contains_key(call)) {
            Some(((tenant, slot), call)) => {
                Err(format!("slot {slot} of tenant {tenant} has call {call}, which is over"))
            }
            None => Ok(()),
        }
    }
}
