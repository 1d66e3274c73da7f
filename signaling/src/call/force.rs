//! 强转 and 强拆: a supervisor moves or ends somebody else's call. What happens is a blind transfer
//! or a release like the agent's own; who wanted it is written down before. A caller who still waits
//! can be moved as well: out of the queue, to where the supervisor says.

use super::dial::Dialable;
use super::leg::Bye;
use super::transfer_blind::Goal;
use super::{Call, Next, Phase, cause};
use crate::switch::Cx;
use terms::UserId;
use terms::event::{ForcedAct, Kind, Party};

impl Call {
    /// Passes the customer on.
    pub(super) fn force_transfer(
        &mut self,
        cx: &mut Cx,
        by: UserId,
        target: &str,
    ) -> Result<(), String> {
        if self.waits_to_call_back() {
            return Err("nobody is on the line yet".to_owned());
        }
        if matches!(self.phase, Phase::Waiting(_)) {
            return self.move_waiting(cx, by, target);
        }
        let Phase::Talking(_) = &self.phase else {
            return Err("there is no conversation to transfer".to_owned());
        };
        let (from, _) = self.agent_who_talks()?;
        let talk = self.may_transfer(from).map_err(|(_, why)| why.to_owned())?;
        let goal = self.goal(from, target).map_err(|(_, why)| why.to_owned())?;
        self.must_be_free(cx, &goal)?;
        self.may_move(cx, by, &goal)?;
        self.note_forced(cx, by, ForcedAct::Transfer, Some(target));
        self.transfer(cx, from, talk, goal, target, false);
        Ok(())
    }

    /// Whether the supervisor may have that called: their right counts, not that of who talks.
    fn may_move(&self, cx: &Cx, by: UserId, goal: &Goal) -> Result<(), &'static str> {
        match goal {
            Goal::Party(to) => self.screen_may_call(cx, Some(by), to),
            Goal::Queue(_) | Goal::Other(_) => Ok(()),
        }
    }

    /// Ends the conversation as if the agent had hung up, or the call where there is none.
    pub(super) fn force_release(&mut self, cx: &mut Cx, by: UserId) {
        self.note_forced(cx, by, ForcedAct::Release, None);
        self.screen_hangs_up(cx);
    }

    fn move_waiting(&mut self, cx: &mut Cx, by: UserId, target: &str) -> Result<(), String> {
        let goal = self.goal(self.anchor, target).map_err(|(_, why)| why.to_owned())?;
        self.must_be_free(cx, &goal)?;
        self.may_move(cx, by, &goal)?;
        self.note_forced(cx, by, ForcedAct::Transfer, Some(target));
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        let Phase::Waiting(waiting) = phase else {
            self.phase = phase;
            return Ok(());
        };
        self.hunt_is_over(cx, false);
        self.quit_queue(cx, &waiting, false);
        for (_, leg) in waiting.offers {
            self.close_leg(cx, leg, cause::NORMAL, Party::System, Bye::Hangup);
        }
        self.stop_play(cx, self.anchor);
        match goal {
            Goal::Queue(queue) => {
                if !self.enqueue(cx, queue, 0, self.queued_since) {
                    self.strand(cx);
                }
            }
            Goal::Party(party) => self.go_to(cx, Next::Dial(party)),
            Goal::Other(target) => self.go_to(cx, Next::To(target)),
        }
        Ok(())
    }

    /// Nobody is moved to where they cannot be taken. Who supervises this very call is free for it.
    fn must_be_free(&self, cx: &mut Cx, goal: &Goal) -> Result<(), String> {
        let Goal::Party(Dialable::Agent(agent)) = goal else { return Ok(()) };
        let supervises = self.supervision.as_ref().is_some_and(|s| s.of.supervisor == Some(*agent));
        let free = cx
            .acd(self.tenant)
            .is_some_and(|acd| acd.is_reachable(*agent) && !acd.is_not_disturbed(*agent));
        match free || supervises {
            true => Ok(()),
            false => Err("this agent is not free to take a call".to_owned()),
        }
    }

    fn note_forced(&self, cx: &mut Cx, by: UserId, act: ForcedAct, target: Option<&str>) {
        let talks = self.agent_who_talks().ok();
        let (leg, agent) = (talks.map(|talks| talks.0), talks.map(|talks| talks.1));
        let target =
            target.map(|target| target.chars().take(terms::number::NUMBER_CHARS_MAX).collect());
        self.log(cx, leg, Kind::Forced { by, agent, act, target });
    }
}
