//! The event log on a disk that fails: what it says is synced is on disk, what waits is written in its
//! order once there is room, and what found no room is counted.

#![allow(clippy::disallowed_methods, reason = "a test of the edge stands outside of the core")]

use signaling::edge::journal::{Config, Journal};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use terms::event::{self, ENTRY_VERSION, Entry, Kind};
use terms::failpoint::{Fault, arm, disarm};
use terms::{TenantId, Timestamp};

const APPEND: &str = "journal.append";
const SYNC: &str = "journal.sync";
/// Long enough for any disk.
const LONG: Duration = Duration::from_secs(20);
/// Many rounds of the thread that syncs.
const MOMENT: Duration = Duration::from_millis(300);
/// At least one round after a sync that failed: the next is a second later.
const ROUND: Duration = Duration::from_millis(1_500);

/// Failpoints are the process's: one test at a time. None is armed before and after.
struct Alone(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Alone {
    fn new() -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        Alone(ONE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        disarm(APPEND);
        disarm(SYNC);
    }
}

fn entry() -> Entry {
    Entry {
        v: ENTRY_VERSION,
        seq: 0,
        at: Timestamp(1),
        tenant: TenantId(1),
        contact: None,
        call: None,
        leg: None,
        kind: Kind::Started { program: "test".into(), kept: Vec::new() },
    }
}

fn open(dir: &Path, backlog_bytes_max: usize) -> Journal {
    let retry_every = Duration::from_millis(1);
    Journal::open(dir, Config { backlog_bytes_max, retry_every, ..Config::default() }).unwrap()
}

/// Flushes until the kernel has everything.
fn flush(journal: &mut Journal) {
    for _ in 0..10_000 {
        if journal.flush() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing is written although there is room");
}

/// The sequence numbers that lie in the folder, file by file.
fn written(dir: &Path) -> Vec<u64> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut seqs = Vec::new();
    for file in files {
        let (bytes, mut at) = (std::fs::read(file).unwrap(), 0);
        while let Some((entry, used)) = event::read_frame(&bytes[at..]).unwrap() {
            seqs.push(entry.seq);
            at += used;
        }
    }
    seqs
}

fn only_file(dir: &Path) -> std::path::PathBuf {
    std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_sync_that_fails_once_tells_nobody_and_the_next_one_does() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 1 << 20);
    let first = journal.append(entry()).unwrap();
    flush(&mut journal);
    assert!(journal.synced().wait(first, LONG));
    arm(SYNC, Fault::Eio, 0);
    let second = journal.append(entry()).unwrap();
    flush(&mut journal);
    assert!(!journal.synced().wait(second, MOMENT), "no sync has succeeded");
    assert!(journal.synced().wait(first, Duration::ZERO), "what was on disk is");
    disarm(SYNC);
    assert!(journal.synced().wait(second, LONG));
    drop(journal);
    assert_eq!(written(dir.path()), [1, 2]);
}

#[test]
fn bytes_that_a_failed_sync_lost_are_never_told_as_synced() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 1 << 20);
    arm(SYNC, Fault::Eio, 0);
    let seq = journal.append(entry()).unwrap();
    flush(&mut journal);
    assert!(!journal.synced().wait(seq, MOMENT));
    // What a kernel shows that threw the page away and read the disk anew.
    let file = only_file(dir.path());
    let whole = std::fs::read(&file).unwrap();
    let gone = vec![0; whole.len()];
    // A round that had read them already writes them back once.
    while std::fs::read(&file).unwrap() != gone {
        std::fs::write(&file, &gone).unwrap();
        std::thread::sleep(MOMENT);
    }
    disarm(SYNC);
    assert!(!journal.synced().wait(seq, ROUND), "a sync that succeeds is not enough");
    std::fs::write(&file, &whole).unwrap();
    assert!(journal.synced().wait(seq, LONG), "the bytes are there and were written again");
}

#[test]
fn what_is_in_doubt_is_written_to_its_place_again_before_it_counts() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 1 << 20);
    arm(SYNC, Fault::Eio, 0);
    let seq = journal.append(entry()).unwrap();
    flush(&mut journal);
    assert!(!journal.synced().wait(seq, MOMENT));
    // The next round is a while away, and nobody appends: whoever writes now writes again.
    let file = std::fs::File::options().append(true).open(only_file(dir.path())).unwrap();
    let written_at = || file.metadata().unwrap().modified().unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    file.set_modified(long_ago).unwrap();
    assert_eq!(written_at(), long_ago);
    disarm(SYNC);
    assert!(journal.synced().wait(seq, LONG));
    assert_ne!(written_at(), long_ago, "pages that a failed sync left would never leave memory");
    drop(journal);
    assert_eq!(written(dir.path()), [1]);
}

