//! A store with one of each fault.

use super::*;
use crate::work::encode::{Form, make};
use mediacore::edge::rendering::{Rendering, SealFor, Writer};
use mediacore::g711::Law;
use mediacore::record::wav::{self, Format};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
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
            sha256: Some(hex(&bytes)),
            reason: None,
        })
    }

    /// Makes an MP3 or Opus file of a recording and gives its path and bytes.
    fn encode(&self, id: u64, form: Form) -> (PathBuf, Vec<u8>) {
        let (wav, rates) = (self.file(id), Rates::of(&self.config));
        let file = wav.with_extension(form.extension());
        make(&wav, &file, form, rates, None).unwrap();
        let bytes = fs::read(&file).unwrap();
        (file, bytes)
    }

    /// Adds recording 10, sealed, with its MP3 and its Opus file; gives the path of the WAV.
    async fn add_sealed(&self) -> PathBuf {
        let keys = Keys::read(&self.config.recording_keys()).unwrap();
        let Row::Recording(row) = self.record(10) else { unreachable!() };
        let clear = fs::read(self.file(10)).unwrap();
        fs::remove_file(self.file(10)).unwrap();
        let wav = self.file(10).with_file_name("10.wav.sealed");
        let seal = SealFor { ring: &keys.ring, tenant: TenantId(1) };
        let mut writer = Writer::create(&wav, Some(seal)).unwrap();
        writer.write(&clear).unwrap();
        writer.finish(&[]).unwrap();
        for form in Form::ALL {
            let made = wav.with_file_name(format!("10.{}.sealed", form.extension()));
            make(&wav, &made, form, Rates::of(&self.config), Some(&*keys.ring)).unwrap();
        }
        let sealed = fs::read(&wav).unwrap();
        let row = Recording {
            path: Some("1/2026-11-23/10.wav.sealed".into()),
            bytes: sealed.len() as i64,
            sha256: Some(hex(&sealed)),
            ..row
        };
        let warehouse = Warehouse::open(self.folder.path().join("warehouse")).await.unwrap();
        warehouse.stage_rows("test", 2, &[Row::Recording(row)]).await.unwrap();
        warehouse.close().await;
        wav
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

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, bytes: usize) {
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..bytes]).unwrap();
}

