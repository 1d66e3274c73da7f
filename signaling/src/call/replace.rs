//! Somebody goes on in a new dialog (INVITE with Replaces, RFC 3891): an agent at another of their
//! phones, or who is behind a trunk and was passed on there. The new leg takes the old one's place in
//! the conversation as soon as it has a port; until then, and where it comes to nothing, the old one
//! stays. The call, its recording and its record are one, and the agent is as busy as before. Who was on
//! hold is so in the new dialog too: whoever comes waits for the one who holds, or who consults somebody,
//! and who consults does so at the new phone. Where that is done on a second line, it stays at its phone:
//! the first one goes alone, and with it the customer.
//!
//! What cannot be done now leaves everything as it is (§3): while something else is under way it is 491,
//! so that it is tried again, and a fax is nothing that a voice takes over, 488.

use super::incoming::leg_of;
use super::join::CANNOT_MIX;
use super::leg::{Bye, Sip};
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::acd::Stage;
use crate::ivr::prompt;
use crate::sip::user_agent::{Incoming, Origin};
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::LegId;
use terms::event::{Kind, Party};
use terms::media::{Command, Place};

/// No place is given up.
const NOT_GIVEN_UP: u16 = 603;
/// Something else has to end first.
const UNDER_WAY: u16 = 491;
/// What is under way is no conversation.
const NOT_ACCEPTABLE: u16 = 488;

/// Somebody is about to take a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replacing {
    /// The new leg.
    leg: LegId,
    /// The one whose place it takes; none where it has a seat of its own.
    old: Option<LegId>,
}

impl Replacing {
    /// One leg goes on in place of another.
    pub(super) const fn of(leg: LegId, old: LegId) -> Self {
        Replacing { leg, old: Some(old) }
    }

    /// The new leg.
    pub(super) const fn leg(&self) -> LegId {
        self.leg
    }

    /// Somebody comes in beside those who talk.
    pub(super) const fn seat(leg: LegId) -> Self {
        Replacing { leg, old: None }
    }
}

impl Call {
    /// Their INVITE is a leg of this call from now on.
    ///
    /// # Errors
    /// The status that refuses it: 403 for somebody else's place, 603 where none is given up, 491 while
    /// something is under way that has to end first, 488 for a fax. Nothing changes then.
    pub(crate) fn dialled_replacement(
        &mut self,
        cx: &mut Cx,
        old: LegId,
        incoming: &Incoming,
    ) -> Result<(), u16> {
        let (by, trunk) = match incoming.origin {
            Origin::Agent(agent) => (Some(agent), None),
            Origin::Trunk(trunk) => (None, Some(trunk)),
        };
        let role = self.legs.get(&old).filter(|leg| leg.agent == by).map(|leg| leg.role);
        let role = role.ok_or(403_u16)?;
        self.may_be_replaced(old)?;
        self.withdraw_offer_back(cx);
        if self.replacing.is_some() {
            return Err(UNDER_WAY);
        }
        let mut leg = leg_of(cx, incoming);
        leg.role = role;
        let (id, agent, address) = (incoming.leg, leg.agent, leg.address.clone());
        self.legs.insert(id, leg);
        cx.world.legs.insert(id, self.id);
        self.log(cx, Some(id), Kind::LegStarted { role, agent, address, trunk });
        self.replacing = Some(Replacing { leg: id, old: Some(old) });
        self.open_voice(cx, id, Place::WithContact);
        Ok(())
    }

    /// One of the two who began a conversation.
    pub(super) fn may_be_replaced(&self, old: LegId) -> Result<(), u16> {
        let Phase::Talking(talk) = &self.phase else { return Err(NOT_GIVEN_UP) };
        if old != self.anchor && old != talk.partner {
            return Err(NOT_GIVEN_UP);
        }
        if self.fax.is_on() {
            return Err(NOT_ACCEPTABLE);
        }
        match talk.asked.is_some() {
            true => Err(UNDER_WAY),
            false => Ok(()),
        }
    }

    /// The other one holds.
    fn is_on_hold(&self, leg: LegId) -> bool {
        matches!(&self.phase, Phase::Talking(talk)
            if talk.hold.is_held() && talk.hold.holder != Some(leg))
    }

    pub(super) fn is_replacing(&self, id: LegId) -> bool {
        self.replacing.is_some_and(|replacing| replacing.leg == id)
    }

    /// The new leg ended by itself, and is closed.
    pub(super) fn replacement_failed(&mut self) {
        self.replacing = None;
    }

