//! Stories of storage on a real directory: both backends, every failpoint, a killed process.

use super::{Backend, Error, Storage, StorageConfig, StorageStats};
use crate::edge::clock::now;
use crate::edge::keys::Keys;
use crate::g711::Law;
use crate::record::block::Block;
use crate::record::log::LogConfig;
use crate::record::story::{Desk, octet, packet, record_start, ring, sealed_segment};
use crate::record::{segment, wav};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};
use terms::failpoint::{Fault, arm, disarm};
use terms::media::{Ledger, RecordingState, Side};
use terms::{LegId, RecordingId};

mod parts;
mod sealed;
mod verify;

/// Failpoints are the whole process's: one story at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

const BACKENDS: [Backend; 2] = [Backend::TokioUring, Backend::Blocking];
/// Frames a party of [`conversations`].
const FRAMES: u32 = 100;

type Rows = Arc<Mutex<Vec<Ledger>>>;

fn config(dir: &Path, backend: Backend) -> StorageConfig {
    let (segments, recordings) = (dir.join("segments"), dir.join("recordings"));
    let keys = Keys { ring: ring(), from: "a test".to_owned() };
    StorageConfig {
        backend,
        log: LogConfig {
            sync_every: Duration::from_millis(50),
            retry_min: Duration::from_millis(10),
            retry_max: Duration::from_millis(50),
            ..LogConfig::default()
        },
        render_retry_min: Duration::from_millis(20),
        stop_max: Duration::from_secs(5),
        ..StorageConfig::new(segments, recordings, 1, keys)
    }
}

fn start(config: StorageConfig) -> (Storage, rtrb::Producer<Block>, Rows) {
    let rows = Rows::default();
    let tell = rows.clone();
    let on_ledger = move |ledger| tell.lock().unwrap().push(ledger);
    let (storage, mut rings) = Storage::start(config, on_ledger).expect("storage starts");
    (storage, rings.remove(0), rows)
}

/// Blocks of `ended` recordings of two seconds, and of one that never ends.
fn conversations(ended: &[u64], unfinished: Option<u64>) -> Vec<Block> {
    talk(&mut Desk::new(now()), ended, unfinished)
}

/// The same on a recorder that goes on: numbers of tracks and blocks are its own.
fn talk(desk: &mut Desk, ended: &[u64], unfinished: Option<u64>) -> Vec<Block> {
    desk.restart_clock(now());
    let mut tracks = Vec::new();
    for &id in ended.iter().chain(&unfinished) {
        let parties = [(LegId(id * 10), Side::Customer), (LegId(id * 10 + 1), Side::Other)];
        tracks.extend(desk.recorder.start(desk.start, &record_start(RecordingId(id), &parties)));
    }
    for n in 0..FRAMES {
        for &(leg, track) in &tracks {
            desk.send(&packet(track, 1 + (leg.0 % 10) as i16, n));
        }
    }
    desk.until(2000.0);
    for &id in ended {
        desk.recorder.stop(desk.at(2000.0), RecordingId(id));
    }
    desk.until(2300.0);
    std::mem::take(&mut desk.blocks)
}

