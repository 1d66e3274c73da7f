//! An agent asks somebody first: a colleague, a number outside, or whoever of a queue has been free
//! longest. The customer waits with music, neither hearing nor heard, while the two talk. Then the
//! agent passes the customer on (also by hanging up), lets go who was asked and comes back, or has
//! all three talk.
//!
//! Where the consultation ends by itself (nobody answers, or who was asked hangs up) the customer
//! waits on until the agent resumes: what the agent says in that moment was meant for somebody else.
//! The recording goes on as on hold, and who is consulted stands on it as a guest does.
//!
//! A phone consults with a second line: its INVITE is a leg of this call, and the two talk in a room
//! of their own. The phone itself holds its first line, and REFER with Replaces passes the customer
//! on (RFC 5589 §7).

use super::dial::{Dial, Dialable, Why};
use super::hold::Hold;
use super::incoming::leg_of;
use super::invite_party::sorry;
use super::leg::{Bye, Leg, Sip};
use super::outside::why_not;
use super::timers::Timer;
use super::{Call, Next, Phase, Talk, cause};
use crate::acd::Stage;
use crate::sip::user_agent::{Command as Sipc, Incoming};
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::event::{
    Activity, CallingWay, Consultation, ConsultationEnd, InConsultation, Kind, Party, TransferKind,
};
use terms::media::{Command, Place, Source};
use terms::routing::Target;
use terms::{AgentId, LegId, QueueId, RoomId};

/// Nobody of a queue can be asked, for people.
const NOBODY_FREE: &str = "no agent of this queue is free";

/// Somebody who is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Consult {
    to: Dialable,
    /// What the agent dialled.
    target: String,
    /// The agent's.
    pub from: LegId,
    /// Theirs.
    pub leg: LegId,
    /// The second line of the agent's phone, where it was dialled there.
    pub own: Option<LegId>,
    /// They answered.
    pub joined: bool,
}

impl Consult {
    /// The agent's leg that they hear.
    pub fn speaks(&self) -> LegId {
        self.own.unwrap_or(self.from)
    }
}

/// Who asks whom.
struct Asking {
    to: Dialable,
    target: String,
    from: LegId,
    own: Option<LegId>,
}

