//! Looks at what is stored, while the box runs or not: a finished recording against its row, and
//! the segments against their checksums and keys. Promise: looking changes nothing; what repairs
//! something writes the whole file beside the old one first and gives it the name when it is durable.
//!
//! A file may differ from its row in one way at a time: the first of [`Fault`] that holds is told.

mod encoded;

pub use encoded::check_encoded;

use super::disk::sync_directory;
use super::renderer::{Described, Segments, describe, hash_of, relative_path, write_file};
use super::repair::{self, Opener};
use super::shelf::Shelf;
use super::{Error, file, list_segments, lock};
use crate::edge::keys::Keys;
use crate::edge::rendering::beside;
use crate::encode::Damage;
use crate::record::index::Conversation;
use crate::record::sealed::is_sealed;
use crate::record::segment::{Found, scan};
use crate::record::wav;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use terms::RecordingId;

/// Folder beneath the recordings for files that are not what was written.
pub const QUARANTINE: &str = "quarantine";
/// The data chunk of our files begins within this many bytes.
const HEADER_BYTES_MAX: u64 = 4096;
/// Damaged places of the segments that are listed; further ones only count.
const PLACES_MAX: usize = 1000;

/// What the ledger says of a file.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hex; `None` where the row has none.
    pub sha256: Option<&'a str>,
    /// Its length in ms.
    pub duration_ms: i64,
}

/// How a file differs from its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// The disk does not give it.
    Unreadable(String),
    /// It does not begin like a WAV.
    Header(wav::Error),
    /// It ends before the end that its header names.
    Truncated {
        /// Bytes of samples there.
        there: u64,
        /// Bytes of samples by the header.
        claimed: u64,
    },
    /// Its size is not that of the row.
    Size {
        /// As found.
        there: u64,
        /// By the row.
        expected: u64,
    },
    /// It is longer or shorter than the row says.
    Duration {
        /// As found, in ms.
        there: i64,
        /// By the row, in ms.
        expected: i64,
    },
    /// Bytes changed.
    Changed,
    /// An MP3 or Opus file is not what its encoder gave.
    Encoded(Damage),
}

impl Fault {
    /// A word for programs and sums.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Missing => "missing",
            Fault::Unreadable(_) => "unreadable",
            Fault::Header(_) => "header",
            Fault::Truncated { .. } => "truncated",
            Fault::Size { .. } => "size",
            Fault::Duration { .. } => "duration",
            Fault::Changed => "changed",
            Fault::Encoded(damage) => damage.kind(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("the file is not there"),
            Fault::Unreadable(why) => write!(f, "the file cannot be read: {why}"),
            Fault::Header(why) => write!(f, "the header is damaged: {why}"),
            Fault::Truncated { there, claimed } => {
                write!(f, "cut short: {there} of {claimed} bytes of sound are there")
            }
            Fault::Size { there, expected } => {
                write!(f, "{there} bytes, the ledger says {expected}")
            }
            Fault::Duration { there, expected } => {
                write!(f, "{there} ms long, the ledger says {expected} ms")
            }
            Fault::Changed => f.write_str("the bytes are not those that were written"),
            Fault::Encoded(damage) => fmt::Display::fmt(damage, f),
        }
    }
}

/// Compares a file with its row; `None` when all is as it should be. A sealed one is looked into
/// where its keys are there; where they are not, size and hash tell.
pub fn check(path: &Path, expected: &Expected, keys: Option<&Keys>) -> Option<Fault> {
    let looked = (|| {
        let Some((start, bytes)) = beginning(path)? else { return Ok(Some(Fault::Missing)) };
        if is_sealed(&start) {
            return check_sealed(path, expected, keys);
        }
        let header = wav::layout(&start, u64::MAX).and_then(|by_header| {
            wav::layout(&start, bytes).map(|there| (by_header.data_bytes, there.data_bytes))
        });
        match header {
            Err(error) => return Ok(Some(Fault::Header(error))),
            Ok((claimed, there)) if there < claimed => {
                return Ok(Some(Fault::Truncated { there, claimed }));
            }
            Ok(_) => {}
        }
        if bytes != expected.bytes {
            return Ok(Some(Fault::Size { there: bytes, expected: expected.bytes }));
        }
        let Some(found) = describe(path, None)? else { return Ok(Some(Fault::Missing)) };
        Ok(compare(&found, expected))
    })();
    looked.unwrap_or_else(|error: io::Error| Some(Fault::Unreadable(error.to_string())))
}