fn push(ring: &mut rtrb::Producer<Block>, blocks: Vec<Block>) {
    for block in blocks {
        ring.push(block).expect("the ring has room for a test");
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

fn wait_for_rows(rows: &Rows, count: usize) -> Vec<Ledger> {
    wait("rows", || rows.lock().unwrap().len() >= count);
    rows.lock().unwrap().clone()
}

fn wait_idle(storage: &Storage) -> StorageStats {
    wait("an idle storage", || {
        let stats = storage.stats();
        stats.repair.is_some() && stats.renders_waiting == 0 && stats.backlog_bytes == 0
    });
    storage.stats()
}

/// The file that a row speaks of is there, whole, and says what was said.
fn check_file(dir: &Path, row: &Ledger) {
    let path = dir.join("recordings").join(row.path.as_ref().expect("a row with a file"));
    assert_eq!(row.path.as_deref(), Some(format!("5/2027-01-15/{}.wav", row.recording).as_str()));
    let bytes = fs::read(&path).expect("the file is there");
    assert_eq!(bytes.len() as u64, row.bytes);
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(Some(hash), row.sha256);
    let wav = wav::read(&bytes).expect("a valid file");
    assert_eq!(wav.channels[0].len() as i64, row.duration_ms * 8);
    // What a killed process still held in memory, less than 200 ms, is silent at the end.
    let unsaid_ms = if row.state == RecordingState::Repaired { 200 } else { 0 };
    let said = (row.duration_ms - unsaid_ms).max(0) as u32 / 20;
    if row.frames_missing == 0 {
        for (channel, voice) in [(0, 1), (1, 2)] {
            for n in 0..said.min(FRAMES) {
                let said = crate::g711::decode(Law::A, octet(Law::A, voice, n));
                assert_eq!(wav.channels[channel][n as usize * 160 + 80], said, "frame {n}");
            }
        }
    }
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        listed.filter(|path| path.extension().is_some_and(|ext| ext == "seg")).collect();
    files.sort();
    files
}

#[test]
fn a_conversation_becomes_a_file_and_a_row_and_its_segment_goes() {
    let _alone = alone();
    for backend in BACKENDS {
        let dir = tempfile::tempdir().unwrap();
        let (storage, mut ring, rows) = start(config(dir.path(), backend));
        push(&mut ring, conversations(&[1, 2], None));
        let told = wait_for_rows(&rows, 2);
        for row in &told {
            assert_eq!((row.state, row.duration_ms), (RecordingState::Recorded, 2000));
            assert_eq!((row.frames_expected, row.frames_missing), (200, 0));
            check_file(dir.path(), row);
        }
        let stats = wait_idle(&storage);
        assert_eq!(stats.backend, backend);
        assert!(stats.synced_at.is_some() && stats.blocks > 10 && stats.bytes > 60_000);
        assert_eq!(storage.stop().last_error, None);
        let (storage, _ring, rows) = start(config(dir.path(), backend));
        wait_idle(&storage);
        storage.stop();
        assert_eq!(rows.lock().unwrap().len(), 0, "no row is told twice");
        assert_eq!(segment_files(dir.path()), [] as [PathBuf; 0]);
    }
}

#[test]
fn full_segments_go_while_the_program_runs() {
    let _alone = alone();
    for backend in BACKENDS {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), backend);
        config.log.segment_bytes_max = 20_000;
        let (storage, mut ring, rows) = start(config);
        let mut desk = Desk::new(now());
        push(&mut ring, talk(&mut desk, &[1, 2, 3], Some(4)));
        for row in wait_for_rows(&rows, 3) {
            check_file(dir.path(), &row);
        }
        let held = wait_idle(&storage).segments;
        assert!(held > 5, "the unfinished recording holds its segments");
        desk.recorder.stop(desk.at(2300.0), RecordingId(4));
        push(&mut ring, talk(&mut desk, &[5], None));
        wait_for_rows(&rows, 5);
        wait("segments to go", || storage.stats().segments <= 2);
        storage.stop();
    }
}

