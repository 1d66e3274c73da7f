//! A leg ended: who was it, and what follows for the others? The agent first: the caller may be
//! asked for satisfaction. The caller first: the call is over. One of three: the others go on. A
//! phone that only rang: the next one.

use super::dial::Why;
use super::leg::{Bye, Sip};
use super::offer::offer_end;
use super::{Call, Phase, cause};
use crate::switch::Cx;
use terms::LegId;
use terms::control::CallAction;
use terms::event::{ConsultationEnd, OfferEnd, Party, Role, SupervisionEnd};
use terms::media::Command;

impl Call {
    /// BYE, CANCEL, or the dialog died.
    pub(super) fn leg_gone(&mut self, cx: &mut Cx, id: LegId, cause: u8) {
        let by = self.party(id);
        self.leg_left(cx, id, cause, by, Bye::Gone);
    }

    /// We hang up on a leg that is of no use any more.
    pub(super) fn drop_leg(&mut self, cx: &mut Cx, id: LegId, cause: u8) {
        self.leg_left(cx, id, cause, Party::System, Bye::Hangup);
    }

    pub(super) fn leg_left(&mut self, cx: &mut Cx, id: LegId, cause: u8, by: Party, bye: Bye) {
        if !self.legs.get(&id).is_some_and(|leg| leg.is_alive()) {
            return;
        }
        match &self.phase {
            _ if self.is_supervisor(id) => {
                self.end_supervision(cx, SupervisionEnd::Left, cause, by, bye);
            }
            _ if self.is_line_end(id) => self.line_end_left(cx, id, cause, by, bye),
            _ if self.is_picking(id) => {
                self.close_leg(cx, id, cause, by, bye);
                self.picking_failed();
            }
            _ if self.is_taker(id) => {
                self.taker_failed();
                self.close_leg(cx, id, cause, by, bye);
            }
            _ if self.is_replacing(id) => {
                self.replacement_failed();
                self.close_leg(cx, id, cause, by, bye);
            }
            Phase::Talking(talk) if id == talk.partner || id == self.anchor => {
                self.talker_left(cx, id, cause, by, bye);
            }
            Phase::Talking(talk) if talk.is_second(id) => {
                self.second_left(cx, cause, by, bye);
            }
            Phase::Talking(talk) if talk.is_consulted(id) => {
                self.consulted_left(cx, cause, by, bye);
            }
            Phase::Talking(talk) if talk.guests.contains(&id) => {
                self.guest_left(cx, id, cause, by, bye);
            }
            Phase::Dialling(dial) if matches!(dial.why, Why::Callback) && id == self.anchor => {
                self.agent_left_callback(cx, cause, by, bye);
            }
            _ if id == self.anchor => self.caller_left(cx, cause, by, bye),
            Phase::Dialling(dial) if matches!(&dial.why, Why::Transfer(t) if t.from == id) => {
                // The agent need not stay for the end of the transfer.
                self.leave_recording(cx, id);
                self.close_leg(cx, id, cause, by, bye);
            }
            _ => {
                let leg = self.legs.get(&id).map(|leg| (leg.rang, leg.sip == Sip::Answered));
                let end = match leg.unwrap_or_default() {
                    // The tone that tells them of a caller: we failed in it, or they hang up on it.
                    (_, true) if by == Party::System => OfferEnd::Unreachable,
                    (_, true) => OfferEnd::Declined,
                    (rang, false) => offer_end(480, rang),
                };
                self.close_leg(cx, id, cause, by, bye);
                self.phone_failed(cx, id, end, (480, cause), false);
            }
        }
    }

    /// The anchor left before, between or after conversations.
    fn caller_left(&mut self, cx: &mut Cx, cause: u8, by: Party, bye: Bye) {
        if bye == Bye::Gone
            && let Some(leg) = self.legs.get_mut(&self.anchor)
        {
            leg.sip = Sip::Gone;
        }
        self.end(cx, cause, by);
    }