#[test]
fn much_that_is_in_doubt_is_written_again_in_pieces() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 64 << 20);
    arm(SYNC, Fault::Eio, 0);
    let program = "x".repeat(40_000);
    for _ in 0..300 {
        let kind = Kind::Started { program: program.clone(), kept: Vec::new() };
        journal.append(Entry { kind, ..entry() }).unwrap();
        flush(&mut journal);
    }
    let last = journal.last_seq();
    assert!(!journal.synced().wait(last, MOMENT));
    disarm(SYNC);
    assert!(journal.synced().wait(last, LONG));
    drop(journal);
    assert_eq!(written(dir.path()), (1..=300).collect::<Vec<_>>());
}

#[test]
fn a_file_does_not_end_before_it_is_on_disk() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let config = Config { file_bytes_max: 1, ..Config::default() };
    let mut journal = Journal::open(dir.path(), config).unwrap();
    arm(SYNC, Fault::Eio, 0);
    let seq = journal.append(entry()).unwrap();
    flush(&mut journal);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "it goes on in its file");
    assert!(!journal.synced().wait(seq, Duration::ZERO));
    disarm(SYNC);
    assert!(journal.synced().wait(seq, LONG), "the thread that syncs clears the doubt");
    journal.append(entry());
    flush(&mut journal);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    assert!(journal.synced().wait(2, Duration::ZERO), "the new file begins when it is");
    drop(journal);
    assert_eq!(written(dir.path()), [1, 2]);
}

#[test]
fn entries_wait_for_room_and_are_written_in_their_order() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 1 << 20);
    for fault in [Fault::NoSpace, Fault::Eio] {
        arm(APPEND, fault, 0);
        for _ in 0..5 {
            journal.append(entry()).unwrap();
            assert!(!journal.flush(), "the disk takes nothing");
        }
        let last = journal.last_seq();
        assert!(!journal.synced().wait(last, MOMENT), "nothing of it is on disk");
        disarm(APPEND);
        flush(&mut journal);
        assert!(journal.synced().wait(last, LONG));
    }
    assert_eq!(journal.lost(), 0);
    drop(journal);
    assert_eq!(written(dir.path()), (1..=10).collect::<Vec<_>>());
}

#[test]
fn who_comes_again_while_the_disk_takes_nothing_is_not_written_each_time() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 1 << 20);
    assert!(journal.append_now(entry()));
    assert_eq!(written(dir.path()), [1], "the kernel has it");
    arm(APPEND, Fault::NoSpace, 0);
    for _ in 0..5 {
        assert!(!journal.append_now(entry()), "the disk takes nothing");
    }
    disarm(APPEND);
    flush(&mut journal);
    assert!(journal.append_now(entry()));
    drop(journal);
    assert_eq!(written(dir.path()), [1, 2, 3], "of five the first alone");
}

#[test]
fn half_a_write_and_a_slow_one_leave_whole_entries() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 1 << 20);
    for fault in [Fault::Short, Fault::StallMs(20)] {
        arm(APPEND, fault, 1);
        journal.append(entry()).unwrap();
        journal.append(entry()).unwrap();
        assert!(journal.flush());
    }
    drop(journal);
    assert_eq!(written(dir.path()), [1, 2, 3, 4]);
}

#[test]
fn what_finds_the_backlog_full_is_counted_and_the_rest_has_no_gap() {
    let _alone = Alone::new();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), 400);
    arm(APPEND, Fault::NoSpace, 0);
    let told: Vec<Option<u64>> = (0..20)
        .map(|_| {
            let seq = journal.append(entry());
            journal.flush();
            seq
        })
        .collect();
    let kept: Vec<u64> = told.iter().copied().flatten().collect();
    assert!(!kept.is_empty() && kept.len() < 20, "{told:?}");
    assert_eq!(journal.lost(), 20 - kept.len() as u64);
    assert_eq!(kept, (1..=kept.len() as u64).collect::<Vec<_>>());
    disarm(APPEND);
    flush(&mut journal);
    let next = journal.append(entry()).expect("there is room again");
    flush(&mut journal);
    assert!(journal.synced().wait(next, LONG));
    drop(journal);
    assert_eq!(written(dir.path()), (1..=next).collect::<Vec<_>>());
    assert_eq!(next, kept.len() as u64 + 1);
}
