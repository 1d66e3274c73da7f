//! An agent passes the other party on without asking first, by REFER or from the screen: to a
//! colleague, to `queue:<id>`, to a number outside; REFER to the code `*45` parks them (`park`).
//!
//! Until somebody answers, the agent stays in the call and the customer waits with ringing in the
//! ear (held, in the log). When nobody answers, the customer is back with the agent; when the agent
//! has gone, back in the queue with the age kept; when there is no queue, the call ends.

use super::dial::{Dialable, Why};
use super::leg::Bye;
use super::outside::why_not;
use super::timers::Timer;
use super::{Call, FeatureCode, Next, Phase, Talk, cause};
use crate::acd::Stage;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Cx;
use terms::event::{CallingWay, Kind, Party, Role, TransferKind};
use terms::media::Command;
use terms::routing::Target;
use terms::{LegId, QueueId, RoomId};

/// A transfer on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    /// The agent's leg.
    pub from: LegId,
    /// Asked for by REFER: NOTIFYs tell how it goes.
    refer: bool,
    /// The anchor as it was.
    was_anchor: LegId,
}

/// Where a transfer may go.
pub(super) enum Goal {
    Queue(QueueId),
    Party(Dialable),
    Other(Target),
}

impl Call {
    /// REFER from a phone.
    pub(super) fn on_refer(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        target: &str,
        replaces: Option<LegId>,
    ) {
        if let Some(other) = replaces {
            return self.phone_completes(cx, id, other);
        }
        if let Some(FeatureCode::Park(slot)) = FeatureCode::parse(target) {
            if let Err((status, _)) = self.park(cx, id, slot, true) {
                cx.sip(Sipc::RejectRefer { leg: id, status });
            }
            return;
        }
        match self.may_transfer(id).and_then(|talk| Ok((talk, self.own_goal(cx, id, target)?))) {
            Ok((talk, goal)) => {
                cx.sip(Sipc::AcceptRefer { leg: id });
                self.transfer(cx, id, talk, goal, target, true);
            }
            Err((status, _)) => cx.sip(Sipc::RejectRefer { leg: id, status }),
        }
    }

