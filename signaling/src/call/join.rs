//! Somebody comes into a conversation from their own phone (INVITE with Join, RFC 3911), by a right of
//! theirs: all hear them, and they are a guest as one who was asked in, on the recording and in the log.
//! Where nobody else can come in, nothing changes for those who talk.

use super::replace::Replacing;
use super::{Call, Phase};
use crate::sip::user_agent::Incoming;
use crate::switch::Cx;
use terms::media::Place;
use terms::{AgentId, LegId};

/// RFC 3911 §4: there is nothing that they could be mixed into.
pub(super) const CANNOT_MIX: u16 = 488;
/// They have another call.
const BUSY_HERE: u16 = 486;

impl Call {
    /// Their INVITE is a leg of this call from now on, and has a seat as soon as it has a port.
    ///
    /// # Errors
    /// The status that refuses it. Nothing changes then.
    pub(crate) fn dialled_join(
        &mut self,
        cx: &mut Cx,
        agent: AgentId,
        incoming: &Incoming,
    ) -> Result<(), u16> {
        if self.replacing.is_some() || !self.may_be_joined(cx) {
            return Err(CANNOT_MIX);
        }
        let id = self.dialled_leg(cx, agent, incoming).map_err(|_| BUSY_HERE)?;
        self.replacing = Some(Replacing::seat(id));
        self.open_voice(cx, id, Place::LeastLoaded);
        Ok(())
    }

    /// A conversation in which nobody waits and nothing else is under way, with an empty seat.
    pub(super) fn may_be_joined(&self, cx: &Cx) -> bool {
        let Phase::Talking(talk) = &self.phase else { return false };
        let is_quiet = talk.asked.is_none() && talk.consult.is_none() && !self.fax.is_on();
        let has_seat = 2 + talk.guests.len() < cx.world.config.parties_max;
        is_quiet && has_seat && !talk.hold.is_held()
    }

    /// They were answered.
    pub(super) fn seat_joined(&mut self, cx: &mut Cx, id: LegId) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        talk.guests.push(id);
        let room = talk.room;
        self.seat_guest(cx, id, room);
    }
}