impl Call {
    /// Asks from the screen.
    pub(super) fn screen_consults(&mut self, cx: &mut Cx, target: &str) -> Result<(), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to ask somebody about".to_owned());
        };
        if talk.consult.is_some() {
            return Err("somebody is being consulted already".to_owned());
        }
        if talk.asked.is_some() || !talk.guests.is_empty() {
            return Err("more than two are in the conversation, or asked in".to_owned());
        }
        let hold = talk.hold;
        let mut pair = [talk.partner, self.anchor].into_iter();
        let agent = pair.find_map(|leg| Some((leg, self.agent_of(leg)?)));
        let (from, agent) = agent.ok_or("there is no agent in this call")?;
        if hold.is_held() && hold.holder != Some(from) {
            return Err("the other party holds this call".to_owned());
        }
        self.may_try(cx, agent, target, CallingWay::Transfer).map_err(why_not)?;
        let mut to = self.whom_to_consult(cx, target)?;
        self.may_call(cx, agent, &to, CallingWay::Transfer).map_err(why_not)?;
        let leg = self.leg_towards(cx, &mut to, true).map_err(|(_, cause)| sorry(cause))?;
        let target: String = target.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
        let asked = InConsultation::Asked { target: target.clone() };
        self.log(cx, Some(from), Kind::Consultation(Consultation { agent, what: asked }));
        self.set_hold(cx, Hold { holder: Some(from), consult: true, ..hold });
        self.ring_consulted(cx, Asking { to, target, from, own: None }, leg);
        self.play(cx, from, vec![Source::Ringback], true, false);
        Ok(())
    }

    fn whom_to_consult(&self, cx: &mut Cx, target: &str) -> Result<Dialable, &'static str> {
        let queue: QueueId = match target.strip_prefix("queue:") {
            Some(queue) => queue.parse().map_err(|_| "there is no such queue")?,
            None => match self.resolve(target) {
                Some(Next::To(Target::Queue(queue))) => queue,
                _ => return self.whom(target),
            },
        };
        self.free_agent_of(cx, queue)
    }

    /// Nobody waits in line for advice while a customer waits for them.
    fn free_agent_of(&self, cx: &mut Cx, queue: QueueId) -> Result<Dialable, &'static str> {
        let mut queues = self.plan.plan.queues.iter();
        let queue = queues.find(|known| known.id == queue).ok_or("there is no such queue")?;
        let acd = cx.acd(self.tenant).ok_or(NOBODY_FREE)?;
        let free = acd.agents().filter(|view| {
            view.activity == Activity::Idle && view.registered && queue.agents.contains(&view.agent)
        });
        let longest = free.min_by_key(|view| (view.since, view.agent));
        longest.map(|view| Dialable::Agent(view.agent)).ok_or(NOBODY_FREE)
    }

    /// The agent may ask somebody by dialling on a second line.
    pub(crate) fn may_consult(&self, agent: AgentId) -> bool {
        let Phase::Talking(talk) = &self.phase else { return false };
        let alone = talk.consult.is_none() && talk.asked.is_none() && talk.guests.is_empty();
        alone && self.line_of(agent).is_some()
    }

    /// The leg with which an agent takes part in the conversation.
    fn line_of(&self, agent: AgentId) -> Option<LegId> {
        let Phase::Talking(talk) = &self.phase else { return None };
        [talk.partner, self.anchor].into_iter().find(|&leg| self.agent_of(leg) == Some(agent))
    }

    /// Their INVITE is a leg of this call from now on, or was refused. False where nobody can be
    /// asked at what they dialled.
    pub(crate) fn dialled_consultation(
        &mut self,
        cx: &mut Cx,
        agent: AgentId,
        incoming: &Incoming,
    ) -> bool {
        let Some(from) = self.line_of(agent) else { return false };
        let Ok(mut to) = self.whom_to_consult(cx, &incoming.called) else { return false };
        let id = incoming.leg;
        let reject = |(status, cause), warning| Sipc::Reject {
            leg: id,
            status,
            cause,
            retry_after_s: None,
            warning,
        };
        if let Err(why) = self.may_call(cx, agent, &to, CallingWay::Transfer) {
            cx.sip(reject((403, cause::REJECTED), Some(why_not(why))));
            return true;
        }
        let leg = match self.leg_towards(cx, &mut to, true) {
            Ok(leg) => leg,
            Err(why) => {
                cx.sip(reject(why, None));
                return true;
            }
        };
        let own = leg_of(cx, incoming);
        let (role, address) = (own.role, own.address.clone());
        self.legs.insert(id, own);
        cx.world.legs.insert(id, self.id);
        self.log(cx, Some(id), Kind::LegStarted { role, agent: Some(agent), address, trunk: None });
        let target: String =
            incoming.called.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
        let what = InConsultation::Asked { target: target.clone() };
        self.log(cx, Some(from), Kind::Consultation(Consultation { agent, what }));
        self.open_voice(cx, id, Place::WithContact);
        self.ring_consulted(cx, Asking { to, target, from, own: Some(id) }, leg);
        true
    }

    pub(super) fn is_second_line(&self, id: LegId) -> bool {
        self.consultation().is_some_and(|consult| consult.own == Some(id))
    }

    /// The second line has a port.
    pub(super) fn second_opened(&mut self, cx: &mut Cx, id: LegId) {
        if !self.prepare_answer(id) {
            self.let_consulted_go(cx, ConsultationEnd::Over, cause::INCOMPATIBLE);
        }
    }

    /// Who is consulted rings: the second line hears of it.
    pub(super) fn consulted_rings(&self, cx: &mut Cx, id: LegId) {
        let consult = self.consultation().filter(|consult| consult.leg == id);
        if let Some(leg) = consult.and_then(|consult| consult.own) {
            self.ring_back(cx, leg);
        }
    }

    /// The phone hung up its second line.
    pub(super) fn second_left(&mut self, cx: &mut Cx, cause: u8, by: Party, bye: Bye) {
        let Some(&Consult { own: Some(own), joined, .. }) = self.consultation() else { return };
        if joined {
            self.leave_recording(cx, own);
        }
        self.close_leg(cx, own, cause, by, bye);
        self.let_consulted_go(cx, ConsultationEnd::Returned, cause::NORMAL);
    }

    /// REFER with Replaces: the phone joins the other parties of its two lines.
    pub(super) fn phone_completes(&mut self, cx: &mut Cx, id: LegId, other: LegId) {
        let status = match self.consultation() {
            Some(&Consult { from, own: Some(own), leg, joined, .. })
                if [(from, own), (own, from)].contains(&(id, other)) =>
            {
                match joined {
                    false => Some(491),
                    true => self.leaves_strangers(from, leg).then_some(403),
                }
            }
            // Whatever dialog that is, they are no party of it.
            _ => Some(481),
        };
        if let Some(status) = status {
            return cx.sip(Sipc::RejectRefer { leg: id, status });
        }
        cx.sip(Sipc::AcceptRefer { leg: id });
        cx.sip(Sipc::ReferProgress { leg: id, status: 200 });
        self.hand_over(cx, cause::NORMAL, Party::Agent, Bye::Hangup);
    }

    fn ring_consulted(&mut self, cx: &mut Cx, asking: Asking, leg: Leg) {
        let Asking { to, target, from, own } = asking;
        let leg = self.open_leg(cx, leg, Place::LeastLoaded);
        self.timers.set(Timer::Asked, cx.now.moment + cx.world.config.ring_max);
        if let Phase::Talking(talk) = &mut self.phase {
            talk.consult = Some(Consult { to, target, from, leg, own, joined: false });
        }
    }

    /// Who is consulted answered.
    pub(super) fn consulted_answered(&mut self, cx: &mut Cx, id: LegId) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let Some(consult) = &mut talk.consult else { return };
        consult.joined = true;
        let (from, own, mut room) = (consult.from, consult.own, talk.room);
        self.timers.clear(Timer::Asked);
        match own {
            None => self.stop_play(cx, from),
            Some(own) => {
                self.answer_leg(cx, own);
                if self.legs.get(&own).is_none_or(|leg| leg.sip != Sip::Answered) {
                    return self.let_consulted_go(cx, ConsultationEnd::Over, cause::NO_RESOURCE);
                }
                room = RoomId(cx.id());
                cx.media(Command::Join { leg: own, room });
                self.join_recording(cx, own);
            }
        }
        if let Some(agent) = self.agent_of(from) {
            let what = InConsultation::Answered;
            self.log(cx, Some(id), Kind::Consultation(Consultation { agent, what }));
        }
        self.seat_guest(cx, id, room);
    }

    /// Who is consulted said no, or cannot be reached this way. Their leg is closed.
    pub(super) fn consulted_failed(&mut self, cx: &mut Cx, again: bool, cause: u8) {
        let Some(Consult { mut to, target, from, own, .. }) = self.consultation().cloned() else {
            return;
        };
        if again && let Ok(leg) = self.leg_towards(cx, &mut to, false) {
            return self.ring_consulted(cx, Asking { to, target, from, own }, leg);
        }
        self.let_consulted_go(cx, ConsultationEnd::Unanswered, cause);
    }

    /// Who is consulted hung up.
    pub(super) fn consulted_left(&mut self, cx: &mut Cx, cause: u8, by: Party, bye: Bye) {
        let joined = self.consultation().is_some_and(|consult| consult.joined);
        let end = if joined { ConsultationEnd::Left } else { ConsultationEnd::Unanswered };
        self.consulted_goes(cx, end, cause, by, bye);
    }

    /// Who is consulted, if anybody, is hung up on. The customer waits on; where a phone consults it is
    /// the phone that holds.
    pub(super) fn let_consulted_go(&mut self, cx: &mut Cx, end: ConsultationEnd, cause: u8) {
        self.consulted_goes(cx, end, cause, Party::System, Bye::Hangup);
    }

    fn consulted_goes(
        &mut self,
        cx: &mut Cx,
        end: ConsultationEnd,
        cause: u8,
        by: Party,
        bye: Bye,
    ) {
        let over = self.consultation_over(cx, end);
        let Some(Consult { leg, own, joined, .. }) = over else { return };
        if joined {
            self.leave_recording(cx, leg);
        }
        self.close_leg(cx, leg, cause, by, bye);
        if let Some(own) = own {
            return self.close_second(cx, own, joined, cause);
        }
        if let Phase::Talking(talk) = &mut self.phase {
            (talk.hold.screen, talk.hold.consult) = (true, false);
        }
    }

    fn close_second(&mut self, cx: &mut Cx, own: LegId, joined: bool, cause: u8) {
        if !self.legs.get(&own).is_some_and(Leg::is_alive) {
            return;
        }
        if joined {
            self.leave_recording(cx, own);
        }
        self.close_leg(cx, own, cause, Party::System, Bye::Hangup);
    }

    /// Writes down how the consultation ended, and changes nothing for who took part.
    pub(super) fn consultation_over(
        &mut self,
        cx: &mut Cx,
        end: ConsultationEnd,
    ) -> Option<Consult> {
        let leg = self.consultation()?.leg;
        self.early_over(cx, leg);
        let Phase::Talking(talk) = &mut self.phase else { return None };
        let consult = talk.consult.take()?;
        if !consult.joined {
            self.timers.clear(Timer::Asked);
        }
        if !consult.joined && consult.own.is_none() {
            self.stop_play(cx, consult.from);
        }
        if let Some(agent) = self.agent_of(consult.from) {
            let what = InConsultation::Ended { end };
            self.log(cx, Some(consult.from), Kind::Consultation(Consultation { agent, what }));
        }
        Some(consult)
    }

    fn consultation(&self) -> Option<&Consult> {
        match &self.phase {
            Phase::Talking(talk) => talk.consult.as_ref(),
            _ => None,
        }
    }

    /// The consultation in which both talk.
    fn joined_consultation(&self) -> Result<(&Talk, &Consult), String> {
        let nobody = || "nobody is being consulted".to_owned();
        let Phase::Talking(talk) = &self.phase else { return Err(nobody()) };
        let consult = talk.consult.as_ref().ok_or_else(nobody)?;
        match consult.joined {
            true => Ok((talk, consult)),
            false => Err("who is consulted has not answered yet".to_owned()),
        }
    }

    /// From the screen: the customer is passed on to who is consulted.
    pub(super) fn complete_consultation(&mut self, cx: &mut Cx) -> Result<(), String> {
        let (_, consult) = self.joined_consultation()?;
        let (from, leg) = (consult.from, consult.leg);
        if self.leaves_strangers(from, leg) {
            return Err("two parties outside do not talk alone at our expense".to_owned());
        }
        self.hand_over(cx, cause::NORMAL, Party::Agent, Bye::Hangup);
        Ok(())
    }

    /// From the screen: the agent goes on with the customer.
    pub(super) fn end_consultation(&mut self, cx: &mut Cx) -> Result<(), String> {
        if self.consultation().is_none() {
            return Err("nobody is being consulted".to_owned());
        }
        self.let_consulted_go(cx, ConsultationEnd::Returned, cause::NORMAL);
        self.back_to_customer(cx);
        Ok(())
    }

    /// From the screen: all three talk.
    pub(super) fn join_consultation(&mut self, cx: &mut Cx) -> Result<(), String> {
        let (talk, consult) = self.joined_consultation()?;
        let leg = consult.leg;
        if consult.own.is_some() {
            return Err("the phone has two calls: join them there".to_owned());
        }
        if talk.hold.phone {
            return Err("the phone itself holds: press resume on the phone".to_owned());
        }
        let parties_max = cx.world.config.parties_max;
        if parties_max < 3 {
            return Err(format!("a conversation has {parties_max} parties at most"));
        }
        self.consultation_over(cx, ConsultationEnd::Conference);
        if let Phase::Talking(talk) = &mut self.phase {
            talk.guests.push(leg);
        }
        self.back_to_customer(cx);
        Ok(())
    }

    fn back_to_customer(&mut self, cx: &mut Cx) {
        let Phase::Talking(talk) = &self.phase else { return };
        let hold = Hold { screen: false, consult: false, ..talk.hold };
        self.set_hold(cx, hold);
    }

    /// One of the two who began leaves. True when that is all there is to do: the customer was
    /// passed on, or the other two go on.
    pub(super) fn left_the_consultation(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        cause: u8,
        by: Party,
        bye: Bye,
    ) -> bool {
        let Some(consult) = self.consultation() else { return false };
        let (from, leg, joined, own) = (consult.from, consult.leg, consult.joined, consult.own);
        let is_agent = id == from;
        let ready = own.filter(|own| self.legs.get(own).is_some_and(|leg| leg.prepared.is_some()));
        if let (false, false, Some(own)) = (is_agent, joined, ready) {
            return self.second_rings_on(cx, own, id, (cause, by, bye));
        }
        if let (false, true, Some(own)) = (is_agent, joined, own) {
            if let Some(over) = self.consultation_over(cx, ConsultationEnd::CustomerLeft) {
                self.second_goes_on(cx, &over, own);
            }
            self.go_on_without(cx, id, cause, by, bye);
            return true;
        }
        // A phone that hangs up its first line means the customer.
        if !joined || own.is_some() || (is_agent && self.leaves_strangers(from, leg)) {
            let end = if is_agent { ConsultationEnd::Over } else { ConsultationEnd::CustomerLeft };
            self.let_consulted_go(cx, end, cause::NORMAL);
            return false;
        }
        if is_agent {
            self.hand_over(cx, cause, by, bye);
            return true;
        }
        self.consultation_over(cx, ConsultationEnd::CustomerLeft);
        if let Phase::Talking(talk) = &mut self.phase {
            talk.guests.push(leg);
        }
        self.go_on_without(cx, id, cause, by, bye);
        true
    }

    /// This leg is the one from which somebody is asked, on the line on which the customer waits.
    pub(super) fn consults_at(&self, id: LegId) -> bool {
        self.consultation().is_some_and(|consult| consult.from == id && consult.own.is_none())
    }

    /// The first line of a phone with two has gone to another phone, at which the customer is spoken to.
    /// Who talks on the second one talks on.
    pub(super) fn first_line_moved(&mut self, old: LegId, new: LegId) {
        if let Phase::Talking(talk) = &mut self.phase
            && let Some(consult) = &mut talk.consult
            && consult.from == old
        {
            consult.from = new;
        }
    }

    /// Who asks goes on with it at another phone, which has come into the room: the customer waits on.
    pub(super) fn consult_at(&mut self, cx: &mut Cx, old: LegId, new: LegId) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        // What the old phone held, the new one does not.
        (talk.hold.holder, talk.hold.phone) = (Some(new), false);
        let Some(consult) = &mut talk.consult else { return };
        consult.from = new;
        if !consult.joined {
            self.stop_play(cx, old);
            self.play(cx, new, vec![Source::Ringback], true, false);
        }
    }

    /// The customer hung up while the agent talks on the second line of their phone: the first line ends
    /// with them, and the two talk on.
    fn second_goes_on(&mut self, cx: &mut Cx, consult: &Consult, own: LegId) {
        let Consult { from, leg, .. } = *consult;
        self.supervised_is_over(cx);
        self.clear_hold(cx);
        let Phase::Talking(talk) = &mut self.phase else { return };
        if self.anchor == from {
            self.anchor = own;
        } else {
            talk.partner = own;
        }
        talk.guests.push(leg);
        let room = talk.room;
        for id in [own, leg] {
            cx.media(Command::Leave { leg: id });
            cx.media(Command::Join { leg: id, room });
        }
        self.hand_on(cx, from, own);
        self.leave_recording(cx, from);
        self.close_leg(cx, from, cause::NORMAL, Party::System, Bye::Hangup);
        self.tell_stage(cx, own, Stage::Talking);
    }

    /// The customer (`gone`) hung up while who is asked still rings: the first line ends with them. What
    /// the phone dialled on its second one is a call by itself for it (RFC 5359 §2.2), and rings on; the
    /// agent has it from now on, and their after-call work afterwards.
    fn second_rings_on(
        &mut self,
        cx: &mut Cx,
        own: LegId,
        gone: LegId,
        (cause, by, bye): (u8, Party, Bye),
    ) -> bool {
        let over = self.consultation_over(cx, ConsultationEnd::CustomerLeft);
        let Some(Consult { to, from, leg, .. }) = over else { return false };
        self.supervised_is_over(cx);
        self.clear_hold(cx);
        self.stop_recording(cx);
        self.timers.clear(Timer::Return);
        let first = self.legs.get_mut(&from);
        let had = first.map(|leg| (std::mem::take(&mut leg.engaged), leg.wrap_up.take()));
        if let (Some(had), Some(leg)) = (had, self.legs.get_mut(&own)) {
            (leg.engaged, leg.wrap_up) = had;
        }
        self.anchor = own;
        self.released_by = Some(by);
        self.phase = Phase::Dialling(Dial::ringing(leg, to, Why::Second));
        self.timers.set(Timer::Ring, cx.now.moment + cx.world.config.ring_max);
        self.close_leg(cx, from, cause::NORMAL, Party::System, Bye::Hangup);
        self.close_leg(cx, gone, cause, by, bye);
        self.tell_stage(cx, own, Stage::Ringing);
        true
    }

    /// Nobody answered there: the second line is refused with what happened, and nobody is left.
    pub(super) fn second_unreached(&mut self, cx: &mut Cx, status: u16, cause: u8) {
        let status = status.clamp(400, 699);
        let bye = Bye::Reject { status, retry_after_s: None, warning: None };
        self.close_leg(cx, self.anchor, cause, Party::System, bye);
        let by = self.released_by.unwrap_or(Party::System);
        self.end(cx, cause, by);
    }

    /// Who served the customer has the after-call work, and not who was asked.
    pub(super) fn owes_for_the_first(&mut self, partner: LegId, owed: Option<(QueueId, Duration)>) {
        for (id, wrap_up) in [(self.anchor, owed), (partner, None)] {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.wrap_up = wrap_up;
            }
        }
    }

    /// Without `from`, nobody of ours and no customer would be there.
    fn leaves_strangers(&self, from: LegId, leg: LegId) -> bool {
        let Phase::Talking(talk) = &self.phase else { return false };
        let stays = if from == self.anchor { talk.partner } else { self.anchor };
        [stays, leg].into_iter().all(|leg| self.party(leg) == Party::Outside)
    }

    /// The customer has who was consulted, and the agent is free.
    fn hand_over(&mut self, cx: &mut Cx, cause: u8, by: Party, bye: Bye) {
        let over = self.consultation_over(cx, ConsultationEnd::Transferred);
        let Some(Consult { target, from, leg, own, .. }) = over else { return };
        if let Some(agent) = self.agent_of(from) {
            let kind = TransferKind::Attended;
            self.log(cx, Some(from), Kind::Transferred { kind, agent, target });
        }
        self.supervised_is_over(cx);
        self.clear_hold(cx);
        let Phase::Talking(talk) = &mut self.phase else { return };
        if from == self.anchor {
            self.anchor = talk.partner;
        }
        talk.partner = leg;
        let room = talk.room;
        self.serves_from_now(leg);
        if let Some(own) = own {
            self.close_second(cx, own, true, cause::NORMAL);
            cx.media(Command::Leave { leg });
            cx.media(Command::Join { leg, room });
        }
        self.leave_recording(cx, from);
        self.close_leg(cx, from, cause, by, bye);
    }
}
