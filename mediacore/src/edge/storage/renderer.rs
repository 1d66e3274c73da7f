//! The render thread: low priority, one recording after the other. Failpoints, in the order of the
//! steps: `storage.render_open`, `storage.render`, `storage.render_sync`, `storage.rename`,
//! `storage.renamed`, `storage.ledger`, `storage.tell`, `storage.told`, `storage.reclaim`.

use super::cut::{self, Cut};
use super::disk::{pass_gate, sync_directory};
use super::journal::{Journal, Known};
use super::repair::{self, Old};
use super::shelf::Shelf;
use super::{Error, Shared, file, verdict};
use crate::edge::quiet::{self, QUIET_AFTER};
use crate::edge::rendering::{Rendering, SealFor, beside, salt};
use crate::record::block::{ENTRY_HEAD_BYTES, KIND_AUDIO, TAG_BYTES};
use crate::record::index::Conversation;
use crate::record::render::{self, Piece, Rendered, Source};
use crate::record::seal::{FileKeys, Keyring};
use crate::record::sealed::{ENDING, Sealing};
use crate::record::segment::SegmentId;
use crate::record::wav;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use terms::media::Ledger;
use terms::{RecordingId, TenantId, Timestamp};

const RETRY_MAX: Duration = Duration::from_secs(30);
/// After this many failures a piece that cannot be read counts as missing.
const READ_TRIES_MAX: u32 = 5;
/// Segments held open while rendering.
const OPEN_SEGMENTS_MAX: usize = 16;
const WRITE_BUFFER_BYTES: usize = 256 * 1024;
/// The data chunk of our files begins within this many bytes.
const WAV_HEADER_BYTES_MAX: u64 = 4096;

/// One thing to do.
pub(super) enum Task {
    /// Read the segments of earlier runs.
    Repair(Old),
    /// Make the file and tell the row.
    Render {
        /// What to render.
        conversation: Box<Conversation>,
        /// How often it failed.
        failures: u32,
    },
    /// Nobody needs this segment.
    Remove(SegmentId),
    /// There has been nothing to do for a while: give back memory.
    Rest,
}

impl Task {
    /// A first rendering.
    pub(super) fn render(conversation: Conversation) -> Task {
        Task::Render { conversation: Box::new(conversation), failures: 0 }
    }
}

/// What waits for the render thread.
pub(super) struct Renders {
    waiting_max: usize,
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    ready: VecDeque<Task>,
    /// Failed ones with the time of the next try.
    later: Vec<(Instant, Task)>,
    /// Under way.
    busy: bool,
    /// Nothing was done since the last rest.
    rested: bool,
    refused: u64,
    closed: bool,
    abandoned: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty() && !self.closed && !self.abandoned
    }
}

impl Renders {
    pub(super) fn new(waiting_max: usize) -> Renders {
        Renders { waiting_max, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().expect("no thread panics while it holds the queue")
    }

    /// One more thing to do. A rendering beyond the limit is left to the next start.
    pub(super) fn push(&self, task: Task) {
        let mut state = self.state();
        if state.ready.len() + state.later.len() >= self.waiting_max
            && matches!(task, Task::Render { .. })
        {
            state.refused += 1;
            return;
        }
        state.ready.push_back(task);
        self.changed.notify_one();
    }

    fn push_later(&self, at: Instant, task: Task) {
        self.state().later.push((at, task));
    }

    /// Nothing more comes: end when all is done.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// End after the task under way.
    pub(super) fn abandon(&self) {
        self.state().abandoned = true;
        self.changed.notify_one();
    }

    /// Look again at what the program wants.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Renderings that wait or are under way.
    pub(super) fn waiting(&self) -> usize {
        let state = self.state();
        state.ready.len() + state.later.len() + usize::from(state.busy)
    }

    /// Renderings left to the next start.
    pub(super) fn refused(&self) -> u64 {
        self.state().refused
    }

    /// The next task; `None` when the thread should end.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        state.busy = false;
        loop {
            if state.abandoned {
                return None;
            }
            let now = Instant::now();
            let due = state.later.iter().position(|&(at, _)| at <= now);
            let task = due.map(|place| state.later.swap_remove(place).1);
            if let Some(task) = task.or_else(|| state.ready.pop_front()) {
                (state.busy, state.rested) = (true, false);
                return Some(task);
            }
            // What fails while the program ends is left to the next start.
            if state.closed {
                return None;
            }
            let next = state.later.iter().map(|&(at, _)| at.saturating_duration_since(now)).min();
            let wait = next.unwrap_or(RETRY_MAX);
            let wait = if state.rested { wait } else { wait.min(QUIET_AFTER) };
            let waited = self.changed.wait_timeout(state, wait).expect("the queue is sound");
            state = waited.0;
            if waited.1.timed_out() && wait == QUIET_AFTER && state.is_empty() {
                state.rested = true;
                return Some(Task::Rest);
            }
        }
    }
}