    /// Transfer from the screen.
    pub(super) fn screen_transfers(&mut self, cx: &mut Cx, target: &str) -> Result<(), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to transfer".to_owned());
        };
        let agent = [talk.partner, self.anchor].into_iter().find(|&id| self.agent_of(id).is_some());
        let from = agent.ok_or("there is no agent in this call")?;
        let talk = self.may_transfer(from).map_err(|(_, why)| why.to_owned())?;
        let goal = self.own_goal(cx, from, target).map_err(|(_, why)| why.to_owned())?;
        self.transfer(cx, from, talk, goal, target, false);
        Ok(())
    }

    pub(super) fn may_transfer(&self, id: LegId) -> Result<Talk, (u16, &'static str)> {
        let Phase::Talking(talk) = &self.phase else {
            return Err((491, "there is no conversation to transfer"));
        };
        // Only our own people move a call: a stranger's REFER would dial at our expense. A
        // supervisor's phone holds no end of it.
        match self.agent_of(id).filter(|_| !self.is_supervisor(id)) {
            Some(_) if talk.consult.is_some() => {
                Err((491, "somebody is being consulted: that must end first"))
            }
            Some(_) if !talk.guests.is_empty() => Err((
                491,
                "more than two are in the conversation: who was asked in must leave first",
            )),
            Some(_) => Ok(talk.clone()),
            None => Err((403, "only an agent may transfer")),
        }
    }

    pub(super) fn goal(&self, from: LegId, target: &str) -> Result<Goal, (u16, &'static str)> {
        if let Some(queue) = target.strip_prefix("queue:") {
            let queue: QueueId = queue.parse().map_err(|_| (404, "there is no such queue"))?;
            return match self.plan.queue(queue) {
                Some(_) => Ok(Goal::Queue(queue)),
                None => Err((404, "there is no such queue")),
            };
        }
        match self.resolve(target) {
            Some(Next::Dial(Dialable::Agent(agent))) if self.agent_of(from) == Some(agent) => {
                Err((486, "an agent cannot transfer to themselves"))
            }
            Some(Next::Dial(party)) => Ok(Goal::Party(party)),
            Some(Next::To(Target::Queue(queue))) => Ok(Goal::Queue(queue)),
            Some(Next::To(target)) => Ok(Goal::Other(target)),
            Some(
                Next::Say(_)
                | Next::TurnAway(_)
                | Next::Announce { .. }
                | Next::Leased(_)
                | Next::Identify(_)
                | Next::Line
                | Next::Message(_)
                | Next::Returning(_),
            )
            | None => Err((404, "nothing answers that number")),
        }
    }

    /// The same, where the agent whose leg it is may have that called.
    fn own_goal(
        &self,
        cx: &mut Cx,
        from: LegId,
        target: &str,
    ) -> Result<Goal, (u16, &'static str)> {
        let agent = self.agent_of(from);
        if let Some(agent) = agent {
            let may = self.may_try(cx, agent, target, CallingWay::Transfer);
            may.map_err(|why| (403, why_not(why)))?;
        }
        let goal = self.goal(from, target)?;
        if let (Goal::Party(to), Some(agent)) = (&goal, agent) {
            let may = self.may_call(cx, agent, to, CallingWay::Transfer);
            may.map_err(|why| (403, why_not(why)))?;
        }
        Ok(goal)
    }

    pub(super) fn transfer(
        &mut self,
        cx: &mut Cx,
        from: LegId,
        talk: Talk,
        goal: Goal,
        target: &str,
        refer: bool,
    ) {
        let Some(agent) = self.agent_of(from) else { return };
        self.withdraw_asked(cx, cause::NORMAL);
        self.supervised_is_over(cx);
        let was_anchor = self.anchor;
        let stays = if from == self.anchor { talk.partner } else { self.anchor };
        let target = target.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
        let kind = Kind::Transferred { kind: TransferKind::Blind, agent, target };
        self.log(cx, Some(from), kind);
        if !talk.hold.is_held() {
            self.log(cx, Some(stays), Kind::Held { by: Party::Agent });
        } else {
            self.stop_play(cx, stays);
            cx.media(Command::Resume { leg: stays });
        }
        cx.media(Command::Leave { leg: stays });
        cx.media(Command::Leave { leg: from });
        let (now, call) = (cx.now, self.id);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.stage(now, agent, call, Stage::Holding);
        }
        self.anchor = stays;
        let transfer = Transfer { from, refer, was_anchor };
        match goal {
            Goal::Party(party) => self.dial(cx, party, Why::Transfer(transfer)),
            Goal::Queue(queue) => {
                self.let_go(cx, transfer);
                if !self.enqueue(cx, queue, 0, None) {
                    self.strand(cx);
                }
            }
            Goal::Other(target) => {
                self.let_go(cx, transfer);
                self.go_to(cx, Next::To(target));
            }
        }
    }

    /// The customer goes where nobody has answered yet: this conversation is over.
    pub(super) fn let_go(&mut self, cx: &mut Cx, transfer: Transfer) {
        self.transfer_done(cx, transfer);
        self.leave_conversation(cx);
    }

    /// The customer is on: the agent who passed them on is free.
    pub(super) fn transfer_done(&mut self, cx: &mut Cx, transfer: Transfer) {
        self.log(cx, Some(self.anchor), Kind::Resumed);
        self.refer_progress(cx, &transfer, 200);
        self.leave_recording(cx, transfer.from);
        self.close_leg(cx, transfer.from, cause::NORMAL, Party::Agent, Bye::Hangup);
    }

    /// Nobody answered there.
    pub(super) fn transfer_failed(
        &mut self,
        cx: &mut Cx,
        transfer: Transfer,
        status: u16,
        cause: u8,
    ) {
        self.refer_progress(cx, &transfer, status.clamp(400, 699));
        self.log(cx, Some(self.anchor), Kind::Resumed);
        if self.legs.get(&transfer.from).is_some_and(|leg| leg.is_alive()) {
            return self.back_to_agent(cx, transfer);
        }
        self.leave_conversation(cx);
        let queue = self.queue.as_ref().map(|queue| queue.id);
        let is_customer = self.legs.get(&self.anchor).is_some_and(|leg| leg.role == Role::Customer);
        match queue.filter(|_| is_customer) {
            Some(queue) if self.enqueue(cx, queue, 0, self.queued_since) => {}
            _ => self.end(cx, cause, Party::System),
        }
    }

    fn back_to_agent(&mut self, cx: &mut Cx, transfer: Transfer) {
        let stays = self.anchor;
        let partner = if transfer.was_anchor == transfer.from { stays } else { transfer.from };
        self.anchor = transfer.was_anchor;
        self.timers.clear(Timer::Ring);
        let room = RoomId(cx.id());
        self.phase = Phase::Talking(Talk::new(partner, room));
        for leg in [stays, transfer.from] {
            cx.media(Command::Join { leg, room });
        }
        let (now, call) = (cx.now, self.id);
        if let (Some(agent), Some(acd)) = (self.agent_of(transfer.from), cx.acd(self.tenant)) {
            acd.stage(now, agent, call, Stage::Talking);
        }
    }

    /// NOTIFY, as long as the phone that asked is there.
    pub(super) fn refer_progress(&self, cx: &mut Cx, transfer: &Transfer, status: u16) {
        let alive = self.legs.get(&transfer.from).is_some_and(|leg| leg.is_alive());
        if transfer.refer && alive {
            cx.sip(Sipc::ReferProgress { leg: transfer.from, status });
        }
    }
}
