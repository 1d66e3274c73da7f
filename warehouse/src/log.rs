//! Reads the event log while it is being written: files `events-<first sequence, 20 digits>.log` of
//! the frames that [`terms::event`] describes.
//!
//! A frame that is cut off at the end of the last file is one that is still being written: the
//! reader waits there, and looks at the same bytes again the next time. Bad bytes before the end
//! are damage: one frame is stepped over when a good one follows it, else the rest of the file is.
//! Every damage is counted and told; nothing that can be read is lost.

pub(crate) mod trim;

use crate::Error;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use terms::event::{Entry, FrameError, HEADER_BYTES, PAYLOAD_BYTES_MAX, read_frame};

/// Bytes read at a time; must hold the longest frame.
const CHUNK_BYTES: usize = 4 << 20;
const _: () = assert!(CHUNK_BYTES > PAYLOAD_BYTES_MAX + HEADER_BYTES);
/// Damages kept with their text; more are only counted.
const DAMAGES_MAX: usize = 100;

/// A place in the log that follows its writer.
#[derive(Debug)]
pub struct Tail {
    dir: PathBuf,
    current: Option<Current>,
    /// The first sequence number that is wanted.
    next: u64,
    damages: Vec<Damage>,
    damaged: u64,
}

#[derive(Debug)]
struct Current {
    first: u64,
    path: PathBuf,
    file: File,
    offset: u64,
}

/// Bytes of the log that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// In which file.
    pub path: PathBuf,
    /// From which byte on.
    pub offset: u64,
    /// What is wrong there.
    pub why: String,
}

/// Why the bytes at hand end.
enum Stop {
    /// They end between two frames, or enough was read.
    Clean,
    /// They cannot be read on.
    Bad(FrameError),
}

impl Tail {
    /// A reader of `dir` that begins with entry `from`. The folder may be missing yet.
    pub fn open(dir: impl Into<PathBuf>, from: u64) -> Self {
        Tail { dir: dir.into(), current: None, next: from, damages: Vec::new(), damaged: 0 }
    }

