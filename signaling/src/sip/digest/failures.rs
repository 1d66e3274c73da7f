//! Wrong passwords by source. Bounded, and forgiven by one right password.

use super::{BLOCKED_FOR, FAILURES_MAX};
use crate::sip::bucket::{SOURCES_MAX, source_key};
use std::collections::HashMap;
use std::net::IpAddr;
use terms::Moment;

#[derive(Debug, Default)]
pub(super) struct Failures {
    by_source: HashMap<IpAddr, (u32, Moment)>,
}

impl Failures {
    pub(super) fn is_blocked(&self, now: Moment, source: IpAddr) -> bool {
        self.by_source
            .get(&source_key(source))
            .is_some_and(|&(count, last)| count >= FAILURES_MAX && now.since(last) < BLOCKED_FOR)
    }

    pub(super) fn note(&mut self, now: Moment, source: IpAddr) {
        if self.by_source.len() >= SOURCES_MAX {
            self.by_source.retain(|_, (_, last)| now.since(*last) < BLOCKED_FOR);
        }
        if self.by_source.len() >= SOURCES_MAX {
            self.by_source.retain(|_, (count, _)| *count >= FAILURES_MAX);
        }
        if self.by_source.len() >= SOURCES_MAX {
            return;
        }
        let (count, last) = self.by_source.entry(source_key(source)).or_insert((0, now));
        if now.since(*last) >= BLOCKED_FOR {
            *count = 0;
        }
        *count += 1;
        *last = now;
    }

    pub(super) fn forgive(&mut self, source: IpAddr) {
        self.by_source.remove(&source_key(source));
    }
}
