//! Where each recording lies in the segment logs. Promise: the same answer whether the blocks are
//! seen live, as they become durable, or after a restart, from the files; a block seen twice counts
//! once.

use super::block::{Block, Entry, Head, Lost, Marked, TrackHead};
use super::segment::SegmentId;
use super::wav::Format;
use crate::codec::Rate;
use crate::g711::Law;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use terms::media::Codec;
use terms::{Moment, RecordingId};

/// Audio whose track nobody has declared yet: this many pieces are kept.
const ORPHANS_MAX: usize = 16_384;
/// Ended recordings that are remembered, so that a declaration that was sent again late begins none.
const ENDED_MAX: usize = 16_384;

/// A piece of a track in a segment: the body of an Audio entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRef {
    /// First byte of the body in the segment file.
    pub offset: u32,
    /// Its length.
    pub bytes: u16,
    /// Which of the conversation's segments.
    pub segment: u16,
    /// Which of the conversation's tracks.
    pub track: u16,
}

/// One party, as far as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackState {
    /// Its latest declaration.
    pub head: TrackHead,
    /// Samples seen in Audio entries.
    pub found: u64,
    /// What was reported lost.
    pub lost: Vec<Lost>,
    key: TrackKey,
}

impl TrackState {
    /// Samples handed to the recorder, as far as anything tells.
    pub fn expected(&self) -> u64 {
        self.head.samples.max(self.found)
    }
}

/// One recording: everything needed to render it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its name.
    pub recording: RecordingId,
    /// Whose it is; `None` when every declaration of it was lost.
    pub head: Option<Head>,
    /// The parties, in the order of joining.
    pub tracks: Vec<TrackState>,
    /// Their audio, in the order of the log.
    pub chunks: Vec<ChunkRef>,
    /// The files that hold it.
    pub segments: Vec<SegmentId>,
    /// When it was stopped; `None` when the process ended first.
    pub stopped: Option<Moment>,
    /// Closing time of the last block that says anything of it.
    pub last_seen: Moment,
    /// Refused, by the code of the limit.
    pub refused: Option<u32>,
    /// Stretches of damaged log while it ran.
    pub holes: Vec<(Moment, Moment)>,
    /// One of them was whole by its checksum and yet not what was written.
    pub changed: bool,
    /// The codecs of its audio.
    pub codecs: BTreeSet<Codec>,
    /// Its pauses and resumes, each once, in the order in which they were read.
    pub marks: Vec<Marked>,
}

impl Conversation {
    fn new(recording: RecordingId) -> Conversation {
        Conversation {
            recording,
            head: None,
            tracks: Vec::new(),
            chunks: Vec::new(),
            segments: Vec::new(),
            stopped: None,
            last_seen: Moment(0),
            refused: None,
            holes: Vec::new(),
            changed: false,
            codecs: BTreeSet::new(),
            marks: Vec::new(),
        }
    }

    /// Where the file ends: at the stop, or with the last block.
    pub fn end(&self) -> Moment {
        self.stopped.unwrap_or(self.last_seen)
    }

    /// The one law of all its audio, if there is one; A-law when there is no audio.
    pub fn law(&self) -> Option<Law> {
        let mut codecs = self.codecs.iter();
        match (codecs.next(), codecs.next()) {
            (Some(&codec), None) => Law::of(codec),
            (None, _) => Some(Law::A),
            (Some(_), Some(_)) => None,
        }
    }

    /// The format of its file: the law as it was spoken, else PCM, at 16 kHz where a wideband codec
    /// took part.
    pub fn format(&self) -> Format {
        let wide = self.codecs.iter().any(|codec| codec.is_wideband());
        Format::stereo(self.law(), if wide { Rate::Wide } else { Rate::Narrow })
    }

    fn segment(&mut self, id: SegmentId) -> (u16, bool) {
        // The newest segment is nearly always the one.
        if let Some(place) = self.segments.iter().rposition(|&segment| segment == id) {
            return (place as u16, false);
        }
        self.segments.push(id);
        ((self.segments.len() - 1) as u16, true)
    }
}

/// A track within everything that is on disk: track numbers are unique within a run of a shard.
type TrackKey = (u32, u16, u32);

#[derive(Clone, Copy)]
struct Orphan {
    segment: SegmentId,
    offset: u32,
    bytes: u16,
    codec: Codec,
    samples: u64,
}

/// The recordings that ended last: what comes of them later is too late.
struct Ended {
    all: HashSet<RecordingId>,
    /// In the order in which they ended.
    order: VecDeque<RecordingId>,
}

