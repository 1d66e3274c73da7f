//! Locking out guessers, by where they come from and never by whose name they try: otherwise
//! anybody could lock anybody out. Signing in as oneself forgives one's own slips only: otherwise
//! anybody with a password could guess those of others. In memory, bounded, pure: time comes in as
//! an argument.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;
use terms::Moment;

/// Failures that lock a source out.
pub const FAILURES_MAX: usize = 10;
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
    /// The names that were tried wrongly, by hash, [`FAILURES_MAX`] at the most.
    tried: Vec<u64>,
    last: Moment,
}

impl Source {
    fn is_full(&self) -> bool {
        self.tried.len() >= FAILURES_MAX
    }
}

impl Lockout {
    /// How long `source` still has to wait; `None` when it may try.
    pub fn wait(&self, now: Moment, source: IpAddr) -> Option<Duration> {
        let entry = self.sources.get(&key(source))?;
        let over = entry.last + WINDOW;
        (entry.is_full() && now < over).then(|| over - now)
    }

    /// Counts a failure to sign in as `login`, and says true when it is the one that locks out.
    pub fn on_failure(&mut self, now: Moment, source: IpAddr, login: &str) -> bool {
        let source = key(source);
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.make_room(now);
        }
        let entry = self.sources.entry(source).or_insert(Source { tried: Vec::new(), last: now });
        if now - entry.last >= WINDOW {
            entry.tried.clear();
        }
        entry.last = now;
        if entry.is_full() {
            return false;
        }
        entry.tried.push(hash(login));
        entry.is_full()
    }

    /// Forgives the failures of `login`, who proved to be there. Not those of a source that is
    /// full: a right password does not open the door again for somebody who is locked out.
    pub fn on_success(&mut self, source: IpAddr, login: &str) {
        if let Some(entry) = self.sources.get_mut(&key(source))
            && !entry.is_full()
        {
            let own = hash(login);
            entry.tried.retain(|tried| *tried != own);
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

fn hash(login: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    login.hash(&mut hasher);
    hasher.finish()
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
            assert!(!lockout.on_failure(at(n), ip("192.0.2.1"), "admin"));
        }
        assert_eq!(lockout.wait(at(9), ip("192.0.2.1")), None);
        assert!(lockout.on_failure(at(9), ip("192.0.2.1"), "admin"));
        assert_eq!(lockout.wait(at(9), ip("192.0.2.1")), Some(WINDOW));
        assert_eq!(lockout.wait(at(9), ip("::ffff:192.0.2.1")), Some(WINDOW));
        assert_eq!(lockout.wait(at(9), ip("192.0.2.2")), None);
        lockout.on_success(ip("192.0.2.1"), "admin");
        assert!(lockout.wait(at(10), ip("192.0.2.1")).is_some(), "still out");
        assert_eq!(lockout.wait(at(9 + 900), ip("192.0.2.1")), None, "over after the window");
    }

    #[test]
    fn an_insider_signs_in_between_two_guesses_and_is_locked_out_all_the_same() {
        let mut lockout = Lockout::default();
        let (at, office) = (Moment::from_secs(1), ip("192.0.2.1"));
        for _ in 0..9 {
            assert!(!lockout.on_failure(at, office, "admin"));
            lockout.on_success(office, "1001");
        }
        assert!(lockout.on_failure(at, office, "admin"));
    }

    #[test]
    fn whoever_finds_their_password_in_the_end_locks_nobody_out() {
        let mut lockout = Lockout::default();
        let (at, office) = (Moment::from_secs(1), ip("192.0.2.1"));
        for login in ["1001", "1002", "1003", "1004"] {
            for _ in 0..5 {
                assert!(!lockout.on_failure(at, office, login));
            }
            lockout.on_success(office, login);
        }
        assert_eq!(lockout.wait(at, office), None);
    }

    #[test]
    fn a_whole_ipv6_customer_is_one_source() {
        let mut lockout = Lockout::default();
        for n in 0..10 {
            lockout.on_failure(Moment::from_secs(1), ip(&format!("2001:db8::{n:x}")), "admin");
        }
        assert!(lockout.wait(Moment::from_secs(2), ip("2001:db8::ffff")).is_some());
        assert!(lockout.wait(Moment::from_secs(2), ip("2001:db8:0:1::1")).is_none());
    }

    #[test]
    fn a_flood_of_sources_has_a_limit() {
        let mut lockout = Lockout::default();
        for n in 0..SOURCES_MAX as u32 + 50 {
            let at = Moment::from_secs(u64::from(n / 100));
            lockout.on_failure(at, IpAddr::V4(n.into()), "admin");
        }
        assert_eq!(lockout.sources.len(), SOURCES_MAX);
    }
}
