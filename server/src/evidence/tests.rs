//! A pack is made, touched in every way, and says where.

use super::*;
use crate::bundle::SUMS;
use mediacore::edge::rendering::Rendering;
use serde_json::json;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use terms::Timestamp;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const AUDIO: &str = "audio/7.wav";

fn facts() -> Facts {
    Facts {
        tenant: TenantId(1),
        organisation: "燃气公司".into(),
        call: CallId(5),
        made_at: Timestamp(1_795_406_400_000_000),
        made_by: "user 3 from 192.0.2.1".into(),
        records: json!({ "call": { "call_id": "5" } }),
        orders: json!([]),
        entries: (1..=3).map(|n| format!("{{\"n\":{n}}}")).collect(),
    }
}

fn audio(folder: &Path, bytes: &[u8]) -> Vec<Audio> {
    let path = folder.join("7.wav");
    std::fs::write(&path, bytes).unwrap();
    let file = Rendering::open(File::open(path).unwrap(), None).unwrap();
    let gone = Audio { recording: RecordingId(8), file: Err("it was deleted".into()) };
    vec![Audio { recording: RecordingId(7), file: Ok(file) }, gone]
}

/// A pack, and the public key it is signed with.
fn pack(folder: &Path) -> (Vec<u8>, String) {
    let key = SigningKey::open(&SigningKey::path(folder)).unwrap();
    let mut zip = Vec::new();
    write(&mut zip, &facts(), audio(folder, b"RIFF some audio"), &key).unwrap();
    (zip, key.public())
}

fn contents(zip: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).ok()?;
    let mut parts = Vec::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).ok()?;
        let (name, mut bytes) = (file.name().ok()?.into_owned(), Vec::new());
        // What can be read counts, not what the zip's own checksum says of it.
        let mut chunk = [0; 4096];
        while let Ok(got @ 1..) = file.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..got]);
        }
        parts.push((name, bytes));
    }
    Some(parts)
}

/// The zip that a forger makes of these parts: its own checksums fit.
fn zipped(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let stored = SimpleFileOptions::default();
        let stored = stored.compression_method(zip::CompressionMethod::Stored);
        zip.start_file(name.as_str(), stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn verdict(zip: &[u8]) -> Verdict {
    verify(Cursor::new(zip), None).unwrap()
}

fn named(verdict: &Verdict) -> Vec<&str> {
    verdict.faults.iter().map(|fault| fault.part.as_str()).collect()
}

#[test]
fn a_pack_says_what_it_holds_and_whose_key_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let (zip, key) = pack(folder.path());
    let names: Vec<String> = contents(&zip).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [CALL, ORDERS, CHAIN, AUDIO, MANIFEST, SIGNATURE, SUMS]);
    let good = verify(Cursor::new(&zip), Some(&key)).unwrap();
    assert_eq!((named(&good), good.files, good.entries), (Vec::new(), 4, 3));
    assert_eq!((good.call, good.organisation.as_str()), (CallId(5), "燃气公司"));
    assert_eq!(good.missing, ["8: it was deleted"]);
    assert_eq!(verdict(&zip), good);

    let other = tempfile::tempdir().unwrap();
    let (_, stranger) = pack(other.path());
    let doubted = verify(Cursor::new(&zip), Some(&stranger)).unwrap();
    assert_eq!(named(&doubted), [SIGNATURE]);
    assert!(doubted.faults[0].what.contains(&key), "{doubted:?}");
}

#[test]
fn one_changed_byte_is_named_by_its_part_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (zip, _) = pack(folder.path());
    let parts = contents(&zip).unwrap();
    assert_eq!(parts.len(), 7);
    for (at, (name, bytes)) in parts.iter().enumerate() {
        for byte in 0..bytes.len() {
            let mut changed = parts.clone();
            changed[at].1[byte] ^= 1;
            match verify(Cursor::new(zipped(&changed)), None) {
                Ok(verdict) => {
                    let named = named(&verdict);
                    assert!(!named.is_empty(), "{name}, byte {byte}");
                    assert!(named.iter().all(|part| part == name), "{name}, {byte}: {verdict:?}");
                }
                // What does not parse any more is named by the refusal.
                Err(error) => {
                    assert_eq!(name, MANIFEST);
                    assert!(error.to_string().contains(MANIFEST), "{error}");
                }
            }
        }
    }
}

