//! The field grid: areas, who works in them and where their calls go when nobody of those answers.

use crate::id::{AreaId, QueueId, WorkerId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Seconds that a worker's phone may ring.
pub const AREA_RING_S: RangeInclusive<u32> = 5..=120;
/// Seconds that it rings where nobody said how long.
pub const AREA_RING_S_USUAL: u32 = 20;
/// Workers of one area.
pub const AREA_WORKERS_MAX: usize = 10;

/// A tenant's areas and the people of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldGrid {
    /// The areas.
    pub areas: Vec<Area>,
    /// Who works there.
    pub workers: Vec<Worker>,
}

/// An area 片区: its people are called one after the other, then its team, then its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// What a flow names it by.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The published number of its own, which its workers are shown; empty has none.
    pub number: String,
    /// Who works there, in the order in which they are called.
    pub workers: Vec<WorkerId>,
    /// A queue before its own one.
    pub team: Option<QueueId>,
    /// The queue that stands behind it; its people get the messages.
    pub queue: QueueId,
    /// Seconds that each worker's phone rings.
    pub ring_s: u32,
    /// Callers who belong there: normalised numbers, with `*` behind it every one that begins so.
    pub callers: Vec<String>,
    /// Addresses that lie there, as patterns of [`crate::address::Addresses`].
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// A field worker 网格员.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Their id.
    pub id: WorkerId,
    /// Their name.
    pub name: String,
    /// Their own phone: a number outside, or an extension.
    pub phone: String,
    /// Calls go to that phone. Without, it is nobody's.
    pub bound: bool,
    /// Who is called in their place, while they are absent and where they do not answer.
    pub substitute: Option<WorkerId>,
    /// When they are not there.
    pub absence: Option<Absence>,
}

/// A time in which somebody is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// From then on.
    pub from: Timestamp,
    /// They are there again; none is not known yet.
    pub until: Option<Timestamp>,
}

impl Absence {
    /// Whether it is then.
    pub fn is_at(self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_begins_and_ends_by_itself_and_one_without_end_goes_on() {
        let at = Timestamp::from_secs;
        let leave = Absence { from: at(100), until: Some(at(200)) };
        let is_away = [99, 100, 199, 200].map(|secs| leave.is_at(at(secs)));
        assert_eq!(is_away, [false, true, true, false]);
        assert!(Absence { until: None, ..leave }.is_at(at(1_000_000)));
    }
}