impl Default for Ended {
    /// With all the room that it will ever take. A table that is more than half full of what comes and
    /// goes is made twice as large once its old places are used up, which would look like a leak.
    fn default() -> Ended {
        let all = HashSet::with_capacity(2 * (ENDED_MAX + 1));
        Ended { all, order: VecDeque::with_capacity(ENDED_MAX + 1) }
    }
}

impl Ended {
    fn contains(&self, recording: &RecordingId) -> bool {
        self.all.contains(recording)
    }

    fn insert(&mut self, recording: RecordingId) {
        if !self.all.insert(recording) {
            return;
        }
        self.order.push_back(recording);
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

/// All recordings that are in the log and not yet handed over.
#[derive(Default)]
pub struct Index {
    conversations: BTreeMap<RecordingId, Conversation>,
    tracks: BTreeMap<TrackKey, (RecordingId, usize)>,
    orphans: BTreeMap<TrackKey, Vec<Orphan>>,
    orphans_count: usize,
    ended: Ended,
    /// Block numbers seen, for reading logs that hold a block twice.
    seen: HashSet<(u32, u16, u64)>,
}

/// What a block changed.
#[derive(Debug, Default)]
pub struct Absorbed {
    /// Recordings that ended with it: no longer in the index.
    pub finished: Vec<Conversation>,
    /// Each pair of a segment and a recording that has something in it for the first time.
    pub touched: Vec<(SegmentId, RecordingId)>,
}

impl Index {
    /// Reads a block that stands at `offset` of `segment`, written by `run`.
    pub fn absorb(&mut self, run: u32, segment: SegmentId, offset: u64, block: &Block) -> Absorbed {
        let mut absorbed = Absorbed::default();
        for located in block.entries() {
            if self.is_late(&located.entry) {
                continue;
            }
            let at = offset as u32 + located.offset as u32;
            let subject = match located.entry {
                Entry::Recording(head) => {
                    let conversation = self.conversation(head.recording);
                    conversation.head = Some(head);
                    Some(head.recording)
                }
                Entry::Track(head) => {
                    self.track(run, segment.shard, head, &mut absorbed);
                    Some(head.recording)
                }
                Entry::Audio(audio) => {
                    let (bytes, codec) = (located.bytes as u16, audio.codec);
                    let samples = audio.samples();
                    let orphan = Orphan { segment, offset: at, bytes, codec, samples };
                    let key = (run, segment.shard, audio.track);
                    let known = self.tracks.get(&key).copied();
                    match known {
                        Some((recording, track)) => {
                            self.chunk(recording, track, orphan, &mut absorbed)
                        }
                        None => self.keep_orphan(key, orphan),
                    }
                    known.map(|(recording, _)| recording)
                }
                Entry::Lost(lost) => {
                    let known = self.tracks.get(&(run, segment.shard, lost.track)).copied();
                    if let Some((recording, track)) = known {
                        self.conversation(recording).tracks[track].lost.push(lost);
                    }
                    known.map(|(recording, _)| recording)
                }
                Entry::Stop(recording, at) => {
                    self.conversation(recording).stopped = Some(at);
                    Some(recording)
                }
                Entry::Mark(marked) => {
                    let conversation = self.conversation(marked.recording);
                    if !conversation.marks.contains(&marked) {
                        conversation.marks.push(marked);
                    }
                    Some(marked.recording)
                }
                Entry::Refused(recording, reason) => {
                    let conversation = self.conversation(recording);
                    conversation.refused = Some(reason);
                    conversation.stopped = conversation.head.map(|head| head.start);
                    Some(recording)
                }
            };
            if let Some(recording) = subject {
                let conversation = self.conversation(recording);
                conversation.last_seen = conversation.last_seen.max(block.closed());
                if conversation.segment(segment).1 {
                    absorbed.touched.push((segment, recording));
                }
            }
            if let Entry::Stop(recording, _) | Entry::Refused(recording, _) = located.entry {
                absorbed.finished.extend(self.take(recording));
            }
        }
        absorbed
    }

    fn is_late(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Recording(Head { recording, .. })
            | Entry::Track(TrackHead { recording, .. })
            | Entry::Mark(Marked { recording, .. })
            | Entry::Stop(recording, _)
            | Entry::Refused(recording, _) => self.ended.contains(recording),
            Entry::Audio(_) | Entry::Lost(_) => false,
        }
    }

    /// The same for a log that may hold a block twice.
    pub fn absorb_once(
        &mut self,
        run: u32,
        segment: SegmentId,
        offset: u64,
        block: &Block,
    ) -> Absorbed {
        if !self.seen.insert((run, segment.shard, block.number())) {
            return Absorbed::default();
        }
        self.absorb(run, segment, offset, block)
    }

    /// Damaged log of a shard between two moments: everything that runs may miss something.
    /// `changed` when it was not a crash: the checksum is right and the seal is not.
    pub fn hole(&mut self, run: u32, shard: u16, from: Moment, to: Moment, changed: bool) {
        let recordings: HashSet<RecordingId> = self
            .tracks
            .range((run, shard, 0)..=(run, shard, u32::MAX))
            .map(|(_, &(recording, _))| recording)
            .collect();
        for recording in recordings {
            let conversation = self.conversation(recording);
            conversation.holes.push((from, to));
            conversation.changed |= changed;
        }
    }

    /// Everything that never ended, at the end of the log.
    pub fn take_unfinished(&mut self) -> Vec<Conversation> {
        self.tracks.clear();
        std::mem::take(&mut self.conversations).into_values().collect()
    }

    /// Recordings that run.
    pub fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Nothing runs.
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }

