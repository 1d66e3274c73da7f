//! Which segment files exist and who still needs them. Promise: a segment is removed only when it
//! is closed and every recording that has something in it is rendered and told.

use crate::record::index::Conversation;
use crate::record::seal::FileSeal;
use crate::record::segment::SegmentId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use terms::RecordingId;

/// The segments on disk.
pub(super) struct Shelf {
    directory: PathBuf,
    segments: Mutex<BTreeMap<SegmentId, Use>>,
}

#[derive(Default)]
struct Use {
    /// How it is sealed; `None` in version 1.
    seal: Option<FileSeal>,
    /// Recordings that are not told yet, by the number of touches less releases.
    waiting: usize,
    /// Nothing more is appended.
    closed: bool,
    /// Every recording that has something in it: the journal keeps their rows. One that was touched
    /// again after a damaged part may stand here twice.
    mentions: Vec<RecordingId>,
}

impl Shelf {
    /// A shelf with the segments of earlier runs, held until the repair has read them.
    pub(super) fn new(directory: PathBuf, old: impl Iterator<Item = SegmentId>) -> Shelf {
        let held = |id| (id, Use { waiting: 1, closed: true, ..Use::default() });
        Shelf { directory, segments: Mutex::new(old.map(held).collect()) }
    }

    fn segments(&self) -> MutexGuard<'_, BTreeMap<SegmentId, Use>> {
        self.segments.lock().expect("no thread panics while it holds the shelf")
    }

    /// Where a segment lies.
    pub(super) fn path(&self, id: SegmentId) -> PathBuf {
        self.directory.join(id.file_name())
    }

    /// A new segment, sealed like this.
    pub(super) fn open(&self, id: SegmentId, seal: Option<FileSeal>) {
        self.segments().insert(id, Use { seal, ..Use::default() });
    }

    /// How a segment of an earlier run is sealed.
    pub(super) fn sealed(&self, id: SegmentId, seal: Option<FileSeal>) {
        self.segments().entry(id).or_default().seal = seal;
    }

    /// How it is sealed; `None` for version 1, and for one that is not there.
    pub(super) fn seal(&self, id: SegmentId) -> Option<FileSeal> {
        self.segments().get(&id)?.seal
    }

    /// One more recording has something in it.
    pub(super) fn touch(&self, id: SegmentId, recording: RecordingId) {
        let mut segments = self.segments();
        let used = segments.entry(id).or_default();
        used.waiting += 1;
        used.mentions.push(recording);
    }

    /// Nothing more is appended; true when nobody needs it.
    pub(super) fn close(&self, id: SegmentId) -> bool {
        self.segments().get_mut(&id).is_some_and(|used| {
            used.closed = true;
            used.waiting == 0
        })
    }

    /// The conversation is told; the segments that nobody needs any more.
    pub(super) fn release(&self, conversation: &Conversation) -> Vec<SegmentId> {
        conversation.segments.iter().copied().filter(|&id| self.release_one(id)).collect()
    }

    /// One need less; true when nobody needs it.
    pub(super) fn release_one(&self, id: SegmentId) -> bool {
        self.segments().get_mut(&id).is_some_and(|used| {
            used.waiting = used.waiting.saturating_sub(1);
            used.waiting == 0 && used.closed
        })
    }

    /// Removes the file of a segment that nobody needs.
    pub(super) fn remove(&self, id: SegmentId) -> io::Result<()> {
        super::disk::pass_gate("storage.reclaim")?;
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                self.segments().remove(&id);
                Ok(())
            }
        }
    }

    /// Recordings with something in any segment.
    pub(super) fn mentions(&self) -> BTreeSet<RecordingId> {
        self.segments().values().flat_map(|used| used.mentions.iter().copied()).collect()
    }

    /// Files on disk.
    pub(super) fn len(&self) -> usize {
        self.segments().len()
    }
}
