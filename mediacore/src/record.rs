//! The recorder of one shard: copies each leg's payload, as it was received, into blocks.
//! Promise: a frame costs a copy and no allocation, media never waits for storage, and whatever is
//! handed in is either in a block or counted as missing.
//!
//! ```text
//!  frame() ─► chunk of its track ─► block of the shard ─► poll_block() ─► ring ─► segment log
//!             80 ms or 2 KiB        100 ms or 64 KiB                      (storage thread)
//! ```
//!
//! Frames of one track stand together in chunks so that rendering a conversation reads some ten
//! pieces a second of it, not every frame, out of a log that all conversations of the shard share.
//! A killed process loses what is in chunks and in the open block: less than 200 ms.
//!
//! [`pause`] keeps nothing for a while. [`block`] and [`segment`] are the format, [`log`] appends, [`index`] knows where each recording
//! lies, [`timeline`] maps RTP time to the box's clock, [`render`] makes the file, [`wav`] is its
//! header. [`seal`] encrypts each tenant's entries with the tenant's key, on the storage thread: the
//! shard copies, and never pays for it. The threads and the disk are in `edge::storage` and `uring::storage`.

pub mod block;
mod fax;
pub mod index;
pub mod log;
pub mod pause;
pub mod render;
pub mod seal;
pub mod sealed;
pub mod segment;
#[cfg(test)]
pub(crate) mod story;
pub mod timeline;
pub mod wav;

use crate::shard::ahead::{self, fetch, fetch_whole};
pub use block::Block;
use block::{
    BODY_BYTES_MAX, BlockWriter, Chunk, Entry, Frame, Head, Lost, Marked, TrackHead, samples_of,
};
use pause::Hearing;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use terms::media::{Codec, RecordStart, RecordTerms, RtpTime, SeqNo, Side, Ssrc};
use terms::{LegId, Moment, RecordingId, TenantId};

/// Code in a Refused entry: too many recordings at once.
pub const REFUSED_RECORDINGS: u32 = 1;
/// Code in a Refused entry: too many tracks at once.
pub const REFUSED_TRACKS: u32 = 2;

/// Limits and times of a recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    /// Recordings at once; one more is refused and gets its ledger row.
    pub recordings_max: usize,
    /// Tracks at once, over all recordings; one more is refused.
    pub tracks_max: usize,
    /// A chunk goes into the block at this age.
    pub chunk_age_max: Duration,
    /// A block closes at this age.
    pub block_age_max: Duration,
    /// Recordings and tracks are declared again this often.
    pub declare_every: Duration,
    /// A longer payload is counted as missing.
    pub payload_bytes_max: usize,
    /// Closed blocks that the shard has not polled yet; the next one is lost.
    pub ready_blocks_max: usize,
    /// Declarations of ended recordings that wait for a place in the ring, in bytes.
    pub resend_bytes_max: usize,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        RecorderConfig {
            recordings_max: 8192,
            tracks_max: 32_768,
            chunk_age_max: Duration::from_millis(80),
            block_age_max: Duration::from_millis(100),
            declare_every: Duration::from_secs(1),
            payload_bytes_max: 1400,
            ready_blocks_max: 256,
            resend_bytes_max: 4 * 1024 * 1024,
        }
    }
}

/// Names a track on the hot path. One that has left, or whose recording has stopped, is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrackIdx {
    slot: u32,
    number: u32,
}

/// What a recorder did and could not do, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderStats {
    /// Frames taken.
    pub frames: u64,
    /// Frames that did not fit any limit, or whose block was lost.
    pub frames_lost: u64,
    /// Frames that were not kept because their recording was paused.
    pub frames_paused: u64,
    /// Blocks closed.
    pub blocks: u64,
    /// Blocks that found the ring full.
    pub blocks_lost: u64,
    /// Recordings refused.
    pub refused: u64,
    /// Declarations given up because `resend_bytes_max` was reached.
    pub resends_lost: u64,
}

/// Begins with a cache line: it is fetched whole before a frame comes.
#[repr(align(64))]
struct Track {
    tenant: TenantId,
    head: TrackHead,
    chunk: Chunk,
    /// Raised when the chunk is emptied, so that an old deadline finds nothing to do.
    turn: u32,
    lost: Option<Lost>,
    frames_lost: u64,
    hearing: Hearing,
}

