//! Token buckets: how much one source or one trunk may do per second.

use std::collections::HashMap;
use std::net::IpAddr;
use terms::Moment;

/// Most sources with a bucket of their own; the others share one.
pub(crate) const SOURCES_MAX: usize = 10_000;

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
}

impl Sources {
    pub(crate) fn new(per_s: u32) -> Self {
        Sources { per_s, buckets: HashMap::new(), shared: None, swept_at: Moment::default() }
    }

    pub(crate) fn take(&mut self, now: Moment, ip: IpAddr) -> bool {
        let (key, per_s) = (source_key(ip), self.per_s);
        if let Some(bucket) = self.buckets.get_mut(&key) {
            return bucket.take(now, per_s);
        }
        if self.buckets.len() >= SOURCES_MAX {
            self.sweep(now);
        }
        if self.buckets.len() >= SOURCES_MAX {
            let shared = self.shared.get_or_insert_with(|| Bucket::full(now, per_s));
            return shared.take(now, per_s);
        }
        self.buckets.entry(key).or_insert_with(|| Bucket::full(now, per_s)).take(now, per_s)
    }

    /// Forgets sources that were silent for a second, at most once a second.
    fn sweep(&mut self, now: Moment) {
        let second = std::time::Duration::from_secs(1);
        if now.since(self.swept_at) >= second {
            self.swept_at = now;
            self.buckets.retain(|_, bucket| now.since(bucket.filled_at) < second);
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
}
