//! An agent parks a caller on a slot, and whoever of the tenant dials the slot's code, or takes it
//! on a screen, has them. The caller hears music, and is on hold in the log. When nobody takes them
//! in time they ring at who parked them, or a customer waits in the queue that the tenant names for it, or
//! goes into the flow that it names;
//! when who parked them does not answer, they are back in their queue with the age kept; without a queue
//! the call ends with a prompt.

use super::dial::{Dialable, Why};
use super::leg::Bye;
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::ivr::prompt;
use crate::sip::user_agent::{Command as Sipc, Incoming};
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::event::{InParking, Kind, Parking, Party, Role};
use terms::media::{Command, Place};
use terms::{AgentId, LegId, QueueId};

/// Why nobody is taken, for people.
const NOBODY: &str = "nobody is parked there";

/// A caller on a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parked {
    pub slot: u8,
    /// Who parked them.
    by: AgentId,
    /// Who is about to have them.
    pub taker: Option<(LegId, AgentId)>,
}

impl Call {
    /// Parks from the screen: on this slot, or on the first that is free.
    pub(super) fn screen_parks(&mut self, cx: &mut Cx, slot: Option<u8>) -> Result<(), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to park".to_owned());
        };
        let mut pair = [talk.partner, self.anchor].into_iter();
        let from = pair.find(|&leg| self.agent_of(leg).is_some());
        let from = from.ok_or("there is no agent in this call")?;
        self.park(cx, from, slot, false).map_err(|(_, why)| why.to_owned())
    }

    /// Parks the other party of the agent's leg `from`. A phone asked for it by REFER, or a screen.
    ///
    /// # Errors
    /// The status for a phone and the sentence for people. Nothing changes then.
    pub(super) fn park(
        &mut self,
        cx: &mut Cx,
        from: LegId,
        slot: Option<u8>,
        refer: bool,
    ) -> Result<(), (u16, &'static str)> {
        let talk = self.may_transfer(from)?;
        let by = self.agent_of(from).ok_or((403, "only an agent may park a caller"))?;
        let slot = self.free_slot(cx, slot)?;
        if refer {
            cx.sip(Sipc::AcceptRefer { leg: from });
        }
        self.withdraw_asked(cx, cause::NORMAL);
        self.supervised_is_over(cx);
        let stays = if from == self.anchor { talk.partner } else { self.anchor };
        let what = InParking::Parked { by };
        self.log(cx, Some(from), Kind::Parking(Parking { slot, what }));
        if talk.hold.is_held() {
            self.stop_play(cx, stays);
            cx.media(Command::Resume { leg: stays });
        } else {
            self.log(cx, Some(stays), Kind::Held { by: Party::Agent });
        }
        cx.media(Command::Leave { leg: stays });
        cx.media(Command::Leave { leg: from });
        self.anchor = stays;
        self.phase = Phase::Parked(Parked { slot, by, taker: None });
        cx.world.parked.insert((self.tenant, slot), self.id);
        let wait = self.plan.plan.parking.wait_s.map(|wait| Duration::from_secs(wait.into()));
        let until = cx.now.moment + wait.unwrap_or(cx.world.config.park_max);
        self.timers.set(Timer::Parked, until);
        if refer {
            cx.sip(Sipc::ReferProgress { leg: from, status: 200 });
        }
        self.leave_recording(cx, from);
        self.close_leg(cx, from, cause::NORMAL, Party::Agent, Bye::Hangup);
        self.leave_conversation(cx);
        self.play_while_parked(cx);
        Ok(())
    }

    /// The slot that was named, or the first that is free.
    fn free_slot(&self, cx: &Cx, slot: Option<u8>) -> Result<u8, (u16, &'static str)> {
        let is_free = |slot: &u8| !cx.world.parked.contains_key(&(self.tenant, *slot));
        let mut slots = 1..=cx.world.config.park_slots;
        match slot {
            None => slots.find(is_free).ok_or((486, "every slot has somebody parked on it")),
            Some(slot) if !slots.contains(&slot) => Err((404, "there is no such slot")),
            Some(slot) if is_free(&slot) => Ok(slot),
            Some(_) => Err((486, "somebody is parked there already")),
        }
    }

    pub(super) fn play_while_parked(&mut self, cx: &mut Cx) {
        let music = prompt::prompt("", "music/hold");
        self.play(cx, self.anchor, vec![music], true, false);
    }

    /// Their INVITE with the slot's code is a leg of this call from now on.
    ///
    /// # Errors
    /// When nobody is to be had any more, or they have another call. Nothing changes then.
    pub(crate) fn dialled_parked(
        &mut self,
        cx: &mut Cx,
        agent: AgentId,
        incoming: &Incoming,
    ) -> Result<(), &'static str> {
        self.may_be_taken()?;
        let leg = self.dialled_leg(cx, agent, incoming)?;
        self.set_taker(leg, agent);
        self.open_voice(cx, leg, Place::WithContact);
        Ok(())
    }

    /// Rings the phone of who takes them on a screen.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn ring_taker(&mut self, cx: &mut Cx, agent: AgentId) -> Result<(), &'static str> {
        self.may_be_taken()?;
        let leg = self.rung_leg(cx, agent)?;
        self.set_taker(leg, agent);
        Ok(())
    }

    /// Who parked them, while they are.
    pub(crate) fn parked_by(&self) -> Option<AgentId> {
        match &self.phase {
            Phase::Parked(parked) => Some(parked.by),
            _ => None,
        }
    }

    fn may_be_taken(&self) -> Result<(), &'static str> {
        match &self.phase {
            Phase::Parked(Parked { taker: None, .. }) => Ok(()),
            _ => Err(NOBODY),
        }
    }

    fn set_taker(&mut self, leg: LegId, agent: AgentId) {
        if let Phase::Parked(parked) = &mut self.phase {
            parked.taker = Some((leg, agent));
        }
    }

    pub(super) fn is_taker(&self, id: LegId) -> bool {
        matches!(&self.phase, Phase::Parked(Parked { taker: Some((leg, _)), .. }) if *leg == id)
    }

    /// The leg of who was about to take them ended by itself, and is closed.
    pub(super) fn taker_failed(&mut self) {
        if let Phase::Parked(parked) = &mut self.phase {
            parked.taker = None;
        }
    }

    /// Who was about to take them does not get them.
    pub(super) fn drop_taker(&mut self, cx: &mut Cx, cause: u8, bye: Bye) {
        let Phase::Parked(parked) = &mut self.phase else { return };
        if let Some((leg, _)) = parked.taker.take() {
            self.close_leg(cx, leg, cause, Party::System, bye);
        }
    }

    /// The port of who dialled the code is open.
    pub(super) fn taker_opened(&mut self, cx: &mut Cx, id: LegId) {
        if self.prepare_answer(id) {
            self.taken(cx);
        } else {
            self.drop_taker(cx, cause::INCOMPATIBLE, Bye::Hangup);
        }
    }

    /// Whoever takes them has them from now on.
    pub(super) fn taken(&mut self, cx: &mut Cx) {
        let Phase::Parked(Parked { slot, taker: Some((leg, by)), .. }) = self.phase else { return };
        let (now, call) = (cx.now, self.id);
        let queue = self.queue.as_ref().map(|queue| queue.id);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.serve(now, by, call, queue);
        }
        self.log(cx, Some(leg), Kind::Parking(Parking { slot, what: InParking::Taken { by } }));
        self.leave_slot(cx, slot);
        self.answer_leg(cx, leg);
        self.connect(cx, leg, None);
    }

    /// Nobody took them in time.
    pub(super) fn parked_too_long(&mut self, cx: &mut Cx) {
        let Phase::Parked(Parked { slot, by, .. }) = self.phase else { return };
        self.drop_taker(cx, cause::NO_ANSWER, Bye::Hangup);
        cx.world.parked.remove(&(self.tenant, slot));
        if self.goes_to_queue(cx, slot) || self.goes_into_flow(cx, slot) {
            return;
        }
        let what = InParking::RingsBack { at: by };
        self.log(cx, Some(self.anchor), Kind::Parking(Parking { slot, what }));
        self.dial(cx, Dialable::Agent(by), Why::Parked);
    }

    /// A customer whom nobody took waits in the queue that the tenant names for it.
    fn goes_to_queue(&mut self, cx: &mut Cx, slot: u8) -> bool {
        let queue = self.plan.plan.parking.queue.filter(|_| self.is_customers());
        let there =
            |queue: &QueueId| cx.plan(self.tenant).is_some_and(|plan| plan.queue(*queue).is_some());
        let Some(queue) = queue.filter(there) else { return false };
        let what = InParking::Queued { queue };
        self.log(cx, Some(self.anchor), Kind::Parking(Parking { slot, what }));
        self.log(cx, Some(self.anchor), Kind::Resumed);
        self.stop_play(cx, self.anchor);
        if !self.enqueue(cx, queue, 0, self.queued_since) {
            self.farewell(cx, &["busy"], cause::NO_ANSWER);
        }
        true
    }

    /// A customer whom nobody took goes into the flow that the tenant names for it, where it was there
    /// already when the call began.
    fn goes_into_flow(&mut self, cx: &mut Cx, slot: u8) -> bool {
        let flow = self.plan.plan.parking.flow.filter(|_| self.is_customers());
        let Some(flow) = flow.filter(|flow| self.plan.flow(*flow).is_some()) else { return false };
        let what = InParking::SentOn { flow };
        self.log(cx, Some(self.anchor), Kind::Parking(Parking { slot, what }));
        self.log(cx, Some(self.anchor), Kind::Resumed);
        self.stop_play(cx, self.anchor);
        self.left_flow(cx, "transferred");
        self.start_flow(cx, flow);
        true
    }

    /// Whether a customer is parked.
    fn is_customers(&self) -> bool {
        self.legs.get(&self.anchor).is_some_and(|leg| leg.role == Role::Customer)
    }

    /// They wait on the slot no longer, nor on hold.
    pub(super) fn leave_slot(&mut self, cx: &mut Cx, slot: u8) {
        cx.world.parked.remove(&(self.tenant, slot));
        self.timers.clear(Timer::Parked);
        self.log(cx, Some(self.anchor), Kind::Resumed);
    }

    /// Who parked them did not answer when they rang back.
    pub(super) fn nobody_took(&mut self, cx: &mut Cx, cause: u8) {
        self.log(cx, Some(self.anchor), Kind::Resumed);
        let queue = self.queue.as_ref().map(|queue| queue.id);
        match queue.filter(|_| self.is_customers()) {
            Some(queue) if self.enqueue(cx, queue, 0, self.queued_since) => {}
            _ => self.farewell(cx, &["busy"], cause),
        }
    }
}
