//! The clocks of the box, read here and nowhere else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use terms::{Moment, Timestamp};

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the kernel to write, alive during the call.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(result, 0, "every Linux has this clock");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CLOCK_MONOTONIC.
pub fn now() -> Moment {
    Moment(read(libc::CLOCK_MONOTONIC))
}

/// The wall clock.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The wall clock at `Moment(0)`.
pub fn epoch() -> Timestamp {
    Timestamp(wall().0 - (now().0 / 1_000) as i64)
}

/// Where the time of libraries that want an `Instant` begins, in tests that have no clock.
#[cfg(test)]
pub(crate) fn origin() -> std::time::Instant {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    *ORIGIN.get_or_init(std::time::Instant::now)
}

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    Duration::from_nanos(read(libc::CLOCK_THREAD_CPUTIME_ID))
}

/// Sleeps until a moment; returns at once when it has passed.
pub fn sleep_until(at: Moment) {
    let time = libc::timespec {
        tv_sec: (at.0 / 1_000_000_000) as libc::time_t,
        tv_nsec: (at.0 % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: `time` is a valid timespec, alive during the call; no remainder is asked for. A signal
    // ends the sleep early, and the loop around it looks at the clock again.
    unsafe {
        libc::clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            libc::TIMER_ABSTIME,
            &time,
            std::ptr::null_mut(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_reaches_the_moment() {
        let until = now() + Duration::from_millis(5);
        sleep_until(until);
        assert!(now() >= until);
        assert!(thread_cpu() > Duration::ZERO);
        assert!(epoch() + Duration::from_nanos(now().0) > Timestamp::from_secs(1_700_000_000));
    }
}
