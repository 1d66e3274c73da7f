//! Callers who hung up while they waited: who rings again within a set time stands where they stood.
//!
//! Only a number that was told counts, and only once. At most [`LEFT_MAX`] are remembered; they do
//! not outlive the process.

use super::Distributor;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::{Moment, QueueId, VisitId};

/// Callers of a tenant who are remembered; of more, those whose time ends first are forgotten.
pub const LEFT_MAX: usize = 10_000;

/// Who left which queue.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Since when they had waited, and how long they may come back.
    callers: BTreeMap<(QueueId, String), (Moment, Moment)>,
    ends: BTreeSet<(Moment, QueueId, String)>,
}

impl Left {
    fn note(&mut self, now: Moment, queue: QueueId, caller: &str, since: Moment, until: Moment) {
        self.take(queue, caller);
        while self.callers.len() >= LEFT_MAX || self.ends.first().is_some_and(|end| end.0 < now) {
            let Some((_, queue, caller)) = self.ends.pop_first() else { break };
            self.callers.remove(&(queue, caller));
        }
        self.callers.insert((queue, caller.to_owned()), (since, until));
        self.ends.insert((until, queue, caller.to_owned()));
    }

    fn take(&mut self, queue: QueueId, caller: &str) -> Option<(Moment, Moment)> {
        let (since, until) = self.callers.remove(&(queue, caller.to_owned()))?;
        self.ends.remove(&(until, queue, caller.to_owned()));
        Some((since, until))
    }
}

impl Distributor {
    /// The caller hangs up while they wait; [`Distributor::leave`] follows. Where the queue lets them,
    /// they may come back to their place.
    pub fn abandons(&mut self, now: Moment, id: VisitId, caller: &str) {
        let Some(visit) = self.visits.get(&id) else { return };
        let Some(queue) = self.queues.get(&visit.queue) else { return };
        let resume = Duration::from_secs(queue.settings.matching.resume_s.into());
        if !resume.is_zero() {
            self.left.note(now, visit.queue, caller, visit.since, now + resume);
        }
    }

    /// Since when a caller who comes back has waited; none where nothing is remembered of them.
    pub fn resumes(&mut self, now: Moment, queue: QueueId, caller: &str) -> Option<Moment> {
        let (since, until) = self.left.take(queue, caller)?;
        (now <= until).then_some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_so_many_are_remembered_and_those_whose_time_is_over_go_first() {
        let at = Moment::from_secs;
        let mut left = Left::default();
        for n in 0..=LEFT_MAX as u64 {
            left.note(at(1), QueueId(1), &n.to_string(), at(0), at(100 + n));
        }
        assert_eq!((left.callers.len(), left.ends.len()), (LEFT_MAX, LEFT_MAX));
        assert_eq!(left.take(QueueId(1), "0"), None);
        assert_eq!(left.take(QueueId(2), "1"), None, "another queue");
        left.note(at(200), QueueId(1), "last", at(150), at(300));
        assert_eq!(left.take(QueueId(1), "7"), None, "its time is over");
        assert_eq!(left.take(QueueId(1), "200"), Some((at(0), at(300))));
        assert_eq!(left.callers.len(), left.ends.len());
    }
}
