//! The file that live state is kept in: a log of changes, each step's in one frame, rewritten when it
//! has grown. It belongs into a folder in memory that is ours alone (`/dev/shm`), because it holds
//! keys of audio; it survives the process, not the machine.
//!
//! A frame is length, checksum and its content in the form of `postcard`. What a killed process left half written is cut off; a frame
//! is there as a whole or not at all, so calls and agents always fit each other. Any build reads it
//! whose records have the same form ([`VERSION`]), so that calls go on over an upgrade.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::kept::{Change, Key, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Names this start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Form of the records; another one is not restored. They have no names: whoever changes what is kept,
/// or what it means, counts this up. A test holds the form beside it.
const VERSION: u32 = 6;
/// State without a sign of life for this long is not restored: everybody has hung up.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// How often there is one.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// The file is rewritten when it is longer than this and four times what is alive in it.
const REWRITE_BYTES_MIN: usize = 4 << 20;
const REWRITE_TIMES: usize = 4;
/// What is alive at most; calls beyond it would not survive.
const LIVE_BYTES_MAX: usize = 64 << 20;
/// Pause after a write that failed.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const HEADER_BYTES: usize = 8;
/// More than a record's key and lengths take.
const KEY_BYTES: usize = 64;

#[derive(Serialize, Deserialize)]
enum Frame {
    /// The first of a file.
    Began {
        version: u32,
        boot: String,
    },
    Step(Vec<Change>),
}

/// The file, open for writing.
pub struct Live {
    path: PathBuf,
    file: File,
    bytes: usize,
    /// What is alive, as it stands in the file.
    known: BTreeMap<Key, Record>,
    known_bytes: usize,
    boot: String,
    alive_at: Instant,
    /// The end of the file is not a whole frame, or nothing was taken.
    broken_at: Option<Instant>,
    /// Records that did not fit.
    left_out: u64,
}