/// A fault that passes costs nothing, whatever the step and whichever pass.
#[test]
fn a_fault_at_any_step_is_recovered_without_a_restart() {
    let _alone = alone();
    let log = ["storage.open", "storage.write", "storage.sync"];
    let render = [
        "storage.render_open",
        "storage.render",
        "storage.render_sync",
        "storage.rename",
        "storage.renamed",
    ];
    let tell = ["storage.ledger", "storage.tell", "storage.told", "storage.read"];
    for backend in BACKENDS {
        // The render thread is the same behind both.
        let names: Vec<&str> = match backend {
            Backend::Blocking => log.to_vec(),
            _ => log.into_iter().chain(render).chain(tell).collect(),
        };
        for name in names {
            for fault in [Fault::Eio, Fault::NoSpace, Fault::Short, Fault::StallMs(100)] {
                let dir = tempfile::tempdir().unwrap();
                arm(name, fault, 1);
                let (storage, mut ring, rows) = start(config(dir.path(), backend));
                push(&mut ring, conversations(&[1], None));
                let row = wait_for_rows(&rows, 1).remove(0);
                let stats = wait_idle(&storage);
                disarm(name);
                assert_eq!(row.state, RecordingState::Recorded, "{backend:?} {name} {fault:?}");
                check_file(dir.path(), &row);
                let quiet = matches!(fault, Fault::StallMs(_));
                assert_eq!(stats.last_error.is_none(), quiet, "{name} {fault:?} {stats:?}");
                storage.stop();
                assert_eq!(rows.lock().unwrap().len(), 1, "{backend:?} {name} {fault:?}");
                let (storage, _ring, rows) = start(config(dir.path(), backend));
                wait_idle(&storage);
                assert!(storage.stats().repair.unwrap().damaged <= 1);
                let again = rows.lock().unwrap().clone();
                let untold = name == "storage.told" && !quiet;
                assert_eq!(again, vec![row; usize::from(untold)], "{backend:?} {name} {fault:?}");
            }
        }
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_nothing_that_fits_the_backlog() {
    let _alone = alone();
    for backend in BACKENDS {
        let dir = tempfile::tempdir().unwrap();
        arm("storage.write", Fault::NoSpace, 0);
        let (storage, mut ring, rows) = start(config(dir.path(), backend));
        push(&mut ring, conversations(&[1], None));
        wait("the failures", || storage.stats().failures >= 3);
        let stats = storage.stats();
        assert!(stats.last_error.unwrap().contains("No space left"), "people read it");
        assert!(stats.backlog_bytes > 0 && stats.blocks == 0);
        disarm("storage.write");
        let row = wait_for_rows(&rows, 1).remove(0);
        assert_eq!((row.state, row.frames_missing), (RecordingState::Recorded, 0));
        check_file(dir.path(), &row);
        storage.stop();
    }
}

#[test]
fn beyond_the_backlog_the_row_says_which_frames_are_missing() {
    let _alone = alone();
    for backend in BACKENDS {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), backend);
        config.log.backlog_bytes_max = 20_000;
        arm("storage.write", Fault::Eio, 0);
        let (storage, mut ring, rows) = start(config);
        push(&mut ring, conversations(&[1], None));
        wait("the ring to be emptied", || storage.stats().frames_lost > 0 && ring.slots() == 2048);
        disarm("storage.write");
        let row = wait_for_rows(&rows, 1).remove(0);
        assert_eq!((row.state, row.duration_ms), (RecordingState::Partial, 2000));
        assert_eq!(row.frames_expected, 200);
        assert_eq!(row.frames_missing, storage.stats().frames_lost, "the books balance");
        assert!((80..180).contains(&row.frames_missing), "{row:?}");
        assert!(row.reason.as_ref().unwrap().contains("of 200 frames are not on disk"));
        for leg in [LegId(10), LegId(11)] {
            let (_, from, to) = *row.gaps.iter().find(|gap| gap.0 == leg).expect("a gap a leg");
            assert!((100..1300).contains(&from) && to == 2000, "{:?}", row.gaps);
        }
        check_file(dir.path(), &row);
        storage.stop();
    }
}

#[test]
fn a_stalled_disk_holds_up_neither_the_rings_nor_the_stop() {
    let _alone = alone();
    for backend in BACKENDS {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), backend);
        config.stop_max = Duration::from_millis(200);
        arm("storage.write", Fault::StallMs(1000), 0);
        let (storage, mut ring, _rows) = start(config.clone());
        push(&mut ring, conversations(&[1], None));
        wait("the rings to be emptied", || ring.slots() == config.ring_blocks_max);
        let begun = Instant::now();
        storage.stop();
        assert!(begun.elapsed() < Duration::from_millis(700), "{backend:?} {:?}", begun.elapsed());
        disarm("storage.write");
        // The stalled write may still come; the directory must outlive it.
        sleep(Duration::from_millis(1100));
    }
}

