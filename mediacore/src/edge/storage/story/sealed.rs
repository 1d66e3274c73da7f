//! Stories of the sealed log: what a thief of the disk reads, what a forger achieves, and what
//! becomes of the keys.

use super::*;
use crate::edge::keys;
use crate::record::seal::{FileSeal, Keyring};
use crate::record::segment::{Found, SegmentHeader, scan};

/// A run of one octet that a block in clear is full of, and a sealed one is not.
const RUN: usize = 16;

fn says_something(bytes: &[u8]) -> bool {
    bytes.windows(RUN).any(|run| run[0] != 0 && run.iter().all(|&octet| octet == run[0]))
}

fn with_keys(dir: &Path, text: &str) -> StorageConfig {
    let ring = Arc::new(Keyring::parse(text).unwrap());
    let keys = Keys { ring, from: "the keys of this story".to_owned() };
    StorageConfig { keys, ..config(dir, Backend::Auto) }
}

fn seals(dir: &Path) -> Vec<FileSeal> {
    let of = |path: &PathBuf| SegmentHeader::read(&fs::read(path).unwrap()).unwrap().seal.unwrap();
    segment_files(dir).iter().map(of).collect()
}

/// Writes the checksum of the block at `at` anew, as a forger would.
fn check_again(bytes: &mut [u8], at: usize) {
    let body_bytes = u32::from_le_bytes(bytes[at + 12..at + 16].try_into().unwrap()) as usize;
    let end = at + 80 + body_bytes;
    let crc = crc32fast::hash(&bytes[at + 8..end]);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
}

fn block_starts(bytes: &[u8]) -> Vec<usize> {
    let start = |found: &Found| match *found {
        Found::Block { at, .. } => Some(at),
        _ => None,
    };
    scan(bytes).iter().filter_map(start).collect()
}

#[test]
fn nothing_that_was_said_stands_in_any_file_of_the_log() {
    let _alone = alone();
    assert!(conversations(&[1], None).iter().any(|block| says_something(block.bytes())));
    for backend in BACKENDS {
        let dir = tempfile::tempdir().unwrap();
        let (storage, mut ring, _rows) = start(config(dir.path(), backend));
        arm("storage.render", Fault::Eio, 0);
        push(&mut ring, conversations(&[1], Some(2)));
        wait("everything to be durable", || {
            let stats = storage.stats();
            stats.renders_failed > 0 && stats.backlog_bytes == 0
        });
        storage.stop();
        disarm("storage.render");
        let files = walk(&dir.path().join("segments"));
        let mut bytes = 0;
        for path in &files {
            let file = fs::read(path).unwrap();
            assert!(!says_something(&file), "{} can be listened to", path.display());
            bytes += file.len();
        }
        assert!(bytes > 60_000, "{files:?} hold the log");
    }
}

#[test]
fn what_was_changed_on_the_disk_is_missing_by_name_and_the_rest_is_rendered() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = leave_behind(dir.path());
    let starts = block_starts(&bytes);
    let hit = starts[starts.len() / 2];
    bytes[hit + 80 + 200] ^= 0x20;
    check_again(&mut bytes, hit);
    fs::write(segment_files(dir.path()).remove(0), &bytes).unwrap();
    let (storage, _ring, rows) = start(config(dir.path(), Backend::Auto));
    let mut told = wait_for_rows(&rows, 2);
    told.sort_by_key(|row| row.recording);
    let report = wait_idle(&storage).repair.unwrap();
    assert_eq!((report.damaged, report.changed, report.torn_tails), (1, 1, 0));
    let missing: u64 = told.iter().map(|row| row.frames_missing).sum();
    assert!((1..=8).contains(&missing), "one entry of some frames: {told:?}");
    for row in &told {
        check_file(dir.path(), row);
        if row.frames_missing > 0 {
            let reason = row.reason.as_ref().unwrap();
            assert!(reason.contains("the log was changed on disk"), "{reason}");
            assert_eq!(row.gaps.len(), 1, "{row:?}");
            let (_, from, to) = row.gaps[0];
            assert!(from < to && to - from < 400, "{row:?}");
        }
    }
    storage.stop();
}

#[test]
fn blocks_that_changed_places_are_not_believed() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let bytes = leave_behind(dir.path());
    let starts = block_starts(&bytes);
    let (one, two, three) = (starts[5], starts[6], starts[7]);
    let swapped = [&bytes[..one], &bytes[two..three], &bytes[one..two], &bytes[three..]].concat();
    assert_ne!(swapped, bytes);
    fs::write(segment_files(dir.path()).remove(0), swapped).unwrap();
    let (storage, _ring, rows) = start(config(dir.path(), Backend::Auto));
    let told = wait_for_rows(&rows, 2);
    let report = wait_idle(&storage).repair.unwrap();
    assert!((1..=2).contains(&report.changed), "{report:?}");
    assert!(told.iter().any(|row| row.frames_missing > 0), "{told:?}");
    let reasons = told.iter().filter_map(|row| row.reason.as_ref());
    assert!(reasons.into_iter().any(|reason| reason.contains("changed on disk")), "{told:?}");
    storage.stop();
}

