//! An INVITE that takes the place of a leg (RFC 3891). The SIP core has looked whether whoever sends it
//! has that dialog to give.

use super::{Cx, Now, Switch};
use crate::sip::user_agent::{Command, Incoming, Origin};
use terms::{AgentId, LegId};

/// Who picks up has another call.
const BUSY_HERE: u16 = 486;

impl Switch {
    /// Who would take what rings at a colleague's phone, or the status for which they may not: it is a
    /// pickup, and needs the right to it. None where this leg rings nowhere.
    fn picks_up(&self, old: LegId, incoming: &Incoming) -> Option<Result<AgentId, u16>> {
        let id = self.world.legs.get(&old)?;
        let rings = self.calls.get(id)?.rings_at();
        let &(_, colleague) = rings.iter().find(|(leg, _)| *leg == old)?;
        let by = match incoming.origin {
            Origin::Agent(agent) => Some(agent),
            Origin::Trunk(_) => None,
        };
        let by = by.filter(|&by| self.may_pick_up(incoming.tenant, by, colleague));
        Some(by.ok_or(403))
    }

    /// The INVITE becomes a leg of the call that it names, or is refused. False when it names none.
    pub(super) fn replaces(&mut self, now: Now, incoming: &Incoming) -> bool {
        let Some(old) = incoming.replaces else { return false };
        let id = self.world.legs.get(&old).copied();
        let picks_up = self.picks_up(old, incoming);
        let call = id.and_then(|id| self.calls.get_mut(&id));
        let call = call.filter(|call| call.tenant == incoming.tenant && !call.is_ending());
        let mut cx = Cx { now, world: &mut self.world };
        let result = match (call, picks_up) {
            (Some(call), Some(by)) => by.and_then(|by| {
                call.dialled_pickup(&mut cx, old, by, incoming).map_err(|_| BUSY_HERE)
            }),
            (Some(call), None) => call.dialled_replacement(&mut cx, old, incoming),
            // It ended while this was on its way.
            (None, _) => Err(603),
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
