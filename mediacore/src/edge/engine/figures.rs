//! The figures of the cores: each publishes its own, and anybody reads them without holding one up.

use crate::edge::worker::Moved;
use crate::record::RecorderStats;
use crate::shard::ShardStats;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One core's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardReport {
    /// Open legs.
    pub legs: usize,
    /// Rooms.
    pub rooms: usize,
    /// Recordings that run.
    pub recordings: usize,
    /// Packets.
    pub packets: ShardStats,
    /// The recorder.
    pub recorder: RecorderStats,
    /// The backend.
    pub moved: Moved,
    /// Frames and payloads for other cores that found the ring full.
    pub across_lost: u64,
    /// CPU time of the thread.
    pub cpu: Duration,
}

/// All cores' figures, at most 100 ms old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// By core.
    pub shards: Vec<ShardReport>,
    /// Commands for legs that were not there.
    pub commands_unknown: u64,
}

impl EngineStats {
    /// Open legs of all cores.
    pub fn legs(&self) -> usize {
        self.shards.iter().map(|shard| shard.legs).sum()
    }
    /// RTP packets received by all cores.
    pub fn packets_in(&self) -> u64 {
        self.shards.iter().map(|shard| shard.packets.packets_in).sum()
    }
    /// RTP packets sent by all cores.
    pub fn packets_out(&self) -> u64 {
        self.shards.iter().map(|shard| shard.packets.packets_out).sum()
    }
    /// CPU time of all cores.
    pub fn cpu(&self) -> Duration {
        self.shards.iter().map(|shard| shard.cpu).sum()
    }
}

/// A report that a core writes and others read.
#[derive(Debug, Default)]
pub struct Counters(Mutex<ShardReport>);

impl Counters {
    /// Publishes, unless somebody reads just now.
    pub fn publish(&self, report: ShardReport) {
        if let Ok(mut published) = self.0.try_lock() {
            *published = report;
        }
    }
    pub(super) fn read(&self) -> ShardReport {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
