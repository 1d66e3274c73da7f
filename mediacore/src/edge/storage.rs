//! Storage: the threads between the recorders' rings and the files.
//! Promise: media never waits for it; what it calls recorded is on disk under its final name; a
//! crash between any two steps loses nothing that was synced and doubles nothing, because every
//! step can be repeated by the recording's id.
//!
//! ```text
//!  shard ─ring─┐                      ┌─► <segments>/<shard>-<seq>.seg   append, fdatasync each 700 ms
//!  shard ─ring─┼─► storage thread ────┤        (tokio-uring, or one blocking writer a shard)
//!  shard ─ring─┘   ShardLog, Index    │
//!                                     └─► render thread, low priority
//!                                          1 <tenant>/<day>/<id>.wav_tmp, fsync (sealed: .wav.sealed_tmp)
//!                                          2 rename to .wav, fsync the directory
//!                                          3 row to <segments>/ledger.log, fdatasync
//!                                          4 on_ledger(row), then "told" to ledger.log
//!                                          5 segments without other recordings are removed
//! ```
//!
//! At start the render thread first reads the segments of earlier runs and renders every recording
//! without a row; calls do not wait for that. A row whose `on_ledger` was cut short is told again,
//! so the receiver writes it durably before it returns and knows rows by their recording's id.

#![allow(clippy::disallowed_methods)]

mod blocking;
mod cut;
mod disk;
mod journal;
mod keeper;
mod renderer;
mod repair;
mod shelf;
#[cfg(test)]
pub(crate) mod story;
mod verdict;
pub mod verify;

pub use repair::{Quarantined, RepairReport};

pub(crate) use disk::{Gate, Job, gate};
pub(crate) use keeper::Keeper;

use super::keys::{self, Keys};
use crate::record::Block;
use crate::record::log::LogConfig;
use crate::record::seal::FileKeys;
use crate::record::segment::{HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId};
use disk::header_of;
use renderer::{Renderer, Renders, Task};
use shelf::Shelf;
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use terms::Moment;
use terms::media::Ledger;

/// How segments are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Backend {
    /// tokio-uring where the kernel allows it, else blocking writers.
    #[default]
    Auto,
    /// tokio-uring; the start fails where the kernel refuses io_uring.
    TokioUring,
    /// One blocking writer thread a shard.
    Blocking,
}

/// Where and how to store.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// Directory of the segment logs.
    pub segments_dir: PathBuf,
    /// Directory of the finished recordings.
    pub recordings_dir: PathBuf,
    /// Shards, one ring each.
    pub shards: u16,
    /// The keys that seal the segments.
    pub keys: Keys,
    /// Finished recordings are sealed too.
    pub seal_renderings: bool,
    /// How segments are written.
    pub backend: Backend,
    /// Blocks in a ring; a full ring makes the recorder count frames as missing.
    pub ring_blocks_max: usize,
    /// Segment size, backlog, sync interval and pauses after failures.
    pub log: LogConfig,
    /// Renderings that wait; more are left to the next start.
    pub renders_waiting_max: usize,
    /// First pause after a rendering that failed; doubles up to 30 s.
    pub render_retry_min: Duration,
    /// The journal of rows is rewritten at this size.
    pub journal_bytes_max: u64,
    /// [`Storage::stop`] returns within this time.
    pub stop_max: Duration,
}

impl StorageConfig {
    /// The usual limits.
    pub fn new(
        segments_dir: PathBuf,
        recordings_dir: PathBuf,
        shards: u16,
        keys: Keys,
    ) -> StorageConfig {
        StorageConfig {
            segments_dir,
            recordings_dir,
            shards,
            keys,
            seal_renderings: false,
            backend: Backend::Auto,
            ring_blocks_max: 2048,
            log: LogConfig::default(),
            renders_waiting_max: 100_000,
            render_retry_min: Duration::from_secs(1),
            journal_bytes_max: 4 * 1024 * 1024,
            stop_max: Duration::from_secs(10),
        }
    }
}

