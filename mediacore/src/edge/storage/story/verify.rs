//! Recordings that are looked at and repaired after they were finished.

use super::*;
use crate::edge::rendering::Rendering;
use crate::edge::storage::verify::{
    Expected, Fault, check, check_segments, fix_header, quarantine, render_again,
};
use std::io::Read;

/// Two finished recordings whose segments stay, because a third conversation never ended.
fn stored(dir: &Path) -> Vec<Ledger> {
    let (storage, mut ring, rows) = start(config(dir, Backend::Blocking));
    push(&mut ring, conversations(&[1, 2], Some(3)));
    let rows = wait_for_rows(&rows, 2);
    wait("an idle storage", || storage.stats().backlog_bytes == 0);
    storage.stop();
    rows
}

fn fault(dir: &Path, row: &Ledger) -> Option<Fault> {
    let expected =
        Expected { bytes: row.bytes, sha256: row.sha256.as_deref(), duration_ms: row.duration_ms };
    let keys = config(dir, Backend::Blocking).keys;
    check(&path_of(dir, row), &expected, Some(&keys))
}

fn path_of(dir: &Path, row: &Ledger) -> PathBuf {
    dir.join("recordings").join(row.path.as_ref().unwrap())
}

fn again(dir: &Path, row: &Ledger) -> bool {
    let keys = config(dir, Backend::Blocking).keys;
    let wanted = BTreeMap::from([(row.recording, row.sha256.clone())]);
    let whole = render_again(&dir.join("segments"), &dir.join("recordings"), &keys, &wanted);
    whole.unwrap().contains(&row.recording)
}

#[test]
fn what_the_segments_still_hold_is_rendered_again_octet_by_octet() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let rows = stored(dir.path());
    let row = &rows[0];
    let path = path_of(dir.path(), row);
    let whole = fs::read(&path).unwrap();
    assert_eq!(fault(dir.path(), row), None);

    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, flipped).unwrap();
    assert_eq!(fault(dir.path(), row), Some(Fault::Changed));
    assert!(again(dir.path(), row));
    assert_eq!(fs::read(&path).unwrap(), whole);

    fs::remove_file(&path).unwrap();
    assert_eq!(fault(dir.path(), row), Some(Fault::Missing));
    assert!(again(dir.path(), row));
    assert_eq!(fault(dir.path(), row), None);

    // A row that speaks of other bytes is not answered with these.
    let other = Ledger { sha256: Some("00".repeat(32)), ..row.clone() };
    assert!(!again(dir.path(), &other));
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert_eq!(walk(&dir.path().join("recordings")).len(), 2, "nothing is left beside them");
}

#[test]
fn a_row_of_another_length_is_told_before_the_hash_and_a_row_without_one_is_believed() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let row = &stored(dir.path())[0];
    for off_ms in [-20, 20] {
        let other = Ledger { duration_ms: row.duration_ms + off_ms, ..row.clone() };
        let (there, expected) = (row.duration_ms, other.duration_ms);
        assert_eq!(fault(dir.path(), &other), Some(Fault::Duration { there, expected }));
        let unhashed = Ledger { sha256: None, ..other };
        assert_eq!(fault(dir.path(), &unhashed), Some(Fault::Duration { there, expected }));
    }
    assert_eq!(fault(dir.path(), &Ledger { sha256: None, ..row.clone() }), None);
}

#[test]
fn a_file_that_was_cut_short_plays_to_its_new_end_after_the_header_is_fixed() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let rows = stored(dir.path());
    let (row, path) = (&rows[0], path_of(dir.path(), &rows[0]));
    let whole = fs::read(&path).unwrap();
    let there = (whole.len() - 5001) as u64;
    fs::write(&path, &whole[..there as usize]).unwrap();
    let header = wav::layout(&whole, whole.len() as u64).unwrap().data_at;
    let claimed = whole.len() as u64 - header;
    let cut = Fault::Truncated { there: there - header, claimed };
    assert_eq!(fault(dir.path(), row), Some(cut));

    let repaired = fix_header(&path).unwrap().unwrap();
    let wav = wav::read(&fs::read(&path).unwrap()).unwrap();
    let before = wav::read(&whole).unwrap();
    let length = wav.channels[0].len();
    // Two octets a frame: the odd one at the end belongs to none.
    assert_eq!(length as u64, (there - header) / 2);
    assert_eq!(wav.channels[0], before.channels[0][..length]);
    let now = Ledger {
        bytes: repaired.bytes,
        sha256: Some(repaired.sha256),
        duration_ms: repaired.duration_ms,
        ..row.clone()
    };
    assert_eq!(fault(dir.path(), &now), None);
    assert!(matches!(fault(dir.path(), row), Some(Fault::Size { .. })), "the row says more");
}

