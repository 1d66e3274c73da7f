//! REFER with Replaces between two calls of one agent's phone: the parties of both talk on in one of them.

use super::{Cx, Now, Switch};
use crate::call::Half;
use crate::sip::user_agent::Command;
use terms::event::CallingWay;
use terms::{LegId, TenantId};

/// Something has to end first.
const UNDER_WAY: u16 = 491;
/// These two do not talk alone.
const FORBIDDEN: u16 = 403;

impl Switch {
    /// What the phone of `by` says of the dialog of `named`. False where these are no two calls of one
    /// agent in which they talk: then it is a matter of the first call alone.
    pub(super) fn joins_calls(&mut self, now: Now, by: LegId, named: LegId) -> bool {
        let of = |leg: LegId| self.world.legs.get(&leg).and_then(|id| self.calls.get(id));
        let (Some(first), Some(second)) = (of(by), of(named)) else { return false };
        if first.id == second.id || first.tenant != second.tenant {
            return false;
        }
        let (ids, tenant) = ([first.id, second.id], first.tenant);
        let (Some(one), Some(two)) = (first.half(by), second.half(named)) else { return false };
        if one.agent != two.agent {
            return false;
        }
        let refused = self.may_not_be_joined(tenant, &one, &two);
        let mut cx = Cx { now, world: &mut self.world };
        if let Some(status) = refused {
            cx.sip(Command::RejectRefer { leg: by, status });
            return true;
        }
        cx.sip(Command::AcceptRefer { leg: by });
        cx.sip(Command::ReferProgress { leg: by, status: 200 });
        let first = (ids[0], by, two.number);
        let second = (ids[1], named, one.number);
        let (stays, goes) = if two.rank > one.rank { (second, first) } else { (first, second) };
        let (id, line, target) = goes;
        let comes = self.calls.get_mut(&id).and_then(|call| call.gives(&mut cx, line, target));
        cx.world.calls_out.goes_over(id, stays.0);
        if let (Some(call), Some(comes)) = (self.calls.get_mut(&stays.0), comes) {
            call.takes_in(&mut cx, stays.1, stays.2, comes);
        }
        for id in ids {
            self.after(now, id);
        }
        true
    }

    /// The status that refuses it.
    fn may_not_be_joined(&self, tenant: TenantId, one: &Half, two: &Half) -> Option<u16> {
        let plan = self.world.tenants.get(&tenant).map(|tenant| &tenant.plan);
        let right = plan.map(|plan| plan.right(Some(two.agent), CallingWay::Transfer));
        let class = plan.filter(|_| two.was_dialled).and_then(|plan| plan.class_of(&two.number));
        match () {
            () if !one.is_quiet || !two.is_quiet => Some(UNDER_WAY),
            // Nobody talks with themself.
            () if one.colleague.is_some() && one.colleague == two.colleague => Some(FORBIDDEN),
            () if one.is_outside && two.is_outside => Some(FORBIDDEN),
            () if one.is_leased || two.is_leased => Some(FORBIDDEN),
            () if class.zip(right).is_some_and(|(class, right)| class > right) => Some(FORBIDDEN),
            () => None,
        }
    }
}