/// Why storage does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory cannot be used.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process holds the segments.
    #[error("{} is used by another process: end it, or give this one its own data directory", path.display())]
    Busy {
        /// The segments directory.
        path: PathBuf,
    },
    /// A later release wrote the log.
    #[error("{} cannot be read: {source}: start the release that wrote it, let it render its recordings, and upgrade again", path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Which version.
        source: HeaderError,
    },
    /// Something is sealed with a key that is not there.
    #[error(transparent)]
    Keys(Box<keys::Error>),
    /// `Backend::TokioUring` was asked for and the kernel refuses.
    #[error(
        "io_uring is refused by this kernel or container: choose the blocking backend, or auto"
    )]
    NoUring {
        /// What the kernel said.
        source: io::Error,
    },
}

/// What storage does and how it fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// The backend that was chosen.
    pub backend: Backend,
    /// Blocks durable.
    pub blocks: u64,
    /// Bytes durable.
    pub bytes: u64,
    /// Bytes in memory, not durable yet.
    pub backlog_bytes: usize,
    /// Frames given up because the backlog was full.
    pub frames_lost: u64,
    /// File operations that failed.
    pub failures: u64,
    /// Recordings whose declaration was given up.
    pub declarations_lost: u64,
    /// Last successful sync of any shard.
    pub synced_at: Option<Moment>,
    /// Renderings that wait, failed ones included.
    pub renders_waiting: usize,
    /// Rows told.
    pub ledgers: u64,
    /// Renderings that failed and were tried again.
    pub renders_failed: u64,
    /// Renderings left to the next start because too many waited.
    pub renders_refused: u64,
    /// Segment files on disk.
    pub segments: usize,
    /// The last failure, for people.
    pub last_error: Option<String>,
    /// What was found at the start; `None` while the search goes on.
    pub repair: Option<RepairReport>,
}

/// What the threads share.
pub(crate) struct Shared {
    pub(crate) config: StorageConfig,
    pub(crate) stopping: AtomicBool,
    stats: Mutex<StorageStats>,
}

impl Shared {
    /// The counters, to be held for an instant.
    pub(crate) fn stats(&self) -> MutexGuard<'_, StorageStats> {
        self.stats.lock().expect("no thread panics while it holds the counters")
    }

    /// Remembers and logs a failure; the same one again is logged once.
    pub(crate) fn report(&self, error: String) {
        let mut stats = self.stats();
        if stats.last_error.as_ref() != Some(&error) {
            tracing::warn!(%error, "storage");
            stats.last_error = Some(error);
        }
    }
}

/// The running storage.
pub struct Storage {
    shared: Arc<Shared>,
    renders: Arc<Renders>,
    /// Each thread says so when it ends.
    ended: mpsc::Receiver<()>,
    threads: usize,
    _lock: File,
}

