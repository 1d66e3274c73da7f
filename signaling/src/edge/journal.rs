//! The writer of the event log. A frame is handed to the kernel before the packets of the same
//! step leave, so a killed process loses no entry of anything that others saw; a thread of its own
//! syncs every 20 ms, so a power cut loses at most that and the call path never waits for a disk.
//!
//! When the disk takes nothing, frames wait in memory up to `backlog_bytes_max` and are written in
//! order once it does; sequence numbers have no gaps. What finds no room is counted and told as lost.
//!
//! After a sync that failed the kernel may call pages written that are not, and the next sync succeeds
//! (<https://wiki.postgresql.org/wiki/Fsync_Errors>): what is not known to be on disk is read back,
//! checked and written to its place again before it counts as synced.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use terms::event::{self, Entry, FrameError};
use terms::failpoint::{self, Fault};

/// Sizes and pauses of the log.
#[derive(Clone, Debug)]
pub struct Config {
    /// A file ends after this many bytes.
    pub file_bytes_max: u64,
    /// Frames that wait in memory for a disk that takes nothing.
    pub backlog_bytes_max: usize,
    /// Longest time between an entry and its sync.
    pub sync_every: Duration,
    /// Pause after a write that failed.
    pub retry_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            file_bytes_max: 64 << 20,
            backlog_bytes_max: 64 << 20,
            sync_every: Duration::from_millis(20),
            retry_every: Duration::from_millis(250),
        }
    }
}

/// How often the last sync is tried when the log closes.
const LAST_TRIES: u32 = 3;
/// Shortest pause after a sync that failed: each further one reads and writes what is in doubt.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// Most bytes that are read back and written again at a time; more than the longest frame.
const PIECE_BYTES: u64 = 4 << 20;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{doing} {}: {source}", .path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes in the middle of the log are not those that were written.
    #[error(
        "{} is damaged at byte {at} ({source}): move it away and start again; the entries before \
         it are safe", .path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong there.
        source: FrameError,
    },
}

fn file_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}

/// How far the log is on disk.
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
    /// Held during a sync: its failure is told once, to whoever syncs next.
    syncing: Mutex<()>,
}

struct State {
    file: Arc<File>,
    path: PathBuf,
    /// Last sequence number that the kernel has, and where in the file its frame ends.
    written: u64,
    written_bytes: u64,
    /// Last sequence number that the disk has, and where in the file its frame ends.
    synced: u64,
    synced_bytes: u64,
    /// A sync failed since.
    is_in_doubt: bool,
    stopping: bool,
}

