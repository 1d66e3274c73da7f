//! The storage thread's work, without the waiting: rings into logs, operations out, durable blocks
//! into the index, ended recordings to the render thread. `blocking` and `uring::storage` drive it.
//! Blocks are sealed here, as they are given out to be written: before, they are in memory only.

use super::disk::Job;
use super::renderer::{Renders, Task};
use super::shelf::Shelf;
use super::{Shared, StorageConfig};
use crate::edge::clock::now;
use crate::edge::quiet::{self, Quiet};
use crate::edge::rendering::salt;
use crate::record::Block;
use crate::record::index::Index;
use crate::record::log::{Op, Outcome, ShardLog};
use crate::record::seal::Sealer;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use terms::Moment;

/// Between two looks at the rings while something is recorded.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Between two looks when the rings have been empty for a while.
const LOOK_EVERY_IDLE: Duration = Duration::from_millis(50);
const IDLE_AFTER: Duration = Duration::from_secs(2);

struct Shard {
    ring: rtrb::Consumer<Block>,
    log: ShardLog,
    /// Of the open segment.
    sealer: Option<Sealer>,
    /// Memory for the bytes of the next operation.
    spare: Vec<u8>,
}

/// Everything the storage thread owns.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    renders: Arc<Renders>,
    shelf: Arc<Shelf>,
    run: u32,
    shards: Vec<Shard>,
    index: Index,
    last_block: Moment,
    quiet: Quiet,
    stop_by: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        renders: Arc<Renders>,
        shelf: Arc<Shelf>,
        run: u32,
        rings: Vec<rtrb::Consumer<Block>>,
        next_seq: Vec<u64>,
    ) -> Keeper {
        let shard = |(number, (ring, seq)): (usize, (rtrb::Consumer<Block>, u64))| Shard {
            ring,
            log: ShardLog::new(shared.config.log.clone(), number as u16, run, seq),
            sealer: None,
            spare: Vec::new(),
        };
        let shards = rings.into_iter().zip(next_seq).enumerate().map(shard).collect();
        Keeper {
            shared,
            renders,
            shelf,
            run,
            shards,
            index: Index::default(),
            last_block: Moment(0),
            quiet: Quiet::default(),
            stop_by: None,
        }
    }

    /// What was configured.
    pub(crate) fn config(&self) -> &StorageConfig {
        &self.shared.config
    }

    /// Empties the rings and gives each idle shard its next operation. True: all is done, end.
    pub(crate) fn step(&mut self, submit: &mut impl FnMut(usize, Job)) -> bool {
        let at = now();
        let stopping = self.shared.stopping.load(Ordering::Acquire);
        let mut failed = Vec::new();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            while let Ok(block) = shard.ring.pop() {
                shard.log.accept(block);
                self.last_block = at;
            }
            if stopping {
                shard.log.hurry();
            }
            if let Some(op) = shard.log.poll_op(at) {
                match shard.prepare(op, &self.shared.config) {
                    (job, Ok(())) => submit(number, job),
                    (job, error) => failed.push((number, job, error)),
                }
            }
        }
        for (number, job, error) in failed {
            self.done(number, job, error);
        }
        self.publish();
        if self.quiet.begins(at, self.is_drained()) {
            quiet::give_back();
        }
        stopping && self.is_over()
    }

    fn is_drained(&self) -> bool {
        self.shards.iter().all(|shard| shard.log.is_drained())
    }

    fn is_over(&mut self) -> bool {
        let stop_max = self.shared.config.stop_max;
        // The render thread needs some of the time too.
        let stop_by = *self.stop_by.get_or_insert_with(|| Instant::now() + stop_max / 2);
        if self.is_drained() || Instant::now() >= stop_by {
            self.renders.close();
            return true;
        }
        false
    }

    /// An operation ended.
    pub(crate) fn done(&mut self, number: usize, job: Job, result: io::Result<()>) {
        let Job { op, bytes } = job;
        self.shards[number].spare = bytes;
        let outcome = super::disk::classify(&result);
        let subject = match &op {
            Op::Open(header) => ("create segment", header.id),
            Op::Write { segment, .. } => ("write segment", *segment),
            Op::Sync(segment) => ("sync segment", *segment),
            Op::Close(segment) => ("close segment", *segment),
        };
        if let Err(error) = result {
            let (doing, segment) = subject;
            self.shared.report(format!("{doing} {}: {error}", segment.file_name()));
        }
        match (&op, outcome) {
            (Op::Open(header), Outcome::Done) => self.shelf.open(header.id, header.seal),
            (Op::Close(segment), _) if self.shelf.close(*segment) => {
                self.renders.push(Task::Remove(*segment));
            }
            _ => {}
        }
        for durable in self.shards[number].log.done(now(), op, outcome) {
            let absorbed =
                self.index.absorb(self.run, durable.segment, durable.offset, &durable.block);
            for (segment, recording) in absorbed.touched {
                self.shelf.touch(segment, recording);
            }
            for conversation in absorbed.finished {
                self.renders.push(Task::render(conversation));
            }
        }
    }

    /// How long to wait for an answer before the next step.
    pub(crate) fn patience(&self) -> Duration {
        if now().since(self.last_block) < IDLE_AFTER { LOOK_EVERY } else { LOOK_EVERY_IDLE }
    }

    fn publish(&self) {
        let mut stats = self.shared.stats();
        let logs = || self.shards.iter().map(|shard| shard.log.stats());
        stats.blocks = logs().map(|log| log.blocks).sum();
        stats.bytes = logs().map(|log| log.bytes).sum();
        stats.backlog_bytes = logs().map(|log| log.backlog_bytes).sum();
        stats.frames_lost = logs().map(|log| log.frames_lost).sum();
        stats.failures = logs().map(|log| log.failures).sum();
        stats.declarations_lost = logs().map(|log| log.declarations_lost).sum();
        stats.synced_at = logs().filter_map(|log| log.synced_at).max();
        stats.segments = self.shelf.len();
    }
}

impl Shard {
    /// The operation with its bytes, sealed for their place. What cannot be sealed is not written.
    fn prepare(&mut self, mut op: Op, config: &StorageConfig) -> (Job, io::Result<()>) {
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        let result = match &mut op {
            Op::Open(header) => salt().map(|salt| {
                let sealer = Sealer::new(config.keys.ring.clone(), salt);
                header.seal = Some(sealer.seal());
                bytes.extend_from_slice(&sealer.header(*header));
                self.sealer = Some(sealer);
            }),
            Op::Write { offset, blocks, .. } => {
                let sealer = self.sealer.as_mut().expect("the segment was opened with a sealer");
                sealer.blocks(*offset, blocks, &mut bytes).map_err(io::Error::other)
            }
            Op::Sync(_) | Op::Close(_) => Ok(()),
        };
        (Job { op, bytes }, result)
    }
}
