//! A supervisor takes part in a conversation: the switch rings their phone, and when they answer
//! they listen (nobody hears them), whisper (the agent alone does) or barge in (all do), and change
//! between the three from the screen or with the keys 4, 5 and 6. Leaving ends their leg only; when
//! the agent's part in the conversation ends, so does the supervision of it.
//!
//! A supervisor is no party: nothing is told to the agent's phone, hold and transfer are not theirs,
//! and nobody is kept in a call by them. They are on the recording while all hear them. As an agent
//! they are taken, quietly, so that they are in one call at a time and no list shows which.

use super::dial::Dialable;
use super::leg::{Bye, Leg};
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::control::SupervisorPhone;
use terms::event::{Kind, Party, Role, Supervised, SupervisionEnd, SupervisionMode};
use terms::media::{Audience, Command, Place};
use terms::{AgentId, LegId, RoomId, UserId};

/// A supervisor who rings or takes part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Supervision {
    pub of: Supervised,
    pub mode: SupervisionMode,
    /// The supervisor's.
    pub leg: LegId,
    /// The supervised agent's.
    pub agent_leg: LegId,
    /// They answered.
    pub joined: bool,
    to: Dialable,
}

impl Supervision {
    fn audience(&self) -> Audience {
        match self.mode {
            SupervisionMode::Listen => Audience::Nobody,
            SupervisionMode::Whisper => Audience::Only(self.agent_leg),
            SupervisionMode::Barge => Audience::Everyone,
        }
    }

    /// Takes part again, heard by whom they were.
    pub fn rejoin(&self, cx: &mut Cx, room: RoomId) {
        cx.media(Command::Audience { leg: self.leg, audience: self.audience() });
        cx.media(Command::Join { leg: self.leg, room });
    }

    /// On the recording stands who all hear.
    fn is_recorded(&self) -> bool {
        self.joined && self.mode == SupervisionMode::Barge
    }
}

impl Call {
    /// Rings a supervisor's phone for this conversation.
    pub(super) fn supervise(
        &mut self,
        cx: &mut Cx,
        by: UserId,
        phone: &SupervisorPhone,
        mode: SupervisionMode,
    ) -> Result<(), String> {
        let (agent_leg, agent) = self.agent_who_talks()?;
        if self.supervision.is_some() {
            return Err("somebody supervises this call already".to_owned());
        }
        let mut to = match phone {
            SupervisorPhone::Agent(agent) => Dialable::Agent(*agent),
            SupervisorPhone::Number(number) => self.whom(number)?,
        };
        self.screen_may_call(cx, Some(by), &to)?;
        if let Dialable::Agent(supervisor) = to
            && self.legs.values().any(|leg| leg.agent == Some(supervisor))
        {
            return Err("nobody supervises a call that they are in".to_owned());
        }
        let leg =
            self.supervisors_leg(cx, &mut to, agent, true).map_err(super::invite_party::sorry)?;
        let of = Supervised { by, supervisor: leg.agent, agent };
        let leg = self.open_leg(cx, leg, Place::LeastLoaded);
        self.timers.set(Timer::Supervisor, cx.now.moment + cx.world.config.ring_max);
        self.supervision = Some(Supervision { of, mode, leg, agent_leg, joined: false, to });
        Ok(())
    }