    /// One of the two who began a conversation left.
    fn talker_left(&mut self, cx: &mut Cx, id: LegId, cause: u8, by: Party, bye: Bye) {
        if self.left_the_consultation(cx, id, cause, by, bye) {
            return;
        }
        let Phase::Talking(talk) = &self.phase else { return };
        if !talk.guests.is_empty() {
            return self.go_on_without(cx, id, cause, by, bye);
        }
        let other = if id == self.anchor { talk.partner } else { self.anchor };
        let agent_first = self.agent_of(id).is_some() && by == Party::Agent;
        let customer_stays =
            self.legs.get(&other).is_some_and(|leg| leg.role == Role::Customer && leg.is_alive());
        self.withdraw_asked(cx, cause::NORMAL);
        self.supervised_is_over(cx);
        self.clear_hold(cx);
        if !agent_first || !customer_stays {
            if bye == Bye::Gone
                && let Some(leg) = self.legs.get_mut(&id)
            {
                leg.sip = Sip::Gone;
            }
            return self.end(cx, cause, by);
        }
        self.stop_recording(cx);
        self.close_leg(cx, id, cause, by, bye);
        cx.media(Command::Leave { leg: other });
        self.anchor = other;
        self.released_by = Some(by);
        self.after_agent(cx, cause);
    }

    /// The agent is gone, the customer is there: back to the flow, the question, or the end.
    fn after_agent(&mut self, cx: &mut Cx, cause: u8) {
        self.phase = Phase::Ending;
        if self.follow_flow(cx, "released") {
            return;
        }
        if self.queue.as_ref().is_some_and(|queue| queue.survey) {
            self.ask_survey(cx, false);
        } else {
            self.end(cx, cause, Party::Agent);
        }
    }

    /// What a person asks for on a screen.
    pub(crate) fn act(&mut self, cx: &mut Cx, action: &CallAction) -> Result<(), String> {
        match action {
            CallAction::Hangup => {
                self.screen_hangs_up(cx);
                Ok(())
            }
            CallAction::Transfer { target } => self.screen_transfers(cx, target),
            CallAction::Invite { target } => self.screen_invites(cx, target),
            CallAction::Consult { target } => self.screen_consults(cx, target),
            CallAction::CompleteConsultation => self.complete_consultation(cx),
            CallAction::EndConsultation => self.end_consultation(cx),
            CallAction::JoinConsultation => self.join_consultation(cx),
            CallAction::Park { slot } => self.screen_parks(cx, *slot),
            CallAction::Hold => self.screen_holds(cx, true),
            CallAction::Resume => self.screen_holds(cx, false),
            CallAction::SendDigits { digits } => self.screen_sends(cx, digits),
            CallAction::Supervise { by, phone, mode } => self.supervise(cx, *by, phone, *mode),
            CallAction::ChangeSupervision { by, mode } => self.change_supervision(cx, *by, *mode),
            CallAction::EndSupervision => self.dismiss_supervisor(cx),
            CallAction::TakeOver { by } => self.take_over(cx, *by),
            CallAction::ForceTransfer { by, target } => self.force_transfer(cx, *by, target),
            CallAction::ForceRelease { by } => {
                self.force_release(cx, *by);
                Ok(())
            }
            CallAction::CancelCallback { by } => self.cancel_callback(cx, *by),
            CallAction::Play(order) => self.interject(cx, order),
            CallAction::StopPlay => self.stop_interjection(cx),
            CallAction::Record { order, by } => self.screen_records(cx, *order, *by),
            CallAction::Consent { given, own, by } => {
                self.screen_notes_consent(cx, *given, *own, *by)
            }
        }
    }

    /// In a conversation the agent hangs up; otherwise the call is ended.
    pub(super) fn screen_hangs_up(&mut self, cx: &mut Cx) {
        self.let_consulted_go(cx, ConsultationEnd::Over, cause::NORMAL);
        let agent = match &self.phase {
            Phase::Talking(talk) => {
                [talk.partner, self.anchor].into_iter().find(|&id| self.agent_of(id).is_some())
            }
            _ => None,
        };
        match agent {
            Some(leg) => self.talker_left(cx, leg, cause::NORMAL, Party::Agent, Bye::Hangup),
            None => self.end(cx, cause::NORMAL, Party::System),
        }
    }
}
