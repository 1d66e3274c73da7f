//! What the switch does for callbacks: the calls that are to be made, and those whose customer has
//! come back.

use super::{Cx, Now, Switch};
use crate::call::{Call, call_back};

impl Switch {
    /// What distributors decided and callers asked for, until nothing follows from it.
    pub(super) fn settle_queues(&mut self, now: Now) {
        loop {
            self.settle_distributors(now);
            if !self.settle_callbacks(now) {
                break;
            }
        }
    }

    /// False when there was nothing to do.
    fn settle_callbacks(&mut self, now: Now) -> bool {
        let over = self.world.callbacks_over.pop_front();
        if let Some(id) = over {
            self.with_call(now, id, Call::came_back);
        }
        let asked = self.world.callbacks_asked.pop_front();
        let some = over.is_some() || asked.is_some();
        if let Some(asked) = asked {
            let call = call_back(&mut Cx { now, world: &mut self.world }, asked);
            let id = call.id;
            self.calls.insert(id, Box::new(call));
            self.after(now, id);
        }
        some
    }

    /// Each place that is kept for somebody is that of a live call that still waits to call them.
    pub(super) fn audit_callbacks(&self) -> Result<(), String> {
        let places = self.world.tenants.values().flat_map(|tenant| tenant.callbacks.values());
        let waits = |id| self.calls.get(id).is_some_and(|call| call.waits_to_call_back());
        match places.map(|place| &place.call).find(|id| !waits(id)) {
            Some(id) => Err(format!("a place is kept for the callback {id}, which is over")),
            None => Ok(()),
        }
    }
}