    /// The agent of the two who began the conversation.
    pub(super) fn agent_who_talks(&self) -> Result<(LegId, AgentId), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to supervise".to_owned());
        };
        let mut pair = [talk.partner, self.anchor].into_iter();
        let agent = pair.find_map(|leg| Some((leg, self.agent_of(leg)?)));
        agent.ok_or_else(|| "there is no agent in this call".to_owned())
    }

    /// A leg that would ring a supervisor, or the cause for which there is none.
    fn supervisors_leg(
        &mut self,
        cx: &mut Cx,
        to: &mut Dialable,
        supervised: AgentId,
        first: bool,
    ) -> Result<Leg, u8> {
        match to {
            Dialable::Agent(agent) if first => {
                self.supervisors_phone(cx, *agent, supervised).ok_or(cause::BUSY)
            }
            Dialable::Agent(_) => Err(cause::NO_ANSWER),
            Dialable::Outside { .. } => {
                let leg = self.leg_towards(cx, to, first).map_err(|(_, cause)| cause)?;
                Ok(Leg { role: Role::Supervisor, ..leg })
            }
        }
    }

    fn supervisors_phone(&self, cx: &mut Cx, agent: AgentId, supervised: AgentId) -> Option<Leg> {
        let (now, call) = (cx.now, self.id);
        let plan = cx.plan(self.tenant)?;
        let settings = plan.agent(agent)?;
        let acd = cx.acd(self.tenant)?;
        if !acd.is_reachable(agent) {
            return None;
        }
        acd.engage(now, agent, call, None, true).ok()?;
        let from = plan.agent(supervised);
        let from = from.map(|from| (from.sip_user.clone(), from.name.clone())).unwrap_or_default();
        let mut leg = self.phone_leg(Role::Supervisor, agent, settings.sip_user.clone(), from);
        leg.engaged = true;
        Some(leg)
    }

    pub(super) fn is_supervisor(&self, leg: LegId) -> bool {
        self.supervision.as_ref().is_some_and(|supervision| supervision.leg == leg)
    }

    /// The supervisor's phone has nothing to say, and may be silent.
    pub(super) fn only_listens(&self, leg: LegId) -> bool {
        self.is_supervisor(leg)
            && self.supervision.as_ref().is_some_and(|s| s.mode == SupervisionMode::Listen)
    }

    /// The supervisor's phone answered: who may hear it is said before it comes in.
    pub(super) fn supervisor_answered(&mut self, cx: &mut Cx) {
        self.hush_early(cx);
        let (Phase::Talking(talk), Some(supervision)) = (&self.phase, &mut self.supervision) else {
            return;
        };
        supervision.joined = true;
        let (leg, room) = (supervision.leg, talk.room);
        let (of, mode, recorded) = (supervision.of, supervision.mode, supervision.is_recorded());
        self.timers.clear(Timer::Supervisor);
        cx.media(Command::Audience { leg, audience: supervision.audience() });
        cx.media(Command::Join { leg, room });
        self.log(cx, Some(leg), Kind::SupervisionStarted { of, mode });
        if recorded {
            self.join_recording(cx, leg);
        }
    }

    /// The supervisor's phone said no, or cannot be reached this way. Its leg is closed.
    pub(super) fn supervisor_failed(&mut self, cx: &mut Cx, again: bool) {
        let Some(mut failed) = self.supervision.take() else { return };
        if again && let Ok(leg) = self.supervisors_leg(cx, &mut failed.to, failed.of.agent, false) {
            let leg = self.open_leg(cx, leg, Place::LeastLoaded);
            self.supervision = Some(Supervision { leg, ..failed });
            return;
        }
        self.timers.clear(Timer::Supervisor);
    }

    /// From the screen: the one who supervises takes part otherwise.
    pub(super) fn change_supervision(
        &mut self,
        cx: &mut Cx,
        by: UserId,
        mode: SupervisionMode,
    ) -> Result<(), String> {
        self.supervised_by(by)?;
        self.set_supervision(cx, mode);
        Ok(())
    }

    /// The supervision that `by` asked for: nobody's voice is turned on by somebody else.
    pub(super) fn supervised_by(&self, by: UserId) -> Result<&Supervision, String> {
        match &self.supervision {
            None => Err("nobody supervises this call".to_owned()),
            Some(supervision) if supervision.of.by != by => {
                Err("somebody else supervises this call".to_owned())
            }
            Some(supervision) => Ok(supervision),
        }
    }

    /// A key of the supervisor's phone.
    pub(super) fn supervisor_digit(&mut self, cx: &mut Cx, digit: char) {
        let mode = match digit {
            '4' => SupervisionMode::Listen,
            '5' => SupervisionMode::Whisper,
            '6' => SupervisionMode::Barge,
            _ => return,
        };
        self.set_supervision(cx, mode);
    }

    fn set_supervision(&mut self, cx: &mut Cx, mode: SupervisionMode) {
        let Some(supervision) = self.supervision.as_mut().filter(|s| s.mode != mode) else {
            return;
        };
        let was_recorded = supervision.is_recorded();
        supervision.mode = mode;
        let (of, leg, is_recorded) = (supervision.of, supervision.leg, supervision.is_recorded());
        if !supervision.joined {
            return;
        }
        cx.media(Command::Audience { leg, audience: supervision.audience() });
        self.log(cx, Some(leg), Kind::SupervisionChanged { of, mode });
        match (was_recorded, is_recorded) {
            (false, true) => self.join_recording(cx, leg),
            (true, false) => self.leave_recording(cx, leg),
            (true, true) | (false, false) => {}
        }
    }

    /// From the screen: the supervisor leaves, or need not come.
    pub(super) fn dismiss_supervisor(&mut self, cx: &mut Cx) -> Result<(), String> {
        if self.supervision.is_none() {
            return Err("nobody supervises this call".to_owned());
        }
        self.end_supervision(cx, SupervisionEnd::Left, cause::NORMAL, Party::System, Bye::Hangup);
        Ok(())
    }

    pub(super) fn supervisor_rang_too_long(&mut self, cx: &mut Cx) {
        let end = SupervisionEnd::Left;
        self.end_supervision(cx, end, cause::NO_ANSWER, Party::System, Bye::Hangup);
    }

    /// What is supervised is over.
    pub(super) fn supervised_is_over(&mut self, cx: &mut Cx) {
        let end = SupervisionEnd::ConversationOver;
        self.end_supervision(cx, end, cause::NORMAL, Party::System, Bye::Hangup);
    }

    /// The supervisor's part ends, and nobody else's.
    pub(super) fn end_supervision(
        &mut self,
        cx: &mut Cx,
        end: SupervisionEnd,
        cause: u8,
        by: Party,
        bye: Bye,
    ) {
        let Some(ended) = self.supervision.take() else { return };
        self.timers.clear(Timer::Supervisor);
        if ended.joined {
            self.log(cx, Some(ended.leg), Kind::SupervisionEnded { of: ended.of, end });
        }
        if ended.is_recorded() {
            self.leave_recording(cx, ended.leg);
        }
        self.close_leg(cx, ended.leg, cause, by, bye);
    }
}
