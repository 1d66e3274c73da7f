//! An agent asks one more party into the conversation: a colleague, or a number outside. The
//! conversation goes on while the phone rings; whoever answers joins the room, and everybody hears
//! everybody. Any party may leave and the rest go on. The conversation is over when one is left, or
//! when only guests from outside are left: they would talk at our expense.
//!
//! Hold stays between the two who began: the customer waits with music while the agent talks with
//! the guests. A transfer waits until the guests have left.

use super::dial::Dialable;
use super::leg::{Bye, Leg};
use super::outside::why_not;
use super::timers::Timer;
use super::{Call, Next, Phase, cause};
use crate::acd::Stage;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::event::{CallingWay, ConsultationEnd, Kind, Party, Role};
use terms::media::{Command, Place};
use terms::routing::Target;
use terms::{LegId, RoomId};

/// Somebody who was asked in and has not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    to: Dialable,
    pub leg: LegId,
}

impl Call {
    /// Asks in from the screen.
    pub(super) fn screen_invites(&mut self, cx: &mut Cx, target: &str) -> Result<(), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to ask somebody into".to_owned());
        };
        if talk.asked.is_some() {
            return Err("somebody is being asked in already".to_owned());
        }
        if talk.consult.is_some() {
            return Err("somebody is being consulted: that must end first".to_owned());
        }
        let parties_max = cx.world.config.parties_max;
        if 2 + talk.guests.len() >= parties_max {
            return Err(format!("a conversation has {parties_max} parties at most"));
        }
        let mut pair = [talk.partner, self.anchor].into_iter();
        let agent = pair.find_map(|leg| Some((leg, self.agent_of(leg)?)));
        let (from, agent) = agent.ok_or("there is no agent in this call")?;
        self.may_try(cx, agent, target, CallingWay::Invite).map_err(why_not)?;
        let mut to = self.whom(target)?;
        self.may_call(cx, agent, &to, CallingWay::Invite).map_err(why_not)?;
        let leg = self.leg_towards(cx, &mut to, true).map_err(|(_, cause)| sorry(cause))?;
        let target = target.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
        self.log(cx, Some(from), Kind::Invited { agent, target });
        self.ring_guest(cx, to, leg);
        Ok(())
    }

    /// Only a person can be asked in: what speaks by itself would speak to all.
    pub(super) fn whom(&self, target: &str) -> Result<Dialable, &'static str> {
        match self.resolve(target) {
            Some(Next::Dial(to)) => Ok(to),
            Some(Next::To(Target::Agent(agent))) => Ok(Dialable::Agent(agent)),
            Some(
                Next::To(_)
                | Next::Say(_)
                | Next::TurnAway(_)
                | Next::Announce { .. }
                | Next::Leased(_)
                | Next::Identify(_)
                | Next::Line
                | Next::Returning(_)
                | Next::Message(_),
            ) => Err("only an agent or a number outside can be asked in"),
            None => Err("nothing answers that number"),
        }
    }

    fn ring_guest(&mut self, cx: &mut Cx, to: Dialable, leg: Leg) {
        let leg = self.open_leg(cx, leg, Place::LeastLoaded);
        self.timers.set(Timer::Asked, cx.now.moment + cx.world.config.ring_max);
        if let Phase::Talking(talk) = &mut self.phase {
            talk.asked = Some(Asked { to, leg });
        }
    }

    /// Who was asked in answered.
    pub(super) fn guest_answered(&mut self, cx: &mut Cx, id: LegId) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        talk.asked = None;
        talk.guests.push(id);
        let room = talk.room;
        self.timers.clear(Timer::Asked);
        self.seat_guest(cx, id, room);
    }

    /// Into the room and onto the recording.
    pub(super) fn seat_guest(&mut self, cx: &mut Cx, id: LegId, room: RoomId) {
        cx.media(Command::Join { leg: id, room });
        if let Some(agent) = self.agent_of(id) {
            self.log(cx, Some(id), Kind::Answered { visit: None, queue: None, agent });
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.talked = true;
            }
            self.tell_stage(cx, id, Stage::Talking);
        }
        self.join_recording(cx, id);
    }

    /// Who was asked in said no, or cannot be reached this way.
    pub(super) fn guest_failed(&mut self, cx: &mut Cx, id: LegId, again: bool) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let Some(mut asked) = talk.asked.take_if(|asked| asked.leg == id) else { return };
        if again && let Ok(leg) = self.leg_towards(cx, &mut asked.to, false) {
            return self.ring_guest(cx, asked.to, leg);
        }
        self.timers.clear(Timer::Asked);
    }

    pub(super) fn guest_rang_too_long(&mut self, cx: &mut Cx) {
        self.withdraw_asked(cx, cause::NO_ANSWER);
        self.let_consulted_go(cx, ConsultationEnd::Unanswered, cause::NO_ANSWER);
    }

    /// The phone that rings for this conversation stops.
    pub(super) fn withdraw_asked(&mut self, cx: &mut Cx, cause: u8) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        if let Some(asked) = talk.asked.take() {
            self.timers.clear(Timer::Asked);
            self.close_leg(cx, asked.leg, cause, Party::System, Bye::Hangup);
        }
    }

    /// A guest left: the two who began go on.
    pub(super) fn guest_left(&mut self, cx: &mut Cx, id: LegId, cause: u8, by: Party, bye: Bye) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        talk.guests.retain(|&guest| guest != id);
        self.leave_recording(cx, id);
        self.close_leg(cx, id, cause, by, bye);
    }

    /// One of the two who began left, and guests are there: the rest go on, and one of them takes
    /// the empty place.
    pub(super) fn go_on_without(&mut self, cx: &mut Cx, id: LegId, cause: u8, by: Party, bye: Bye) {
        let Phase::Talking(talk) = &self.phase else { return };
        let holder = talk.hold.holder.filter(|&holder| talk.hold.is_held() && holder != id);
        self.clear_hold(cx);
        if let Some(holder) = holder {
            self.tell_stage(cx, holder, Stage::Talking);
        }
        if self.supervision.as_ref().is_some_and(|supervision| supervision.agent_leg == id) {
            self.supervised_is_over(cx);
        }
        self.leave_recording(cx, id);
        self.close_leg(cx, id, cause, by, bye);
        self.fill_the_place_of(id);
        let Phase::Talking(talk) = &self.phase else { return };
        // With one of our own there, or the customer, one of these two is it.
        if [self.anchor, talk.partner].into_iter().all(|leg| self.party(leg) == Party::Outside) {
            self.end(cx, cause, by);
        }
    }

    /// The customer is the anchor, wherever there is one; the partner stays where they are.
    fn fill_the_place_of(&mut self, gone: LegId) {
        let Phase::Talking(talk) = &self.phase else { return };
        let mut rest = vec![talk.partner, self.anchor];
        rest.extend(&talk.guests);
        rest.retain(|&leg| leg != gone);
        let role = |leg: LegId| self.legs.get(&leg).map(|leg| leg.role);
        let customer = rest.iter().copied().find(|&leg| role(leg) == Some(Role::Customer));
        let first_guest = talk.guests.first().copied();
        let stays = Some(self.anchor).filter(|&anchor| anchor != gone).or(first_guest);
        let anchor = customer.or(stays).expect("guests are there, so somebody is left");
        rest.retain(|&leg| leg != anchor);
        let began = |leg: &LegId| !talk.guests.contains(leg);
        let agent = |leg: &LegId| role(*leg) == Some(Role::Agent);
        let best = rest.iter().position(began).or_else(|| rest.iter().position(agent));
        let partner = rest.remove(best.unwrap_or_default());
        let promoted = talk.guests.contains(&partner) && customer.is_some();
        self.anchor = anchor;
        if let Phase::Talking(talk) = &mut self.phase {
            (talk.partner, talk.guests) = (partner, rest);
        }
        if promoted {
            self.serves_from_now(partner);
        }
    }

    /// Who stays with the customer has the after-call work, and is who the survey is about.
    pub(super) fn serves_from_now(&mut self, partner: LegId) {
        let Some(agent) = self.agent_of(partner) else { return };
        self.agent = Some(agent);
        let wrap_up = self.wrap_up();
        if let Some(leg) = self.legs.get_mut(&partner) {
            leg.wrap_up = wrap_up;
        }
    }
}

/// Why nobody rings, for people.
pub(super) fn sorry(cause: u8) -> &'static str {
    match cause {
        cause::BUSY => "this agent is not free to take a call",
        _ => "no trunk is free to call that number",
    }
}
