//! Both clocks of the machine. What is written down of a call becomes its durations: the wall clock that
//! calls see goes on with CLOCK_MONOTONIC, and where somebody sets the system's, it follows between calls.

use crate::switch::Now;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use terms::{Moment, Timestamp};

/// A difference between the clocks that is a step, and no time between two readings.
const STEP_MIN: Duration = Duration::from_millis(100);
/// After this long a step is followed although calls live.
const FOLLOWED_MAX: Duration = Duration::from_secs(3_600);

/// Both clocks, read now.
pub fn now() -> Now {
    let moment = moment();
    let mut kept = steady();
    let steady = kept.get_or_insert_with(|| Steady::new(Now { moment, wall: system() }));
    Now { moment, wall: steady.wall(moment) }
}

/// Follows the system's wall clock where it was set: at once while no call lives, else later.
pub fn follow(is_idle: bool) {
    let system = Now { moment: moment(), wall: system() };
    let step_us = steady().as_mut().and_then(|steady| steady.follow(system, is_idle));
    if let Some(step_us) = step_us {
        tracing::warn!(
            step_ms = step_us / 1_000,
            "the system's clock was set: times follow it now"
        );
    }
}

fn steady() -> MutexGuard<'static, Option<Steady>> {
    static STEADY: Mutex<Option<Steady>> = Mutex::new(None);
    STEADY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wall clock without steps.
#[derive(Debug)]
struct Steady {
    /// Microseconds from a moment to its wall time.
    ahead_us: i64,
    /// Since when the system's is another one.
    stepped_at: Option<Moment>,
}

impl Steady {
    fn new(now: Now) -> Self {
        Steady { ahead_us: now.wall.0 - micros(now.moment), stepped_at: None }
    }

    fn wall(&self, moment: Moment) -> Timestamp {
        Timestamp(micros(moment) + self.ahead_us)
    }

    /// By how many microseconds the time goes on or back now.
    fn follow(&mut self, system: Now, is_idle: bool) -> Option<i64> {
        let step_us = system.wall.0 - self.wall(system.moment).0;
        if u128::from(step_us.unsigned_abs()) < STEP_MIN.as_micros() {
            self.stepped_at = None;
            return None;
        }
        let since = *self.stepped_at.get_or_insert(system.moment);
        if !is_idle && system.moment - since < FOLLOWED_MAX {
            return None;
        }
        self.ahead_us += step_us;
        self.stepped_at = None;
        Some(step_us)
    }
}

fn micros(moment: Moment) -> i64 {
    (moment.0 / 1_000) as i64
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

/// The wall clock that calls see.
pub fn wall() -> Timestamp {
    now().wall
}

/// The system's wall clock.
fn system() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;
    const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

    /// The system's clocks, `secs` seconds after noon, its wall clock set by `step_us`.
    fn system_at(secs: u64, step_us: i64) -> Now {
        let moment = Moment::from_secs(1_000 + secs);
        Now { moment, wall: Timestamp(NOON.0 + secs as i64 * 1_000_000 + step_us) }
    }

    #[test]
    fn a_step_in_a_call_is_followed_when_it_is_over() {
        for step in [HOUR, -HOUR] {
            let mut steady = Steady::new(system_at(0, 0));
            let began = steady.wall(system_at(10, step).moment);
            assert_eq!(steady.follow(system_at(10, step), false), None);
            let ended = steady.wall(system_at(70, step).moment);
            assert_eq!(ended.millis_since(began), 60_000, "the call lasted a minute");
            assert_eq!(steady.follow(system_at(71, step), true), Some(step));
            assert_eq!(steady.wall(system_at(72, step).moment), system_at(72, step).wall);
            assert_eq!(steady.follow(system_at(73, step), true), None, "once");
        }
    }

    #[test]
    fn a_box_that_is_never_idle_follows_after_an_hour() {
        let mut steady = Steady::new(system_at(0, 0));
        let followed = (0..=7_200).step_by(60).map(|secs| {
            let step = steady.follow(system_at(secs, -HOUR), false);
            step.map(|step| (secs, step))
        });
        assert_eq!(followed.flatten().collect::<Vec<_>>(), [(3_600, -HOUR)]);
    }

    #[test]
    fn the_time_between_two_readings_is_no_step_and_one_that_is_taken_back_is_none() {
        let mut steady = Steady::new(system_at(0, 0));
        assert_eq!(steady.follow(system_at(1, 99_000), true), None);
        assert_eq!(steady.follow(system_at(2, HOUR), false), None);
        assert_eq!(steady.follow(system_at(3, 0), false), None);
        assert_eq!(steady.follow(system_at(3_700, HOUR), false), None, "it counts anew");
        assert_eq!(steady.wall(system_at(4, 0).moment), system_at(4, 0).wall);
    }

    #[test]
    fn the_clock_that_calls_see_is_the_systems() {
        let before = system();
        let seen = now().wall;
        assert!(seen.millis_since(before).abs() < 60_000);
        follow(true);
        assert!(now().moment >= Moment::default());
    }
}
