//! OPTIONS inside a dialog: alive, and this is what we can (RFC 3261 §11). Theirs is answered. Ours asks
//! whether somebody is there, where nothing else tells: any answer does, but one that knows of no such
//! dialog.

use super::{ALLOW, Owner, SUPPORTED, Stage, cause};
use crate::sip::core::UserAgent;
use crate::sip::write::Builder;
use crate::switch::Now;
use terms::LegId;

impl UserAgent {
    pub(in crate::sip) fn on_options(&mut self, now: Now, tx: u64) {
        let supported = SUPPORTED.join(", ");
        let extra =
            [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", supported.as_str())];
        self.respond(now, tx, 200, &extra, None);
    }

    /// Asks. A leg that is not in a conversation has patience of its own.
    pub(in crate::sip) fn probe(&mut self, now: Now, leg: LegId) {
        let talks = self.legs.get(&leg).is_some_and(|state| state.stage == Stage::Confirmed);
        if talks {
            let accept = |builder: &mut Builder| {
                builder.header("Accept", "application/sdp");
            };
            self.request(now, leg, "OPTIONS", Owner::Probe(leg), accept, ("", ""));
        }
    }

    pub(super) fn on_probe_response(&mut self, now: Now, leg: LegId, status: u16) {
        if matches!(status, 408 | 481) {
            self.on_nobody_there(now, leg);
        }
    }

    /// The dialog has no other end any more.
    pub(super) fn on_nobody_there(&mut self, now: Now, leg: LegId) {
        if self.legs.get(&leg).is_some_and(|state| state.stage == Stage::Confirmed) {
            self.say_bye(now, leg, cause::TIMER_EXPIRY, true);
        }
    }
}
