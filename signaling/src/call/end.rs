//! The end: whatever the call was doing is finished properly, every leg is closed, and when media
//! has given back the last port, `CallEnded` is written, exactly once.

use super::leg::Bye;
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::switch::Cx;
use terms::LegId;
use terms::event::{CallbackEnd, ConsultationEnd, Kind, Outcome, Party};

impl Call {
    /// Ends the call. A second end changes nothing.
    pub(super) fn end(&mut self, cx: &mut Cx, cause: u8, by: Party) {
        if self.ending.is_some() {
            return;
        }
        if self.waits_to_call_back() {
            return self.end_callback(cx, CallbackEnd::Interrupted, None);
        }
        let caller_left = by != Party::System;
        // Who released the conversation ended the call, whatever was asked or said after it.
        self.ending = Some((cause, self.released_by.unwrap_or(by)));
        self.hunt_is_over(cx, caller_left);
        self.quit_aside(cx, caller_left);
        self.supervised_is_over(cx);
        self.fax_is_over(cx);
        self.quit_conference(cx);
        let talking = matches!(self.phase, Phase::Talking(_));
        if talking {
            self.consultation_over(cx, ConsultationEnd::Over);
            self.clear_hold(cx);
        }
        match std::mem::replace(&mut self.phase, Phase::Ending) {
            Phase::Waiting(waiting) => self.quit_queue(cx, &waiting, caller_left),
            Phase::Parked(parked) => self.leave_slot(cx, parked.slot),
            Phase::Survey(survey) => self.quit_survey(cx, survey, None),
            Phase::Message(message) => self.quit_message(cx, message),
            Phase::Knocking(_) | Phase::Conferring(_) | Phase::Summoning(_) => {}
            Phase::Clicking(clicking) => self.give_back_clicker(cx, &clicking),
            Phase::Line(line) => self.close_line(cx, line, cause, by),
            // Whom an agent was passing on, or had parked, does not wait any more.
            Phase::Dialling(dial) if dial.is_held() => {
                self.log(cx, Some(self.anchor), Kind::Resumed);
            }
            Phase::Dialling(dial) => {
                if let Some(returning) = dial.returning() {
                    self.give_up_agent(cx, returning);
                }
                self.fax_given_up(cx, &dial, cause);
            }
            Phase::Opening { .. }
            | Phase::Answering { .. }
            | Phase::Ivr
            | Phase::Coding(_)
            | Phase::Identifying(_)
            | Phase::Talking(_)
            | Phase::Faxing(_)
            | Phase::Announcing { .. }
            | Phase::Farewell { .. }
            | Phase::Ending => {}
        }
        self.stop_recording(cx);
        for timer in [
            Timer::Ack,
            Timer::Pin,
            Timer::Typing,
            Timer::Ring,
            Timer::Asked,
            Timer::Return,
            Timer::ConferenceKey,
            Timer::Code,
            Timer::Farewell,
            Timer::CallMax,
            Timer::T38,
        ] {
            self.timers.clear(timer);
        }
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        for leg in legs {
            self.close_leg(cx, leg, cause, by, Bye::Hangup);
        }
        if caller_left {
            self.flow_caller_gone(cx);
        } else {
            self.flow = None;
        }
        self.try_finish(cx);
    }

    /// The box stops and cannot wait for this call.
    pub(crate) fn interrupt(&mut self, cx: &mut Cx) {
        if self.ending.is_none() {
            self.story.interrupted = true;
        }
        self.quit_aside(cx, false);
        self.flow = None;
        self.end(cx, cause::TEMPORARY_FAILURE, Party::System);
        self.try_finish(cx);
    }

    /// Writes the end when nothing is left: no leg, and no step of a flow that notes it.
    pub(super) fn try_finish(&mut self, cx: &mut Cx) {
        let noted = self.flow.as_ref().is_none_or(|flowing| flowing.run.is_over());
        let Some((cause, by)) = self.ending.filter(|_| noted && self.legs.is_empty()) else {
            return;
        };
        if !std::mem::replace(&mut self.over, true) {
            self.log(cx, None, Kind::CallEnded { outcome: self.outcome(), cause, by });
        }
    }

    fn outcome(&self) -> Outcome {
        let story = self.story;
        match () {
            () if story.interrupted => Outcome::Interrupted,
            () if story.answered => Outcome::Answered,
            () if story.message => Outcome::Voicemail,
            () if story.abandoned => Outcome::Abandoned,
            () if story.refused => Outcome::Refused,
            () if story.stranded => Outcome::Failed,
            () if story.heard => Outcome::IvrOnly,
            () => Outcome::Failed,
        }
    }
}
