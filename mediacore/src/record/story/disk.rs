//! The recorder and its log above a disk of virtual time: power cuts, stalls, errors, a full disk.

use super::*;
use crate::record::log::{LogConfig, Op, Outcome, ShardLog};

/// How often the storage thread looks; a disk answers no sooner.
const LOOK_MS: u64 = 10;
const SYNC_MS: u64 = 50;

/// What an operation that begins at this millisecond meets: how long it takes, and how it ends.
type Manner<'a> = &'a dyn Fn(u64, &Op) -> (u64, Outcome);

/// A disk in good health.
fn healthy(_: u64, op: &Op) -> (u64, Outcome) {
    (if matches!(op, Op::Sync(_)) { SYNC_MS } else { 0 }, Outcome::Done)
}

/// Between the recorder and the disk.
struct Storage {
    log: ShardLog,
    under_way: Option<(u64, Op, Outcome)>,
    durable: Vec<Block>,
    backlog_most: usize,
    ms: u64,
}

impl Storage {
    fn new(config: LogConfig) -> Storage {
        let log = ShardLog::new(config, 0, 1, 1);
        Storage { log, under_way: None, durable: Vec::new(), backlog_most: 0, ms: 0 }
    }

    fn step(&mut self, desk: &mut Desk, manner: Manner) {
        self.ms += LOOK_MS;
        desk.until(self.ms as f64);
        let now = desk.at(self.ms as f64);
        desk.blocks.drain(..).for_each(|block| self.log.accept(block));
        self.backlog_most = self.backlog_most.max(self.log.stats().backlog_bytes);
        if let Some((_, op, outcome)) = self.under_way.take_if(|(ends_ms, ..)| *ends_ms <= self.ms)
        {
            let durable = self.log.done(now, op, outcome);
            self.durable.extend(durable.into_iter().map(|durable| durable.block));
        }
        if self.under_way.is_none()
            && let Some(op) = self.log.poll_op(now)
        {
            let (takes_ms, outcome) = manner(self.ms, &op);
            self.under_way = Some((self.ms + takes_ms, op, outcome));
        }
    }

    /// Both parties speak for so long; then the recording stops and the disk takes what is left.
    fn talk(&mut self, ms: u64, manner: Manner) -> (Wav, Rendered) {
        let (mut desk, tracks) = Desk::open(&BOTH);
        while self.ms < ms {
            say(&mut desk, &tracks, self.ms);
            self.step(&mut desk, manner);
        }
        desk.recorder.stop(desk.at(self.ms as f64), CALL);
        let over = self.ms + 10_000;
        while self.ms < over {
            self.step(&mut desk, manner);
        }
        assert!(self.log.is_drained(), "the disk took everything");
        let (bytes, conversations) = log_of(&self.durable);
        assert_eq!(conversations.len(), 1);
        rendered(&conversations[0], &bytes)
    }
}

/// The frame of both that arrives at this millisecond, if one does.
fn say(desk: &mut Desk, tracks: &[TrackIdx], ms: u64) {
    if ms == 0 || !ms.is_multiple_of(20) {
        return;
    }
    for (&track, voice) in tracks.iter().zip([1, 2]) {
        desk.send(&packet(track, voice, (ms / 20) as u32 - 1));
    }
}

/// Frames of both sides that are not as they were said.
fn silent(wav: &Wav, frames: u32) -> Vec<u32> {
    let whole = |n: &u32| {
        let voices = [(0, 1), (1, 2)];
        voices.iter().all(|&(channel, voice)| heard(wav, channel, *n) == said(Law::A, voice, *n))
    };
    (0..frames).filter(|n| !whole(n)).collect()
}

#[test]
fn a_power_cut_at_any_moment_has_lost_less_than_a_second() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let mut storage = Storage::new(LogConfig::default());
    let mut most = 0;
    while storage.ms < 3_600 {
        say(&mut desk, &tracks, storage.ms);
        storage.step(&mut desk, &healthy);
        // From here on more than two syncs are seen whole.
        if storage.ms < 2_000 {
            continue;
        }
        // Only what was synced is there after the cut.
        let (bytes, ended) = log_of(&storage.durable);
        let (_, unfinished) = read_log(&bytes);
        assert_eq!((ended.len(), unfinished.len()), (0, 1));
        let (wav, _) = rendered(&unfinished[0], &bytes);
        let whole = (0..wav.channels[0].len() as u32 / 160)
            .take_while(|&n| heard(&wav, 0, n) == said(Law::A, 1, n))
            .count() as u64;
        most = most.max(storage.ms - whole * 20);
        assert!(whole * 20 + 1_000 > storage.ms, "{} of {} ms", whole * 20, storage.ms);
    }
    assert!(most > 500, "the sync is what it waits for: {most} ms");
}

