//! The same counts three times: what the log says of each queue, what the rows say that are folded
//! out of it, and what the report says in the end.

use std::collections::BTreeMap;
use terms::QueueId;
use terms::event::{Entry, Kind};
use terms::record::Row;
use warehouse::derive::Fold;

/// What became of the contacts of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Put into it.
    pub offered: u64,
    /// An agent answered.
    pub answered: u64,
    /// Hung up while they waited.
    pub abandoned: u64,
    /// Left it otherwise.
    pub flowed_out: u64,
    /// Asked to be called back.
    pub callback_queued: u64,
}

impl Outcomes {
    /// Whether everybody who came in is among those who left.
    fn balances(&self) -> bool {
        let Outcomes { offered, answered, abandoned, flowed_out, callback_queued } = *self;
        offered == answered + abandoned + flowed_out + callback_queued
    }
}

/// The counts.
#[derive(Default)]
pub struct Tally {
    /// Rows of finished calls.
    pub calls: u64,
    fold: Fold,
    rows: Vec<Row>,
    of_log: BTreeMap<QueueId, Outcomes>,
    of_rows: BTreeMap<QueueId, Outcomes>,
}

impl Tally {
    /// Counts an entry and the rows that it finishes.
    pub fn note(&mut self, entry: &Entry) {
        let mut count = |queue: QueueId, of: fn(&mut Outcomes) -> &mut u64| {
            *of(self.of_log.entry(queue).or_default()) += 1;
        };
        match &entry.kind {
            Kind::Enqueued { queue, .. } => count(*queue, |outcomes| &mut outcomes.offered),
            Kind::Answered { visit: Some(_), queue: Some(queue), .. } => {
                count(*queue, |outcomes| &mut outcomes.answered);
            }
            Kind::Abandoned { queue, .. } => count(*queue, |outcomes| &mut outcomes.abandoned),
            Kind::FlowedOut { queue, .. } => count(*queue, |outcomes| &mut outcomes.flowed_out),
            Kind::CallbackQueued { queue, .. } => {
                count(*queue, |outcomes| &mut outcomes.callback_queued);
            }
            _ => {}
        }
        self.fold.apply(entry, &mut self.rows);
        for row in self.rows.drain(..) {
            match row {
                Row::Call(_) => self.calls += 1,
                Row::QueueVisit(visit) => {
                    let outcomes = self.of_rows.entry(visit.queue_id).or_default();
                    outcomes.offered += 1;
                    match visit.outcome.as_str() {
                        "answered" => outcomes.answered += 1,
                        "abandoned" => outcomes.abandoned += 1,
                        "flowed_out" => outcomes.flowed_out += 1,
                        "callback_queued" => outcomes.callback_queued += 1,
                        // It balances no more, and that is seen.
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// All queues together, by the log.
    pub fn sums(&self) -> [(&'static str, u64); 5] {
        let sum = |of: fn(&Outcomes) -> u64| self.of_log.values().map(of).sum::<u64>();
        [
            ("offered", sum(|outcomes| outcomes.offered)),
            ("answered", sum(|outcomes| outcomes.answered)),
            ("abandoned", sum(|outcomes| outcomes.abandoned)),
            ("flowed out", sum(|outcomes| outcomes.flowed_out)),
            ("callback queued", sum(|outcomes| outcomes.callback_queued)),
        ]
    }

    /// Queues whose rows are not what the log says, or do not balance.
    pub fn apart(&self) -> usize {
        self.differ(&self.of_rows)
    }

    /// Queues of which `counted` says something else than the log, or that do not balance.
    pub fn differ(&self, counted: &BTreeMap<QueueId, Outcomes>) -> usize {
        let missing = self.of_log.keys().filter(|queue| !counted.contains_key(*queue)).count();
        let wrong = counted.iter().filter(|(queue, outcomes)| {
            self.of_log.get(*queue) != Some(*outcomes) || !outcomes.balances()
        });
        missing + wrong.count()
    }
}