#[test]
fn a_refused_recording_gets_its_row_and_the_key_of_the_limit() {
    let _alone = alone();
    for (recordings_max, tracks_max, why) in [
        (0, 10, "too many recordings at once (recording.recordings_max)"),
        (10, 0, "too many parties are recorded at once (recording.tracks_max)"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
        let mut desk = Desk::new(now());
        let limits = crate::record::RecorderConfig {
            recordings_max,
            tracks_max,
            ..crate::record::RecorderConfig::default()
        };
        desk.recorder = crate::record::Recorder::new(limits, 0);
        let begun = record_start(RecordingId(3), &[(LegId(1), Side::Customer)]);
        assert_eq!(desk.recorder.start(desk.start, &begun), []);
        desk.until(300.0);
        push(&mut ring, desk.blocks);
        let row = wait_for_rows(&rows, 1).remove(0);
        assert_eq!((row.state, row.path.as_deref()), (RecordingState::Refused, None));
        assert_eq!(row.reason.as_deref(), Some(why));
        storage.stop();
    }
}

#[test]
fn a_newer_log_and_a_second_process_are_refused_with_a_sentence() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (storage, ..) = start(config(dir.path(), Backend::Blocking));
    let second = Storage::start(config(dir.path(), Backend::Blocking), |_| {});
    let busy = second.err().expect("one process a directory");
    assert!(matches!(busy, Error::Busy { .. }), "{busy}");
    storage.stop();
    let id = segment::SegmentId { shard: 0, seq: 9 };
    let (mut header, _) = sealed_segment(id, 1, &[]);
    header[8] = 3;
    let crc = crc32fast::hash(&header[8..28]);
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    fs::write(dir.path().join("segments").join(id.file_name()), header).unwrap();
    let second = Storage::start(config(dir.path(), Backend::Blocking), |_| {});
    let newer = second.err().expect("a newer log is not touched").to_string();
    assert!(newer.contains("version 3") && newer.contains("start the release that wrote it"));
    assert_eq!(segment_files(dir.path()).len(), 1);
}

/// What a process that recorded and was killed left behind, without the process.
fn leave_behind(dir: &Path) -> Vec<u8> {
    let (storage, mut ring, rows) = start(config(dir, Backend::Blocking));
    // Nothing is rendered, so that the segment stays.
    arm("storage.render", Fault::Eio, 0);
    push(&mut ring, conversations(&[1], Some(2)));
    wait("everything to be durable", || {
        let stats = storage.stats();
        stats.renders_failed > 0 && stats.backlog_bytes == 0
    });
    storage.stop();
    disarm("storage.render");
    assert_eq!(rows.lock().unwrap().len(), 0);
    let files = segment_files(dir);
    assert_eq!(files.len(), 1);
    fs::read(&files[0]).unwrap()
}

#[test]
fn damaged_blocks_are_set_aside_and_named_and_the_rest_is_used() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = leave_behind(dir.path());
    let blocks: Vec<usize> = segment::scan(&bytes)
        .iter()
        .filter_map(|found| match found {
            segment::Found::Block { at, .. } => Some(*at),
            _ => None,
        })
        .collect();
    let hit = blocks[blocks.len() / 2];
    bytes[hit + 100] ^= 0x20;
    let path = segment_files(dir.path()).remove(0);
    fs::write(&path, &bytes).unwrap();
    let (storage, _ring, rows) = start(config(dir.path(), Backend::Auto));
    let mut told = wait_for_rows(&rows, 2);
    told.sort_by_key(|row| row.recording);
    let report = wait_idle(&storage).repair.unwrap();
    assert_eq!((report.damaged, report.torn_tails), (1, 0));
    assert_eq!((report.ended, report.unfinished), (1, 1));
    assert_eq!(report.quarantined[0].offset, hit as u64);
    let aside = fs::read_dir(dir.path().join("segments/quarantine")).unwrap().count();
    assert_eq!(aside, 1);
    assert_eq!(told[0].state, RecordingState::Partial);
    assert_eq!(told[1].state, RecordingState::Repaired);
    for row in &told {
        assert!((2..=40).contains(&row.frames_missing), "{row:?}");
        assert_eq!(row.gaps.len(), 2, "{row:?}");
        check_file(dir.path(), row);
    }
    storage.stop();
    assert!(!path.exists(), "the segment is of no more use");
}

