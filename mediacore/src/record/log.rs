//! The append side of one shard's segment log, as a machine: blocks and answers in, file operations
//! and durable blocks out. Promise: a block is called durable only after an `fdatasync` that
//! succeeded on the file it stands in; a stalled or failing disk costs memory up to a limit, then
//! frames that are counted, never a wait on the media side.
//!
//! After a failed sync the kernel may have dropped pages and forgotten it (the lesson PostgreSQL
//! learned), so unsynced blocks stay in memory and are written again to a new segment. A full disk
//! keeps its segment and is asked again. What does not fit the backlog is condensed: its audio
//! becomes Lost entries, its declarations are kept.

use super::block::{Block, BlockWriter, Entry, Lost, Marked};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use terms::{Moment, TenantId};

/// One write has no more blocks than fit into so many bytes, but for its first. Beside a core full of
/// calls an operation waits three times for its turn, some 10 ms in all: small ones do not keep up.
const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// Limits and times of a shard's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment closes before it grows beyond this.
    pub segment_bytes_max: u64,
    /// Blocks in memory that are not durable yet, in bytes; more is condensed.
    pub backlog_bytes_max: usize,
    /// Declarations kept from condensed blocks; more are given up and counted.
    pub condensed_entries_max: usize,
    /// From one `fdatasync` to the next. With what a killed process loses and the time that a sync
    /// takes, this is what a power cut costs.
    pub sync_every: Duration,
    /// First pause after a failure; doubles with each.
    pub retry_min: Duration,
    /// Longest pause after a failure.
    pub retry_max: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes_max: 64 * 1024 * 1024,
            backlog_bytes_max: 128 * 1024 * 1024,
            condensed_entries_max: 65_536,
            sync_every: Duration::from_millis(700),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(2),
        }
    }
}

/// One thing to do to the disk. A shard has at most one under way.
#[derive(Debug)]
pub enum Op {
    /// Create the file, write the header, sync file and directory. The storage thread draws the
    /// salt and says in the header how the file is sealed.
    Open(SegmentHeader),
    /// Write the blocks there, one behind the other, sealed.
    Write {
        /// The open segment.
        segment: SegmentId,
        /// Where.
        offset: u64,
        /// What, at least one; given back with the answer.
        blocks: Vec<Block>,
    },
    /// `fdatasync`.
    Sync(SegmentId),
    /// Close the file; nothing can fail.
    Close(SegmentId),
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// No space; the same place is tried again.
    NoSpace,
    /// Anything else; the segment is left as it is and a new one begun.
    Failed,
}

/// A block that a power cut cannot take away.
#[derive(Debug)]
pub struct Durable {
    /// Where it stands.
    pub segment: SegmentId,
    /// Its first byte in the file.
    pub offset: u64,
    /// The block.
    pub block: Block,
}

/// Counters of one shard's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Blocks durable.
    pub blocks: u64,
    /// Bytes durable.
    pub bytes: u64,
    /// Bytes in memory, not durable yet.
    pub backlog_bytes: usize,
    /// Frames of 20 ms given up because the backlog was full.
    pub frames_lost: u64,
    /// Operations that failed.
    pub failures: u64,
    /// Declarations given up: recordings that a restart cannot repair.
    pub declarations_lost: u64,
    /// Last successful sync.
    pub synced_at: Option<Moment>,
}

struct Open {
    id: SegmentId,
    /// Where the next block goes.
    offset: u64,
}

/// The log of one shard.
pub struct ShardLog {
    config: LogConfig,
    shard: u16,
    run: u32,
    next_seq: u64,
    open: Option<Open>,
    /// Left behind after a failure; closed before anything else.
    close: Option<SegmentId>,
    waiting: VecDeque<Block>,
    unsynced: VecDeque<Durable>,
    busy: bool,
    /// When the last sync was asked for, and when it ended: what was written in between waits.
    sync_asked: Moment,
    sync_ended: Moment,
    retry_at: Moment,
    pause: Duration,
    condensed: Condensed,
    /// Blocks made here are numbered from the far end, so that they never meet the recorder's.
    next_own_block: u64,
    stats: LogStats,
}