#[test]
fn a_disk_that_stalls_for_ten_seconds_costs_nothing_and_one_of_thirty_is_told() {
    for (stall_ms, lost) in [(100, false), (10_000, false), (30_000, true)] {
        // Twelve seconds of both sides, with what stands around them in a block.
        let backlog_bytes_max = 12 * 20_000;
        let mut storage = Storage::new(LogConfig { backlog_bytes_max, ..LogConfig::default() });
        let begun = std::cell::Cell::new(false);
        let stalled = |ms: u64, op: &Op| match ms >= 2_000 && !begun.replace(ms >= 2_000) {
            true => (stall_ms, Outcome::Done),
            false => healthy(ms, op),
        };
        let over_ms = 2_000 + stall_ms + 3_000;
        let (wav, rendered) = storage.talk(over_ms, &stalled);
        let frames = (over_ms / 20) as u32 - 1;
        let stats = storage.log.stats();
        assert!(storage.backlog_most <= backlog_bytes_max, "memory has its limit");
        assert_eq!(rendered.frames_expected, 2 * u64::from(frames));
        assert_eq!(rendered.frames_missing, stats.frames_lost, "the books balance");
        assert_eq!(stats.declarations_lost, 0);
        let silent = silent(&wav, frames);
        assert_eq!(silent.is_empty(), !lost, "{stall_ms} ms: {silent:?}");
        assert_eq!(rendered.gaps.len(), if lost { 2 } else { 0 }, "{:?}", rendered.gaps);
        for (_, from, to) in &rendered.gaps {
            let inside = |n: &u32| (*from - 40..=*to).contains(&(i64::from(*n) * 20));
            assert!(silent.iter().all(inside), "{from} to {to} ms, but {silent:?}");
            assert!(*from > 2_000 + 9_000, "the first nine seconds are kept: {from}");
        }
    }
}

#[test]
fn a_full_disk_is_said_within_five_seconds_and_resumes_within_five() {
    let mut storage = Storage::new(LogConfig::default());
    let full = |ms: u64, op: &Op| match (ms, op) {
        (2_000..9_000, Op::Open(_) | Op::Write { .. }) => (0, Outcome::NoSpace),
        _ => healthy(ms, op),
    };
    let (mut desk, tracks) = Desk::open(&BOTH);
    let (mut said_ms, mut resumed_ms) = (None, None);
    let mut held = 0;
    while storage.ms < 16_000 {
        say(&mut desk, &tracks, storage.ms);
        storage.step(&mut desk, &full);
        let stats = storage.log.stats();
        if stats.failures > 0 {
            said_ms.get_or_insert(storage.ms);
        }
        if storage.ms < 9_000 {
            held = stats.blocks;
        } else if stats.blocks > held {
            resumed_ms.get_or_insert(storage.ms);
        }
    }
    assert!(said_ms.is_some_and(|ms| (2_000..2_000 + 5_000).contains(&ms)), "{said_ms:?}");
    assert!(resumed_ms.is_some_and(|ms| (9_000..9_000 + 5_000).contains(&ms)), "{resumed_ms:?}");
    assert_eq!(storage.log.stats().frames_lost, 0, "seven seconds fit the backlog");
}

#[test]
fn an_error_at_any_operation_in_the_middle_leaves_the_recording_whole() {
    // Of every operation after two seconds, each in its turn, and then three in a row.
    for (first, count) in (0..12).map(|first| (first, 1)).chain([(0, 3), (5, 3)]) {
        let mut storage = Storage::new(LogConfig::default());
        let seen = std::cell::Cell::new(0);
        let failing = |ms: u64, op: &Op| {
            if ms < 2_000 {
                return healthy(ms, op);
            }
            let n = seen.replace(seen.get() + 1);
            let fails = (first..first + count).contains(&n) && !matches!(op, Op::Close(_));
            if fails { (0, Outcome::Failed) } else { healthy(ms, op) }
        };
        let (wav, rendered) = storage.talk(5_000, &failing);
        assert_eq!((rendered.frames_expected, rendered.frames_missing), (498, 0));
        assert_eq!(silent(&wav, 249), [] as [u32; 0], "operation {first}, {count} in a row");
        assert!(storage.log.stats().failures > 0 || count == 1);
    }
}

#[test]
fn a_mount_whose_every_sync_takes_two_seconds_keeps_up() {
    let mut storage = Storage::new(LogConfig::default());
    let slow = |ms: u64, op: &Op| match op {
        Op::Sync(_) => (2_000, Outcome::Done),
        _ => healthy(ms, op),
    };
    let (wav, rendered) = storage.talk(20_000, &slow);
    assert_eq!((rendered.frames_missing, silent(&wav, 999).len()), (0, 0));
    // One sync does for all that came meanwhile: never more than a few seconds wait.
    assert!(storage.backlog_most < 6 * 20_000, "{} bytes", storage.backlog_most);
}