    fn conversation(&mut self, recording: RecordingId) -> &mut Conversation {
        self.conversations.entry(recording).or_insert_with(|| Conversation::new(recording))
    }

    fn track(&mut self, run: u32, shard: u16, head: TrackHead, absorbed: &mut Absorbed) {
        let key = (run, shard, head.track);
        if let Some(&(recording, track)) = self.tracks.get(&key) {
            let state = &mut self.conversation(recording).tracks[track].head;
            // A declaration that was sent again may come late; counts only rise.
            let left = state.left.or(head.left);
            *state = TrackHead { left, samples: state.samples.max(head.samples), ..head };
            return;
        }
        let conversation = self.conversation(head.recording);
        conversation.tracks.push(TrackState { head, found: 0, lost: Vec::new(), key });
        let place = conversation.tracks.len() - 1;
        self.tracks.insert(key, (head.recording, place));
        let orphans = self.orphans.remove(&key).unwrap_or_default();
        self.orphans_count -= orphans.len();
        for orphan in orphans {
            self.chunk(head.recording, place, orphan, absorbed);
        }
    }

    fn chunk(
        &mut self,
        recording: RecordingId,
        track: usize,
        piece: Orphan,
        absorbed: &mut Absorbed,
    ) {
        let conversation = self.conversation(recording);
        let (segment, new) = conversation.segment(piece.segment);
        if new {
            absorbed.touched.push((piece.segment, recording));
        }
        conversation.tracks[track].found += piece.samples;
        conversation.codecs.insert(piece.codec);
        let (offset, bytes, track) = (piece.offset, piece.bytes, track as u16);
        conversation.chunks.push(ChunkRef { offset, bytes, segment, track });
    }

    fn keep_orphan(&mut self, key: TrackKey, orphan: Orphan) {
        if self.orphans_count >= ORPHANS_MAX {
            self.orphans.clear();
            self.orphans_count = 0;
        }
        self.orphans.entry(key).or_default().push(orphan);
        self.orphans_count += 1;
    }

    fn take(&mut self, recording: RecordingId) -> Option<Conversation> {
        let conversation = self.conversations.remove(&recording)?;
        for track in &conversation.tracks {
            self.tracks.remove(&track.key);
        }
        self.ended.insert(recording);
        Some(conversation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_ended_the_last_ones_are_remembered_in_the_order_in_which_they_ended() {
        let mut ended = Ended::default();
        let of = |n: usize| RecordingId(u64::MAX - n as u64);
        (0..ENDED_MAX + 2).for_each(|n| ended.insert(of(n)));
        ended.insert(of(2));
        let known = [0, 1, 2, ENDED_MAX + 1].map(|n| ended.contains(&of(n)));
        assert_eq!(known, [false, false, true, true]);
        assert_eq!((ended.all.len(), ended.order.len()), (ENDED_MAX, ENDED_MAX));
    }

    #[test]
    fn what_ended_takes_the_same_room_however_many_came() {
        let mut ended = Ended::default();
        // Old places that are not used up yet count as no room: what it says is the least.
        let (all, order) = (ended.all.capacity(), ended.order.capacity());
        for n in 0..8 * ENDED_MAX as u64 {
            ended.insert(RecordingId(n));
            assert!(ended.all.capacity() <= all && ended.order.capacity() <= order, "{n}");
        }
        assert_eq!(ended.all.len(), ENDED_MAX);
    }
}