#[test]
fn whatever_byte_of_the_file_is_changed_no_other_content_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (zip, _) = pack(folder.path());
    let parts = contents(&zip).unwrap();
    for byte in 0..zip.len() {
        let mut changed = zip.clone();
        changed[byte] ^= 0x10;
        let Ok(verdict) = verify(Cursor::new(&changed), None) else { continue };
        let is_same = contents(&changed).is_some_and(|now| now == parts);
        assert!(is_same || !verdict.faults.is_empty(), "byte {byte}");
    }
}

#[test]
fn the_entry_of_the_chain_that_was_touched_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (zip, _) = pack(folder.path());
    let mut parts = contents(&zip).unwrap();
    let chain = &mut parts[2].1;
    *chain = String::from_utf8(chain.clone()).unwrap().replace("\"n\":2", "\"n\":5").into_bytes();
    let verdict = verdict(&zipped(&parts));
    assert_eq!(named(&verdict), [CHAIN, CHAIN]);
    assert!(verdict.faults[1].what.starts_with("entry 2 does not fit"), "{verdict:?}");
}

#[test]
fn what_was_taken_out_or_put_in_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (zip, _) = pack(folder.path());
    let parts = contents(&zip).unwrap();
    let mut without = parts.clone();
    without.retain(|(name, _)| name != AUDIO);
    let verdict_without = verdict(&zipped(&without));
    assert_eq!(named(&verdict_without), [AUDIO]);
    assert_eq!(verdict_without.faults[0].what, "it is missing");
    let mut with = parts.clone();
    with.push(("audio/9.wav".into(), b"RIFF".to_vec()));
    assert_eq!(named(&verdict(&zipped(&with))), ["audio/9.wav"]);
    let mut unsigned = parts;
    unsigned.retain(|(name, _)| name != SIGNATURE);
    assert!(!verdict(&zipped(&unsigned)).faults.is_empty());
}

#[test]
fn a_forger_who_does_all_the_sums_again_has_no_signature() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (zip, key) = pack(folder.path());
    let forged = SigningKey::open(&SigningKey::path(other.path())).unwrap();
    let mut facts = facts();
    facts.entries.remove(1);
    let mut again = Vec::new();
    write(&mut again, &facts, audio(other.path(), b"RIFF other audio"), &forged).unwrap();
    // Whole in itself, and seen by whoever knows the key of the box.
    let seen = verify(Cursor::new(&again), Some(&key)).unwrap();
    assert_eq!(named(&seen), [SIGNATURE]);

    // The true signature under a forged manifest, with a list of hashes made to fit.
    let mut parts = contents(&again).unwrap();
    parts[5].1 = contents(&zip).unwrap()[5].1.clone();
    let sums = String::from_utf8(parts[6].1.clone()).unwrap();
    let hash = |bytes: &[u8]| {
        use sha2::Digest;
        desk::secret::hex(&sha2::Sha256::digest(bytes))
    };
    let mut lines: Vec<String> = sums.lines().map(str::to_owned).collect();
    *lines.last_mut().unwrap() = format!("{}  {SIGNATURE}", hash(&parts[5].1));
    parts[6].1 = (lines.join("\n") + "\n").into_bytes();
    let seen = verdict(&zipped(&parts));
    assert_eq!(named(&seen), [SIGNATURE]);
    assert!(seen.faults[0].what.contains("one of the two was changed"), "{seen:?}");
}

#[test]
fn what_is_no_pack_is_told_with_the_reason() {
    let told = |zip: &[u8]| verify(Cursor::new(zip), None).unwrap_err().to_string();
    assert!(told(b"no zip").starts_with("it is no zip that can be read"));
    let other = zipped(&[("a.txt".into(), b"a".to_vec())]);
    assert!(told(&other).starts_with("it has no manifest.json that can be read"));
    let later = json!({ "format": FORMAT, "version": 2 }).to_string().into_bytes();
    let later = zipped(&[(MANIFEST.into(), later)]);
    assert!(told(&later).contains("version 2, and this program knows versions up to 1"));
}
