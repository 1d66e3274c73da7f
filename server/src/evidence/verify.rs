//! Verifying a pack with nothing but the pack, and the public key of the box where one has it.
//!
//! Where the signature is good the manifest is believed, and every other part is held against it.
//! Where it is not, the list of hashes still tells which part is not the one that was packed; that
//! list is signed by nobody, so whatever it says, such a pack is not good.

use super::chain::{self, Chain};
use super::{CHAIN, FORMAT, MANIFEST, Manifest, SIGNATURE, VERSION};
use crate::bundle::SUMS;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use desk::secret::{hex, unhex};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{Read, Seek};
use terms::{CallId, TenantId};
use zip::{CompressionMethod, ZipArchive};

/// Longest part that is read into memory: the manifest, its signature, the chain, the list of hashes.
const TEXT_BYTES_MAX: u64 = 256 << 20;
/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// What a verifier found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whose call.
    pub tenant: TenantId,
    /// Their name, as the pack says.
    pub organisation: String,
    /// The call.
    pub call: CallId,
    /// When it was made, as the pack says.
    pub made_at: String,
    /// For whom, as the pack says.
    pub made_by: String,
    /// The public key that it names.
    pub key: String,
    /// Files that were held against the manifest.
    pub files: usize,
    /// Entries of the chain.
    pub entries: u64,
    /// Recordings that the pack says are not in it, with the reason.
    pub missing: Vec<String>,
    /// What is wrong; empty for a good pack.
    pub faults: Vec<Fault>,
}

/// A part that is not as it was packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its name in the zip.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

/// Why there is nothing to verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPack {
    /// No zip can be read.
    #[error("it is no zip that can be read: {0}")]
    NoZip(String),
    /// A zip of something else, or one whose manifest is destroyed.
    #[error("it has no manifest.json that can be read: {0}")]
    NoManifest(String),
    /// A pack of tomorrow.
    #[error(
        "it is a pack of version {0}, and this program knows versions up to {known}; verify it with \
         a newer program",
        known = VERSION
    )]
    Newer(u32),
}

/// What was read of a part.
struct Part {
    bytes: u64,
    sha256: String,
    /// Why it could not be read whole.
    fault: Option<String>,
}

struct Parts {
    all: BTreeMap<String, Part>,
    /// Those that are read into memory.
    texts: BTreeMap<String, Vec<u8>>,
}

/// Holds a pack against its manifest, and the manifest against its signature; against `trusted`, too,
/// the public key of the box in hex, where it is given.
///
/// # Errors
/// [`NotAPack`].
pub fn verify(pack: impl Read + Seek, trusted: Option<&str>) -> Result<Verdict, NotAPack> {
    let mut zip = ZipArchive::new(pack).map_err(|error| NotAPack::NoZip(error.to_string()))?;
    let parts = read_all(&mut zip);
    let text = |name: &str| parts.texts.get(name).map_or(&[][..], Vec::as_slice);
    let manifest = manifest(text(MANIFEST))?;
    let mut faults = Vec::new();
    let is_signed = is_signed(&manifest, text(MANIFEST), text(SIGNATURE));
    if !is_signed {
        faults.extend(unsigned(&parts, text(SUMS)));
    } else if trusted.is_some_and(|key| !key.eq_ignore_ascii_case(&manifest.key)) {
        let what = format!("it is signed with another key, {}", manifest.key);
        faults.push(Fault { part: SIGNATURE.to_owned(), what });
    }
    if is_signed {
        faults.extend(against_manifest(&parts, &manifest));
        faults.extend(sums(&parts, &manifest, text(SUMS)));
    }
    faults.extend(followed(text(CHAIN), is_signed.then_some(&manifest.chain)));
    Ok(Verdict {
        tenant: manifest.tenant,
        organisation: manifest.organisation,
        call: manifest.call,
        made_at: manifest.made_at,
        made_by: manifest.made_by,
        key: manifest.key,
        files: manifest.files.len(),
        entries: manifest.chain.entries,
        missing: manifest
            .missing
            .iter()
            .map(|missing| format!("{}: {}", missing.recording, missing.why))
            .collect(),
        faults,
    })
}

fn manifest(text: &[u8]) -> Result<Manifest, NotAPack> {
    #[derive(serde::Deserialize)]
    struct Head {
        format: String,
        version: u32,
    }
    let unreadable = |error: serde_json::Error| NotAPack::NoManifest(error.to_string());
    let head: Head = serde_json::from_slice(text).map_err(unreadable)?;
    if head.format != FORMAT {
        return Err(NotAPack::NoManifest(format!("it calls itself {:?}", head.format)));
    }
    if head.version > VERSION {
        return Err(NotAPack::Newer(head.version));
    }
    serde_json::from_slice(text).map_err(unreadable)
}

fn is_signed(manifest: &Manifest, text: &[u8], signature: &[u8]) -> bool {
    let Some(key) = unhex(&manifest.key) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(text, signature).is_ok()
}