impl Storage {
    /// Checks the directories, starts the threads, and gives a ring to each shard.
    /// `on_ledger` runs on the render thread and must have written the row durably when it returns.
    pub fn start(
        mut config: StorageConfig,
        on_ledger: impl Fn(Ledger) + Send + Sync + 'static,
    ) -> Result<(Storage, Vec<rtrb::Producer<Block>>), Error> {
        config.backend = choose_backend(config.backend)?;
        fs::create_dir_all(&config.recordings_dir)
            .map_err(file("create directory", &config.recordings_dir))?;
        fs::create_dir_all(&config.segments_dir)
            .map_err(file("create directory", &config.segments_dir))?;
        let lock = lock(&config.segments_dir)?;
        config.keys.check(&config.segments_dir).map_err(|error| Error::Keys(Box::new(error)))?;
        let mut old = list_segments(&config.segments_dir)?;
        for (&id, header) in &mut old {
            *header = header.filter(|header| is_own(id, header, &config));
        }
        let run = old.values().flatten().map(|header| header.run).max().unwrap_or(0) + 1;
        let shelf = Arc::new(Shelf::new(config.segments_dir.clone(), old.keys().copied()));
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            stats: Mutex::new(StorageStats { backend: config.backend, ..StorageStats::default() }),
            config,
        });
        let renders = Arc::new(Renders::new(shared.config.renders_waiting_max));
        renders.push(Task::Repair(old.iter().map(|(&id, &header)| (id, header)).collect()));
        let (producers, consumers) = (0..shared.config.shards)
            .map(|_| rtrb::RingBuffer::new(shared.config.ring_blocks_max))
            .unzip();
        let next_seq = |shard: u16| {
            let of_shard = old.keys().filter(|id| id.shard == shard);
            of_shard.map(|id| id.seq + 1).max().unwrap_or(1)
        };
        let logs = (0..shared.config.shards).map(next_seq).collect();
        let (tell, ended) = mpsc::channel();
        let renderer =
            Renderer::new(shared.clone(), renders.clone(), shelf.clone(), Box::new(on_ledger))?;
        spawn("recording-render", tell.clone(), move || renderer.run())?;
        let keeper = Keeper::new(shared.clone(), renders.clone(), shelf, run, consumers, logs);
        match shared.config.backend {
            Backend::Blocking => spawn("recording-store", tell, move || blocking::run(keeper))?,
            _ => spawn("recording-store", tell, move || crate::uring::storage::run(keeper))?,
        }
        Ok((Storage { shared, renders, ended, threads: 2, _lock: lock }, producers))
    }

    /// The counters.
    pub fn stats(&self) -> StorageStats {
        let mut stats = self.shared.stats().clone();
        stats.renders_waiting = self.renders.waiting();
        stats.renders_refused = self.renders.refused();
        stats
    }

    /// Writes what is in the rings, renders what has stopped, and returns within `stop_max`.
    /// What does not get done in that time is done by the next start.
    pub fn stop(mut self) -> StorageStats {
        self.end();
        self.stats()
    }

    fn end(&mut self) {
        let deadline = Instant::now() + self.shared.config.stop_max;
        self.shared.stopping.store(true, Ordering::Release);
        self.renders.wake();
        while self.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ended.recv_timeout(left).is_err() {
                self.renders.abandon();
                tracing::warn!("storage did not drain in time; the next start repairs the rest");
                return;
            }
            self.threads -= 1;
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if self.threads > 0 {
            self.end();
        }
    }
}

fn spawn(
    name: &'static str,
    ended: mpsc::Sender<()>,
    body: impl FnOnce() + Send + 'static,
) -> Result<(), Error> {
    let tell_at_the_end = move || {
        body();
        // Nobody listens when storage was dropped past its deadline.
        let _ = ended.send(());
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(tell_at_the_end);
    spawned.map(|_| ()).map_err(file("start thread", Path::new(name)))
}

fn choose_backend(wanted: Backend) -> Result<Backend, Error> {
    if wanted == Backend::Blocking {
        return Ok(wanted);
    }
    match (crate::uring::storage::probe(), wanted) {
        (Ok(()), _) => Ok(Backend::TokioUring),
        (Err(source), Backend::TokioUring) => Err(Error::NoUring { source }),
        (Err(error), _) => {
            tracing::info!(%error, "io_uring is refused, segments are written by blocking writers");
            Ok(Backend::Blocking)
        }
    }
}

fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join("lock");
    let lock = File::create(&path).map_err(file("create", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(file("lock", &path)(source)),
    }
}

/// Segments of earlier runs; `None` where the header is torn or damaged.
pub(crate) fn list_segments(
    directory: &Path,
) -> Result<BTreeMap<SegmentId, Option<SegmentHeader>>, Error> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(directory).map_err(file("list", directory))? {
        let entry = entry.map_err(file("list", directory))?;
        let Some(id) = entry.file_name().to_str().and_then(SegmentId::parse) else { continue };
        let path = entry.path();
        let header = match header_of(&path).map_err(file("read", &path))? {
            Err(source @ HeaderError::Newer(_)) => return Err(Error::Newer { path, source }),
            header => header.ok(),
        };
        segments.insert(id, header);
    }
    Ok(segments)
}

/// Whether a header is the one that was written for this file. One that is not is damage: its blocks
/// are believed or not on their own.
fn is_own(id: SegmentId, header: &SegmentHeader, config: &StorageConfig) -> bool {
    let Some(seal) = header.seal else {
        return header.id == id;
    };
    let mut start = Vec::new();
    let path = config.segments_dir.join(id.file_name());
    let read = File::open(path)
        .and_then(|file| file.take(SEGMENT_HEADER_BYTES as u64).read_to_end(&mut start));
    let keys = FileKeys::segment(config.keys.ring.clone(), seal);
    read.is_ok() && header.id == id && keys.is_some_and(|keys| keys.is_header(&start))
}

fn file(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path: path.clone(), source }
}
