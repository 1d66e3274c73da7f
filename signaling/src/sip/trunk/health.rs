//! Whether calls can go out over a trunk, as far as it says so itself: by OPTIONS that we ask at an
//! interval (RFC 3261 §11), by Retry-After in its refusal of a call (§21.5.4), and by a connection over
//! TLS that does not come about.

use crate::sip::transaction::earliest;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::Moment;
use terms::control::TrunkFault;

/// So many OPTIONS in a row stay without an answer, then the trunk is down: one may be lost.
const MISSED_MAX: u32 = 2;
/// Longest rest that a trunk is given for its Retry-After.
pub(crate) const REST_MAX: Duration = Duration::from_secs(600);
/// A connection that does not come about is tried again by the next call after this long.
pub(crate) const LINE_REST: Duration = Duration::from_secs(30);

/// What outlives the process of why no calls go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    missed: u32,
    unavailable: bool,
    rest: Option<(Moment, TrunkFault)>,
}

/// Owned by its trunk; requests are built by the core.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The Call-ID of all its OPTIONS.
    pub(crate) call_id: String,
    pub(crate) seq: u32,
    /// So many of those that were asked together wait for their answer.
    waiting: u32,
    /// What came of the others.
    heard: bool,
    refused: bool,
    /// Rounds in a row in which no server answered.
    missed: u32,
    /// The last answer was 503.
    unavailable: bool,
    next_at: Option<Moment>,
    /// It is left alone until then.
    rest: Option<(Moment, TrunkFault)>,
}

impl Health {
    /// When the core has to look at it.
    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        let asks = self.next_at.filter(|_| self.waiting == 0);
        earliest(asks, self.rest.map(|(until, _)| until))
    }

    /// OPTIONS are to be asked, the first one at `at`, unless that has begun before.
    pub(crate) fn begin(&mut self, at: Moment) {
        self.next_at.get_or_insert(at);
    }

    /// Whether it is time to ask; a rest that is over ends.
    pub(crate) fn on_timeout(&mut self, now: Moment) -> bool {
        self.rest = self.rest.filter(|&(until, _)| until > now);
        self.waiting == 0 && self.next_at.is_some_and(|at| at <= now)
    }

    pub(crate) fn on_asked(&mut self, now: Moment, every: Duration) {
        self.waiting = 1;
        self.seq += 1;
        self.next_at = Some(now + every);
    }

    /// Another of its servers was asked in the same round.
    pub(crate) fn on_asked_besides(&mut self) {
        self.waiting += 1;
    }

    /// Any final answer says that it is there, but for one that says it is not. One server that is
    /// there is enough.
    pub(crate) fn on_answered(&mut self, status: u16) {
        if status == 503 {
            self.refused = true;
        } else {
            (self.heard, self.missed, self.unavailable) = (true, 0, false);
        }
        self.settle();
    }

    pub(crate) fn on_missed(&mut self) {
        self.settle();
    }

    /// What the round says, once all have answered or have not.
    fn settle(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting > 0 {
            return;
        }
        match (std::mem::take(&mut self.heard), std::mem::take(&mut self.refused)) {
            (true, _) => {}
            (false, true) => (self.missed, self.unavailable) = (0, true),
            (false, false) => self.missed = self.missed.saturating_add(1),
        }
    }

    /// Leaves it alone until then, or for longer where that was so before.
    pub(crate) fn rest(&mut self, until: Moment, fault: TrunkFault) {
        if self.rest.is_none_or(|(before, _)| before < until) {
            self.rest = Some((until, fault));
        }
    }

    /// A connection came about.
    pub(crate) fn on_connected(&mut self) {
        self.rest = self.rest.filter(|(_, fault)| *fault != TrunkFault::Line);
    }

    /// It said something to a call: it is there, whatever OPTIONS came to.
    pub(crate) fn on_heard(&mut self) {
        (self.missed, self.unavailable) = (0, false);
    }

    pub(crate) fn keep(&self) -> Kept {
        Kept { missed: self.missed, unavailable: self.unavailable, rest: self.rest }
    }

    /// As it was before a restart; a rest that is over meanwhile is over.
    pub(crate) fn restore(&mut self, now: Moment, kept: Kept) {
        (self.missed, self.unavailable) = (kept.missed, kept.unavailable);
        self.rest = kept.rest.filter(|&(until, _)| until > now);
    }

    /// Why no calls go out.
    pub(crate) fn fault(&self) -> Option<TrunkFault> {
        match self.rest {
            Some((_, fault)) => Some(fault),
            None if self.missed >= MISSED_MAX => Some(TrunkFault::Silent),
            None => self.unavailable.then_some(TrunkFault::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Moment {
        Moment::from_secs(s)
    }

    #[test]
    fn one_lost_answer_is_forgiven_and_any_answer_but_503_heals() {
        let mut health = Health::default();
        health.begin(at(5));
        health.begin(at(50));
        assert_eq!(health.next_timeout(), Some(at(5)), "it begins once");
        assert!(!health.on_timeout(at(4)) && health.on_timeout(at(5)));
        health.on_asked(at(5), Duration::from_secs(30));
        assert_eq!(health.next_timeout(), None, "one at a time");
        assert!(!health.on_timeout(at(60)));
        health.on_missed();
        assert_eq!((health.fault(), health.next_timeout()), (None, Some(at(35))));
        health.on_missed();
        assert_eq!(health.fault(), Some(TrunkFault::Silent));
        health.on_answered(503);
        assert_eq!(health.fault(), Some(TrunkFault::Unavailable));
        health.on_answered(401);
        assert_eq!(health.fault(), None, "who asks for a password is there");
    }

    #[test]
    fn of_several_servers_one_that_is_there_is_enough() {
        let mut health = Health::default();
        let asks_two = |health: &mut Health, s| {
            health.on_asked(at(s), Duration::from_secs(30));
            health.on_asked_besides();
        };
        for round in 0..3 {
            asks_two(&mut health, 100 * round);
            health.on_answered(200);
            assert_eq!(health.next_timeout(), None, "the other one may still answer");
            health.on_missed();
            assert_eq!(health.fault(), None);
        }
        asks_two(&mut health, 400);
        health.on_missed();
        health.on_answered(503);
        assert_eq!(health.fault(), Some(TrunkFault::Unavailable), "none of them is there");
        for round in 5..7 {
            asks_two(&mut health, 100 * round);
            health.on_missed();
            health.on_missed();
        }
        assert_eq!(health.fault(), Some(TrunkFault::Silent));
        asks_two(&mut health, 700);
        health.on_answered(404);
        assert_eq!(health.fault(), None, "at once");
    }

    #[test]
    fn a_rest_ends_by_itself_and_the_longer_one_counts() {
        let mut health = Health::default();
        health.rest(at(60), TrunkFault::Overloaded);
        health.rest(at(30), TrunkFault::Line);
        assert_eq!(health.next_timeout(), Some(at(60)));
        health.on_connected();
        health.on_answered(200);
        assert_eq!(health.fault(), Some(TrunkFault::Overloaded), "it asked for the time");
        assert!(!health.on_timeout(at(59)) && health.fault().is_some());
        health.on_timeout(at(60));
        assert_eq!((health.fault(), health.next_timeout()), (None, None));
        health.rest(at(90), TrunkFault::Line);
        health.on_connected();
        assert_eq!(health.fault(), None);
    }
}