fn compare(found: &Described, expected: &Expected) -> Option<Fault> {
    if found.bytes != expected.bytes {
        return Some(Fault::Size { there: found.bytes, expected: expected.bytes });
    }
    if found.duration_ms != expected.duration_ms {
        let (there, expected) = (found.duration_ms, expected.duration_ms);
        return Some(Fault::Duration { there, expected });
    }
    expected.sha256.is_some_and(|known| known != found.sha256).then_some(Fault::Changed)
}

fn check_sealed(
    path: &Path,
    expected: &Expected,
    keys: Option<&Keys>,
) -> io::Result<Option<Fault>> {
    let there = fs::metadata(path)?.len();
    if there != expected.bytes {
        return Ok(Some(Fault::Size { there, expected: expected.bytes }));
    }
    match describe(path, keys.map(|keys| &*keys.ring)) {
        Ok(Some(found)) => Ok(compare(&found, expected)),
        Ok(None) => Ok(Some(Fault::Missing)),
        // A chunk or the header is not what was written.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(Fault::Changed)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && keys.is_none() => {
            let sha256 = hash_of(path)?;
            let changed = expected.sha256.is_some_and(|known| known != sha256);
            Ok(changed.then_some(Fault::Changed))
        }
        Err(error) => Err(error),
    }
}

/// First bytes and size of a file; `None` when there is none.
fn beginning(path: &Path) -> io::Result<Option<(Vec<u8>, u64)>> {
    let open = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        open => open?,
    };
    let (bytes, mut start) = (open.metadata()?.len(), Vec::new());
    open.take(HEADER_BYTES_MAX).read_to_end(&mut start)?;
    Ok(Some((start, bytes)))
}

/// What a file is after it was repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Its length in ms.
    pub duration_ms: i64,
}

impl From<Described> for Repaired {
    fn from(found: Described) -> Repaired {
        let Described { bytes, sha256, duration_ms } = found;
        Repaired { bytes, sha256, duration_ms }
    }
}

/// Gives a file that was cut short a header that says how long it is now, so that every player
/// takes it. `None` when no sound is left or the header itself is gone.
///
/// # Errors
/// When the file cannot be read or written; the old one is as it was.
pub fn fix_header(path: &Path) -> io::Result<Option<Repaired>> {
    let Some((start, bytes)) = beginning(path)? else { return Ok(None) };
    let Ok(layout) = wav::layout(&start, bytes) else { return Ok(None) };
    let samples = layout.data_bytes / layout.format.frame_bytes();
    if samples == 0 {
        return Ok(None);
    }
    let part = beside(path, "_tmp");
    let mut from = BufReader::new(File::open(path)?);
    from.seek(SeekFrom::Start(layout.data_at))?;
    let mut out = File::create(&part)?;
    out.write_all(&layout.format.header(samples))?;
    io::copy(&mut from.take(samples * layout.format.frame_bytes()), &mut out)?;
    out.sync_all()?;
    give_name(&part, path)?;
    Ok(describe(path, None)?.map(Repaired::from))
}

/// Moves a file that cannot be repaired out of the way, to `quarantine` beneath the recordings,
/// with its folders in its name. Says where it lies now.
///
/// # Errors
/// When it cannot be moved.
pub fn quarantine(recordings: &Path, relative: &str) -> io::Result<PathBuf> {
    let aside = recordings.join(QUARANTINE);
    fs::create_dir_all(&aside)?;
    let to = aside.join(relative.replace('/', "-"));
    fs::rename(recordings.join(relative), &to)?;
    sync_directory(&aside)?;
    Ok(to)
}

fn give_name(part: &Path, path: &Path) -> io::Result<()> {
    fs::rename(part, path)?;
    sync_directory(path.parent().expect("a recording lies in its day's directory"))
}