    /// Who was about to take the place does not get it.
    pub(super) fn drop_replacement(&mut self, cx: &mut Cx, cause: u8, bye: Bye) {
        if let Some(replacing) = self.replacing.take() {
            self.close_leg(cx, replacing.leg, cause, Party::System, bye);
        }
    }

    /// The place that somebody was about to take is there no longer.
    pub(super) fn place_is_gone(&mut self, cx: &mut Cx, id: LegId, cause: u8) {
        if self.replacing.is_some_and(|replacing| replacing.old == Some(id)) {
            self.drop_replacement(cx, cause, Bye::Hangup);
        }
    }

    /// The phone that was rung for the place answered.
    pub(super) fn replacement_answered(&mut self, cx: &mut Cx, id: LegId) {
        let old = self.replacing.take().and_then(|replacing| replacing.old);
        match old.filter(|&old| self.may_be_replaced(old).is_ok()) {
            Some(old) => self.change_places(cx, old, id),
            None => self.close_leg(cx, id, cause::ELSEWHERE, Party::System, Bye::Hangup),
        }
    }

    /// The new leg has a port.
    pub(super) fn replacement_opened(&mut self, cx: &mut Cx, id: LegId) {
        let Some(Replacing { old, .. }) = self.replacing else { return };
        let stands = match old {
            Some(old) => self.may_be_replaced(old),
            None => self.may_be_joined(cx).then_some(()).ok_or(CANNOT_MIX),
        };
        if let Err(status) = stands {
            let bye = Bye::Reject { status, retry_after_s: None, warning: None };
            return self.drop_replacement(cx, cause::NORMAL, bye);
        }
        if !self.prepare_answer(id) {
            return self.drop_replacement(cx, cause::INCOMPATIBLE, Bye::Hangup);
        }
        self.answer_leg(cx, id);
        if self.legs.get(&id).is_some_and(|leg| leg.sip == Sip::Answered) {
            self.replacing = None;
            match old {
                Some(old) => self.change_places(cx, old, id),
                None => self.seat_joined(cx, id),
            }
        }
    }

    fn change_places(&mut self, cx: &mut Cx, old: LegId, new: LegId) {
        if self.supervision.as_ref().is_some_and(|supervision| supervision.agent_leg == old) {
            self.supervised_is_over(cx);
        }
        let waits = self.is_on_hold(old);
        let consults = self.consults_at(old);
        if !waits && !consults {
            // Who waited for the old phone is spoken to at the new one.
            self.clear_hold(cx);
        }
        let Phase::Talking(talk) = &mut self.phase else { return };
        if talk.lost == Some(old) {
            talk.lost = None;
            self.timers.clear(Timer::Return);
        }
        if self.anchor == old {
            self.anchor = new;
        } else {
            talk.partner = new;
        }
        let room = talk.room;
        cx.media(Command::Join { leg: new, room });
        if waits {
            self.hold_on(cx, old, new);
        }
        if consults {
            self.consult_at(cx, old, new);
        }
        self.first_line_moved(old, new);
        self.hand_on(cx, old, new);
        self.join_recording(cx, new);
        self.leave_recording(cx, old);
        self.close_leg(cx, old, cause::NORMAL, Party::System, Bye::Hangup);
        let stage = if consults { Stage::Holding } else { Stage::Talking };
        self.tell_stage(cx, new, stage);
    }

    /// The new leg, which has just come into the room, waits as the old one did.
    fn hold_on(&mut self, cx: &mut Cx, old: LegId, new: LegId) {
        cx.media(Command::Hold { leg: new });
        self.play(cx, new, vec![prompt::prompt("", "music/hold")], true, false);
        self.stop_play(cx, old);
        self.log(cx, Some(old), Kind::Resumed);
        self.log(cx, Some(new), Kind::Held { by: Party::Agent });
    }

    /// The agent stays taken, and what follows for them follows when the new leg ends.
    pub(super) fn hand_on(&mut self, cx: &mut Cx, old: LegId, new: LegId) {
        let Some(leg) = self.legs.get_mut(&old) else { return };
        let (engaged, wrap_up) = (std::mem::take(&mut leg.engaged), leg.wrap_up.take());
        let talked = leg.talked;
        let Some(leg) = self.legs.get_mut(&new) else { return };
        (leg.engaged, leg.wrap_up, leg.talked) = (engaged, wrap_up, talked);
        if let Some(agent) = leg.agent.filter(|_| talked) {
            let queue = self.queue.as_ref().map(|queue| queue.id);
            self.log(cx, Some(new), Kind::Answered { visit: None, queue, agent });
        }
    }
}
