//! What the caller is heard to be: a fax machine that dials a hotline calls while the flow speaks,
//! and the flow may branch on `fax`. Listening begins with the flow and ends with a conversation.

use super::Call;
use crate::switch::Cx;
use terms::LegId;
use terms::event::Kind;
use terms::media::{Command, Progress, Watch};

/// The variable of a flow: `yes` once a fax machine was heard, `no` before.
pub(super) const FAX: &str = "fax";

/// What is listened for on the anchor, and what was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hearing {
    listens: bool,
    fax: bool,
}

impl Hearing {
    /// The value of [`FAX`].
    pub fn fax(self) -> &'static str {
        if self.fax { "yes" } else { "no" }
    }
}

impl Call {
    /// A flow begins: the caller may be a fax machine.
    pub(super) fn listen_for_fax(&mut self, cx: &mut Cx) {
        if !self.hearing.listens && !self.hearing.fax {
            self.hearing.listens = true;
            let what = Watch { fax: true, ..Watch::default() };
            cx.media(Command::Watch { leg: self.anchor, what });
        }
    }

    /// Two people talk: nobody listens to their tones.
    pub(super) fn stop_listening(&mut self, cx: &mut Cx) {
        if std::mem::take(&mut self.hearing.listens) {
            cx.media(Command::Watch { leg: self.anchor, what: Watch::default() });
        }
    }

    /// Whether a leg is listened to for its flow.
    pub(super) fn hears_fax(&self, id: LegId) -> bool {
        self.hearing.listens && id == self.anchor
    }

    /// Media heard something on one of our legs.
    pub(super) fn on_progress(&mut self, cx: &mut Cx, id: LegId, tone: Progress) {
        if !self.legs.contains_key(&id) {
            return;
        }
        self.log(cx, Some(id), Kind::ProgressHeard { tone });
        if tone == Progress::FaxCalling && id == self.anchor {
            self.hearing.fax = true;
            if let Some(flowing) = &mut self.flow {
                flowing.run.variables.set(FAX, self.hearing.fax());
            }
        }
        self.on_tone(cx, id, tone);
    }
}