/// Everything the render thread owns.
pub(super) struct Renderer {
    shared: Arc<Shared>,
    renders: Arc<Renders>,
    shelf: Arc<Shelf>,
    journal: Journal,
    on_ledger: Box<dyn Fn(Ledger) + Send + Sync>,
}

impl Renderer {
    pub(super) fn new(
        shared: Arc<Shared>,
        renders: Arc<Renders>,
        shelf: Arc<Shelf>,
        on_ledger: Box<dyn Fn(Ledger) + Send + Sync>,
    ) -> Result<Renderer, Error> {
        let directory = &shared.config.segments_dir;
        let journal = Journal::open(directory).map_err(file("open the journal in", directory))?;
        Ok(Renderer { shared, renders, shelf, journal, on_ledger })
    }

    /// Runs until storage stops.
    pub(super) fn run(mut self) {
        lower_priority();
        while let Some(task) = self.renders.next() {
            match task {
                Task::Repair(old) => self.repair(old),
                Task::Remove(segment) => self.remove(segment),
                Task::Rest => quiet::give_back(),
                Task::Render { conversation, failures } => self.attempt(conversation, failures),
            }
            if self.journal.is_long(self.shared.config.journal_bytes_max) {
                self.compact();
            }
        }
    }

    fn repair(&mut self, old: Old) {
        let renders = self.renders.clone();
        let (mut cuts, mut go_on): (Vec<Cut>, BTreeSet<RecordingId>) = Default::default();
        let mut found = |conversation: Conversation| {
            cuts.extend(Cut::of(&conversation));
            go_on.extend(cut::continues(&conversation));
            renders.push(Task::render(conversation));
        };
        let directory = self.shared.config.segments_dir.clone();
        let ring = self.shared.config.keys.ring.clone();
        match repair::read_all(&old, &directory, &self.shelf, &ring, &mut found) {
            Ok(report) => {
                if let Err(error) = self.journal.cut(cuts, &go_on) {
                    self.shared.report(format!("note in the journal what was cut: {error}"));
                }
                for (segment, _) in old {
                    if self.shelf.release_one(segment) {
                        self.remove(segment);
                    }
                }
                self.compact();
                self.shared.stats().repair = Some(report);
            }
            Err(error) => {
                self.shared.report(format!("read the segments of earlier runs: {error}"));
                let at = Instant::now() + self.shared.config.render_retry_min;
                self.renders.push_later(at, Task::Repair(old));
            }
        }
    }

    fn compact(&mut self) {
        if let Err(error) = self.journal.compact(&self.shelf.mentions()) {
            self.shared.report(format!("rewrite the journal of rows: {error}"));
        }
    }

    fn remove(&mut self, segment: SegmentId) {
        if let Err(error) = self.shelf.remove(segment) {
            self.shared.report(format!("remove segment {}: {error}", segment.file_name()));
            let at = Instant::now() + RETRY_MAX;
            self.renders.push_later(at, Task::Remove(segment));
        }
    }

