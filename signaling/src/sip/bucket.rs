//! Token buckets: how much one source or one trunk may do per second. Who has shown who they are has a
//! bucket apart from those of strangers: a flood from more sources than there are buckets takes nothing
//! from phones, trunks and calls (threat T25).

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use terms::Moment;

/// Most strangers with a bucket of their own, and as many that somebody vouches for; the others share one.
pub(crate) const SOURCES_MAX: usize = 10_000;
/// Most sources that are known.
const KNOWN_MAX: usize = 200_000;
/// How long a known source may be silent before it makes room: longer than any registration.
const KNOWN_FOR: Duration = Duration::from_secs(3 * 3_600);

/// Fills at `per_s`, holds one second's worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled_at: Moment,
}

impl Bucket {
    pub(crate) fn full(now: Moment, per_s: u32) -> Self {
        Bucket { tokens: f64::from(per_s.max(1)), filled_at: now }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Moment, per_s: u32) -> bool {
        let most = f64::from(per_s.max(1));
        let gained = now.since(self.filled_at).as_secs_f64() * most;
        self.tokens = (self.tokens + gained).min(most);
        self.filled_at = self.filled_at.max(now);
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }
}

/// A source as we count it: an address, or the /64 that an IPv6 host may roam in.
pub(crate) fn source_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

/// One bucket a source.
#[derive(Debug)]
pub(crate) struct Sources {
    per_s: u32,
    buckets: HashMap<IpAddr, Bucket>,
    shared: Option<Bucket>,
    swept_at: Moment,
    /// Those somebody vouches for where strangers have no bucket of their own any more. A network that is
    /// vouched for may be everybody's.
    vouched: HashMap<IpAddr, Bucket>,
    /// Those who have shown who they are.
    known: HashMap<IpAddr, Bucket>,
    known_swept_at: Moment,
    /// Who came to be known (true) or was forgotten.
    changes: VecDeque<(IpAddr, bool)>,
}

impl Sources {
    pub(crate) fn new(per_s: u32) -> Self {
        Sources {
            per_s,
            buckets: HashMap::new(),
            shared: None,
            swept_at: Moment::default(),
            vouched: HashMap::new(),
            known: HashMap::new(),
            known_swept_at: Moment::default(),
            changes: VecDeque::new(),
        }
    }

    pub(crate) fn take(&mut self, now: Moment, ip: IpAddr) -> bool {
        self.take_vouched(now, ip, || false)
    }

    /// The same; where strangers have no bucket left of their own, `vouched` says whether this is one.
    pub(crate) fn take_vouched(
        &mut self,
        now: Moment,
        ip: IpAddr,
        vouched: impl FnOnce() -> bool,
    ) -> bool {
        let (key, per_s) = (source_key(ip), self.per_s);
        if let Some(bucket) = self.known.get_mut(&key) {
            return bucket.take(now, per_s);
        }
        let own = self.buckets.get_mut(&key).or_else(|| self.vouched.get_mut(&key));
        if let Some(bucket) = own {
            return bucket.take(now, per_s);
        }
        if self.buckets.len() >= SOURCES_MAX {
            self.sweep(now);
        }
        if self.buckets.len() >= SOURCES_MAX {
            if self.vouched.len() < SOURCES_MAX && vouched() {
                let bucket = self.vouched.entry(key).or_insert_with(|| Bucket::full(now, per_s));
                return bucket.take(now, per_s);
            }
            let shared = self.shared.get_or_insert_with(|| Bucket::full(now, per_s));
            return shared.take(now, per_s);
        }
        self.buckets.entry(key).or_insert_with(|| Bucket::full(now, per_s)).take(now, per_s)
    }

    /// It has shown who it is: it has a bucket whatever strangers do. What it has taken stays taken.
    pub(crate) fn know(&mut self, now: Moment, ip: IpAddr) {
        let key = source_key(ip);
        if self.known.contains_key(&key) {
            return;
        }
        let second = Duration::from_secs(1);
        if self.known.len() >= KNOWN_MAX && now.since(self.known_swept_at) >= second {
            self.known_swept_at = now;
            let silent = self.known.extract_if(|_, own| now.since(own.filled_at) >= KNOWN_FOR);
            self.changes.extend(silent.map(|(ip, _)| (ip, false)));
        }
        if self.known.len() < KNOWN_MAX {
            let bucket = self.buckets.remove(&key).or_else(|| self.vouched.remove(&key));
            self.known.insert(key, bucket.unwrap_or_else(|| Bucket::full(now, self.per_s)));
            self.changes.push_back((key, true));
        }
    }

    /// Who came to be known since this was asked last (true), or was forgotten.
    pub(crate) fn next_change(&mut self) -> Option<(IpAddr, bool)> {
        self.changes.pop_front()
    }

