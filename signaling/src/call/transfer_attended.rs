//! An agent whose phone has two calls passes on who is in the one to who is in the other, by REFER with
//! Replaces (RFC 5589 §7). Where the phone dialled the second line itself that is one call (`consult`);
//! here the other call waited at the phone, and the two know nothing of each other. One of them ends, and
//! whose it was goes on in the other one: with their dialog, their voice and their trunk, but with a row of
//! their own there, because what they had until now belongs to the call that they leave.
//!
//! The call that stays is the queue's, or else the customer's, or else the one that the phone names first:
//! the records of who waited, after-call work and the recording go on where a customer is served. What was
//! recorded of the other call ends with it. Who said no to being recorded is not recorded from then on in
//! the one that stays either.

use super::leg::{Bye, Leg};
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::acd::Stage;
use crate::switch::Cx;
use terms::event::{Direction, Kind, Party, TransferKind};
use terms::media::Command;
use terms::{AgentId, CallId, LegId};

/// One of the two calls of a phone, as it is before they are joined.
pub(crate) struct Half {
    /// Whose phone it is.
    pub agent: AgentId,
    /// Only the two who began are there, and nothing is under way.
    pub is_quiet: bool,
    /// The one who is not this agent is outside at our expense.
    pub is_outside: bool,
    /// Its two sides are to know nobody else.
    pub is_leased: bool,
    /// Which of two stays: the greater one.
    pub rank: (bool, bool),
    /// The number of who is not this agent.
    pub number: String,
    /// A colleague, where they are one.
    pub colleague: Option<AgentId>,
    /// The agent themself called them outside.
    pub was_dialled: bool,
}

/// Who goes over from the call that ends.
pub(crate) struct Comes {
    id: LegId,
    leg: Leg,
    from: CallId,
    /// Nobody may record them.
    unrecorded: bool,
}

impl Call {
    /// The call as one of two, where `line` is the leg of an agent who talks in it.
    pub(crate) fn half(&self, line: LegId) -> Option<Half> {
        let Phase::Talking(talk) = &self.phase else { return None };
        let far = self.other_than(line)?;
        let agent = self.agent_of(line)?;
        let is_held_there = talk.hold.is_held() && talk.hold.holder != Some(line);
        let is_joined = talk.consult.is_some() || talk.asked.is_some() || !talk.guests.is_empty();
        let is_busy = talk.lost.is_some()
            || self.replacing.is_some()
            || self.interjection.is_some()
            || self.fax.is_on();
        let dialled = self.legs.get(&far).is_some_and(|leg| leg.trunk.is_some() && !leg.incoming);
        let party = self.party(far);
        Some(Half {
            agent,
            is_quiet: !(is_held_there || is_joined || is_busy),
            is_outside: party == Party::Outside,
            is_leased: self.lease.is_some(),
            rank: (self.queue.is_some(), party == Party::Customer),
            number: self.number_of(far),
            colleague: self.agent_of(far),
            was_dialled: dialled && self.direction == Direction::Outbound,
        })
    }

    /// The other one of the two who began.
    fn other_than(&self, line: LegId) -> Option<LegId> {
        let Phase::Talking(talk) = &self.phase else { return None };
        if line == self.anchor {
            return Some(talk.partner);
        }
        (line == talk.partner).then_some(self.anchor)
    }

    /// What one dials to reach them.
    fn number_of(&self, id: LegId) -> String {
        let Some(leg) = self.legs.get(&id) else { return String::new() };
        let extension = leg.agent.and_then(|agent| self.plan.agent(agent));
        let number = extension.map_or(&leg.address, |agent| &agent.sip_user);
        number.chars().take(terms::number::NUMBER_CHARS_MAX).collect()
    }

    /// The agent's line ends and this call with it; who was there goes over to `target` in another one.
    pub(crate) fn gives(&mut self, cx: &mut Cx, line: LegId, target: String) -> Option<Comes> {
        let far = self.other_than(line)?;
        self.passed_on(cx, line, target);
        self.stop_recording(cx);
        self.stop_play(cx, far);
        // Whoever is there is a person by now.
        self.timers.clear(Timer::Tones(far));
        self.stop_listening_to(cx, far);
        cx.media(Command::Leave { leg: far });
        if let Some(agent) = self.agent_of(far) {
            self.log(cx, Some(far), Kind::Released { agent, by: Party::Agent });
        }
        let (cause, by) = (cause::NORMAL, Party::Agent);
        self.log(cx, Some(far), Kind::LegEnded { cause, by, quality: None });
        cx.world.legs.remove(&far);
        let leg = self.legs.remove(&far)?;
        if leg.trunk.is_some() && !leg.incoming {
            self.note_call_ended(cx, &leg.address, cause);
        }
        let unrecorded = self.story.consent == Some(false);
        self.end(cx, cause, by);
        Some(Comes { id: far, leg, from: self.id, unrecorded })
    }

    /// The agent's line ends, and who comes from their other call has their place.
    pub(crate) fn takes_in(&mut self, cx: &mut Cx, line: LegId, target: String, comes: Comes) {
        self.passed_on(cx, line, target);
        let id = self.seat_from_elsewhere(cx, comes);
        self.leave_recording(cx, line);
        if let Phase::Talking(talk) = &mut self.phase {
            if line == self.anchor {
                self.anchor = talk.partner;
            }
            talk.partner = id;
            let room = talk.room;
            cx.media(Command::Join { leg: id, room });
        }
        self.serves_from_now(id);
        self.record(cx, id);
        self.close_leg(cx, line, cause::NORMAL, Party::Agent, Bye::Hangup);
        self.tell_stage(cx, self.anchor, Stage::Talking);
    }

    /// What both calls are told: neither is supervised nor held any more.
    fn passed_on(&mut self, cx: &mut Cx, line: LegId, target: String) {
        if let Some(agent) = self.agent_of(line) {
            let kind = TransferKind::Attended;
            self.log(cx, Some(line), Kind::Transferred { kind, agent, target });
        }
        self.supervised_is_over(cx);
        self.clear_hold(cx);
    }

    /// The leg is one of this call from now on, under a name of its own in the log; an agent is in this
    /// call, as busy as they were.
    fn seat_from_elsewhere(&mut self, cx: &mut Cx, comes: Comes) -> LegId {
        let Comes { id, mut leg, from, unrecorded } = comes;
        leg.known_as = Some(LegId(cx.id()));
        leg.apart = true;
        leg.wrap_up = None;
        let (role, agent, trunk) = (leg.role, leg.agent, leg.trunk);
        let address = leg.address.clone();
        self.legs.insert(id, leg);
        cx.world.legs.insert(id, self.id);
        self.log(cx, Some(id), Kind::LegStarted { role, agent, address, trunk });
        self.log(cx, Some(id), Kind::LegAnswered);
        if let Some(agent) = agent {
            let (now, queue) = (cx.now, self.queue.as_ref().map(|queue| queue.id));
            if let Some(acd) = cx.acd(self.tenant) {
                acd.goes_over(now, agent, from, (self.id, queue));
            }
            self.log(cx, Some(id), Kind::Answered { visit: None, queue: None, agent });
        }
        if unrecorded {
            self.story.consent = Some(false);
        }
        id
    }
}
