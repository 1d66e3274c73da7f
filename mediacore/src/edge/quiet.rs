//! What a thread does with memory once it has nothing to do.
//!
//! The allocator is the program's. As a rule it keeps what a thread has freed, or what others have
//! freed of it, until this very thread asks for memory again, which one without calls does not: how
//! much a process holds at rest would then depend on where its last peak was. So the program says how
//! its allocator gives memory back, and each thread that calls come and go through does it when it has
//! been idle for a while; and again after twice as long, and so on, because other threads that are not
//! done yet, like the one that renders, still free what this one had asked for.

use std::sync::OnceLock;
use std::time::Duration;
use terms::Moment;

/// Idle for so long, the first time.
pub const QUIET_AFTER: Duration = Duration::from_secs(1);

static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// How the thread that calls `how` gives back what it does not use. The first one that is set stays.
pub fn set_give_back(how: fn()) {
    GIVE_BACK.get_or_init(|| how);
}

/// Gives back what this thread does not use.
pub(crate) fn give_back() {
    if let Some(how) = GIVE_BACK.get() {
        how();
    }
}

/// One thread's idleness.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    since: Option<Moment>,
    /// How often it was told since then.
    told: u32,
}

impl Quiet {
    /// Whether the thread has been idle for [`QUIET_AFTER`] now, or for twice as long as when it was told
    /// last.
    pub(crate) fn begins(&mut self, now: Moment, is_idle: bool) -> bool {
        if !is_idle {
            *self = Quiet::default();
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let begins = now.since(since) >= QUIET_AFTER.saturating_mul(1_u32 << self.told.min(31));
        self.told += u32::from(begins);
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::engine::{Engine, EngineConfig};
    use crate::edge::keys::Keys;
    use crate::edge::storage::{Storage, StorageConfig};
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::thread;
    use std::time::Instant;

    #[test]
    fn every_thread_that_calls_go_through_gives_back_once_it_is_idle() {
        static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        set_give_back(|| {
            let name = thread::current().name().unwrap_or_default().to_owned();
            SEEN.lock().unwrap().insert(name);
        });
        let folder = tempfile::tempdir().unwrap();
        let segments = folder.path().join("segments");
        let keys = Keys::open(&folder.path().join("recording.keys"), &segments).unwrap();
        let config = StorageConfig::new(segments, folder.path().to_owned(), 1, keys);
        let (_storage, storage) = Storage::start(config, |_| {}).unwrap();
        let config = EngineConfig { storage, ..EngineConfig::default() };
        let _engine = Engine::start(config, |_, _| {}).unwrap();
        let began = Instant::now();
        for name in ["media-0", "recording-store", "recording-render"] {
            while !SEEN.lock().unwrap().contains(name) {
                assert!(began.elapsed() < Duration::from_secs(60), "{name} keeps everything");
                thread::sleep(Duration::from_millis(10));
            }
        }
    }

    #[test]
    fn quiet_begins_after_a_while_then_after_twice_as_long_and_anew_after_work() {
        let mut quiet = Quiet::default();
        let looks = [
            (0, true, false),
            (900, true, false),
            (1_000, true, true),
            (1_900, true, false),
            (2_000, true, true),
            (3_900, true, false),
            (5_000, true, true),
            (6_000, false, false),
            (6_500, true, false),
            (7_000, false, false),
            (7_600, true, false),
            (8_600, true, true),
        ];
        for (ms, is_idle, begins) in looks {
            assert_eq!(quiet.begins(Moment::from_millis(ms), is_idle), begins, "{ms}");
        }
    }
}
