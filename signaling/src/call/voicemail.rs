//! A message for a queue's people or for one agent: prompt, beep, recording until `#`, the end of the
//! call or the longest message. A step of a flow has its own prompt, key and length, and goes on afterwards; after a
//! restart the flow is gone, and its message is one like others.

use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::ivr::prompt;
use crate::ivr::run::Record;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::event::{InMailbox, Kind, Mailbox};
use terms::media::{PlayEnd, Source};
use terms::{AgentId, PhoneNumber, QueueId, RecordingId};

/// Steps of a flow that take a message, by their kinds.
const STEPS: &[&str] = &["voicemail", "record"];
/// The tone after which one speaks.
const BEEP_MS: u32 = 500;

/// For whom a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MessageFor {
    /// The people of a queue.
    Queue(QueueId),
    /// One agent.
    Agent(AgentId),
}

impl MessageFor {
    /// Whose the row of its recording is.
    pub fn owners(self) -> (Option<AgentId>, Option<QueueId>) {
        match self {
            MessageFor::Queue(queue) => (None, Some(queue)),
            MessageFor::Agent(agent) => (Some(agent), None),
        }
    }

    fn left(self, recording: RecordingId, caller: &PhoneNumber) -> Kind {
        match self {
            MessageFor::Queue(queue) => {
                Kind::VoicemailLeft { queue, recording, caller: caller.normal.clone() }
            }
            MessageFor::Agent(agent) => {
                Kind::Mailbox(Mailbox { agent, what: InMailbox::Left { recording } })
            }
        }
    }
}

/// A message on its way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Message {
    whose: MessageFor,
    /// After the beep.
    recording: bool,
    /// What the step of a flow wants.
    asked: Option<Asked>,
}

/// A message that a step of a flow asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Asked {
    max_s: u32,
    min_ms: u32,
    terminator: Option<char>,
}

impl Message {
    /// For whom it is, where nothing was said yet.
    pub fn begins(self) -> Option<MessageFor> {
        (!self.recording).then_some(self.whose)
    }

    /// Whether this key ends it.
    pub fn ends_at(self, key: char) -> bool {
        self.asked.map_or(Some('#'), |asked| asked.terminator) == Some(key)
    }

    /// Whether so much is a message.
    fn is_enough(self, length: Duration) -> bool {
        let min_ms = self.asked.map_or(0, |asked| asked.min_ms);
        length >= Duration::from_millis(min_ms.into())
    }
}

impl Call {
    /// Asks the anchor to speak.
    pub(super) fn take_message(&mut self, cx: &mut Cx, whose: MessageFor) {
        self.story.heard = true;
        self.phase = Phase::Message(Message { whose, recording: false, asked: None });
        let please = prompt::prompt(self.language(), &self.greeting(cx, whose));
        let sources = vec![please, Source::Beep { ms: BEEP_MS }];
        if !self.play(cx, self.anchor, sources, false, false) {
            self.strand(cx);
        }
    }

    /// The same for a step that ends its flow. One that has a way for a message that fails is left when
    /// the message is.
    pub(super) fn message_by_flow(&mut self, cx: &mut Cx, whose: MessageFor) {
        if !self.step_catches(STEPS) {
            self.left_flow(cx, "voicemail");
        }
        self.take_message(cx, whose);
    }

    /// The same for a step of the flow, which goes on afterwards.
    pub(super) fn record_for_flow(&mut self, cx: &mut Cx, wanted: Record) {
        let Record { queue, mut sources, max_s, min_ms, terminator } = wanted;
        self.story.heard = true;
        let asked = Some(Asked { max_s, min_ms, terminator });
        let whose = MessageFor::Queue(queue);
        self.phase = Phase::Message(Message { whose, recording: false, asked });
        sources.push(Source::Beep { ms: BEEP_MS });
        if !self.play(cx, self.anchor, sources, false, false) && !self.follow_flow(cx, "error") {
            self.strand(cx);
        }
    }

    /// The beep is over, or nobody heard it.
    pub(super) fn start_message(&mut self, cx: &mut Cx, end: &PlayEnd) {
        if matches!(end, PlayEnd::Missing(_)) && self.message_fails(cx) {
            return;
        }
        let Phase::Message(message) = &mut self.phase else { return };
        if std::mem::replace(&mut message.recording, true) {
            return;
        }
        let (whose, asked) = (message.whose, message.asked);
        self.record_message(cx, whose);
        let longest = cx.world.config.message_max;
        let wanted = asked.map(|asked| Duration::from_secs(asked.max_s.into()));
        let longest = wanted.map_or(longest, |wanted| wanted.min(longest));
        self.timers.set(Timer::Message, cx.now.moment + longest);
    }

    /// Nothing of this recording is kept: there is no message, whether or not the step has a way for
    /// that. Media has ended it by itself.
    pub(crate) fn recording_refused(&mut self, cx: &mut Cx, recording: RecordingId) {
        let runs = self.recording.as_ref().is_some_and(|running| running.id == recording);
        if runs && matches!(self.phase, Phase::Message(_)) {
            self.recording = None;
            self.stop_recording(cx);
            self.message_fails(cx);
        }
    }

    /// There is no message, and the step of the flow goes on by its way for that. False, and nothing
    /// happens, where it has none.
    fn message_fails(&mut self, cx: &mut Cx) -> bool {
        if !self.step_catches(STEPS) {
            return false;
        }
        self.timers.clear(Timer::Message);
        self.stop_recording(cx);
        self.follow_flow(cx, "error")
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
        self.log(cx, Some(self.anchor), message.whose.left(recording, self.customer()));
    }

    /// The key, or long enough.
    pub(super) fn finish_message(&mut self, cx: &mut Cx) {
        let Phase::Message(message) = &self.phase else { return };
        if message.recording {
            let message = *message;
            let running = self.recording.as_ref();
            let running = running.map(|running| (running.id, cx.now.moment - running.since));
            self.quit_message(cx, message);
            if !(message.asked.is_some() && self.message_for_flow(cx, message, running)) {
                self.farewell(cx, &["thanks"], cause::NORMAL);
            }
        }
    }

    /// The flow knows what was recorded, and goes on. False where it does not.
    fn message_for_flow(
        &mut self,
        cx: &mut Cx,
        message: Message,
        running: Option<(RecordingId, Duration)>,
    ) -> bool {
        let Some((recording, length)) = running else { return self.follow_flow(cx, "error") };
        let enough = message.is_enough(length);
        if let Some(flowing) = &mut self.flow {
            let id = if enough { recording.to_string() } else { String::new() };
            flowing.run.variables.set("recording_id", &id);
            flowing.run.variables.set("recording_ms", &length.as_millis().to_string());
        }
        self.follow_flow(cx, if enough { "next" } else { "timeout" })
    }

    /// What was said so far is the message, where it is enough.
    pub(super) fn quit_message(&mut self, cx: &mut Cx, message: Message) {
        self.timers.clear(Timer::Message);
        let now = cx.now.moment;
        let running = self
            .recording
            .as_ref()
            .filter(|running| message.recording && message.is_enough(now - running.since));
        if let Some(recording) = running.map(|running| running.id) {
            self.story.message = true;
            self.log(cx, Some(self.anchor), message.whose.left(recording, self.customer()));
        }
        if message.asked.is_none() && self.step_catches(STEPS) {
            self.left_flow(cx, "voicemail");
        }
        self.stop_recording(cx);
    }
}