/// Renders recordings again from what the segments still hold, in clear, and puts a file in its
/// place where it is, octet by octet, the one that the row speaks of (or where the row names no SHA-256). Gives
/// those back that are whole again. The box must not run: it holds the segments.
///
/// # Errors
/// When the box runs, the keys are not there, or a file cannot be read or written.
pub fn render_again(
    segments: &Path,
    recordings: &Path,
    keys: &Keys,
    wanted: &BTreeMap<RecordingId, Option<String>>,
) -> Result<BTreeSet<RecordingId>, Error> {
    let mut whole = BTreeSet::new();
    if wanted.is_empty() || !segments.exists() {
        return Ok(whole);
    }
    let _lock = lock(segments)?;
    keys.check(segments).map_err(|error| Error::Keys(Box::new(error)))?;
    let old: repair::Old = list_segments(segments)?.into_iter().collect();
    let shelf = Shelf::new(segments.to_owned(), old.iter().map(|&(id, _)| id));
    let mut found = Vec::new();
    repair::read_all(&old, segments, &shelf, &keys.ring, &mut |conversation| {
        if wanted.contains_key(&conversation.recording) {
            found.push(conversation);
        }
    })
    .map_err(file("read the segments in", segments))?;
    for conversation in found {
        let sha256 = wanted[&conversation.recording].as_deref();
        let again = one_again(&conversation, &shelf, keys, recordings, sha256);
        if again.map_err(file("render again in", recordings))? {
            whole.insert(conversation.recording);
        }
    }
    Ok(whole)
}

fn one_again(
    conversation: &Conversation,
    shelf: &Shelf,
    keys: &Keys,
    recordings: &Path,
    sha256: Option<&str>,
) -> io::Result<bool> {
    let Some(head) = conversation.head else { return Ok(false) };
    let path = recordings.join(relative_path(head.tenant, head.started_at, head.recording));
    let part = beside(&path, "_again");
    let mut source = Segments::new(shelf, &keys.ring, head.tenant, true);
    let (_, described) = write_file(conversation, &mut source, &part, None)?;
    if sha256.is_some_and(|known| known != described.sha256) {
        fs::remove_file(&part)?;
        return Ok(false);
    }
    give_name(&part, &path)?;
    Ok(true)
}

/// What stands in the segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentsReport {
    /// Files read.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whole blocks.
    pub blocks: u64,
    /// Files whose last write has not finished, as every file has that is being written.
    pub torn_tails: u64,
    /// All damaged places.
    pub damaged: u64,
    /// The first thousand of them, a sentence each.
    pub faults: Vec<String>,
}

impl SegmentsReport {
    fn fault(&mut self, sentence: String) {
        self.damaged += 1;
        if self.faults.len() < PLACES_MAX {
            self.faults.push(sentence);
        }
    }
}

/// Checks the checksum of every block, and with keys also that it is the one that was written.
///
/// # Errors
/// When a segment cannot be read, or a later release wrote it.
pub fn check_segments(directory: &Path, keys: Option<&Keys>) -> Result<SegmentsReport, Error> {
    let mut report = SegmentsReport::default();
    if !directory.exists() {
        return Ok(report);
    }
    for (id, header) in list_segments(directory)? {
        let path = directory.join(id.file_name());
        let bytes = match fs::read(&path) {
            // Rendered and removed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes.map_err(file("read", &path))?,
        };
        report.segments += 1;
        report.bytes += bytes.len() as u64;
        let name = id.file_name();
        let pieces = scan(&bytes);
        let mut opener = keys.map(|keys| Opener::new(header, &bytes, &pieces, &keys.ring));
        for piece in pieces {
            match piece {
                Found::Block { at, bytes: len, .. } => {
                    report.blocks += 1;
                    let Some(opener) = &mut opener else { continue };
                    match opener.open(at, &bytes[at..at + len]) {
                        None => report.fault(format!("{name}: the block at {at} was changed")),
                        Some((_, broken)) => broken.iter().for_each(|broken| {
                            let at = at + broken.at;
                            report.fault(format!("{name}: the entry at {at} was changed"));
                        }),
                    }
                }
                Found::Damaged { at, bytes } => {
                    report.fault(format!("{name}: {bytes} bytes from {at} on are damaged"));
                }
                Found::TornTail { .. } => report.torn_tails += 1,
            }
        }
    }
    Ok(report)
}