#[test]
fn what_cannot_be_repaired_is_moved_aside_and_named() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let rows = stored(dir.path());
    let path = path_of(dir.path(), &rows[1]);
    for bytes in [&b"RIF"[..], b"", &[0; 100]] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(fault(dir.path(), &rows[1]), Some(Fault::Header(_))));
        assert_eq!(fix_header(&path).unwrap(), None);
        assert_eq!(fs::read(&path).unwrap(), bytes, "it is as it was");
    }
    let relative = rows[1].path.as_deref().unwrap();
    let aside = quarantine(&dir.path().join("recordings"), relative).unwrap();
    assert!(aside.ends_with("quarantine/5-2027-01-15-2.wav"), "{aside:?}");
    assert_eq!(fault(dir.path(), &rows[1]), Some(Fault::Missing));
}

#[test]
fn segments_are_whole_until_a_byte_is_flipped_or_changed_with_its_checksum() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path());
    let (segments, keys) = (dir.path().join("segments"), config(dir.path(), Backend::Auto).keys);
    let report = check_segments(&segments, Some(&keys)).unwrap();
    assert!(report.blocks > 10 && report.bytes > 10_000, "{report:?}");
    assert_eq!((report.damaged, report.faults.len()), (0, 0));

    let file = &segment_files(dir.path())[0];
    let mut bytes = fs::read(file).unwrap();
    let blocks: Vec<(usize, usize)> = segment::scan(&bytes)
        .into_iter()
        .filter_map(|found| match found {
            segment::Found::Block { at, bytes, .. } => Some((at, bytes)),
            _ => None,
        })
        .collect();
    let (at, len) = blocks[3];
    bytes[at + len / 2] ^= 0x10;
    fs::write(file, &bytes).unwrap();
    let flipped = check_segments(&segments, None).unwrap();
    assert_eq!(flipped.damaged, 1);
    assert!(flipped.faults[0].contains("are damaged"), "{flipped:?}");

    // With the checksum made good, only the keys tell.
    let crc = crc32fast::hash(&bytes[at + 8..at + len]);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    fs::write(file, &bytes).unwrap();
    assert_eq!(check_segments(&segments, None).unwrap().damaged, 0);
    let changed = check_segments(&segments, Some(&keys)).unwrap();
    assert_eq!(changed.damaged, 1);
    assert!(changed.faults[0].contains("was changed"), "{changed:?}");
}

/// The renderer seals; what opens is what it would have written in clear.
#[test]
fn a_sealed_recording_is_the_clear_one_and_shows_what_was_done_to_it() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut sealing = config(dir.path(), Backend::Blocking);
    sealing.seal_renderings = true;
    let keys = sealing.keys.clone();
    let (storage, mut ring, rows) = start(sealing);
    push(&mut ring, conversations(&[1], Some(2)));
    let row = wait_for_rows(&rows, 1).remove(0);
    wait("an idle storage", || storage.stats().backlog_bytes == 0);
    storage.stop();
    assert_eq!(row.path.as_deref(), Some("5/2027-01-15/1.wav.sealed"));
    assert_eq!(fault(dir.path(), &row), None);

    let path = path_of(dir.path(), &row);
    let mut opened = Vec::new();
    let file = fs::File::open(&path).unwrap();
    Rendering::open(file, Some(&keys.ring)).unwrap().read_to_end(&mut opened).unwrap();
    let wanted = BTreeMap::from([(row.recording, None)]);
    let (segments, recordings) = (dir.path().join("segments"), dir.path().join("recordings"));
    render_again(&segments, &recordings, &keys, &wanted).unwrap();
    assert_eq!(fs::read(recordings.join("5/2027-01-15/1.wav")).unwrap(), opened);

    let whole = fs::read(&path).unwrap();
    let expected =
        Expected { bytes: row.bytes, sha256: row.sha256.as_deref(), duration_ms: row.duration_ms };
    assert_eq!(check(&path, &expected, None), None, "size and hash need no keys");
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, &changed).unwrap();
    assert_eq!(fault(dir.path(), &row), Some(Fault::Changed));
    assert_eq!(check(&path, &expected, None), Some(Fault::Changed));
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(fault(dir.path(), &row), Some(Fault::Size { .. })));
}

/// Sealing was switched on between a crash and the next start: the file that is there counts.
#[test]
fn a_file_from_before_sealing_was_switched_on_is_taken_as_it_is() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let rows = stored(dir.path());
    fs::remove_file(dir.path().join("segments/ledger.log")).unwrap();
    let mut sealing = config(dir.path(), Backend::Blocking);
    sealing.seal_renderings = true;
    let (storage, _ring, told) = start(sealing);
    wait_idle(&storage);
    storage.stop();
    let told = told.lock().unwrap().clone();
    let paths = |rows: &[Ledger]| -> Vec<_> {
        rows.iter().take(2).map(|row| (row.path.clone(), row.sha256.clone())).collect()
    };
    assert_eq!(paths(&told), paths(&rows));
    assert_eq!(told[2].path.as_deref(), Some("5/2027-01-15/3.wav.sealed"));
}