    fn attempt(&mut self, conversation: Box<Conversation>, failures: u32) {
        match self.finish(&conversation, failures) {
            Ok(()) => {
                for segment in self.shelf.release(&conversation) {
                    self.remove(segment);
                }
            }
            Err(error) => {
                let recording = conversation.recording;
                self.shared.report(format!("render recording {recording}: {error}"));
                self.shared.stats().renders_failed += 1;
                if self.shared.stopping.load(Ordering::Acquire) {
                    return;
                }
                let pause = self.shared.config.render_retry_min * 2_u32.pow(failures.min(10));
                let task = Task::Render { conversation, failures: failures + 1 };
                self.renders.push_later(Instant::now() + pause.min(RETRY_MAX), task);
            }
        }
    }

    /// All steps of one recording. Each can be repeated.
    fn finish(&mut self, conversation: &Conversation, failures: u32) -> io::Result<()> {
        let ledger = match self.journal.known(conversation.recording) {
            Some(Known::Told) => return Ok(()),
            Some(Known::Rendered(ledger)) => (**ledger).clone(),
            None => {
                let Some(ledger) = self.make(conversation, failures)? else {
                    return Ok(());
                };
                self.journal.rendered(&ledger)?;
                ledger
            }
        };
        pass_gate("storage.tell")?;
        (self.on_ledger)(ledger);
        self.shared.stats().ledgers += 1;
        if let Err(error) = self.journal.told(conversation.recording) {
            // At worst the row is told again, and its receiver knows it.
            self.shared.report(format!("note in the journal that a row was told: {error}"));
        }
        Ok(())
    }

    /// The file and its row; `None` when nothing tells whose recording it was.
    fn make(&self, conversation: &Conversation, failures: u32) -> io::Result<Option<Ledger>> {
        let Some(head) = conversation.head else {
            let recording = conversation.recording;
            self.shared.report(format!("recording {recording} has no declaration left in the log"));
            return Ok(None);
        };
        let mut ledger = Ledger::refused(
            (head.tenant, head.contact, head.call),
            head.recording,
            head.started_at,
            conversation.refused.map_or_else(String::new, verdict::refusal),
        );
        if conversation.refused.is_some() {
            return Ok(Some(ledger));
        }
        if let Some(reason) = verdict::too_short(conversation) {
            ledger.reason = Some(reason);
            return Ok(Some(ledger));
        }
        let config = &self.shared.config;
        let ring = &config.keys.ring;
        let clear = relative_path(head.tenant, head.started_at, head.recording);
        let sealed = format!("{clear}{ENDING}");
        let forgiving = failures >= READ_TRIES_MAX;
        let mut source = Segments::new(&self.shelf, ring, head.tenant, forgiving);
        // A file under its final name is whole: a crash came after the rename. It may even hold
        // more than the segments that are left. Whether files are sealed may have changed since.
        let mut there = None;
        for path in [&clear, &sealed] {
            let found = describe(&config.recordings_dir.join(path), Some(ring))?;
            there = there.or(found.map(|found| (path.clone(), found)));
        }
        let (path, rendered, file) = match there {
            Some((path, there)) => (path, render::count(conversation, &mut source)?, there),
            None => {
                let seal = config.seal_renderings.then_some(SealFor { ring, tenant: head.tenant });
                let path = if seal.is_some() { sealed } else { clear };
                let whole = config.recordings_dir.join(&path);
                let (rendered, file) = write_file(conversation, &mut source, &whole, seal)?;
                (path, rendered, file)
            }
        };
        ledger.duration_ms = file.duration_ms;
        ledger.bytes = file.bytes;
        ledger.sha256 = Some(file.sha256);
        ledger.path = Some(path);
        ledger.state = verdict::state(conversation, &rendered);
        let cut = cut::continues(conversation).and_then(|cut| self.journal.cut_of(cut));
        ledger.before = cut.and_then(|cut| cut.before(conversation));
        let more = verdict::cut(conversation).into_iter();
        let more = more.chain(ledger.before.as_ref().map(verdict::before));
        ledger.reason = verdict::reason(ledger.state, &rendered, more);
        ledger.paused_ms = rendered.paused_ms;
        ledger.format = head.terms.format;
        ledger.frames_expected = rendered.frames_expected;
        ledger.frames_missing = rendered.frames_missing;
        ledger.gaps = rendered.gaps;
        ledger.marks = rendered.marks;
        Ok(Some(ledger))
    }
}