impl ShardLog {
    /// A log that begins with segment `next_seq` of `run`.
    pub fn new(config: LogConfig, shard: u16, run: u32, next_seq: u64) -> ShardLog {
        ShardLog {
            pause: config.retry_min,
            config,
            shard,
            run,
            next_seq,
            open: None,
            close: None,
            waiting: VecDeque::new(),
            unsynced: VecDeque::new(),
            busy: false,
            sync_asked: Moment(0),
            sync_ended: Moment(0),
            retry_at: Moment(0),
            condensed: Condensed::default(),
            next_own_block: 1 << 63,
            stats: LogStats::default(),
        }
    }

    /// Takes a block from the ring.
    pub fn accept(&mut self, block: Block) {
        let bytes = block.bytes().len();
        if self.stats.backlog_bytes + bytes > self.config.backlog_bytes_max {
            let given_up = self.condensed.take(&block, self.config.condensed_entries_max);
            self.stats.frames_lost += given_up.frames;
            self.stats.declarations_lost += given_up.declarations;
            return;
        }
        self.stats.backlog_bytes += bytes;
        self.waiting.push_back(block);
    }

    /// The next thing to do, if none is under way. Answer it with [`ShardLog::done`].
    pub fn poll_op(&mut self, now: Moment) -> Option<Op> {
        if self.busy || now < self.retry_at {
            return None;
        }
        let op = self.next_op(now)?;
        self.busy = true;
        Some(op)
    }

    fn next_op(&mut self, now: Moment) -> Option<Op> {
        if let Some(segment) = self.close.take() {
            return Some(Op::Close(segment));
        }
        let every = self.config.sync_every;
        // On a disk whose syncs take longer than that, what came meanwhile is written first, so
        // that one sync does for all of it.
        let aged = now.since(self.sync_asked) >= every
            && (self.waiting.is_empty() || now.since(self.sync_ended) >= every);
        // After a stall all is written and little room left: what comes next has no time to wait.
        let pressed = self.stats.backlog_bytes > self.config.backlog_bytes_max / 2;
        let due = aged || pressed && self.waiting.is_empty();
        let Some(open) = &self.open else {
            self.recover(now);
            self.waiting.front()?;
            let id = SegmentId { shard: self.shard, seq: self.next_seq };
            self.next_seq += 1;
            return Some(Op::Open(SegmentHeader { id, run: self.run, seal: None }));
        };
        let (id, offset) = (open.id, open.offset);
        if !self.unsynced.is_empty() && due {
            return Some(self.sync(now, id));
        }
        if self.waiting.is_empty() {
            self.recover(now);
        }
        let bytes = self.waiting.front()?.bytes().len() as u64;
        if offset + bytes > self.config.segment_bytes_max && offset > SEGMENT_HEADER_BYTES as u64 {
            let synced = self.unsynced.is_empty();
            return Some(if synced { self.rotate() } else { self.sync(now, id) });
        }
        let blocks = self.take_waiting(offset);
        Some(Op::Write { segment: id, offset, blocks })
    }

    /// What is written at once from this offset on: the block in front, and those behind it that fit.
    fn take_waiting(&mut self, offset: u64) -> Vec<Block> {
        let room = self.config.segment_bytes_max.saturating_sub(offset);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(WRITE_BYTES_MAX);
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while let Some(block) = self.waiting.front() {
            bytes += block.bytes().len();
            if bytes > room && !blocks.is_empty() {
                break;
            }
            blocks.extend(self.waiting.pop_front());
        }
        blocks
    }

    fn sync(&mut self, now: Moment, segment: SegmentId) -> Op {
        self.sync_asked = now;
        Op::Sync(segment)
    }

    fn rotate(&mut self) -> Op {
        Op::Close(self.open.take().expect("only an open segment fills up").id)
    }

    /// The backlog is written: what was condensed meanwhile follows.
    fn recover(&mut self, now: Moment) {
        if self.waiting.is_empty()
            && let Some(writer) = self.condensed.next_block(now)
        {
            let block = writer.close(now, self.shard, self.next_own_block);
            self.next_own_block += 1;
            self.stats.backlog_bytes += block.bytes().len();
            self.waiting.push_back(block);
        }
    }

