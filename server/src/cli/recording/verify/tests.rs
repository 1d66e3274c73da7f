//! A store with one of each fault.

use super::*;
use mediacore::g711::Law;
use mediacore::record::wav::{self, Format};
use sha2::{Digest, Sha256};
use std::fs;
use std::time::{Duration, SystemTime};
use terms::record::Row;
use terms::{CallId, ContactId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

/// A box with recordings.
pub(in crate::cli::recording) struct Store {
    folder: tempfile::TempDir,
    pub(in crate::cli::recording) config: Config,
}

impl Store {
    /// A box with the recordings 1 to 9 of a second each.
    pub(in crate::cli::recording) async fn new() -> Store {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        fs::create_dir_all(folder.path().join("run")).unwrap();
        crate::first::bootstrap(&config, None).await.unwrap();
        Keys::open(&config.recording_keys(), &folder.path().join("segments")).unwrap();
        let store = Store { folder, config };
        let rows: Vec<Row> = (1..=9).map(|id| store.record(id)).collect();
        let warehouse = Warehouse::open(store.folder.path().join("warehouse")).await.unwrap();
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        warehouse.close().await;
        store
    }

    pub(in crate::cli::recording) fn file(&self, id: u64) -> PathBuf {
        self.folder.path().join(format!("recordings/1/2026-11-23/{id}.wav"))
    }

    fn record(&self, id: u64) -> Row {
        let mut bytes = Format::stereo_8k(Some(Law::A)).header(8000);
        bytes.extend((0..16_000_u64).map(|n| (n * id) as u8));
        let file = self.file(id);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &bytes).unwrap();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Row::Recording(Recording {
            paused_ms: None,
            marks: None,
            format: None,
            tenant_id: TenantId(1),
            recording_id: RecordingId(id),
            call_id: CallId(id),
            contact_id: ContactId(id),
            call_started_at: NOON,
            started_at: NOON,
            duration_ms: 1000,
            kind: "conversation".into(),
            agent_id: None,
            queue_id: None,
            caller: "+8613800138000".into(),
            state: "recorded".into(),
            frames_expected: 100,
            frames_missing: 0,
            path: Some(format!("1/2026-11-23/{id}.wav")),
            bytes: bytes.len() as i64,
            sha256: Some(sha256),
            reason: None,
        })
    }

    /// Puts a file there that was written long ago.
    fn old_file(&self, path: &str) {
        let file = self.folder.path().join("recordings").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "x").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(86_400);
        fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file(id)).unwrap();
        change(&mut bytes);
        fs::write(self.file(id), bytes).unwrap();
    }

    async fn look(&self, repair: bool) -> Report {
        look(&self.config, repair).await.unwrap()
    }
}

fn kinds(report: &Report) -> Vec<(u64, &str)> {
    report.faults.iter().map(|finding| (finding.recording.0, finding.kind)).collect()
}

#[tokio::test]
async fn a_whole_store_is_good() {
    let store = Store::new().await;
    let report = store.look(false).await;
    assert_eq!((report.recordings, report.good, report.ok), (9, 9, true), "{report:?}");
    assert_eq!(report.orphans, 0);
}

#[tokio::test]
async fn every_fault_is_found_and_repaired_or_moved_aside_once() {
    let store = Store::new().await;
    let whole = fs::read(store.file(3)).unwrap();
    fs::remove_file(store.file(1)).unwrap();
    store.change(2, |bytes| bytes[9000] ^= 1);
    store.change(3, |bytes| bytes.truncate(10_001));
    store.change(4, |bytes| bytes[0] = b'X');
    store.change(5, |bytes| bytes.extend([0; 10]));
    let expected = [(1, "missing"), (2, "changed"), (3, "truncated"), (4, "header"), (5, "size")];

    let seen = store.look(false).await;
    assert_eq!((kinds(&seen), seen.ok, seen.good), (expected.to_vec(), false, 4));
    assert_eq!(kinds(&store.look(false).await), expected, "looking changes nothing");

    let repaired = store.look(true).await;
    assert!(repaired.ok, "{repaired:?}");
    let done: Vec<_> = repaired.faults.iter().map(|finding| finding.repair.unwrap()).collect();
    assert_eq!(done, ["lost", "quarantined", "shortened", "quarantined", "quarantined"]);
    let wav = wav::read(&fs::read(store.file(3)).unwrap()).unwrap();
    let before = wav::read(&whole).unwrap();
    assert_eq!(wav.channels[0].len(), (10_001 - 58) / 2);
    assert_eq!(wav.channels[1], before.channels[1][..wav.channels[1].len()]);
    let aside = store.folder.path().join("recordings/quarantine");
    let mut names: Vec<_> =
        fs::read_dir(aside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["1-2026-11-23-2.wav", "1-2026-11-23-4.wav", "1-2026-11-23-5.wav"]);

    let after = store.look(false).await;
    assert_eq!((after.ok, after.good, after.lost_before), (true, 5, 4), "{after:?}");
    store.change(3, |bytes| bytes[200] ^= 1);
    assert_eq!(kinds(&store.look(false).await), [(3, "changed")], "as the repair left it");
}

#[tokio::test]
async fn files_that_no_row_knows_are_listed_and_left() {
    let store = Store::new().await;
    for path in ["1/2026-11-23/77.wav", "1/2026-11-23/3.mp3", "1/2026-11-24/4.wav"] {
        store.old_file(path);
    }
    store.old_file("1/2026-11-23/5.wav_tmp");
    store.old_file("quarantine/1-2026-11-23-2.wav");
    fs::write(store.file(78), "its row is on the way").unwrap();
    let report = store.look(false).await;
    let found: Vec<_> = report.orphan_files.iter().map(|of| (of.path.as_str(), of.why)).collect();
    assert_eq!(
        found,
        [
            ("1/2026-11-23/5.wav_tmp", "left behind by something that did not finish"),
            ("1/2026-11-23/77.wav", "no row of the ledger speaks of it"),
            ("1/2026-11-24/4.wav", "its recording lies elsewhere"),
        ]
    );
    assert_eq!((report.orphans, report.ok), (3, true));
    assert!(store.folder.path().join("recordings/1/2026-11-23/77.wav").exists());
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_never_followed() {
    let store = Store::new().await;
    let Row::Recording(row) = store.record(20) else { unreachable!() };
    let row = Recording { path: Some("../desk.db".into()), ..row };
    let warehouse = Warehouse::open(store.folder.path().join("warehouse")).await.unwrap();
    warehouse.stage_rows("test", 2, &[Row::Recording(row)]).await.unwrap();
    warehouse.close().await;
    let report = store.look(true).await;
    assert_eq!((kinds(&report), report.ok), (vec![(20, "unreadable")], false));
    assert!(store.folder.path().join("desk.db").exists());
}

#[tokio::test]
async fn repair_wants_the_box_to_itself() {
    let store = Store::new().await;
    let running = Warehouse::open(store.folder.path().join("warehouse")).await.unwrap();
    assert!(look(&store.config, false).await.unwrap().ok, "looking does not");
    let refused = look(&store.config, true).await.unwrap_err().to_string();
    assert!(refused.contains("is written by another process"), "{refused}");
    running.close().await;
}
