//! An INVITE that takes the place of a leg (RFC 3891). The SIP core has looked whether whoever sends it
//! has that dialog to give.

use super::{Cx, Now, Switch};
use crate::sip::user_agent::{Command, Incoming};

impl Switch {
    /// The INVITE becomes a leg of the call that it names, or is refused. False when it names none.
    pub(super) fn replaces(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Some(old) = incoming.replaces else { return false };
        let id = self.world.legs.get(&old).copied();
        let call = id.and_then(|id| self.calls.get_mut(&id));
        let call = call.filter(|call| call.tenant == incoming.tenant && !call.is_ending());
        let mut cx = Cx { now, world: &mut self.world };
        let result = match call {
            Some(call) => call.dialled_replacement(&mut cx, old, incoming),
            // It ended while this was on its way.
            None => Err(603),
        };
        if let Err(status) = result {
            let (leg, cause, retry_after_s, warning) = (incoming.leg, 0, None, None);
            cx.sip(Command::Reject { leg, status, cause, retry_after_s, warning });
        }
        if let Some(id) = id {
            self.after(now, id);
        }
        true
    }
}