struct Recording {
    head: Head,
    /// Slots of the tracks that stand.
    tracks: Vec<u32>,
    /// Tracks that left; declared once more at the end.
    left: Vec<TrackHead>,
    /// Whether it is paused.
    hearing: Hearing,
    /// Each pause and resume; declared again with the tracks.
    marks: Vec<Marked>,
}

/// Records the legs of one shard. Feed frames, drain blocks.
pub struct Recorder {
    config: RecorderConfig,
    shard: u16,
    recordings: BTreeMap<RecordingId, Recording>,
    tracks: Vec<Option<Track>>,
    free: Vec<u32>,
    slots: BTreeMap<u32, u32>,
    next_number: u32,
    /// Chunks by the time they are due: (when, slot, turn).
    due: VecDeque<(Moment, u32, u32)>,
    /// Declarations by the time they are due.
    declare: VecDeque<(Moment, RecordingId)>,
    open: Option<BlockWriter>,
    next_block: u64,
    ready: VecDeque<Block>,
    /// Entries of ended recordings whose block was lost.
    resend: VecDeque<Vec<u8>>,
    resend_bytes: usize,
    stats: RecorderStats,
}

impl Recorder {
    /// A recorder with nothing to record. A shard has one for the life of the process: its numbers of
    /// blocks and tracks must not begin again in the same segment log.
    pub fn new(config: RecorderConfig, shard: u16) -> Recorder {
        Recorder {
            config,
            shard,
            recordings: BTreeMap::new(),
            tracks: Vec::new(),
            free: Vec::new(),
            slots: BTreeMap::new(),
            next_number: 1,
            due: VecDeque::new(),
            declare: VecDeque::new(),
            open: None,
            next_block: 0,
            ready: VecDeque::new(),
            resend: VecDeque::new(),
            resend_bytes: 0,
            stats: RecorderStats::default(),
        }
    }

    /// Begins a recording. Starting one that runs already changes nothing and names its tracks.
    /// Past a limit the answer is empty and the ledger says refused.
    pub fn start(&mut self, now: Moment, start: &RecordStart) -> Vec<(LegId, TrackIdx)> {
        let id = start.recording;
        if let Some(running) = self.recordings.get(&id) {
            return running.tracks.iter().filter_map(|&slot| self.named(slot)).collect();
        }
        let head = Head {
            recording: id,
            tenant: start.tenant,
            contact: start.contact,
            call: start.call,
            started_at: start.started_at,
            start: now,
            terms: RecordTerms { paused: None, ..start.terms },
        };
        if let Some(reason) = self.limit_reached(start.parties.len()) {
            self.stats.refused += 1;
            self.block(now, Head::BYTES).recording(&head);
            self.block(now, 16).refused(head.tenant, id, reason);
            return Vec::new();
        }
        self.block(now, Head::BYTES).recording(&head);
        let (hearing, marks) = (Hearing::default(), Vec::new());
        let recording = Recording { head, tracks: Vec::new(), left: Vec::new(), hearing, marks };
        self.recordings.insert(id, recording);
        if let Some(by) = start.terms.paused {
            self.pause(now, id, by);
        }
        self.declare.push_back((now + self.config.declare_every, id));
        let join = |&(leg, side): &(LegId, Side)| Some((leg, self.join(now, id, leg, side)?));
        start.parties.iter().filter_map(join).collect()
    }

    fn limit_reached(&self, parties: usize) -> Option<u32> {
        if self.recordings.len() >= self.config.recordings_max {
            return Some(REFUSED_RECORDINGS);
        }
        (self.slots.len() + parties > self.config.tracks_max).then_some(REFUSED_TRACKS)
    }

    fn named(&self, slot: u32) -> Option<(LegId, TrackIdx)> {
        let track = self.tracks.get(slot as usize)?.as_ref()?;
        Some((track.head.leg, TrackIdx { slot, number: track.head.track }))
    }