    /// Appends up to `max` entries to `out`; none when the writer has written none.
    ///
    /// # Errors
    /// When a file or the folder cannot be read.
    pub fn read(&mut self, max: usize, out: &mut Vec<Entry>) -> Result<(), Error> {
        let before = out.len();
        while out.len() - before < max {
            if self.current.is_none() && !self.open_file()? {
                return Ok(());
            }
            let had = out.len();
            let stop = self.read_chunk(max - (had - before), out)?;
            if out.len() > had {
                continue;
            }
            if !self.pass_on(stop)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The sequence number that comes next.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// How often bytes could not be read.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The first of those places.
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// Opens the file that holds `next`: the last one that begins at or before it, else the first.
    fn open_file(&mut self) -> Result<bool, Error> {
        let files = list(&self.dir)?;
        let holding = files.iter().rev().find(|(first, _)| *first <= self.next);
        let Some((first, path)) = holding.or(files.first()).cloned() else { return Ok(false) };
        self.open_at(first, path)?;
        Ok(true)
    }

    fn open_at(&mut self, first: u64, path: PathBuf) -> Result<(), Error> {
        let file = File::open(&path).map_err(Error::file("open", &path))?;
        self.current = Some(Current { first, path, file, offset: 0 });
        Ok(())
    }

    /// Reads frames from the place we are at. Nothing is kept of a frame that is not whole: the
    /// writer may cut it away after a crash and write another one over it.
    fn read_chunk(&mut self, max: usize, out: &mut Vec<Entry>) -> Result<Stop, Error> {
        let current = self.current.as_mut().expect("a file is open while it is read");
        let bytes = current.read_chunk()?;
        let mut used = 0;
        let mut read = 0;
        let stop = loop {
            if read == max {
                break Stop::Clean;
            }
            match read_frame(&bytes[used..]) {
                Ok(None) => break Stop::Clean,
                Ok(Some((entry, length))) => {
                    used += length;
                    if entry.seq >= self.next {
                        self.next = entry.seq + 1;
                        read += 1;
                        out.push(entry);
                    }
                }
                Err(error) => break Stop::Bad(error),
            }
        };
        current.offset += used as u64;
        // Frames that were all below `next` are progress too, as are those before a torn one that
        // only the end of the chunk cut.
        if used > 0 && read == 0 {
            return self.read_chunk(max, out);
        }
        Ok(stop)
    }

    /// At the end of what can be read here: steps over damage or to the next file. False when
    /// there is nothing to do but wait.
    fn pass_on(&mut self, stop: Stop) -> Result<bool, Error> {
        let current = self.current.as_mut().expect("a file was read just now");
        if let Stop::Bad(error) = &stop
            && let Some(length) = current.good_frame_after()?
        {
            let damage = current.damage(error.to_string());
            current.offset += length;
            self.note(damage);
            return Ok(true);
        }
        let current = self.current.as_ref().expect("a file was read just now");
        let later = list(&self.dir)?.into_iter().find(|(first, _)| *first > current.first);
        let Some((first, path)) = later else { return Ok(false) };
        // The writer may have appended between our reading and its next file.
        if current.grew(&stop)? {
            return Ok(true);
        }
        if let Stop::Bad(error) = stop {
            let damage = current.damage(format!("{error}; the rest of the file is skipped"));
            self.note(damage);
        }
        self.open_at(first, path)?;
        Ok(true)
    }

    fn note(&mut self, damage: Damage) {
        tracing::error!(
            path = %damage.path.display(), offset = damage.offset, why = damage.why,
            "the event log is damaged"
        );
        self.damaged += 1;
        if self.damages.len() < DAMAGES_MAX {
            self.damages.push(damage);
        }
    }
}

impl Current {
    fn read_chunk(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| (&self.file).take(CHUNK_BYTES as u64).read_to_end(&mut bytes))
            .map_err(Error::file("read", &self.path))?;
        Ok(bytes)
    }

    /// True when more can be read now than when `stop` was met.
    fn grew(&self, stop: &Stop) -> Result<bool, Error> {
        let length = self.file.metadata().map_err(Error::file("read", &self.path))?.len();
        match stop {
            Stop::Clean => Ok(length > self.offset),
            Stop::Bad(_) => {
                let mut again = Current {
                    first: self.first,
                    path: self.path.clone(),
                    file: File::open(&self.path).map_err(Error::file("open", &self.path))?,
                    offset: self.offset,
                };
                Ok(matches!(read_frame(&again.read_chunk()?), Ok(Some(_))))
            }
        }
    }

    /// The length of the frame we are at, when its header can be and a good frame follows it.
    fn good_frame_after(&mut self) -> Result<Option<u64>, Error> {
        let bytes = self.read_chunk()?;
        let Some(header) = bytes.first_chunk::<4>() else { return Ok(None) };
        let length = HEADER_BYTES.saturating_add(u32::from_le_bytes(*header) as usize);
        let follows =
            bytes.get(length..).is_some_and(|rest| matches!(read_frame(rest), Ok(Some(_))));
        Ok(follows.then_some(length as u64))
    }

    fn damage(&self, why: String) -> Damage {
        Damage { path: self.path.clone(), offset: self.offset, why }
    }
}

/// The first entry that the log in `dir` still has, by the name of its first file; `None` before
/// anything was written.
///
/// # Errors
/// When the folder cannot be read.
pub fn first_entry(dir: &Path) -> Result<Option<u64>, Error> {
    Ok(list(dir)?.first().map(|(first, _)| *first))
}

/// The files of a log by their first sequence number.
pub(crate) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("list", dir)(error)),
    };
    let mut files: Vec<(u64, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((first_seq(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    files.sort();
    Ok(files)
}

fn first_seq(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("events-")?.strip_suffix(".log")?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use terms::event::{ENTRY_VERSION, Kind, write_frame};
    use terms::{TenantId, Timestamp};

    fn entry(seq: u64) -> Entry {
        Entry {
            v: ENTRY_VERSION,
            seq,
            at: Timestamp::from_secs(1_700_000_000 + seq as i64),
            tenant: TenantId(1),
            contact: None,
            call: None,
            leg: None,
            kind: Kind::Started { program: "test".into(), kept: Vec::new() },
        }
    }

    fn frames(seqs: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        seqs.into_iter().for_each(|seq| write_frame(&entry(seq), &mut bytes));
        bytes
    }

    fn write(dir: &Path, first: u64, bytes: &[u8]) {
        std::fs::write(dir.join(format!("events-{first:020}.log")), bytes).unwrap();
    }

    fn append(dir: &Path, first: u64, bytes: &[u8]) {
        let path = dir.join(format!("events-{first:020}.log"));
        File::options().append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    fn seqs(tail: &mut Tail, max: usize) -> Vec<u64> {
        let mut out = Vec::new();
        tail.read(max, &mut out).unwrap();
        out.into_iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn a_reader_follows_the_writer_from_file_to_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::open(dir.path().join("later"), 1);
        assert!(seqs(&mut tail, 10).is_empty(), "the folder may be missing");

        let mut tail = Tail::open(dir.path(), 3);
        write(dir.path(), 1, &frames(1..=4));
        assert_eq!(seqs(&mut tail, 10), [3, 4]);
        append(dir.path(), 1, &frames([5]));
        write(dir.path(), 6, &frames(6..=9));
        assert_eq!(seqs(&mut tail, 3), [5, 6, 7]);
        assert_eq!(seqs(&mut tail, 10), [8, 9]);
        assert_eq!(tail.damaged(), 0);
    }

    #[test]
    fn a_torn_end_is_waited_for_and_may_be_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = frames(1..=3);
        write(dir.path(), 1, &bytes[..bytes.len() - 5]);
        let mut tail = Tail::open(dir.path(), 1);
        assert_eq!(seqs(&mut tail, 10), [1, 2]);
        assert!(seqs(&mut tail, 10).is_empty());
        // The writer starts again: it cuts the torn frame away and goes on.
        write(dir.path(), 1, &frames(1..=5));
        assert_eq!(seqs(&mut tail, 10), [3, 4, 5]);
        assert_eq!(tail.damaged(), 0);
    }

    #[test]
    fn a_flipped_bit_costs_one_entry_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = frames(1..=5);
        let one = frames([1]).len();
        bytes[one * 2 + 20] ^= 1;
        write(dir.path(), 1, &bytes);
        let mut tail = Tail::open(dir.path(), 1);
        assert_eq!(seqs(&mut tail, 10), [1, 2, 4, 5]);
        assert_eq!(tail.damaged(), 1);
        assert_eq!(tail.damages()[0].offset, one as u64 * 2);
    }

    #[test]
    fn every_flipped_byte_costs_its_entry_and_no_entry_is_another_one() {
        let whole = frames(1..=4);
        let one = (whole.len() / 4) as u64;
        for at in 0..whole.len() as u64 {
            let dir = tempfile::tempdir().unwrap();
            let mut bytes = whole.clone();
            bytes[at as usize] ^= 1 << (at % 8);
            write(dir.path(), 1, &bytes);
            write(dir.path(), 5, &frames(5..=6));
            let mut tail = Tail::open(dir.path(), 1);
            let mut read = seqs(&mut tail, 10);
            read.extend(seqs(&mut tail, 10));
            let hit = at / one + 1;
            // A length that is not believed costs the rest of its file at most.
            let is_length = at % one < 4;
            let least = (1..=6).filter(|seq| *seq < hit || *seq > 4);
            let most: Vec<u64> = (1..=6).filter(|seq| *seq != hit).collect();
            match is_length {
                true => assert!(least.clone().all(|seq| read.contains(&seq)), "{at}: {read:?}"),
                false => assert_eq!(read, most, "flip at {at}"),
            }
            assert!(read.iter().all(|seq| most.contains(seq)), "flip at {at}: {read:?}");
            assert_eq!(tail.damaged(), 1, "flip at {at}");
        }
    }

    #[test]
    fn a_broken_length_costs_the_rest_of_its_file_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = frames(1..=5);
        let one = frames([1]).len();
        bytes[one * 2 + 3] = 0xFF;
        write(dir.path(), 1, &bytes);
        let mut tail = Tail::open(dir.path(), 1);
        assert_eq!(seqs(&mut tail, 10), [1, 2]);
        assert!(seqs(&mut tail, 10).is_empty(), "the last file's end may still change");
        write(dir.path(), 6, &frames(6..=7));
        assert_eq!(seqs(&mut tail, 10), [6, 7]);
        assert_eq!(tail.damaged(), 1);
    }
}
