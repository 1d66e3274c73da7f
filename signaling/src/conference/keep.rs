//! A meeting outlives the process with its members, its lock and whom it has muted. Media comes back
//! with who was in the room; everybody is put where they belong once more, as soon as all who go on
//! are there: a meeting that lost its chairperson may have to wait again. Its recording goes on in a
//! further part.

use super::{Conference, Stand};
use crate::switch::Cx;
use terms::CallId;
use terms::event::ConferenceEnd;
use terms::media::Command;

/// A meeting that was kept sleeps until [`Conference::wake`].
pub(super) fn asleep() -> bool {
    true
}

impl Conference {
    /// Goes on with those of its calls that go on.
    pub fn wake(&mut self, cx: &mut Cx, lives: impl Fn(CallId) -> bool) {
        let gone: Vec<CallId> = self.calls().filter(|&call| !lives(call)).collect();
        self.tear_recording(cx);
        for call in gone {
            self.called.retain(|called| called.call != call);
            self.drop_member(cx, call, ConferenceEnd::Left);
        }
        for member in &mut self.members {
            if member.stand == Stand::Inside {
                cx.media(Command::Leave { leg: member.leg });
            }
            member.stand = Stand::New;
        }
        self.asleep = false;
        self.arrange(cx);
    }

    /// Whether this call is in it or on its way to it.
    pub fn knows(&self, call: CallId) -> bool {
        self.calls().any(|other| other == call)
    }
}
