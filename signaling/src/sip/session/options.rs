//! OPTIONS inside a dialog: alive, and this is what we can (RFC 3261 §11). Theirs is answered. Ours asks
//! whether somebody is there, where nothing else tells: any answer does, but one that knows of no such
//! dialog. After a kill all who paused are due in one moment: they are asked a few at a time.

use super::{ALLOW, Owner, SUPPORTED, Stage, cause};
use crate::sip::core::UserAgent;
use crate::sip::timers::Waiting;
use crate::sip::write::Builder;
use crate::switch::Now;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use terms::{LegId, Moment};

/// So many are asked at once, and nobody else before the pause is over: 500 a second, so that twenty
/// thousand are asked within the minute after which they are due again.
const ASKED_MAX: usize = 10;
const ASKED_PAUSE: Duration = Duration::from_millis(20);

/// Who is to be asked whether they are there, in the order in which they fell due: each once, so that
/// there are never more than legs.
#[derive(Debug, Default)]
pub(in crate::sip) struct Probes {
    line: VecDeque<LegId>,
    known: HashSet<LegId>,
    /// Asked before the pause is over.
    asked: usize,
    pause_ends: Moment,
}

impl Probes {
    fn push(&mut self, leg: LegId) {
        if self.known.insert(leg) {
            self.line.push_back(leg);
        }
    }

    /// Who may be asked now.
    fn take(&mut self, now: Moment) -> Option<LegId> {
        if self.pause_ends <= now {
            (self.asked, self.pause_ends) = (0, now + ASKED_PAUSE);
        }
        if self.asked >= ASKED_MAX {
            return None;
        }
        let leg = self.line.pop_front()?;
        self.known.remove(&leg);
        self.asked += 1;
        Some(leg)
    }

    fn next_timeout(&self) -> Option<Moment> {
        (!self.line.is_empty()).then_some(self.pause_ends)
    }
}

impl UserAgent {
    pub(in crate::sip) fn on_options(&mut self, now: Now, tx: u64) {
        let supported = SUPPORTED.join(", ");
        let extra =
            [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", supported.as_str())];
        self.respond(now, tx, 200, &extra, None);
    }

    /// The switch wants somebody asked: at once, where not too many are.
    pub(in crate::sip) fn probe(&mut self, now: Now, leg: LegId) {
        self.probes.push(leg);
        self.ask_who_is_there(now);
    }

    pub(in crate::sip) fn ask_who_is_there(&mut self, now: Now) {
        while let Some(leg) = self.probes.take(now.moment) {
            self.ask_leg(now, leg);
        }
        self.timers.set(Waiting::Probes, self.probes.next_timeout());
    }

    /// A leg that is not in a conversation has patience of its own.
    fn ask_leg(&mut self, now: Now, leg: LegId) {
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