impl Live {
    /// Opens the file in `folder`, and gives what the process before kept in it.
    ///
    /// # Errors
    /// When folder or file cannot be had, or are not ours alone.
    pub fn open(folder: &Path) -> io::Result<(Self, Vec<Change>)> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let found = fs::symlink_metadata(folder)?;
        // SAFETY: geteuid has no memory effects and never fails.
        let own = unsafe { libc::geteuid() };
        if !found.is_dir() || found.uid() != own || found.mode() & 0o077 != 0 {
            return Err(io::Error::other("the folder is not ours alone (mode 0700)"));
        }
        let path = folder.join("signaling.live");
        let boot = fs::read_to_string(BOOT_ID)?.trim().to_owned();
        let kept = read(&path, &boot)?;
        // The old file stays until the new one is whole.
        let file = fresh(&path.with_extension("new"))?;
        let mut live = Live {
            path,
            file,
            bytes: 0,
            known: BTreeMap::new(),
            known_bytes: 0,
            boot,
            alive_at: Instant::now(),
            broken_at: None,
            left_out: 0,
        };
        // Until they are said again what was kept stays kept: a second kill loses nothing.
        kept.iter().cloned().for_each(|change| drop(live.note(change)));
        live.rewrite()?;
        Ok((live, kept))
    }

    /// Writes what changed in one step.
    pub fn write(&mut self, changes: Vec<Change>) {
        let changes: Vec<Change> =
            changes.into_iter().filter_map(|change| self.note(change)).collect();
        if let Some(at) = self.broken_at {
            if at.elapsed() >= RETRY_EVERY {
                self.try_rewrite();
            }
            return;
        }
        if changes.is_empty() {
            return;
        }
        if self.bytes > REWRITE_BYTES_MIN && self.bytes > REWRITE_TIMES * self.known_bytes {
            return self.try_rewrite();
        }
        let frame = encode(&Frame::Step(changes));
        match self.file.write_all(&frame) {
            Ok(()) => self.bytes += frame.len(),
            Err(error) => self.broke(&error),
        }
    }

    /// Says from time to time that the process lives.
    pub fn alive(&mut self) {
        if self.alive_at.elapsed() >= ALIVE_EVERY {
            self.alive_at = Instant::now();
            if let Err(error) = self.file.set_modified(SystemTime::now()) {
                tracing::debug!(%error, "no sign of life in the file of live state");
            }
        }
    }

    /// Records that did not fit.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// An orderly end: nothing is to be restored.
    pub fn forget(self) {
        let emptied = self.file.set_len(0).and_then(|()| fs::remove_file(&self.path));
        if let Err(error) = emptied {
            tracing::warn!(%error, "the file of live state stays");
        }
    }

    /// Takes a change into what is alive; `None` when it is no news.
    fn note(&mut self, change: Change) -> Option<Change> {
        let old = self.known.get(&change.key).map_or(0, Record::length);
        let Some(value) = change.value.clone() else {
            self.known_bytes -= old;
            return self.known.remove(&change.key).map(|_| change);
        };
        if self.known.get(&change.key) == Some(&value) {
            return None;
        }
        let bytes = self.known_bytes - old + value.length();
        if bytes > LIVE_BYTES_MAX {
            if self.left_out == 0 {
                tracing::error!("live state is over {LIVE_BYTES_MAX} bytes: some will not survive");
            }
            self.left_out += 1;
            return None;
        }
        self.known_bytes = bytes;
        self.known.insert(change.key, value);
        Some(change)
    }

    fn try_rewrite(&mut self) {
        match self.rewrite() {
            Ok(()) => self.broken_at = None,
            Err(error) => self.broke(&error),
        }
    }

    fn broke(&mut self, error: &io::Error) {
        if self.broken_at.is_none() {
            tracing::error!(%error, "live state cannot be kept: calls would not survive a kill");
        }
        self.broken_at = Some(Instant::now());
    }

    /// A new file with what is alive takes the place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let mut file = fresh(&path)?;
        let mut bytes = encode(&Frame::Began { version: VERSION, boot: self.boot.clone() });
        let known = self.known.iter();
        let known = known.map(|(&key, value)| Change { key, value: Some(value.clone()) });
        bytes.extend(encode(&Frame::Step(known.collect())));
        file.write_all(&bytes)?;
        fs::rename(&path, &self.path)?;
        (self.file, self.bytes) = (file, bytes.len());
        Ok(())
    }
}

/// An empty file that nobody else may read.
fn fresh(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// Octets of a record.
fn length(change: &Change) -> usize {
    change.value.as_ref().map_or(0, Record::length)
}

fn encode(frame: &Frame) -> Vec<u8> {
    let values = match frame {
        Frame::Step(changes) => changes.iter().map(|change| length(change) + KEY_BYTES).sum(),
        Frame::Began { .. } => 0,
    };
    let mut header = Vec::with_capacity(HEADER_BYTES + KEY_BYTES + values);
    header.resize(HEADER_BYTES, 0);
    let mut bytes: Vec<u8> =
        postcard::to_extend(frame, header).expect("a list of known length is written");
    let length = (bytes.len() - HEADER_BYTES) as u32;
    let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The first frame of `bytes` and what follows it; `None` where it is not whole.
fn decode(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[..4].try_into().expect("four bytes")) as usize;
    let checksum = u32::from_le_bytes(header[4..].try_into().expect("four bytes"));
    let (payload, rest) = rest.split_at_checked(length)?;
    if crc32fast::hash(payload) != checksum {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, rest))
}

/// What was kept; nothing of another start of the machine, another form, or long ago.
fn read(path: &Path, boot: &str) -> io::Result<Vec<Change>> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let silent = file.metadata()?.modified()?.elapsed().unwrap_or_default();
    if silent > SILENT_MAX {
        tracing::warn!(?silent, "live state is too old to be restored");
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(fold(&bytes, boot))
}