    /// How the operation ended; durable blocks come back after a sync.
    pub fn done(&mut self, now: Moment, op: Op, outcome: Outcome) -> Vec<Durable> {
        self.busy = false;
        if outcome == Outcome::Done {
            self.pause = self.config.retry_min;
            return self.succeeded(now, op);
        }
        self.stats.failures += 1;
        self.retry_at = now + self.pause;
        self.pause = (self.pause * 2).min(self.config.retry_max);
        if let Op::Write { blocks, .. } = op {
            blocks.into_iter().rev().for_each(|block| self.waiting.push_front(block));
            if outcome == Outcome::NoSpace {
                return Vec::new();
            }
        }
        self.abandon();
        Vec::new()
    }

    fn succeeded(&mut self, now: Moment, op: Op) -> Vec<Durable> {
        match op {
            Op::Open(header) => {
                self.open = Some(Open { id: header.id, offset: SEGMENT_HEADER_BYTES as u64 });
                (self.sync_asked, self.sync_ended) = (now, now);
                Vec::new()
            }
            Op::Write { segment, mut offset, blocks } => {
                let open = self.open.as_mut().expect("a write has an open segment");
                for block in blocks {
                    let next = offset + block.bytes().len() as u64;
                    self.unsynced.push_back(Durable { segment, offset, block });
                    offset = next;
                }
                open.offset = offset;
                Vec::new()
            }
            Op::Sync(_) => {
                self.sync_ended = now;
                self.stats.synced_at = Some(now);
                let durable: Vec<Durable> = self.unsynced.drain(..).collect();
                let bytes: usize = durable.iter().map(|durable| durable.block.bytes().len()).sum();
                self.stats.blocks += durable.len() as u64;
                self.stats.bytes += bytes as u64;
                self.stats.backlog_bytes -= bytes;
                durable
            }
            Op::Close(_) => Vec::new(),
        }
    }

    /// Leaves the segment behind; what is not durable is written again elsewhere.
    fn abandon(&mut self) {
        self.close = self.open.take().map(|open| open.id);
        while let Some(unsynced) = self.unsynced.pop_back() {
            self.waiting.push_front(unsynced.block);
        }
    }

    /// Syncs as soon as everything waiting is written, and closes.
    pub fn hurry(&mut self) {
        self.config.sync_every = Duration::ZERO;
    }

    /// Nothing is left in memory.
    pub fn is_drained(&self) -> bool {
        !self.busy
            && self.waiting.is_empty()
            && self.unsynced.is_empty()
            && self.condensed.is_empty()
    }

    /// The segment that is written to, which nobody may remove.
    pub fn current(&self) -> Option<SegmentId> {
        self.open.as_ref().map(|open| open.id)
    }

    /// Counters since the start.
    pub fn stats(&self) -> LogStats {
        self.stats
    }
}

/// Declarations from this kind on say that a recording ended.
const FIRST_END: u8 = 4;

/// What is left of blocks that did not fit.
#[derive(Default)]
struct Condensed {
    lost: BTreeMap<u32, (TenantId, Lost)>,
    /// The latest of each declaration by kind and subject, in an order that can be read back:
    /// recordings, tracks, marks, ends.
    declared: BTreeMap<(u8, u64, u64), Vec<u8>>,
}

#[derive(Default)]
struct GivenUp {
    frames: u64,
    declarations: u64,
}