impl State {
    fn begin(file: Arc<File>, path: PathBuf, bytes: u64, last_seq: u64) -> Self {
        State {
            file,
            path,
            written: last_seq,
            written_bytes: bytes,
            synced: last_seq,
            synced_bytes: bytes,
            is_in_doubt: false,
            stopping: false,
        }
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings to disk what the kernel has of the newest file.
    fn sync(&self) -> io::Result<()> {
        let _one = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, written, written_bytes, doubtful) = {
            let state = self.lock();
            if state.synced >= state.written {
                return Ok(());
            }
            let doubtful = state.is_in_doubt.then(|| (state.path.clone(), state.synced_bytes));
            (state.file.clone(), state.written, state.written_bytes, doubtful)
        };
        if let Some((path, from)) = doubtful {
            return self.sync_again(&file, &path, from, (written, written_bytes));
        }
        match sync_data(&file) {
            Ok(()) => self.on_synced(written, written_bytes, true),
            Err(error) => {
                self.lock().is_in_doubt = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes what is in doubt to its place again, up to the end of the frame of `written`, and syncs it
    /// piece by piece. The first piece that fails ends it; those before it count.
    fn sync_again(
        &self,
        file: &File,
        path: &Path,
        mut from: u64,
        (written, to): (u64, u64),
    ) -> io::Result<()> {
        let again = File::options().read(true).write(true).open(path)?;
        while from < to {
            let (seq, end) = write_again(&again, from, to)?;
            if end == to && seq != written {
                return Err(gone());
            }
            sync_data(file)?;
            self.on_synced(seq, end, end == to);
            from = end;
        }
        Ok(())
    }

    fn on_synced(&self, seq: u64, bytes: u64, is_all: bool) {
        let mut state = self.lock();
        state.is_in_doubt = !is_all;
        state.synced = state.synced.max(seq);
        state.synced_bytes = state.synced_bytes.max(bytes);
        self.changed.notify_all();
    }

    /// Waits so long, or until the log closes.
    fn pause(&self, pause: Duration) {
        drop(self.changed.wait_timeout_while(self.lock(), pause, |state| !state.stopping));
    }
}

/// Waits for entries to reach the disk; for other threads.
#[derive(Clone)]
pub struct Synced(Arc<Progress>);

impl Synced {
    /// True once every entry up to `seq` is on disk; false when `within` is over first.
    pub fn wait(&self, seq: u64, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.0.lock();
        while state.synced < seq {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.stopping {
                return state.synced >= seq;
            }
            state =
                self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The log of one box, open for writing.
pub struct Journal {
    config: Config,
    dir: PathBuf,
    file: Arc<File>,
    file_bytes: u64,
    next_seq: u64,
    /// Encoded frames that the kernel has not taken, in order.
    pending: Vec<u8>,
    /// Bytes of `pending` that the kernel took of its first frame.
    pending_last_seq: u64,
    retry_at: Option<Instant>,
    lost: u64,
    /// Of those, the ones that nobody was told of yet.
    lost_untold: u64,
    progress: Arc<Progress>,
    syncer: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the log in `dir`: finds the last entry, cuts off a torn tail and goes on behind it.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::Damaged`] for a bad frame with a good one behind it.
    pub fn open(dir: &Path, config: Config) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(file_error("make the folder", dir))?;
        let (path, next_seq, bytes) = match last_file(dir)? {
            Some((path, first)) => {
                let (next, good) = recover(&path, first)?;
                (path, next, good)
            }
            None => (dir.join(name_of(1)), 1, 0),
        };
        let file = open_at(&path, bytes)?;
        sync_dir(dir)?;
        let file = Arc::new(file);
        let progress = Arc::new(Progress {
            state: Mutex::new(State::begin(file.clone(), path, bytes, next_seq - 1)),
            changed: Condvar::new(),
            syncing: Mutex::new(()),
        });
        let (shared, every) = (progress.clone(), config.sync_every);
        let syncer = std::thread::Builder::new()
            .name("event-log".into())
            .spawn(move || sync_loop(&shared, every))
            .map_err(file_error("start the thread that syncs", dir))?;
        Ok(Journal {
            config,
            dir: dir.to_owned(),
            file,
            file_bytes: bytes,
            next_seq,
            pending: Vec::new(),
            pending_last_seq: next_seq - 1,
            retry_at: None,
            lost: 0,
            lost_untold: 0,
            progress,
            syncer: Some(syncer),
        })
    }

    /// Gives `entry` its sequence number and puts it behind the others; [`Journal::flush`] hands
    /// them to the kernel. The number, or `None` when the backlog is full and the entry is lost.
    pub fn append(&mut self, mut entry: Entry) -> Option<u64> {
        if self.pending.len() >= self.config.backlog_bytes_max {
            self.lost += 1;
            if self.lost_untold == 0 {
                tracing::error!("the event log's backlog is full: entries are lost");
            }
            self.lost_untold += 1;
            return None;
        }
        entry.seq = self.next_seq;
        self.next_seq += 1;
        event::write_frame(&entry, &mut self.pending);
        self.pending_last_seq = entry.seq;
        Some(entry.seq)
    }

    /// Writes `entry` at once, for somebody who waits for it. False where the disk takes nothing: they
    /// come again, and nothing is kept of them meanwhile but of who noticed it first.
    pub fn append_now(&mut self, entry: Entry) -> bool {
        self.flush() && self.append(entry).is_some() && self.flush()
    }

    /// Hands everything to the kernel. False while the disk takes nothing; call again later.
    pub fn flush(&mut self) -> bool {
        if self.pending.is_empty() {
            return true;
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        match self.write_pending() {
            Ok(()) => {
                self.retry_at = None;
                let is_in_doubt = {
                    let mut state = self.progress.lock();
                    state.written = self.pending_last_seq;
                    state.written_bytes = self.file_bytes;
                    state.is_in_doubt
                };
                let lost = std::mem::take(&mut self.lost_untold);
                if lost > 0 {
                    tracing::error!(lost, "the event log goes on; these entries are not in it");
                }
                // Doubt is for the thread that syncs to clear: the call path does not wait for it.
                if self.file_bytes >= self.config.file_bytes_max
                    && !is_in_doubt
                    && let Err(error) = self.rotate()
                {
                    tracing::error!(%error, "the event log goes on in its old file");
                }
                true
            }
            Err(error) => {
                if self.retry_at.is_none() {
                    tracing::error!(%error, waiting = self.pending.len(), "the event log waits");
                }
                self.retry_at = Some(Instant::now() + self.config.retry_every);
                false
            }
        }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let taken = match failpoint::pass("journal.append") {
                Some(Fault::Eio) => return Err(io::Error::from_raw_os_error(libc::EIO)),
                Some(Fault::NoSpace) => return Err(io::Error::from_raw_os_error(libc::ENOSPC)),
                Some(Fault::Short) => {
                    let half = self.pending.len().div_ceil(2);
                    (&*self.file).write(&self.pending[..half])?
                }
                Some(Fault::StallMs(ms)) => {
                    std::thread::sleep(Duration::from_millis(ms));
                    (&*self.file).write(&self.pending)?
                }
                Some(Fault::Kill) | None => (&*self.file).write(&self.pending)?,
            };
            if taken == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.pending.drain(..taken);
            self.file_bytes += taken as u64;
        }
        Ok(())
    }

    /// Begins the next file. The old one is synced first: a torn tail is in the last file only.
    fn rotate(&mut self) -> Result<(), Error> {
        let path = self.dir.join(name_of(self.next_seq));
        self.progress.sync().map_err(file_error("sync the file before", &path))?;
        self.file = Arc::new(open_at(&path, 0)?);
        sync_dir(&self.dir)?;
        self.file_bytes = 0;
        let mut state = self.progress.lock();
        let stopping = state.stopping;
        *state = State { stopping, ..State::begin(self.file.clone(), path, 0, state.written) };
        self.progress.changed.notify_all();
        Ok(())
    }

    /// For threads that wait for the disk.
    pub fn synced(&self) -> Synced {
        Synced(self.progress.clone())
    }

    /// Sequence number of the last entry.
    pub fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// Entries that found the backlog full.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.retry_at = None;
        self.flush();
        {
            let mut state = self.progress.lock();
            state.stopping = true;
            self.progress.changed.notify_all();
        }
        if let Some(syncer) = self.syncer.take() {
            // A panic of the syncer was logged where it happened.
            let _ = syncer.join();
        }
    }
}

/// Syncs what was written, at most every `every`, until the log closes. A failure is told when it begins
/// and when it becomes another one.
fn sync_loop(progress: &Progress, every: Duration) {
    let (mut last_tries, mut failing) = (0, None);
    loop {
        let stopping = progress.lock().stopping;
        let result = progress.sync();
        let kind = result.as_ref().err().map(io::Error::kind);
        match &result {
            Err(error) if failing != kind => {
                tracing::error!(%error, "the event log cannot be synced");
            }
            Ok(()) if failing.is_some() => tracing::warn!("the event log is synced again"),
            _ => {}
        }
        failing = kind;
        if stopping {
            last_tries += 1;
            if result.is_ok() || last_tries == LAST_TRIES {
                progress.changed.notify_all();
                return;
            }
            std::thread::sleep(every);
        } else {
            progress.pause(if failing.is_some() { every.max(FAILED_PAUSE) } else { every });
        }
    }
}

fn sync_data(file: &File) -> io::Result<()> {
    match failpoint::pass("journal.sync") {
        Some(Fault::Eio) => return Err(io::Error::from_raw_os_error(libc::EIO)),
        Some(Fault::StallMs(ms)) => std::thread::sleep(Duration::from_millis(ms)),
        _ => {}
    }
    file.sync_data()
}

/// Writes the first frames in these bytes of a file to their place again, so that a sync brings them to
/// disk: the sequence number of the last one, and where it ends.
///
/// # Errors
/// When the kernel does not have them any more.
fn write_again(file: &File, from: u64, to: u64) -> io::Result<(u64, u64)> {
    let length = (to - from).min(PIECE_BYTES);
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, from)?;
    let (mut at, mut last) = (0, None);
    loop {
        match event::read_frame(&bytes[at..]) {
            Ok(None) => break,
            Ok(Some((entry, used))) => {
                last = Some(entry.seq);
                at += used;
            }
            // The piece ends within a frame.
            Err(FrameError::Torn) if from + length < to => break,
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    let last = last.ok_or_else(gone)?;
    file.write_all_at(&bytes[..at], from)?;
    Ok((last, from + at as u64))
}

fn gone() -> io::Error {
    io::Error::other("entries behind a failed sync are gone")
}

fn name_of(first_seq: u64) -> String {
    format!("events-{first_seq:020}.log")
}

/// The newest file and the sequence number in its name.
fn last_file(dir: &Path) -> Result<Option<(PathBuf, u64)>, Error> {
    let entries = std::fs::read_dir(dir).map_err(file_error("list", dir))?;
    let mut last = None;
    for entry in entries {
        let path = entry.map_err(file_error("list", dir))?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_prefix("events-")?.strip_suffix(".log"))
            .and_then(|digits| digits.parse::<u64>().ok());
        if let Some(first) = first
            && last.as_ref().is_none_or(|(_, best)| first > *best)
        {
            last = Some((path, first));
        }
    }
    Ok(last)
}

/// The next sequence number and the bytes up to the end of the last good frame.
fn recover(path: &Path, first: u64) -> Result<(u64, u64), Error> {
    let bytes = std::fs::read(path).map_err(file_error("read", path))?;
    let (mut next, mut at) = (first, 0);
    loop {
        match event::read_frame(&bytes[at..]) {
            Ok(None) => break,
            Ok(Some((entry, used))) => {
                next = entry.seq + 1;
                at += used;
            }
            Err(source) => {
                // What a crash leaves is the beginning of a frame and nothing behind it.
                let behind = (at + 1..bytes.len())
                    .any(|later| matches!(event::read_frame(&bytes[later..]), Ok(Some(_))));
                if behind {
                    let path = path.to_owned();
                    return Err(Error::Damaged { path, at: at as u64, source });
                }
                tracing::warn!(file = %path.display(), at, "a torn entry was cut off");
                break;
            }
        }
    }
    Ok((next, at as u64))
}

fn open_at(path: &Path, bytes: u64) -> Result<File, Error> {
    let file =
        File::options().create(true).append(true).open(path).map_err(file_error("open", path))?;
    file.set_len(bytes).map_err(file_error("cut", path))?;
    file.sync_all().map_err(file_error("sync", path))?;
    Ok(file)
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|open| open.sync_all()).map_err(file_error("sync the folder", dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::event::{ENTRY_VERSION, Kind};
    use terms::{TenantId, Timestamp};

    fn entry() -> Entry {
        Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: Timestamp(1),
            tenant: TenantId(1),
            contact: None,
            call: None,
            leg: None,
            kind: Kind::Started { program: "test".into(), kept: Vec::new() },
        }
    }

    fn read_all(dir: &Path) -> Vec<u64> {
        let mut names: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        let mut seqs = Vec::new();
        for name in names {
            let bytes = std::fs::read(name).unwrap();
            let mut at = 0;
            while let Some((entry, used)) = event::read_frame(&bytes[at..]).unwrap() {
                seqs.push(entry.seq);
                at += used;
            }
        }
        seqs
    }

    #[test]
    fn entries_survive_a_restart_and_a_torn_tail_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Config::default()).unwrap();
        for _ in 0..3 {
            journal.append(entry());
        }
        assert!(journal.flush());
        assert!(journal.synced().wait(3, Duration::from_secs(5)));
        drop(journal);

        let file = dir.path().join(name_of(1));
        let whole = std::fs::read(&file).unwrap();
        for cut in 1..whole.len() / 3 {
            std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
            let mut journal = Journal::open(dir.path(), Config::default()).unwrap();
            assert_eq!(journal.last_seq(), 2, "cut of {cut}");
            journal.append(entry());
            drop(journal);
            assert_eq!(read_all(dir.path()), [1, 2, 3]);
        }
    }

    #[test]
    fn damage_in_the_middle_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Config::default()).unwrap();
        for _ in 0..3 {
            journal.append(entry());
        }
        drop(journal);
        let file = dir.path().join(name_of(1));
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[12] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let error = Journal::open(dir.path(), Config::default()).err().unwrap().to_string();
        assert!(error.contains("damaged at byte 0"), "{error}");
    }

    #[test]
    fn every_flipped_byte_is_refused_with_its_place_or_cut_off_with_the_last_entry() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Config::default()).unwrap();
        for _ in 0..3 {
            journal.append(entry());
        }
        drop(journal);
        let file = dir.path().join(name_of(1));
        let whole = std::fs::read(&file).unwrap();
        let last = whole.len() - event::read_frame(&whole).unwrap().unwrap().1;
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&file, &bytes).unwrap();
            match Journal::open(dir.path(), Config::default()) {
                Err(error) => {
                    assert!(at < last, "flip at {at}: {error}");
                    assert!(error.to_string().contains("is damaged at byte"), "{error}");
                    assert!(std::fs::read(&file).unwrap() == bytes, "flip at {at}: it is left");
                }
                // What a crash left looks the same: the beginning of an entry and nothing behind it.
                Ok(journal) => {
                    assert!(at >= last, "flip at {at}");
                    assert_eq!(journal.last_seq(), 2, "flip at {at}");
                }
            }
        }
    }

    #[test]
    fn a_file_in_doubt_ends_after_the_doubt() {
        let dir = tempfile::tempdir().unwrap();
        let sync_every = Duration::from_secs(3_600);
        let config = Config { file_bytes_max: 1, sync_every, ..Config::default() };
        let mut journal = Journal::open(dir.path(), config).unwrap();
        let files = || std::fs::read_dir(dir.path()).unwrap().count();
        journal.append(entry());
        journal.progress.lock().is_in_doubt = true;
        assert!(journal.flush());
        assert_eq!(files(), 1, "who writes does not clear it");
        journal.progress.sync().unwrap();
        journal.append(entry());
        assert!(journal.flush());
        assert_eq!(files(), 2);
        drop(journal);
        assert_eq!(read_all(dir.path()), [1, 2]);
    }

    #[test]
    fn files_follow_each_other_without_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { file_bytes_max: 300, ..Config::default() };
        let mut journal = Journal::open(dir.path(), config).unwrap();
        for _ in 0..20 {
            journal.append(entry());
            assert!(journal.flush());
        }
        drop(journal);
        assert_eq!(read_all(dir.path()), (1..=20).collect::<Vec<_>>());
        assert!(std::fs::read_dir(dir.path()).unwrap().count() > 3);
    }
}
