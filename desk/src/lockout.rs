//! Locking out guessers, by where they come from and never by whose name they try: otherwise
//! anybody could lock anybody out. In memory, bounded, pure: time comes in as an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use terms::Moment;

/// Failures that lock a source out.
pub const FAILURES_MAX: u32 = 10;
/// Failures older than this are forgotten; also how long a source stays out.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Sources that are remembered; the one quiet for longest makes room.
pub const SOURCES_MAX: usize = 10_000;

/// Counts failures by source.
#[derive(Debug, Default)]
pub struct Lockout {
    sources: HashMap<IpAddr, Source>,
}

#[derive(Debug)]
struct Source {
    failures: u32,
    last: Moment,
}

impl Lockout {
    /// How long `source` still has to wait; `None` when it may try.
    pub fn wait(&self, now: Moment, source: IpAddr) -> Option<Duration> {
        let entry = self.sources.get(&key(source))?;
        let over = entry.last + WINDOW;
        (entry.failures >= FAILURES_MAX && now < over).then(|| over - now)
    }

    /// Counts a failure, and says true when it is the one that locks out.
    pub fn on_failure(&mut self, now: Moment, source: IpAddr) -> bool {
        let source = key(source);
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.make_room(now);
        }
        let entry = self.sources.entry(source).or_insert(Source { failures: 0, last: now });
        if now - entry.last >= WINDOW {
            entry.failures = 0;
        }
        entry.failures += 1;
        entry.last = now;
        entry.failures == FAILURES_MAX
    }

    /// Forgets a source that proved itself. Only full ones stay: a right password does not
    /// open the door again for somebody who is locked out.
    pub fn on_success(&mut self, source: IpAddr) {
        let source = key(source);
        if self.sources.get(&source).is_some_and(|entry| entry.failures < FAILURES_MAX) {
            self.sources.remove(&source);
        }
    }

    fn make_room(&mut self, now: Moment) {
        self.sources.retain(|_, source| now - source.last < WINDOW);
        if self.sources.len() >= SOURCES_MAX
            && let Some(quietest) =
                self.sources.iter().min_by_key(|(_, source)| source.last).map(|(ip, _)| *ip)
        {
            self.sources.remove(&quietest);
        }
    }
}

/// An IPv6 customer has a /64: all of it is one source.
fn key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(bits.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ten_failures_lock_the_source_and_no_other() {
        let mut lockout = Lockout::default();
        let at = Moment::from_secs;
        for n in 0..9 {
            assert!(!lockout.on_failure(at(n), ip("192.0.2.1")));
        }
        assert_eq!(lockout.wait(at(9), ip("192.0.2.1")), None);
        assert!(lockout.on_failure(at(9), ip("192.0.2.1")));
        assert_eq!(lockout.wait(at(9), ip("192.0.2.1")), Some(WINDOW));
        assert_eq!(lockout.wait(at(9), ip("::ffff:192.0.2.1")), Some(WINDOW));
        assert_eq!(lockout.wait(at(9), ip("192.0.2.2")), None);
        lockout.on_success(ip("192.0.2.1"));
        assert!(lockout.wait(at(10), ip("192.0.2.1")).is_some(), "still out");
        assert_eq!(lockout.wait(at(9 + 900), ip("192.0.2.1")), None, "over after the window");
    }

    #[test]
    fn a_whole_ipv6_customer_is_one_source() {
        let mut lockout = Lockout::default();
        for n in 0..10 {
            lockout.on_failure(Moment::from_secs(1), ip(&format!("2001:db8::{n:x}")));
        }
        assert!(lockout.wait(Moment::from_secs(2), ip("2001:db8::ffff")).is_some());
        assert!(lockout.wait(Moment::from_secs(2), ip("2001:db8:0:1::1")).is_none());
    }

    #[test]
    fn a_flood_of_sources_has_a_limit() {
        let mut lockout = Lockout::default();
        for n in 0..SOURCES_MAX as u32 + 50 {
            lockout.on_failure(Moment::from_secs(u64::from(n / 100)), IpAddr::V4(n.into()));
        }
        assert_eq!(lockout.sources.len(), SOURCES_MAX);
    }
}