#[test]
fn a_damaged_header_loses_no_block() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = leave_behind(dir.path());
    bytes[9] ^= 1;
    fs::write(segment_files(dir.path()).remove(0), &bytes).unwrap();
    let (storage, _ring, rows) = start(config(dir.path(), Backend::Auto));
    let told = wait_for_rows(&rows, 2);
    assert!(told.iter().all(|row| row.frames_missing == 0), "{told:?}");
    assert_eq!(wait_idle(&storage).repair.unwrap().damaged, 1);
    storage.stop();
}

#[test]
fn a_small_disk_that_fills_up_and_is_freed_loses_no_call() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        let output = Command::new("mount").args(arguments).arg(dir.path()).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) {
        let told = std::env::var("SWITCHGRID_NO_MOUNT").is_ok_and(|told| told == "1");
        assert!(told, "no tmpfs is mounted: run as root, or set SWITCHGRID_NO_MOUNT=1 (README)");
        println!("no small disk: SWITCHGRID_NO_MOUNT says that none can be mounted here");
        return;
    }
    let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
    let mut desk = Desk::new(now());
    push(&mut ring, talk(&mut desk, &[1], None));
    wait_for_rows(&rows, 1);
    let filler = dir.path().join("filler");
    let filled = fs::File::create(&filler).unwrap().write_all(&vec![1; 2 << 20]);
    assert_eq!(filled.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    push(&mut ring, talk(&mut desk, &[2, 3], None));
    wait("the full disk to show", || {
        storage.stats().last_error.is_some_and(|error| error.contains("No space left"))
    });
    assert_eq!(rows.lock().unwrap().len(), 1);
    fs::remove_file(&filler).unwrap();
    for row in wait_for_rows(&rows, 3) {
        assert_eq!((row.state, row.frames_missing), (RecordingState::Recorded, 0));
        check_file(dir.path(), &row);
    }
    wait_idle(&storage);
    storage.stop();
    let unmounted = Command::new("umount").arg(dir.path()).status().unwrap();
    assert!(unmounted.success());
}

const CHILD: &str = "RECORDING_CHILD";
const POINTS: [&str; 15] = [
    "storage.open",
    "storage.write",
    "storage.sync",
    "storage.render_open",
    "storage.render",
    "storage.render_sync",
    "storage.rename",
    "storage.renamed",
    "storage.ledger",
    "storage.tell",
    "storage.told",
    "storage.reclaim",
    "storage.repair",
    "storage.compact",
    "storage.read",
];

/// Rows as a careful receiver writes them down: durably, before it returns.
fn durable_rows(dir: &Path) -> impl Fn(Ledger) + Send + Sync + 'static {
    let path = dir.join("rows");
    move |row| {
        let line = serde_json::to_string(&row).unwrap() + "\n";
        let mut file = fs::File::options().append(true).create(true).open(&path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        file.sync_data().unwrap();
    }
}