impl Condensed {
    fn take(&mut self, block: &Block, entries_max: usize) -> GivenUp {
        let mut given_up = GivenUp::default();
        for located in block.entries() {
            let tenant = located.tenant.expect("a block of this process names tenants");
            let key = match located.entry {
                Entry::Audio(audio) => {
                    given_up.frames += audio.samples().div_ceil(160);
                    let (from, to) = (audio.arrival, audio.last_arrival());
                    let (track, samples) = (audio.track, audio.samples());
                    self.lose(tenant, Lost { track, samples, from, to });
                    continue;
                }
                Entry::Lost(lost) => {
                    self.lose(tenant, lost);
                    continue;
                }
                Entry::Recording(head) => (1, head.recording.0, 0),
                Entry::Track(track) => (2, u64::from(track.track), 0),
                Entry::Mark(Marked { recording, at, kind, .. }) => {
                    (3, recording.0, at.0 << 2 | kind as u64)
                }
                Entry::Refused(recording, _) => (4, recording.0, 0),
                Entry::Stop(recording, _) => (5, recording.0, 0),
            };
            if self.declared.len() >= entries_max && !self.declared.contains_key(&key) {
                given_up.declarations += 1;
                continue;
            }
            self.declared.insert(key, located.raw.to_vec());
        }
        given_up
    }

    fn lose(&mut self, tenant: TenantId, lost: Lost) {
        let none_yet = (tenant, Lost { samples: 0, ..lost });
        let (_, sum) = self.lost.entry(lost.track).or_insert(none_yet);
        sum.samples += lost.samples;
        sum.from = sum.from.min(lost.from);
        sum.to = sum.to.max(lost.to);
    }

    fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.declared.is_empty()
    }

    /// As much as fits one block. Ends come last, after the losses of their tracks.
    fn next_block(&mut self, now: Moment) -> Option<BlockWriter> {
        if self.is_empty() {
            return None;
        }
        let mut writer = BlockWriter::open(now);
        while let Some(entry) = self.declared.first_entry()
            && entry.key().0 < FIRST_END
            && writer.fits(entry.get().len())
        {
            writer.append_raw(&entry.remove());
        }
        let ends_left = |key: &(u8, u64, u64)| key.0 >= FIRST_END;
        if self.declared.keys().next().is_none_or(ends_left) {
            while let Some(entry) = self.lost.first_entry()
                && writer.fits(32)
            {
                let (tenant, lost) = entry.remove();
                writer.lost(tenant, &lost);
            }
            while self.lost.is_empty()
                && let Some(entry) = self.declared.first_entry()
                && writer.fits(entry.get().len())
            {
                writer.append_raw(&entry.remove());
            }
        }
        Some(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::{Chunk, Frame};
    use super::*;
    use terms::RecordingId;
    use terms::media::{Codec, RtpTime, SeqNo, Ssrc};

    fn block(number: u64) -> Block {
        let mut writer = BlockWriter::open(Moment::from_secs(number));
        writer.stop(TenantId(5), RecordingId(number), Moment::from_secs(number));
        writer.close(Moment::from_secs(number), 0, number)
    }

    /// A block of so many frames of 20 ms.
    fn audio(number: u64, frames: u16) -> Block {
        let mut chunk = Chunk::new();
        for n in 0..frames {
            let arrival = Moment::from_secs(number) + Duration::from_millis(20) * u32::from(n);
            let rtp_time = RtpTime(160 * u32::from(n));
            let frame = Frame { arrival, rtp_time, seq: SeqNo(n), payload: &[0xD5; 160] };
            chunk.push(frame, Codec::Pcma, Ssrc(1));
        }
        let mut writer = BlockWriter::open(Moment::from_secs(number));
        writer.audio(TenantId(5), chunk.seal(1));
        writer.close(Moment::from_secs(number + 1), 0, number)
    }

    fn log(config: LogConfig) -> ShardLog {
        let mut log = ShardLog::new(config, 0, 1, 5);
        (0..3).for_each(|number| log.accept(block(number)));
        log
    }

    fn numbers(durable: &[Durable]) -> Vec<(u64, u64)> {
        durable.iter().map(|durable| (durable.segment.seq, durable.block.number())).collect()
    }

    /// Runs until idle, failing the operations whose running number is in `fail`.
    fn run(log: &mut ShardLog, fail: &[(usize, Outcome)]) -> Vec<(u64, u64)> {
        let mut durable = Vec::new();
        let mut count = 0;
        for step in 0..400 {
            let now = Moment::from_millis(10_000 + step * 100);
            while let Some(op) = log.poll_op(now) {
                let failure = fail.iter().find(|&&(at, _)| at == count);
                let outcome = failure.map_or(Outcome::Done, |&(_, outcome)| outcome);
                durable.extend(numbers(&log.done(now, op, outcome)));
                count += 1;
            }
        }
        durable
    }

    #[test]
    fn blocks_become_durable_in_order_after_a_sync() {
        let mut log = log(LogConfig::default());
        assert_eq!(run(&mut log, &[]), [(5, 0), (5, 1), (5, 2)]);
        assert!(log.is_drained());
        assert_eq!(log.stats().backlog_bytes, 0);
    }

    #[test]
    fn a_failed_operation_loses_and_doubles_nothing_durable() {
        for outcome in [Outcome::NoSpace, Outcome::Failed] {
            for at in 0..3 {
                let mut log = log(LogConfig::default());
                let durable = run(&mut log, &[(at, outcome)]);
                let numbers: Vec<u64> = durable.iter().map(|&(_, number)| number).collect();
                assert_eq!(numbers, [0, 1, 2], "operation {at} ended in {outcome:?}");
            }
        }
    }

    #[test]
    fn after_a_failed_sync_everything_is_written_to_a_new_segment() {
        let mut log = log(LogConfig::default());
        // Open, one write of all three, then the sync.
        assert_eq!(run(&mut log, &[(2, Outcome::Failed)]), [(6, 0), (6, 1), (6, 2)]);
    }

    #[test]
    fn what_waits_is_written_at_once_in_its_order_as_far_as_one_write_goes() {
        let large = |number: u64| {
            let mut writer = BlockWriter::open(Moment::from_secs(number));
            while writer.fits(16) {
                writer.stop(TenantId(5), RecordingId(number), Moment::from_secs(number));
            }
            writer.close(Moment::from_secs(number), 0, number)
        };
        let mut log = ShardLog::new(LogConfig::default(), 0, 1, 5);
        (0..40).for_each(|number| log.accept(large(number)));
        let now = Moment::from_secs(10);
        let (mut writes, mut next) = (Vec::new(), SEGMENT_HEADER_BYTES as u64);
        while let Some(op) = log.poll_op(now) {
            if let Op::Write { offset, blocks, .. } = &op {
                let bytes: usize = blocks.iter().map(|block| block.bytes().len()).sum();
                assert!(bytes <= WRITE_BYTES_MAX, "{bytes}");
                assert_eq!(*offset, next, "one behind the other");
                next += bytes as u64;
                writes.push(blocks.iter().map(Block::number).collect::<Vec<_>>());
            }
            log.done(now, op, Outcome::Done);
        }
        let expected: [Vec<u64>; 3] = [(0..15).collect(), (15..30).collect(), (30..40).collect()];
        assert_eq!(writes, expected);
        let later = Moment::from_secs(20);
        let sync = log.poll_op(later).unwrap();
        let durable = log.done(later, sync, Outcome::Done);
        let places = durable.windows(2).map(|two| {
            let bytes = two[0].block.bytes().len() as u64;
            (two[1].offset - two[0].offset, bytes)
        });
        assert!(places.into_iter().all(|(apart, bytes)| apart == bytes));
        assert_eq!(durable.len(), 40);
    }

    #[test]
    fn a_full_segment_gives_way_to_the_next() {
        let segment_bytes_max = (SEGMENT_HEADER_BYTES + 2 * block(0).bytes().len()) as u64;
        let mut log = log(LogConfig { segment_bytes_max, ..LogConfig::default() });
        assert_eq!(run(&mut log, &[]), [(5, 0), (5, 1), (6, 2)]);
    }

    #[test]
    fn beyond_the_backlog_audio_is_counted_and_ends_are_kept() {
        let backlog_bytes_max = 2 * block(0).bytes().len();
        let mut log = log(LogConfig { backlog_bytes_max, ..LogConfig::default() });
        log.accept(audio(3, 7));
        assert_eq!((log.stats().frames_lost, log.stats().declarations_lost), (7, 0));
        let durable = run(&mut log, &[]);
        assert_eq!(durable, [(5, 0), (5, 1), (5, 1 << 63)]);
        assert!(log.is_drained());
    }
}
