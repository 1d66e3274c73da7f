//! Start, stop, pause and resume while the call runs, as a person asks on a screen. An agent may
//! where the rule of the conversation lets agents; supervisors may in any. Nobody starts what is
//! excluded.

use super::super::{Call, Phase, Talk};
use crate::switch::Cx;
use terms::control::{Asker, RecordingOrder};
use terms::event::Kind;
use terms::media::Command;
use terms::{LegId, UserId};

/// Pauses of one part of a recording.
const PAUSES_MAX: u32 = 400;

impl Call {
    /// Does it, or says why not.
    pub(in crate::call) fn screen_records(
        &mut self,
        cx: &mut Cx,
        order: RecordingOrder,
        by: Asker,
    ) -> Result<(), String> {
        match order {
            RecordingOrder::Start => self.start_on_demand(cx, by),
            RecordingOrder::Stop => {
                self.its_recording(by)?;
                self.stop_on_demand(cx, by.user);
                Ok(())
            }
            RecordingOrder::Pause => self.pause_recording(cx, by),
            RecordingOrder::Resume => self.resume_recording(cx, by),
        }
    }

    fn start_on_demand(&mut self, cx: &mut Cx, by: Asker) -> Result<(), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to record".to_owned());
        };
        let legs = self.talkers(cx, talk);
        let decision = self.decide(cx, &legs[..2]);
        if decision.is_excluded() {
            return Err(decision.refusal());
        }
        may(by, decision.then.agents_control)?;
        if self.recording.is_some() || self.announcing.is_some() {
            return Err("the conversation is being recorded already".to_owned());
        }
        let parties = legs.into_iter().map(|leg| (leg, self.side(leg))).collect();
        self.begin_recording(cx, decision, parties, Some(by.user));
        Ok(())
    }

    /// The two of a conversation, then the others in it who may be recorded.
    pub(super) fn talkers(&self, cx: &Cx, talk: &Talk) -> Vec<LegId> {
        let others = talk.others().filter(|&other| !self.is_excluded(cx, other));
        [self.anchor, talk.partner].into_iter().chain(others).collect()
    }

    /// The recording that runs belongs to a conversation, and they may act on it.
    fn its_recording(&mut self, by: Asker) -> Result<&mut super::Recording, String> {
        let talks = matches!(self.phase, Phase::Talking(_) | Phase::Dialling(_));
        let running = self.recording.as_mut().filter(|_| talks);
        let running = running.ok_or("there is no conversation that is being recorded")?;
        may(by, running.then.agents_control)?;
        Ok(running)
    }

    fn stop_on_demand(&mut self, cx: &mut Cx, by: UserId) {
        if let Some(recording) = self.recording.as_ref().map(|running| running.id) {
            self.log(cx, None, Kind::RecordingStopped { recording, by });
            self.stop_recording(cx);
        }
    }

    fn pause_recording(&mut self, cx: &mut Cx, by: Asker) -> Result<(), String> {
        let running = self.its_recording(by)?;
        if running.paused.is_some() {
            return Err("the recording is paused already".to_owned());
        }
        if running.pauses >= PAUSES_MAX {
            return Err(format!("a recording is paused {PAUSES_MAX} times at most: stop it"));
        }
        (running.paused, running.pauses) = (Some(by.user), running.pauses + 1);
        let (recording, by) = (running.id, by.user);
        cx.media(Command::RecordPause { recording, by });
        self.log(cx, None, Kind::RecordingPaused { recording, by });
        self.arm_beep(cx);
        Ok(())
    }

    fn resume_recording(&mut self, cx: &mut Cx, by: Asker) -> Result<(), String> {
        let running = self.its_recording(by)?;
        if running.paused.take().is_none() {
            return Err("the recording is not paused".to_owned());
        }
        let (recording, by) = (running.id, by.user);
        cx.media(Command::RecordResume { recording, by });
        self.log(cx, None, Kind::RecordingResumed { recording, by });
        self.arm_beep(cx);
        Ok(())
    }
}

fn may(by: Asker, agents_control: bool) -> Result<(), String> {
    if by.any || agents_control {
        return Ok(());
    }
    Err("the recording of this conversation is left to supervisors".to_owned())
}
