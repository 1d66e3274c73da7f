//! Both clocks of the machine.

use crate::switch::Now;
use std::time::{SystemTime, UNIX_EPOCH};
use terms::{Moment, Timestamp};

/// Both clocks, read now.
pub fn now() -> Now {
    Now { moment: moment(), wall: wall() }
}

/// CLOCK_MONOTONIC.
pub fn moment() -> Moment {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours that lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(result, 0, "every Linux has CLOCK_MONOTONIC");
    Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// An `Instant` for libraries that want one, in tests in which no time passes.
#[cfg(test)]
pub(crate) fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// The wall clock.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}