/// `<tenant>/<yyyy-mm-dd>/<recording>.wav`, from numbers only.
pub(super) fn relative_path(
    tenant: TenantId,
    started_at: Timestamp,
    recording: RecordingId,
) -> String {
    format!("{tenant}/{}/{recording}.wav", started_at.day_text())
}

/// What a finished file is.
pub(super) struct Described {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) duration_ms: i64,
}

/// A finished file, in clear or sealed; `None` when there is none. Size and hash are those of the
/// file as it lies there.
pub(super) fn describe(path: &Path, ring: Option<&Keyring>) -> io::Result<Option<Described>> {
    let mut open = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        open => open?,
    };
    let bytes = open.metadata()?.len();
    let sha256 = digest(&mut open)?;
    let mut clear = Rendering::open(open, ring)?;
    let mut start = Vec::new();
    clear.by_ref().take(WAV_HEADER_BYTES_MAX).read_to_end(&mut start)?;
    let layout = wav::layout(&start, clear.clear_bytes()).map_err(io::Error::other)?;
    let samples = layout.data_bytes / layout.format.frame_bytes();
    let duration_ms = (samples * 1000 / u64::from(layout.format.rate_hz)) as i64;
    Ok(Some(Described { bytes, sha256, duration_ms }))
}

/// SHA-256 of a file as it lies there, in hex.
pub(super) fn hash_of(path: &Path) -> io::Result<String> {
    digest(&mut File::open(path)?)
}

