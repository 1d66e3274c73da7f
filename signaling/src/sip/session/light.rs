//! What a leg is to those who watch its phone (RFC 4235 §3.7.1): the phone that called us began the
//! call, one that we call received it.

use super::{Leg, Stage};
use crate::sip::core::UserAgent;
use crate::sip::lamps::{Shown, State};
use terms::LegId;

impl Leg {
    fn shown(&self) -> Option<Shown> {
        let waits = if self.early { State::Early } else { State::Trying };
        let state = match self.stage {
            Stage::Incoming | Stage::Outgoing => waits,
            Stage::Confirmed => State::Confirmed,
            Stage::Closing(_) => return None,
        };
        Some(Shown { state, initiator: !self.is_outgoing() })
    }
}

impl UserAgent {
    /// A leg came or is in another state: whoever watches its phone is told at the end of this step.
    pub(super) fn light(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        if let Some(who) = leg.phone {
            let shown = leg.shown();
            self.lamps.set(who, id, shown);
        }
    }
}
