//! Which customers are on the line: who hears a flow, waits or talks is not called back meanwhile. As
//! many numbers as there are calls.

use super::{Now, Switch};
use crate::call::Call;
use std::collections::HashMap;
use terms::{CallId, QueueId, TenantId};

/// Whose customer it is, and their number in its normalised form.
pub(crate) type Caller = (TenantId, String);

/// Who has rung in, until their last call is over.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    of_call: HashMap<CallId, Caller>,
    calls: HashMap<Caller, u32>,
}

impl Inside {
    fn came(&mut self, call: CallId, caller: Caller) {
        *self.calls.entry(caller.clone()).or_default() += 1;
        self.of_call.insert(call, caller);
    }

    /// Who it was.
    fn left(&mut self, call: CallId) -> Option<Caller> {
        let caller = self.of_call.remove(&call)?;
        if let Some(calls) = self.calls.get_mut(&caller) {
            *calls -= 1;
            if *calls == 0 {
                self.calls.remove(&caller);
            }
        }
        Some(caller)
    }

    /// Whether somebody with this number is on the line.
    pub fn has(&self, tenant: TenantId, number: &str) -> bool {
        self.calls.contains_key(&(tenant, number.to_owned()))
    }

    /// Nobody is.
    pub fn is_empty(&self) -> bool {
        self.of_call.is_empty() && self.calls.is_empty()
    }
}

impl Switch {
    /// A call has begun: who rings in is not called back.
    pub(super) fn rang_in(&mut self, now: Now, id: CallId) {
        let Some(caller) = self.calls.get(&id).and_then(|call| call.caller_inside()) else {
            return;
        };
        self.world.inside.came(id, caller.clone());
        self.look_at_callbacks(now, &caller);
    }

    /// A call is over: who rang in may be called back again.
    pub(super) fn rang_off(&mut self, now: Now, id: CallId) {
        if let Some(caller) = self.world.inside.left(id) {
            self.look_at_callbacks(now, &caller);
        }
    }

    fn look_at_callbacks(&mut self, now: Now, (tenant, number): &Caller) {
        let Some(tenant) = self.world.tenants.get(tenant) else { return };
        let places = tenant.callbacks.range((number.clone(), QueueId(0))..);
        let theirs = places.take_while(|((of, _), _)| of == number);
        let calls: Vec<CallId> = theirs.map(|(_, place)| place.call).collect();
        for id in calls {
            self.with_call(now, id, Call::look_again);
        }
    }

    /// In the next process: who is still on the line.
    pub(super) fn find_callers(&mut self) {
        for (&id, call) in &self.calls {
            if let Some(caller) = call.caller_inside() {
                self.world.inside.came(id, caller);
            }
        }
    }

    /// The same, once queues and agents are as they were: whoever was on the line before may be gone.
    pub(super) fn look_at_all_callbacks(&mut self, now: Now) {
        let places = self.world.tenants.values().flat_map(|tenant| tenant.callbacks.values());
        let calls: Vec<CallId> = places.map(|place| place.call).collect();
        for id in calls {
            self.with_call(now, id, Call::look_again);
        }
    }
}
