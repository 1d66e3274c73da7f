//! A supervisor takes a conversation over: the agent's leg is released and goes to its after-call
//! work, the supervisor stays with the customer as the agent did, and the recording goes on.

use super::leg::Bye;
use super::supervise::Supervision;
use super::{Call, Phase, cause};
use crate::switch::Cx;
use terms::event::{ConsultationEnd, Kind, Party, Role, SupervisionEnd, SupervisionMode};
use terms::media::{Audience, Command};
use terms::{LegId, UserId};

impl Call {
    /// From the screen, by the one who supervises.
    pub(super) fn take_over(&mut self, cx: &mut Cx, by: UserId) -> Result<(), String> {
        if !self.supervised_by(by)?.joined {
            return Err("the supervisor has not answered yet".to_owned());
        }
        self.let_consulted_go(cx, ConsultationEnd::Over, cause::NORMAL);
        // Who waited for the agent is spoken to now.
        self.clear_hold(cx);
        let Some(Supervision { of, mode, leg, agent_leg, .. }) = self.supervision.take() else {
            return Ok(());
        };
        if mode != SupervisionMode::Barge {
            cx.media(Command::Audience { leg, audience: Audience::Everyone });
            self.join_recording(cx, leg);
        }
        let end = SupervisionEnd::TakenOver;
        self.log(cx, Some(leg), Kind::SupervisionEnded { of, end });
        self.take_the_place_of(agent_leg, leg);
        self.serve(cx, leg);
        self.leave_recording(cx, agent_leg);
        self.close_leg(cx, agent_leg, cause::NORMAL, Party::System, Bye::Hangup);
        Ok(())
    }

    /// The customer is the anchor, wherever there is one.
    fn take_the_place_of(&mut self, gone: LegId, leg: LegId) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let other = if gone == self.anchor { talk.partner } else { self.anchor };
        let is_customer = self.legs.get(&other).is_some_and(|leg| leg.role == Role::Customer);
        if gone != self.anchor || is_customer {
            (self.anchor, talk.partner) = (other, leg);
        } else {
            self.anchor = leg;
        }
    }

    /// From now on a party like others; as an agent the one who serves the customer.
    fn serve(&mut self, cx: &mut Cx, id: LegId) {
        let (now, call, wrap_up) = (cx.now, self.id, self.wrap_up());
        let queue = self.queue.as_ref().map(|queue| queue.id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(agent) = leg.agent else {
            leg.role = Role::Outside;
            return;
        };
        (leg.role, leg.talked, leg.wrap_up) = (Role::Agent, true, wrap_up);
        self.agent = Some(agent);
        self.log(cx, Some(id), Kind::Answered { visit: None, queue, agent });
        if let Some(acd) = cx.acd(self.tenant) {
            acd.serve(now, agent, call, queue);
        }
    }
}
