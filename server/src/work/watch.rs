//! Questions that nobody can stop. One that takes too long is stopped where it gives way to others;
//! one that never does, such as a text that is planned for ever, would hold a thread of this process
//! and in the end all of them. So a thread of its own looks at the clock, and ends the process: the
//! supervisor starts it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a question may take beyond twice its time: the machine may be busy.
const GRACE: Duration = Duration::from_secs(5);
/// What the process ends with.
const EXIT_STUCK: i32 = 70;

/// The questions that run.
#[derive(Debug)]
pub struct Watch {
    longest: Duration,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    since: BTreeMap<u64, Instant>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Watched {
    watch: Arc<Watch>,
    number: u64,
}

impl Watch {
    /// For questions that should take `time_max` at most.
    pub fn new(time_max: Duration) -> Arc<Self> {
        let longest = time_max.saturating_mul(2).saturating_add(GRACE);
        Arc::new(Watch { longest, running: Mutex::default() })
    }

    /// A question begins.
    pub fn begin(self: &Arc<Self>, now: Instant) -> Watched {
        let mut running = self.running.lock().expect("no panic while held");
        let number = running.next;
        running.next += 1;
        running.since.insert(number, now);
        drop(running);
        Watched { watch: self.clone(), number }
    }

    /// True when one of them should have ended long ago.
    pub fn is_stuck(&self, now: Instant) -> bool {
        let running = self.running.lock().expect("no panic while held");
        running.since.values().any(|since| now.saturating_duration_since(*since) > self.longest)
    }

    /// Ends the process when a question cannot be stopped.
    pub fn keep_on(self: Arc<Self>) {
        loop {
            std::thread::sleep(LOOK_EVERY);
            if self.is_stuck(Instant::now()) {
                tracing::error!(longest = ?self.longest, "a question cannot be stopped; starting anew");
                std::process::exit(EXIT_STUCK);
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut running = self.watch.running.lock().expect("no panic while held");
        running.since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_cannot_be_stopped_is_noticed_and_one_that_ended_is_not() {
        let watch = Watch::new(Duration::from_secs(30));
        let at = Instant::now();
        let later = |seconds| at + Duration::from_secs(seconds);
        assert!(!watch.is_stuck(later(1_000)), "nothing runs");
        let first = watch.begin(at);
        let second = watch.begin(later(60));
        assert!(!watch.is_stuck(later(65)), "it may still be on its way to a stop");
        assert!(watch.is_stuck(later(66)));
        drop(first);
        assert!(!watch.is_stuck(later(66)), "the second one is young");
        assert!(watch.is_stuck(later(126)));
        drop(second);
        assert!(!watch.is_stuck(later(1_000)));
    }
}