fn fold(bytes: &[u8], boot: &str) -> Vec<Change> {
    let mut known = BTreeMap::new();
    let Some((Frame::Began { version: VERSION, boot: start }, mut rest)) = decode(bytes) else {
        return Vec::new();
    };
    if start != boot {
        return Vec::new();
    }
    while let Some((Frame::Step(changes), more)) = decode(rest) {
        rest = more;
        for change in changes {
            match change.value {
                Some(_) => known.insert(change.key, change),
                None => known.remove(&change.key),
            };
        }
    }
    known.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::{CallId, LegId};

    fn change(call: u64, value: Option<&str>) -> Change {
        Change::of(Key::Call(CallId(call)), value.as_ref())
    }

    fn texts(kept: &[Change]) -> Vec<String> {
        kept.iter().map(|change| change.read().unwrap()).collect()
    }

    #[test]
    fn what_was_kept_is_there_after_a_kill_and_gone_after_an_orderly_end() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("live");
        let (mut live, kept) = Live::open(&folder).unwrap();
        assert!(kept.is_empty());
        let mode = fs::metadata(&live.path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        live.write(vec![change(1, Some("a")), change(2, Some("b"))]);
        live.write(vec![change(1, Some("c")), change(3, Some("d")), change(9, None)]);
        live.write(vec![change(2, None), Change::of(Key::Leg(LegId(1)), Some(&"e"))]);
        drop(live);
        let (live, kept) = Live::open(&folder).unwrap();
        assert_eq!(texts(&kept), ["c", "d", "e"]);
        drop(live);
        let (live, kept) = Live::open(&folder).unwrap();
        assert_eq!(kept.len(), 3, "kept until it is said otherwise");
        live.forget();
        assert!(Live::open(&folder).unwrap().1.is_empty());
    }

    #[test]
    fn a_torn_step_is_cut_off_as_a_whole_at_every_byte() {
        let began = |version| encode(&Frame::Began { version, boot: "b".into() });
        let (older, began) = (began(VERSION - 1), began(VERSION));
        let first = encode(&Frame::Step(vec![change(1, Some("a"))]));
        let second = encode(&Frame::Step(vec![change(1, None), change(2, Some("b"))]));
        let whole = [&began[..], &first, &second].concat();
        assert_eq!(texts(&fold(&whole, "b")), ["b"]);
        assert!(fold(&whole, "another boot").is_empty());
        assert!(fold(&[&older[..], &first].concat(), "b").is_empty(), "another form");
        for cut in began.len() + first.len()..whole.len() {
            assert_eq!(texts(&fold(&whole[..cut], "b")), ["a"], "cut at {cut}");
        }
        for at in began.len() + first.len()..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            assert_eq!(texts(&fold(&flipped, "b")), ["a"], "flipped at {at}");
        }
    }

    #[test]
    fn the_file_does_not_grow_with_time() {
        let folder = tempfile::tempdir().unwrap();
        let (mut live, _) = Live::open(&folder.path().join("live")).unwrap();
        let long = "x".repeat(10_000);
        for n in 0..1_000 {
            live.write(vec![change(1, Some(&format!("{long}{n}")))]);
            let length = fs::metadata(&live.path).unwrap().len() as usize;
            assert!(length <= REWRITE_BYTES_MIN + 2 * 11_000, "{length}");
        }
        drop(live);
        let (_, kept) = Live::open(&folder.path().join("live")).unwrap();
        assert_eq!(texts(&kept), [format!("{long}999")]);
    }

    #[test]
    fn old_state_and_a_folder_of_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("live");
        let (mut live, _) = Live::open(&folder).unwrap();
        live.write(vec![change(1, Some("a"))]);
        let long_ago = SystemTime::now() - SILENT_MAX - Duration::from_secs(1);
        live.file.set_modified(long_ago).unwrap();
        drop(live);
        assert!(Live::open(&folder).unwrap().1.is_empty());
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(Live::open(&folder).is_err());
    }
}
