//! After a kill: who stood at the door is asked again, who was inside waits for their meeting to wake.

use super::{Attendance, Knock};
use crate::call::{Call, Phase};
use crate::switch::Cx;

impl Call {
    /// A meeting that does not know them is none of theirs.
    pub(in crate::call) fn find_conference(&mut self, cx: &Cx) {
        let meeting = self.conference.and_then(|id| cx.world.conferences.get(&(self.tenant, id)));
        if !meeting.is_some_and(|meeting| meeting.knows(self.id)) {
            self.conference = None;
        }
    }

    pub(in crate::call) fn knock_on(&mut self, cx: &mut Cx, knock: Knock, goes_on: bool) {
        self.phase = Phase::Knocking(knock);
        if !goes_on {
            return self.interrupt(cx);
        }
        self.ask_at_door(cx, None);
    }

    pub(in crate::call) fn confer_on(&mut self, cx: &mut Cx, goes_on: bool) {
        self.phase = Phase::Conferring(Attendance::default());
        if !goes_on || self.conference.is_none() {
            self.interrupt(cx);
        }
    }
}
