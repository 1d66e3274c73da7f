//! An agent who has a conversation dials on a second line of their phone: that is a consultation
//! within the same call.

use super::{Cx, Now, Switch};
use crate::call::FeatureCode;
use crate::sip::user_agent::{Incoming, Origin};

impl Switch {
    /// Their INVITE becomes a leg of the call that they have. False when they have none in which
    /// somebody may be asked, or two, of which nobody knows which they mean, or dial what nobody can be
    /// asked at: then it is a call like others.
    pub(super) fn dials_consultation(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Origin::Agent(agent) = incoming.origin else { return false };
        if FeatureCode::parse(&incoming.called).is_some() {
            return false;
        }
        let mut theirs = self.calls.values_mut().filter(|call| {
            call.tenant == incoming.tenant && !call.is_ending() && call.may_consult(agent)
        });
        let (Some(call), None) = (theirs.next(), theirs.next()) else { return false };
        let id = call.id;
        let mut cx = Cx { now, world: &mut self.world };
        let taken = call.dialled_consultation(&mut cx, agent, incoming);
        self.after(now, id);
        taken
    }
}
