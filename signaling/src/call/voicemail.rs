//! A message for a queue's people: prompt, beep, recording until `#`, the end of the call or the
//! longest message.

use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::ivr::prompt;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::event::Kind;
use terms::media::Source;
use terms::{QueueId, RecordingId};

/// The tone after which one speaks.
const BEEP_MS: u32 = 500;

/// A message on its way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Message {
    queue: QueueId,
    /// After the beep.
    recording: bool,
}

impl Message {
    /// The queue, where nothing was said yet.
    pub fn begins(self) -> Option<QueueId> {
        (!self.recording).then_some(self.queue)
    }
}

impl Call {
    /// Asks the anchor to speak.
    pub(super) fn take_message(&mut self, cx: &mut Cx, queue: QueueId) {
        self.story.heard = true;
        self.phase = Phase::Message(Message { queue, recording: false });
        let please = prompt::prompt(self.language(), "voicemail");
        let sources = vec![please, Source::Beep { ms: BEEP_MS }];
        if !self.play(cx, self.anchor, sources, false, false) {
            self.strand(cx);
        }
    }

    /// The beep is over.
    pub(super) fn start_message(&mut self, cx: &mut Cx) {
        let Phase::Message(message) = &mut self.phase else { return };
        if std::mem::replace(&mut message.recording, true) {
            return;
        }
        let queue = message.queue;
        self.record_message(cx, queue);
        self.timers.set(Timer::Message, cx.now.moment + cx.world.config.message_max);
    }

    /// After a restart: what was said until then is the message.
    pub(super) fn message_was_left(
        &mut self,
        cx: &mut Cx,
        message: Message,
        recording: RecordingId,
    ) {
        self.timers.clear(Timer::Message);
        self.story.message = true;
        let kind = Kind::VoicemailLeft { queue: message.queue, recording };
        self.log(cx, Some(self.anchor), kind);
    }

    /// `#`, or long enough.
    pub(super) fn finish_message(&mut self, cx: &mut Cx) {
        let Phase::Message(message) = &self.phase else { return };
        if message.recording {
            let message = *message;
            self.quit_message(cx, message);
            self.farewell(cx, &["thanks"], cause::NORMAL);
        }
    }

    /// What was said so far is the message.
    pub(super) fn quit_message(&mut self, cx: &mut Cx, message: Message) {
        self.timers.clear(Timer::Message);
        let running = self.recording.as_ref().filter(|_| message.recording);
        if let Some(recording) = running.map(|running| running.id) {
            self.story.message = true;
            let kind = Kind::VoicemailLeft { queue: message.queue, recording };
            self.log(cx, Some(self.anchor), kind);
        }
        self.stop_recording(cx);
    }
}