/// File name, kind and what was done.
fn named(report: &Report) -> Vec<(&str, &str, Option<&str>)> {
    let name = |of: &Finding| of.path.rfind('/').map_or(0, |at| at + 1);
    report.faults.iter().map(|of| (&of.path[name(of)..], of.kind, of.repair)).collect()
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
    for path in ["1/2026-11-23/77.wav", "1/2026-11-24/4.wav"] {
        store.old_file(path);
    }
    store.encode(3, Form::Mp3);
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

#[tokio::test]
async fn mp3_and_opus_are_read_to_their_end_and_made_again_from_the_wav() {
    let store = Store::new().await;
    let (mp3, flipped_mp3) = store.encode(1, Form::Mp3);
    flip(&mp3, flipped_mp3.len() / 2);
    let (opus, flipped_opus) = store.encode(2, Form::Opus);
    flip(&opus, flipped_opus.len() / 2);
    let (mp3, cut_mp3) = store.encode(3, Form::Mp3);
    // A frame of 32 kbit/s has 288 bytes: what is left is a chain of whole ones.
    cut(&mp3, cut_mp3.len() - 288);
    let (opus, cut_opus) = store.encode(4, Form::Opus);
    cut(&opus, cut_opus.len() - 1);
    let (mp3, other_mp3) = store.encode(5, Form::Mp3);
    store.change(6, |bytes| bytes.truncate(58 + 8_000));
    let halved = fix_header(&store.file(6)).unwrap().unwrap();
    assert_eq!(halved.duration_ms, 500);
    fs::write(&mp3, store.encode(6, Form::Mp3).1).unwrap();
    fs::remove_file(store.file(6).with_extension("mp3")).unwrap();
    store.record(6);
    for form in Form::ALL {
        store.encode(7, form);
    }

    let seen = store.look(false).await;
    let faults: [(&str, &str, Option<&str>); 5] = [
        ("1.mp3", "changed", None),
        ("2.opus", "changed", None),
        ("3.mp3", "truncated", None),
        ("4.opus", "truncated", None),
        ("5.mp3", "duration", None),
    ];
    assert_eq!((named(&seen), seen.ok, seen.good), (faults.to_vec(), false, 9));
    assert_eq!((seen.forms.files, seen.forms.good), (7, 2));
    assert_eq!(named(&store.look(false).await), faults, "looking changes nothing");

    let repaired = store.look(true).await;
    let done = faults.map(|(name, kind, _)| (name, kind, Some("encoded")));
    assert_eq!((named(&repaired), repaired.ok), (done.to_vec(), true));
    for (id, form, whole) in [
        (1, "mp3", flipped_mp3),
        (2, "opus", flipped_opus),
        (3, "mp3", cut_mp3),
        (4, "opus", cut_opus),
        (5, "mp3", other_mp3),
    ] {
        assert!(fs::read(store.file(id).with_extension(form)).unwrap() == whole, "{id}.{form}");
    }
    let after = store.look(false).await;
    assert_eq!((after.ok, after.forms.files, after.forms.good), (true, 7, 7), "{after:?}");
    assert!(!store.folder.path().join("recordings/quarantine").exists());
}

#[tokio::test]
async fn a_damaged_mp3_beside_a_damaged_wav_is_moved_aside_with_it() {
    let store = Store::new().await;
    let (mp3, whole) = store.encode(2, Form::Mp3);
    flip(&mp3, whole.len() / 2);
    store.change(2, |bytes| bytes[9000] ^= 1);
    let repaired = store.look(true).await;
    let done =
        [("2.mp3", "changed", Some("quarantined")), ("2.wav", "changed", Some("quarantined"))];
    assert_eq!((named(&repaired), repaired.ok), (done.to_vec(), true));
    let aside = store.folder.path().join("recordings/quarantine");
    for name in ["1-2026-11-23-2.mp3", "1-2026-11-23-2.wav"] {
        assert!(aside.join(name).exists(), "{name}");
    }
    assert!(store.look(false).await.ok);
}

#[tokio::test]
async fn sealed_mp3_and_opus_are_opened_and_made_again_sealed() {
    let store = Store::new().await;
    let wav = store.add_sealed().await;
    let keys = Keys::read(&store.config.recording_keys()).unwrap();
    let opened = |name: &str| {
        let file = fs::File::open(wav.with_file_name(name)).unwrap();
        let mut clear = Vec::new();
        Rendering::open(file, Some(&*keys.ring)).unwrap().read_to_end(&mut clear).unwrap();
        clear
    };
    let names = ["10.mp3.sealed", "10.opus.sealed"];
    let whole = names.map(opened);
    assert_eq!(store.look(false).await.forms.good, 2);

    flip(&wav.with_file_name(names[0]), 500);
    cut(&wav.with_file_name(names[1]), 1_000);
    let seen = store.look(false).await;
    let faults: [(&str, &str, Option<&str>); 2] =
        [(names[0], "changed", None), (names[1], "changed", None)];
    assert_eq!((named(&seen), seen.ok, seen.good), (faults.to_vec(), false, 10));

    let repaired = store.look(true).await;
    let done = faults.map(|(name, kind, _)| (name, kind, Some("encoded")));
    assert_eq!((named(&repaired), repaired.ok), (done.to_vec(), true));
    assert!(names.map(opened) == whole, "the same sound, sealed anew");

    fs::remove_file(store.config.recording_keys()).unwrap();
    let blind = store.look(false).await;
    assert_eq!((blind.forms.files, blind.forms.unopened, blind.forms.good), (2, 2, 0));
}