/// Which part is not the one that the list of hashes has, where the signature says nothing.
fn unsigned(parts: &Parts, sums: &[u8]) -> Vec<Fault> {
    let sums = String::from_utf8_lossy(sums);
    let told: BTreeMap<&str, &str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    let changed = parts.all.iter().filter(|(name, part)| {
        name.as_str() != SUMS && told.get(name.as_str()) != Some(&part.sha256.as_str())
    });
    let mut faults: Vec<Fault> = changed
        .map(|(name, _)| Fault { part: name.clone(), what: "it was changed".to_owned() })
        .collect();
    if faults.is_empty() {
        let what = "it is not the signature of manifest.json: one of the two was changed, and the \
                    list of hashes with it";
        faults.push(Fault { part: SIGNATURE.to_owned(), what: what.to_owned() });
    }
    faults
}

/// Every file of a manifest that is believed, and what is beside them.
fn against_manifest(parts: &Parts, manifest: &Manifest) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |part: &str, what: String| faults.push(Fault { part: part.to_owned(), what });
    let mut known = BTreeSet::from([MANIFEST, SIGNATURE, SUMS]);
    for listed in &manifest.files {
        known.insert(&listed.name);
        match parts.all.get(&listed.name) {
            None => fault(&listed.name, "it is missing".to_owned()),
            Some(part) if part.sha256 == listed.sha256 => {}
            Some(part) => {
                let what = match &part.fault {
                    Some(why) => format!("it was changed, or cannot be read: {why}"),
                    None if part.bytes != listed.bytes => format!(
                        "it was changed: it has {} bytes and had {}",
                        part.bytes, listed.bytes
                    ),
                    None => "it was changed".to_owned(),
                };
                fault(&listed.name, what);
            }
        }
    }
    for name in parts.all.keys().filter(|name| !known.contains(name.as_str())) {
        fault(name, "it was put in: the manifest does not name it".to_owned());
    }
    faults
}

/// The list of hashes is signed by nobody; what it has to say follows from the rest.
fn sums(parts: &Parts, manifest: &Manifest, told: &[u8]) -> Option<Fault> {
    let mut expected = String::new();
    for listed in &manifest.files {
        writeln!(expected, "{}  {}", listed.sha256, listed.name).expect("a string takes text");
    }
    for name in [MANIFEST, SIGNATURE] {
        let sha256 = parts.all.get(name).map_or("", |part| &part.sha256);
        writeln!(expected, "{sha256}  {name}").expect("a string takes text");
    }
    let what = "it was changed: it is not the list of what was packed".to_owned();
    (told != expected.as_bytes()).then(|| Fault { part: SUMS.to_owned(), what })
}

/// Where the chain breaks, beside that it was changed: which entry.
fn followed(text: &[u8], signed: Option<&Chain>) -> Option<Fault> {
    let what = match (chain::follow(&String::from_utf8_lossy(text)), signed) {
        (Err(entry), _) => format!(
            "entry {entry} does not fit: it was changed, or one before it was taken out or put in"
        ),
        (Ok(found), Some(signed)) if found != *signed => format!(
            "it has {} entries and another end than the manifest, which has {}",
            found.entries, signed.entries
        ),
        (Ok(_), _) => return None,
    };
    Some(Fault { part: CHAIN.to_owned(), what })
}

fn read_all(zip: &mut ZipArchive<impl Read + Seek>) -> Parts {
    let mut parts = Parts { all: BTreeMap::new(), texts: BTreeMap::new() };
    for at in 0..zip.len() {
        let named = zip.name_for_index(at).and_then(Result::ok).map(Cow::into_owned);
        // A name that is no text is a part that nobody packed.
        let name = named.unwrap_or_else(|| format!("part {at}"));
        let mut kept = [MANIFEST, SIGNATURE, CHAIN, SUMS].contains(&name.as_str()).then(Vec::new);
        let part = read(zip, at, kept.as_mut());
        if let Some(text) = kept {
            parts.texts.insert(name.clone(), text);
        }
        parts.all.insert(name, part);
    }
    parts
}

/// Reads a part as far as it can be read. The zip's own checksum is of no account: whoever changes a
/// part changes it too.
fn read(zip: &mut ZipArchive<impl Read + Seek>, at: usize, mut kept: Option<&mut Vec<u8>>) -> Part {
    let mut part = Part { bytes: 0, sha256: String::new(), fault: None };
    let mut file = match zip.by_index(at) {
        Ok(file) if file.compression() == CompressionMethod::Stored => file,
        Ok(_) => return Part { fault: Some("it is packed in another way".to_owned()), ..part },
        Err(error) => return Part { fault: Some(error.to_string()), ..part },
    };
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(got) => {
                hash.update(&chunk[..got]);
                part.bytes += got as u64;
                if let Some(text) = kept.as_mut().filter(|_| part.bytes <= TEXT_BYTES_MAX) {
                    text.extend_from_slice(&chunk[..got]);
                }
            }
            Err(error) => {
                part.fault = Some(error.to_string());
                break;
            }
        }
    }
    part.sha256 = hex(&hash.finalize());
    part
}