/// The forger comes after the block was read back, and before it is rendered.
#[test]
fn what_was_changed_while_the_program_runs_is_missing_by_name() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
    let mut desk = Desk::new(now());
    push(&mut ring, talk(&mut desk, &[], Some(1)));
    wait("the log", || storage.stats().blocks > 10 && storage.stats().backlog_bytes == 0);
    let path = segment_files(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let starts = block_starts(&bytes);
    bytes[starts[starts.len() / 2] + 80 + 200] ^= 1;
    fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(&bytes).unwrap();
    desk.stop(RecordingId(1), 2400.0);
    push(&mut ring, std::mem::take(&mut desk.blocks));
    let row = wait_for_rows(&rows, 1).remove(0);
    assert_eq!(row.state, RecordingState::Partial);
    assert!((1..=8).contains(&row.frames_missing), "{row:?}");
    assert!(row.reason.as_ref().unwrap().contains("the log was changed on disk"), "{row:?}");
    storage.stop();
}

#[test]
fn a_wrong_key_and_a_missing_one_stop_the_start_with_a_sentence() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    leave_behind(dir.path());
    let other = with_keys(dir.path(), &"4c".repeat(32));
    let refused = Storage::start(other, |_| {}).err().expect("nothing would open").to_string();
    let sealed = segment_files(dir.path()).remove(0);
    for part in [&*sealed.display().to_string(), &ring().current().to_string(), "of this story"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let file = dir.path().join("recording.keys");
    let missing = Keys::open(&file, &dir.path().join("segments")).unwrap_err();
    assert!(matches!(missing, keys::Error::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("put the file back"), "{missing}");
    assert!(!file.exists(), "no key is made where one is missing");
    // The right key is all it takes.
    let right = with_keys(dir.path(), &"4b".repeat(32));
    let (storage, _ring, rows) = start(right);
    assert!(wait_for_rows(&rows, 2).iter().all(|row| row.frames_missing == 0));
    storage.stop();
}

#[test]
fn after_a_rotation_the_older_key_still_opens_and_the_new_one_seals() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    leave_behind(dir.path());
    let both = format!("{}\n{}", "4b".repeat(32), "4c".repeat(32));
    let newer = Keyring::parse(&both).unwrap().current();
    let (storage, mut ring, rows) = start(with_keys(dir.path(), &both));
    let told = wait_for_rows(&rows, 2);
    assert!(told.iter().all(|row| row.frames_missing == 0), "{told:?}");
    arm("storage.render", Fault::Eio, 0);
    push(&mut ring, conversations(&[7], None));
    wait("the new segment", || storage.stats().renders_failed > 0);
    storage.stop();
    disarm("storage.render");
    assert_eq!(seals(dir.path()).iter().map(|seal| seal.key).collect::<Vec<_>>(), [newer]);
    let (storage, _ring, rows) = start(with_keys(dir.path(), &both));
    check_file(dir.path(), &wait_for_rows(&rows, 1)[0]);
    storage.stop();
}

/// A nonce is a place in a file and a key is of one salt: no salt may come twice, not over restarts
/// either.
#[test]
fn no_two_segments_ever_share_a_salt() {
    let _alone = alone();
    let mut seen = std::collections::BTreeSet::new();
    let mut count = 0;
    for backend in BACKENDS {
        for _ in 0..3 {
            let dir = tempfile::tempdir().unwrap();
            let mut config = config(dir.path(), backend);
            config.log.segment_bytes_max = 10_000;
            let (storage, mut ring, _rows) = start(config);
            push(&mut ring, conversations(&[], Some(1)));
            wait("the log", || storage.stats().blocks > 10 && storage.stats().backlog_bytes == 0);
            storage.stop();
            let salts: Vec<_> = seals(dir.path()).iter().map(|seal| seal.salt).collect();
            count += salts.len();
            seen.extend(salts);
        }
    }
    assert!(count > 20 && seen.len() == count, "{} salts in {count} segments", seen.len());
}

/// Written by the last release before sealing: a recording that ended, and one that was cut short.
const VERSION_1: &[u8] = include_bytes!("version-1.seg");

#[test]
fn a_log_of_the_release_before_sealing_becomes_the_files_that_it_would_have_made() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let id = segment::SegmentId { shard: 0, seq: 1 };
    fs::create_dir_all(dir.path().join("segments")).unwrap();
    fs::write(dir.path().join("segments").join(id.file_name()), VERSION_1).unwrap();
    let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
    let mut told = wait_for_rows(&rows, 2);
    told.sort_by_key(|row| row.recording);
    let report = wait_idle(&storage).repair.unwrap();
    assert_eq!((report.damaged, report.ended, report.unfinished), (0, 1, 1));
    for (row, (id, state, sha256)) in told
        .iter()
        .zip([(77, RecordingState::Recorded, FILE_77), (78, RecordingState::Repaired, FILE_78)])
    {
        assert_eq!((row.recording, row.state), (RecordingId(id), state));
        assert_eq!((row.frames_expected, row.frames_missing), (20, 0));
        assert_eq!(row.sha256.as_deref(), Some(sha256), "octet by octet");
    }
    // What follows is sealed.
    arm("storage.render", Fault::Eio, 0);
    push(&mut ring, conversations(&[1], None));
    wait("the new segment", || storage.stats().renders_failed > 0);
    storage.stop();
    disarm("storage.render");
    assert_eq!(seals(dir.path()).len(), 1);
}

/// SHA-256 of the files that the release itself rendered from it.
const FILE_77: &str = "c63cffc195f3d28ea9d1fadf5ab4693181eb7197c6c791e63aa40fbac34847a4";
const FILE_78: &str = "50502c2ce924de9223ba597ab9e938ecd1e97e1e74d5e50db382c897be4b143d";
