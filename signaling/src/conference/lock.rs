//! A locked meeting lets in chairpersons and who is called, and nobody else.

use super::Conference;
use crate::switch::Cx;
use terms::CallId;
use terms::event::{ConferenceBy, InConference};

impl Conference {
    /// Locks or unlocks it.
    pub fn set_locked(&mut self, cx: &mut Cx, locked: bool, by: ConferenceBy) {
        if std::mem::replace(&mut self.locked, locked) != locked {
            self.log(cx, None, InConference::Locked { locked, by });
        }
    }

    /// The chairperson's key.
    pub fn toggle_lock(&mut self, cx: &mut Cx, call: CallId) {
        self.set_locked(cx, !self.locked, ConferenceBy::Chair);
        self.say(cx, call, if self.locked { "conference_locked" } else { "conference_unlocked" });
    }
}