    /// Forgets sources that were silent for a second, at most once a second.
    fn sweep(&mut self, now: Moment) {
        let second = Duration::from_secs(1);
        if now.since(self.swept_at) >= second {
            self.swept_at = now;
            self.buckets.retain(|_, bucket| now.since(bucket.filled_at) < second);
            self.vouched.retain(|_, bucket| now.since(bucket.filled_at) < second);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gets_its_share_and_no_more() {
        let mut sources = Sources::new(10);
        let ip = "192.0.2.1".parse().unwrap();
        let took = |sources: &mut Sources, ms| {
            (0..100).filter(|_| sources.take(Moment::from_millis(ms), ip)).count()
        };
        assert_eq!(took(&mut sources, 0), 10);
        assert_eq!(took(&mut sources, 500), 5);
        assert!(sources.take(Moment::from_millis(500), "192.0.2.2".parse().unwrap()));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_one_quota() {
        let mut sources = Sources::new(10);
        let now = Moment::from_millis(5);
        let mut take = |ip: &str| sources.take(now, ip.parse().unwrap());
        assert!((0..10).all(|n| take(&format!("2001:db8:0:7::{n:x}"))));
        assert!(!take("2001:db8:0:7:ffff:ffff:ffff:ffff"), "a host has the whole network");
        assert!(take("2001:db8:0:8::1"), "the next one is another's");
        // An IPv4 address that a socket for both writes as IPv6 is the same source.
        assert!((0..10).all(|_| take("::ffff:192.0.2.1")));
        assert!(!take("192.0.2.1") && take("192.0.2.2"));
    }

    #[test]
    fn a_flood_of_sources_stays_in_bounds() {
        let mut sources = Sources::new(10);
        for n in 0..50_000u32 {
            sources.take(Moment::from_millis(5), IpAddr::V4(n.into()));
        }
        assert_eq!(sources.len(), SOURCES_MAX);
    }

    #[test]
    fn who_is_known_keeps_its_share_in_a_flood_of_sources_and_a_stranger_does_not() {
        let mut sources = Sources::new(10);
        let at = Moment::from_millis;
        let (phone, trunk, stranger) = ("192.0.2.1", "192.0.2.2", "192.0.2.3");
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert!(sources.take(at(5), ip(phone)));
        sources.know(at(5), ip(phone));
        sources.know(at(5), ip(phone));
        for n in 0..50_000u32 {
            sources.take(at(5), IpAddr::V4(n.into()));
        }
        let mut taken = |from: &str, vouched: bool| {
            (0..100).filter(|_| sources.take_vouched(at(5), ip(from), || vouched)).count()
        };
        assert_eq!(taken(phone, false), 9, "what it took before it was known counts");
        assert_eq!(taken(trunk, true), 10);
        assert_eq!(taken(stranger, false), 0, "the flood has the shared one");
        assert_eq!(sources.next_change(), Some((ip(phone), true)));
        assert_eq!(sources.next_change(), None, "a network is nobody who has shown who they are");
    }

    #[test]
    fn a_flood_that_is_vouched_for_stays_in_bounds_and_makes_nobody_known() {
        let mut sources = Sources::new(10);
        let from = |n: u32| IpAddr::V4(n.into());
        let at = Moment::from_millis(1_000);
        for n in 0..50_000 {
            sources.take_vouched(at, from(n), || true);
        }
        assert_eq!((sources.len(), sources.vouched.len()), (SOURCES_MAX, SOURCES_MAX));
        assert_eq!((sources.known.len(), sources.next_change()), (0, None));
        // What it has taken stays taken when it shows who it is.
        let last = from(2 * SOURCES_MAX as u32 - 1);
        sources.know(at, last);
        assert_eq!((0..100).filter(|_| sources.take(at, last)).count(), 9);
        assert_eq!(sources.vouched.len(), SOURCES_MAX - 1);
        sources.take_vouched(Moment::from_millis(3_000), from(60_000), || true);
        assert_eq!((sources.len(), sources.vouched.len()), (1, 0), "all were silent for a second");
    }

    #[test]
    fn who_is_silent_makes_room_for_others_and_is_looked_for_once_a_second() {
        let mut sources = Sources::new(10);
        let from = |n: u32| IpAddr::V4(n.into());
        let at = |ms| Moment::from_millis(ms);
        sources.know(at(10_500), from(0));
        for n in 1..KNOWN_MAX as u32 {
            sources.know(at(20_000), from(n));
        }
        while sources.next_change().is_some() {}
        let hours = KNOWN_FOR.as_millis() as u64;
        let newcomer = from(900_000);
        for ms in [10_000, 10_600] {
            sources.know(at(hours + ms), newcomer);
            assert_eq!(sources.next_change(), None, "{ms}");
        }
        sources.know(at(hours + 11_000), newcomer);
        assert_eq!(sources.next_change(), Some((from(0), false)));
        assert_eq!(sources.next_change(), Some((newcomer, true)));
        assert_eq!(sources.next_change(), None);
    }
}
