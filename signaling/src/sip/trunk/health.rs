//! Whether calls can go out over a trunk, as far as it says so itself: by OPTIONS that we ask at an
//! interval (RFC 3261 §11), by Retry-After in its refusal of a call (§21.5.4), and by a connection over
//! TLS that does not come about.

use crate::sip::transaction::earliest;
use std::time::Duration;
use terms::Moment;
use terms::control::TrunkFault;

/// So many OPTIONS in a row stay without an answer, then the trunk is down: one may be lost.
const MISSED_MAX: u32 = 2;
/// Longest rest that a trunk is given for its Retry-After.
pub(crate) const REST_MAX: Duration = Duration::from_secs(600);
/// A connection that does not come about is tried again by the next call after this long.
pub(crate) const LINE_REST: Duration = Duration::from_secs(30);

/// Owned by its trunk; requests are built by the core.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The Call-ID of all its OPTIONS.
    pub(crate) call_id: String,
    pub(crate) seq: u32,
    /// Waits for the answer to one.
    asking: bool,
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
        let asks = self.next_at.filter(|_| !self.asking);
        earliest(asks, self.rest.map(|(until, _)| until))
    }

    /// OPTIONS are to be asked, the first one at `at`, unless that has begun before.
    pub(crate) fn begin(&mut self, at: Moment) {
        self.next_at.get_or_insert(at);
    }

    /// Whether it is time to ask; a rest that is over ends.
    pub(crate) fn on_timeout(&mut self, now: Moment) -> bool {
        self.rest = self.rest.filter(|&(until, _)| until > now);
        !self.asking && self.next_at.is_some_and(|at| at <= now)
    }

    pub(crate) fn on_asked(&mut self, now: Moment, every: Duration) {
        self.asking = true;
        self.seq += 1;
        self.next_at = Some(now + every);
    }

    /// Any final answer says that it is there, but for one that says it is not.
    pub(crate) fn on_answered(&mut self, status: u16) {
        self.asking = false;
        self.missed = 0;
        self.unavailable = status == 503;
    }

    pub(crate) fn on_missed(&mut self) {
        self.asking = false;
        self.missed = self.missed.saturating_add(1);
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
