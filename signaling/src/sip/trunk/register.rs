//! Our registration at a trunk, RFC 3261 §10.2: asked again before it ends, with growing pauses
//! when it is refused.

use std::time::Duration;
use terms::Moment;

/// First pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// Longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// State of one registration. Owned by its trunk; requests are built by the core.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// The Call-ID of all its requests.
    pub(crate) call_id: String,
    pub(crate) seq: u32,
    /// Waits for the answer to a request.
    pub(crate) asking: bool,
    /// The credentials were refused with this challenge already.
    pub(crate) challenged: bool,
    /// What a 423 asked for.
    pub(crate) expires_min_s: u32,
    pub(crate) is_registered: bool,
    /// The proxies that our calls go through, the first one first.
    pub(crate) routes: Vec<Vec<u8>>,
    failures: u32,
    next_at: Option<Moment>,
}

impl Registration {
    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        self.next_at.filter(|_| !self.asking)
    }

    pub(crate) fn ask_at(&mut self, at: Moment) {
        self.next_at = Some(at);
    }

    pub(crate) fn on_asked(&mut self) {
        self.asking = true;
        self.seq += 1;
    }

    /// The last try was refused, or what was granted is lost.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// It had failed before a restart, and is asked again as it is at any start.
    pub(crate) fn restore_failed(&mut self) {
        self.failures = self.failures.max(1);
    }

    /// 200 with this life, and this way for our calls.
    pub(crate) fn on_granted(&mut self, now: Moment, expires_s: u32, routes: Vec<Vec<u8>>) {
        *self = Registration {
            call_id: std::mem::take(&mut self.call_id),
            seq: self.seq,
            expires_min_s: self.expires_min_s,
            is_registered: true,
            routes,
            // A little early: lost packets take time.
            next_at: Some(now + Duration::from_secs(u64::from(expires_s.max(20))) * 4 / 5),
            ..Registration::default()
        };
    }

    /// Refused or unanswered; when it is tried again.
    pub(crate) fn on_failed(&mut self, now: Moment) -> Moment {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MAX);
        self.failures += 1;
        self.asking = false;
        self.challenged = false;
        self.is_registered = false;
        self.next_at = Some(now + pause);
        now + pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_grant_resets_them() {
        let mut registration = Registration::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            registration.on_asked();
            assert_eq!(registration.next_timeout(), None);
            pauses.push(registration.on_failed(Moment::default()).as_millis() / 1000);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert!(registration.has_failed());
        registration.on_granted(Moment::from_secs(100), 600, Vec::new());
        assert!(!registration.has_failed());
        assert_eq!(registration.next_timeout(), Some(Moment::from_secs(580)));
        assert_eq!(registration.on_failed(Moment::default()), Moment::from_secs(5));
    }
}