    /// One more party. A leg that stands in the recording keeps its track.
    /// `None` when the recording is unknown or a limit is reached.
    pub fn join(
        &mut self,
        now: Moment,
        recording: RecordingId,
        leg: LegId,
        side: Side,
    ) -> Option<TrackIdx> {
        let running = self.recordings.get(&recording)?;
        let standing = running.tracks.iter().filter_map(|&slot| self.named(slot));
        if let Some((_, track)) = standing.into_iter().find(|&(standing, _)| standing == leg) {
            return Some(track);
        }
        if self.slots.len() >= self.config.tracks_max {
            return None;
        }
        let (tenant, hearing) = (running.head.tenant, running.hearing());
        let number = self.next_number;
        self.next_number = self.next_number.checked_add(1).expect("2^32 tracks outlast a run");
        let head =
            TrackHead { recording, leg, joined: now, left: None, samples: 0, track: number, side };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.tracks.push(None);
            (self.tracks.len() - 1) as u32
        });
        let chunk = Chunk::new();
        self.tracks[slot as usize] =
            Some(Track { tenant, head, chunk, turn: 0, lost: None, frames_lost: 0, hearing });
        self.slots.insert(number, slot);
        self.recordings.get_mut(&recording).expect("looked up above").tracks.push(slot);
        self.block(now, 48).track(tenant, &head);
        Some(TrackIdx { slot, number })
    }

    /// One payload of a leg, as it was received. Never allocates while a block is open.
    #[expect(clippy::too_many_arguments, reason = "the hot path copies from borrowed parts")]
    pub fn frame(
        &mut self,
        now: Moment,
        track: TrackIdx,
        codec: Codec,
        rtp_time: RtpTime,
        seq: SeqNo,
        ssrc: Ssrc,
        payload: &[u8],
    ) {
        let bytes_max = self.config.payload_bytes_max;
        let Some(standing) = self.standing(track) else { return };
        if !standing.hearing.keeps(now, codec, payload) {
            self.stats.frames_paused += 1;
            return;
        }
        let samples = samples_of(codec, payload);
        standing.head.samples += samples;
        if payload.len() > bytes_max {
            standing.lose(samples, now, now);
            standing.frames_lost += 1;
            self.stats.frames_lost += 1;
            return;
        }
        let chunk = &standing.chunk;
        let other = chunk.codec != codec || chunk.ssrc != ssrc || !chunk.fits(payload);
        if !chunk.is_empty() && other {
            self.flush(now, track.slot);
        }
        self.stats.frames += 1;
        let standing = self.standing(track).expect("it stood a moment ago");
        let begins = standing.chunk.is_empty();
        standing.chunk.push(Frame { arrival: now, rtp_time, seq, payload }, codec, ssrc);
        if begins {
            let turn = standing.turn;
            self.due.push_back((now + self.config.chunk_age_max, track.slot, turn));
        }
    }

    /// A frame of this track comes soon: asks for the track.
    pub fn expect_track(&self, track: TrackIdx) {
        if let Some(Some(standing)) = self.tracks.get(track.slot as usize) {
            fetch_whole(standing);
        }
    }

    /// The same for the place where the frame will be copied to.
    pub fn expect_chunk(&self, track: TrackIdx) {
        if let Some(Some(standing)) = self.tracks.get(track.slot as usize) {
            standing.chunk.expect_frame();
        }
    }

    /// The chunks that are due next will be copied: asks for their tracks, and a little later for
    /// what they hold.
    fn expect_due(&self) {
        let track_of = |ahead: usize| {
            let &(_, slot, _) = self.due.get(ahead)?;
            self.tracks.get(slot as usize)?.as_ref()
        };
        if let Some(track) = track_of(ahead::LEG_AHEAD) {
            fetch(&track.head);
            fetch(&track.chunk);
            fetch(&track.turn);
        }
        if let Some(track) = track_of(ahead::CHUNK_AHEAD) {
            track.chunk.expect_body();
        }
    }

    /// Frames of a standing track that could not be handed on. What the disk then lost is told by
    /// the ledger.
    pub fn frames_lost_of(&self, track: TrackIdx) -> u64 {
        let standing = self.tracks.get(track.slot as usize).and_then(Option::as_ref);
        let standing = standing.filter(|standing| standing.head.track == track.number);
        standing.map_or(0, |standing| standing.frames_lost)
    }

    fn standing(&mut self, track: TrackIdx) -> Option<&mut Track> {
        let standing = self.tracks.get_mut(track.slot as usize)?.as_mut()?;
        (standing.head.track == track.number).then_some(standing)
    }

    /// A party leaves; the recording goes on.
    pub fn leave(&mut self, now: Moment, recording: RecordingId, leg: LegId) {
        let Some(running) = self.recordings.get(&recording) else { return };
        let tracks = &self.tracks;
        let is_leg =
            |&slot: &u32| tracks[slot as usize].as_ref().is_some_and(|track| track.head.leg == leg);
        let Some(place) = running.tracks.iter().position(is_leg) else { return };
        let running = self.recordings.get_mut(&recording).expect("looked up above");
        let slot = running.tracks.swap_remove(place);
        let head = self.retire(now, slot);
        let running = self.recordings.get_mut(&recording).expect("retiring keeps recordings");
        running.left.push(head);
    }

    /// Writes what the track still holds and frees its slot.
    fn retire(&mut self, now: Moment, slot: u32) -> TrackHead {
        self.flush(now, slot);
        let track = self.tracks[slot as usize].take().expect("a recording's slots are taken");
        let head = TrackHead { left: Some(now), ..track.head };
        self.free.push(slot);
        self.slots.remove(&head.track);
        if let Some(lost) = track.lost {
            self.block(now, 32).lost(track.tenant, &lost);
        }
        self.block(now, 48).track(track.tenant, &head);
        head
    }

    /// The conversation is over: the last declaration of everything, then the end.
    pub fn stop(&mut self, now: Moment, recording: RecordingId) {
        let Some(ended) = self.recordings.remove(&recording) else { return };
        let tenant = ended.head.tenant;
        self.block(now, Head::BYTES).recording(&ended.head);
        for left in &ended.left {
            self.block(now, 48).track(tenant, left);
        }
        for slot in ended.tracks {
            self.retire(now, slot);
        }
        self.declare_marks(now, tenant, &ended.marks);
        self.block(now, 16).stop(tenant, recording, now);
    }

    /// Does what time asks for: closes old chunks and blocks, declares, sends again.
    pub fn tick(&mut self, now: Moment) {
        while let Some(&(when, slot, turn)) = self.due.front() {
            self.expect_due();
            let track = self.tracks.get(slot as usize).and_then(Option::as_ref);
            let stale = track.is_none_or(|track| track.turn != turn);
            if when > now && !stale {
                break;
            }
            self.due.pop_front();
            if !stale {
                self.flush(now, slot);
            }
        }
        while let Some(&(when, recording)) = self.declare.front()
            && when <= now
        {
            self.declare.pop_front();
            self.declare_again(now, recording);
        }
        let aged = |open: &BlockWriter| now.since(open.opened) >= self.config.block_age_max;
        if self.open.as_ref().is_some_and(aged) {
            while let Some(entry) = self.resend.pop_front() {
                self.resend_bytes -= entry.len();
                self.block(now, entry.len()).append_raw(&entry);
            }
            self.close_block(now);
        } else if self.open.is_none() && !self.resend.is_empty() {
            self.open = Some(BlockWriter::open(now));
        }
    }

    fn declare_again(&mut self, now: Moment, recording: RecordingId) {
        let Some(running) = self.recordings.get(&recording) else { return };
        let head = running.head;
        self.block(now, Head::BYTES).recording(&head);
        let slots = self.recordings[&recording].tracks.len();
        for place in 0..slots {
            let slot = self.recordings[&recording].tracks[place] as usize;
            let track = self.tracks[slot].as_mut().expect("a recording's slots are taken");
            let (tenant, head, lost) = (track.tenant, track.head, track.lost.take());
            self.block(now, 48).track(tenant, &head);
            if let Some(lost) = lost {
                self.block(now, 32).lost(tenant, &lost);
            }
        }
        let marks = self.recordings[&recording].marks.clone();
        self.declare_marks(now, head.tenant, &marks);
        self.declare.push_back((now + self.config.declare_every, recording));
    }

    /// The next closed block, for the ring.
    pub fn poll_block(&mut self) -> Option<Block> {
        self.ready.pop_front()
    }

    /// The ring was full: counts the block's frames as missing and keeps what must still be said.
    pub fn block_lost(&mut self, block: &Block) {
        self.stats.blocks_lost += 1;
        for located in block.entries() {
            let tenant = located.tenant.expect("a block of this process names tenants");
            match located.entry {
                Entry::Audio(audio) => {
                    self.stats.frames_lost += u64::from(audio.frames);
                    let slot = self.slots.get(&audio.track).copied();
                    let track = slot.and_then(|slot| self.tracks[slot as usize].as_mut());
                    if let Some(track) = track {
                        track.frames_lost += u64::from(audio.frames);
                    }
                    let (from, to) = (audio.arrival, audio.last_arrival());
                    let (track, samples) = (audio.track, audio.samples());
                    self.lost(tenant, Lost { track, samples, from, to });
                }
                Entry::Lost(lost) => self.lost(tenant, lost),
                // A standing recording declares itself again within a second.
                Entry::Recording(Head { recording, .. })
                | Entry::Track(TrackHead { recording, left: None, .. })
                | Entry::Mark(Marked { recording, .. })
                    if self.recordings.contains_key(&recording) => {}
                Entry::Recording(_)
                | Entry::Track(_)
                | Entry::Mark(_)
                | Entry::Stop(..)
                | Entry::Refused(..) => self.send_again(located.raw.to_vec()),
            }
        }
    }

    fn lost(&mut self, tenant: TenantId, lost: Lost) {
        let slot = self.slots.get(&lost.track).copied();
        match slot.and_then(|slot| self.tracks[slot as usize].as_mut()) {
            Some(track) => track.lose(lost.samples, lost.from, lost.to),
            None => {
                let mut writer = BlockWriter::open(lost.from);
                writer.lost(tenant, &lost);
                let block = writer.close(lost.to, self.shard, 0);
                self.send_again(block.bytes()[block::HEADER_BYTES..].to_vec());
            }
        }
    }

    fn send_again(&mut self, entry: Vec<u8>) {
        if self.resend_bytes + entry.len() > self.config.resend_bytes_max {
            self.stats.resends_lost += 1;
            return;
        }
        self.resend_bytes += entry.len();
        self.resend.push_back(entry);
    }

    /// When [`Recorder::tick`] has something to do next.
    pub fn next_timeout(&self) -> Option<Moment> {
        let chunk = self.due.front().map(|&(when, ..)| when);
        let declare = self.declare.front().map(|&(when, _)| when);
        let block = self.open.as_ref().map(|open| open.opened + self.config.block_age_max);
        [chunk, declare, block].into_iter().flatten().min()
    }

    /// Recordings that run.
    pub fn recordings(&self) -> usize {
        self.recordings.len()
    }

    /// Counters since the start.
    pub fn stats(&self) -> RecorderStats {
        self.stats
    }

    /// Moves the chunk of a slot into the block.
    fn flush(&mut self, now: Moment, slot: u32) {
        let Some(track) = self.tracks[slot as usize].as_ref() else { return };
        if track.chunk.is_empty() {
            return;
        }
        let body_bytes = track.chunk.body_bytes();
        self.make_room(now, body_bytes);
        let track = self.tracks[slot as usize].as_mut().expect("making room takes no track");
        let open = self.open.as_mut().expect("room was made in it");
        open.audio(track.tenant, track.chunk.seal(track.head.track));
        track.chunk.clear();
        track.turn = track.turn.wrapping_add(1);
    }

    /// The open block with room for a body of this size.
    fn block(&mut self, now: Moment, body_bytes: usize) -> &mut BlockWriter {
        self.make_room(now, body_bytes);
        self.open.as_mut().expect("room was made in it")
    }

    fn make_room(&mut self, now: Moment, body_bytes: usize) {
        debug_assert!(body_bytes < BODY_BYTES_MAX, "an entry is smaller than a block");
        if self.open.as_ref().is_some_and(|open| !open.fits(body_bytes)) {
            self.close_block(now);
        }
        if self.open.is_none() {
            self.open = Some(BlockWriter::open(now));
        }
    }

    fn close_block(&mut self, now: Moment) {
        let Some(open) = self.open.take().filter(|open| !open.is_empty()) else { return };
        let block = open.close(now, self.shard, self.next_block);
        self.next_block += 1;
        self.stats.blocks += 1;
        if self.ready.len() >= self.config.ready_blocks_max {
            self.block_lost(&block);
            return;
        }
        self.ready.push_back(block);
    }
}

impl Track {
    fn lose(&mut self, samples: u64, from: Moment, to: Moment) {
        let lost = self.lost.get_or_insert(Lost { track: self.head.track, samples: 0, from, to });
        lost.samples += samples;
        lost.from = lost.from.min(from);
        lost.to = lost.to.max(to);
    }
}
