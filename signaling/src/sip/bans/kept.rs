//! What is known of sources, over an orderly stop: bans in force, and who proved a password lately.

use super::{Bans, Held, KNOWN_FOR, KNOWN_MAX, Source};
use crate::sip::bucket::{SOURCES_MAX, source_key};
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use terms::control::Ban;
use terms::{Moment, Timestamp};

/// As it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Bans that were in force.
    pub bans: Vec<Ban>,
    /// Who proved a password, and until when that counts.
    pub known: Vec<(IpAddr, Timestamp)>,
}

impl Bans {
    pub fn keep(&self, now: Now) -> Kept {
        let known = self.known.iter().filter_map(|(key, at)| {
            let left = KNOWN_FOR.checked_sub(now.moment.since(*at)).filter(|left| !left.is_zero());
            Some((*key, now.wall + left?))
        });
        Kept { bans: self.list(now), known: known.collect() }
    }

    /// Takes up what was kept, before anything comes in; what is over meanwhile is left.
    pub fn restore(&mut self, now: Now, kept: Kept) {
        if self.are_off() {
            return;
        }
        for ban in kept.bans.into_iter().take(SOURCES_MAX) {
            let left = until(now, ban.until).min(self.limits.time_max);
            if left.is_zero() {
                continue;
            }
            let Ban { address, why, named, since, claimed, times, .. } = ban;
            let held = Held { since, until: now.moment + left, claimed, why, named };
            let times = if claimed { 0 } else { times };
            let source = Source { last: now.moment, held: Some(held), times, ..Source::default() };
            self.sources.insert(source_key(address), source);
        }
        for (address, counts_until) in kept.known.into_iter().take(KNOWN_MAX) {
            let left = until(now, counts_until).min(KNOWN_FOR);
            let since = (KNOWN_FOR - left).as_nanos();
            let at = Moment(now.moment.0.saturating_sub(u64::try_from(since).unwrap_or(u64::MAX)));
            if !left.is_zero() {
                self.known.insert(source_key(address), at);
            }
        }
    }
}

/// How long it is until then; nothing where that is past.
fn until(now: Now, then: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(then.0.saturating_sub(now.wall.0)).unwrap_or(0))
}