fn read_rows(dir: &Path) -> Vec<Ledger> {
    let text = fs::read_to_string(dir.join("rows")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The process that is killed at one of [`POINTS`], or reaches its end.
fn record_in_child(dir: &Path) {
    let mut config = config(dir, Backend::Auto);
    config.log.segment_bytes_max = 30_000;
    let (storage, mut rings) = Storage::start(config, durable_rows(dir)).unwrap();
    let mut desk = Desk::new(now());
    let told = |count| move || read_rows(dir).len() >= count;
    push(&mut rings[0], talk(&mut desk, &[1, 2], None));
    wait("two rows", told(2));
    push(&mut rings[0], talk(&mut desk, &[3, 4], Some(5)));
    wait("four rows", told(4));
    wait_idle(&storage);
    storage.stop();
}

#[test]
fn a_process_killed_at_any_step_loses_and_doubles_nothing() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return record_in_child(Path::new(&dir));
    }
    let _alone = alone();
    let this = std::env::current_exe().unwrap();
    let name = "edge::storage::story::a_process_killed_at_any_step_loses_and_doubles_nothing";
    let mut killed = BTreeMap::new();
    for point in POINTS {
        for pass in [1, 4] {
            let dir = tempfile::tempdir().unwrap();
            let child = Command::new(&this)
                .args(["--exact", name, "--nocapture"])
                .env(CHILD, dir.path())
                .env("SWITCHGRID_FAILPOINTS", format!("{point}=kill:{pass}"))
                .output()
                .unwrap();
            *killed.entry(point).or_insert(0) += usize::from(!child.status.success());
            let before = read_rows(dir.path());
            let durable = !["storage.open", "storage.write", "storage.sync"].contains(&point);
            let rows = restart_twice(dir.path());
            assert!(rows.starts_with(&before), "{point}:{pass}");
            let mut by_id: BTreeMap<RecordingId, &Ledger> = BTreeMap::new();
            for row in &rows {
                // The same row may be told again; another one for the same recording may not.
                let first = by_id.entry(row.recording).or_insert(row);
                assert_eq!(*first, row, "{point}:{pass}");
                check_file(dir.path(), row);
            }
            let ids: Vec<u64> = by_id.keys().map(|id| id.0).collect();
            if child.status.success() {
                assert_eq!(ids, [1, 2, 3, 4, 5], "{point}:{pass}");
            } else if durable && point != "storage.compact" {
                // The journal is compacted before anything is recorded.
                assert!(ids.starts_with(&[1, 2]), "{point}:{pass} {ids:?}");
            }
            assert!(rows.len() - by_id.len() <= 1, "{point}:{pass} tells one row again at most");
        }
    }
    let never: Vec<_> = killed.iter().filter(|&(_, &times)| times == 0).collect();
    assert_eq!(never, [(&"storage.repair", &0)], "an empty directory has nothing to repair");
}

/// Starts on what a killed process left, twice; the second start finds nothing to do.
fn restart_twice(dir: &Path) -> Vec<Ledger> {
    let (storage, _rings) = Storage::start(config(dir, Backend::Auto), durable_rows(dir)).unwrap();
    wait_idle(&storage);
    storage.stop();
    let rows = read_rows(dir);
    assert_eq!(segment_files(dir), [] as [PathBuf; 0]);
    let (storage, _rings) = Storage::start(config(dir, Backend::Auto), durable_rows(dir)).unwrap();
    wait_idle(&storage);
    storage.stop();
    assert_eq!(read_rows(dir), rows, "nothing is told a third time");
    let parts = walk(&dir.join("recordings"));
    assert!(parts.iter().all(|path| path.extension().is_some_and(|ext| ext == "wav")), "{parts:?}");
    rows
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// A start that is killed while it repairs does its work at the next one.
#[test]
fn a_repair_killed_at_any_step_is_done_by_the_next() {
    let name = "edge::storage::story::a_repair_killed_at_any_step_is_done_by_the_next";
    if let Some(dir) = std::env::var_os(CHILD) {
        let dir = Path::new(&dir);
        let (storage, _rings) =
            Storage::start(config(dir, Backend::Auto), durable_rows(dir)).unwrap();
        wait_idle(&storage);
        return;
    }
    let _alone = alone();
    let this = std::env::current_exe().unwrap();
    for point in &POINTS[3..] {
        let dir = tempfile::tempdir().unwrap();
        leave_behind(dir.path());
        let child = Command::new(&this)
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, dir.path())
            .env("SWITCHGRID_FAILPOINTS", format!("{point}=kill:1"))
            .output()
            .unwrap();
        assert!(!child.status.success(), "{point}");
        let rows = restart_twice(dir.path());
        let mut ids: Vec<u64> = rows.iter().map(|row| row.recording.0).collect();
        ids.dedup();
        assert_eq!(ids, [1, 2], "{point}");
        rows.iter().for_each(|row| check_file(dir.path(), row));
    }
}