fn digest(open: &mut File) -> io::Result<String> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; WRITE_BUFFER_BYTES]);
    loop {
        match open.read(&mut piece)? {
            0 => return Ok(hex(hash)),
            got => hash.update(&piece[..got]),
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Renders to `<path>_tmp` and gives it its name when it is whole and durable.
pub(super) fn write_file(
    conversation: &Conversation,
    source: &mut Segments,
    path: &Path,
    seal: Option<SealFor>,
) -> io::Result<(Rendered, Described)> {
    let directory = path.parent().expect("a recording lies in its day's directory");
    pass_gate("storage.render_open")?;
    fs::create_dir_all(directory)?;
    let part = beside(path, "_tmp");
    let mut out = BufWriter::with_capacity(WRITE_BUFFER_BYTES, File::create(&part)?);
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut put = |piece: &[u8]| {
        pass_gate("storage.render")?;
        hash.update(piece);
        bytes += piece.len() as u64;
        out.write_all(piece)
    };
    let rendered = match seal {
        None => render::render(conversation, source, &mut put)?,
        Some(SealFor { ring, tenant }) => {
            let (mut sealing, header) = Sealing::new(ring, tenant, salt()?, false);
            put(&header)?;
            // Nothing is kept back, so the chunks come in their order.
            let mut put = |_, sealed: &[u8]| put(sealed);
            let rendered =
                render::render(conversation, source, &mut |piece| sealing.push(piece, &mut put))?;
            sealing.finish(&[], &mut put)?;
            rendered
        }
    };
    let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    pass_gate("storage.render_sync")?;
    out.sync_all()?;
    pass_gate("storage.rename")?;
    fs::rename(&part, path)?;
    pass_gate("storage.renamed")?;
    sync_up(directory)?;
    let duration_ms = rendered.duration_ms();
    Ok((rendered, Described { bytes, sha256: hex(hash), duration_ms }))
}

/// Syncs the day's directory, the tenant's and the one above: each may be new.
fn sync_up(directory: &Path) -> io::Result<()> {
    directory.ancestors().take(3).try_for_each(|directory| match directory.as_os_str().is_empty() {
        true => Ok(()),
        false => sync_directory(directory),
    })
}

/// Pieces of segments that are one tenant's, with a few files held open.
pub(super) struct Segments<'a> {
    shelf: &'a Shelf,
    ring: &'a Arc<Keyring>,
    tenant: TenantId,
    open: VecDeque<Segment>,
    sealed: Vec<u8>,
    /// What cannot be read counts as missing.
    forgiving: bool,
}

struct Segment {
    id: SegmentId,
    file: File,
    /// `None` in version 1.
    keys: Option<FileKeys>,
}

impl Segments<'_> {
    pub(super) fn new<'a>(
        shelf: &'a Shelf,
        ring: &'a Arc<Keyring>,
        tenant: TenantId,
        forgiving: bool,
    ) -> Segments<'a> {
        Segments { shelf, ring, tenant, open: VecDeque::new(), sealed: Vec::new(), forgiving }
    }

    fn segment(&mut self, id: SegmentId) -> io::Result<&mut Segment> {
        if let Some(place) = self.open.iter().rposition(|open| open.id == id) {
            return Ok(&mut self.open[place]);
        }
        if self.open.len() >= OPEN_SEGMENTS_MAX {
            self.open.pop_front();
        }
        let file = File::open(self.shelf.path(id))?;
        let keys = match self.shelf.seal(id) {
            Some(seal) => Some(FileKeys::segment(self.ring.clone(), seal).ok_or_else(|| {
                io::Error::other(format!("the recording key {} is not there", seal.key))
            })?),
            None => None,
        };
        self.open.push_back(Segment { id, file, keys });
        Ok(self.open.back_mut().expect("it was just put there"))
    }

    fn piece(&mut self, id: SegmentId, offset: u64, body: &mut [u8]) -> io::Result<Piece> {
        pass_gate("storage.read")?;
        let (mut sealed, tenant) = (std::mem::take(&mut self.sealed), self.tenant);
        let segment = self.segment(id)?;
        let Some(keys) = &mut segment.keys else {
            segment.file.read_exact_at(body, offset)?;
            return Ok(Piece::There);
        };
        sealed.resize(body.len() + TAG_BYTES, 0);
        segment.file.read_exact_at(&mut sealed, offset)?;
        let head = offset - ENTRY_HEAD_BYTES as u64;
        let opened = keys.open_entry(head, KIND_AUDIO, tenant, &mut sealed);
        body.copy_from_slice(&sealed[..body.len()]);
        self.sealed = sealed;
        Ok(if opened { Piece::There } else { Piece::Changed })
    }
}

impl Source for Segments<'_> {
    fn read(&mut self, segment: SegmentId, offset: u32, body: &mut [u8]) -> io::Result<Piece> {
        self.piece(segment, u64::from(offset), body).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => Ok(Piece::Gone),
            _ if self.forgiving => Ok(Piece::Gone),
            _ => Err(error),
        })
    }
}

/// Rendering yields to everything else on the box.
fn lower_priority() {
    // SAFETY: setpriority takes no pointers; who 0 is the calling thread on Linux, and a refusal
    // leaves the priority as it was.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 15) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_nothing_to_do_rests_once_and_again_after_work() {
        let renders = Renders::new(10);
        assert!(matches!(renders.next(), Some(Task::Rest)));
        renders.push(Task::Remove(SegmentId { shard: 0, seq: 1 }));
        assert!(matches!(renders.next(), Some(Task::Remove(_))));
        assert!(matches!(renders.next(), Some(Task::Rest)));
        renders.push(Task::Repair(Old::default()));
        assert!(matches!(renders.next(), Some(Task::Repair(_))));
        renders.close();
        assert!(renders.next().is_none(), "who ends does not rest");
    }
}
