//! Callers who hung up while they waited: who rings again within a set time stands where they stood.
//!
//! Only a number that was told counts, and only once, whatever happens to the process in between. At
//! most [`LEFT_MAX`] are remembered.

use super::Distributor;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::{Moment, QueueId, Subscriber, VisitId};

/// Callers of a tenant who are remembered; of more, those whose time ends first are forgotten.
pub const LEFT_MAX: usize = 10_000;

/// A caller who left, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptLeaver {
    queue: QueueId,
    caller: String,
    /// Since when they had waited.
    since: Moment,
    /// How long they may come back.
    until: Moment,
}

impl KeptLeaver {
    /// They may come back no longer.
    pub fn is_over(&self, now: Moment) -> bool {
        self.until < now
    }

    /// The same where moments are others.
    pub fn on_clock(self, here: impl Fn(Moment) -> Moment) -> Self {
        KeptLeaver { since: here(self.since), until: here(self.until), ..self }
    }
}

/// Who left which queue.
#[derive(Debug, Default)]
pub(super) struct Left {
    by_order: BTreeMap<u64, KeptLeaver>,
    callers: BTreeMap<(QueueId, String), u64>,
    ends: BTreeSet<(Moment, u64)>,
    last: u64,
    touched: BTreeSet<u64>,
}

impl Left {
    fn note(&mut self, now: Moment, leaver: KeptLeaver) {
        self.take(leaver.queue, &leaver.caller);
        while self.callers.len() >= LEFT_MAX || self.ends.first().is_some_and(|end| end.0 < now) {
            let Some(&(_, order)) = self.ends.first() else { break };
            self.drop_one(order);
        }
        self.last += 1;
        self.put(self.last, leaver);
    }

    fn put(&mut self, order: u64, leaver: KeptLeaver) {
        self.callers.insert((leaver.queue, leaver.caller.clone()), order);
        self.ends.insert((leaver.until, order));
        self.by_order.insert(order, leaver);
        self.touched.insert(order);
    }

    fn take(&mut self, queue: QueueId, caller: &str) -> Option<KeptLeaver> {
        let order = *self.callers.get(&(queue, caller.to_owned()))?;
        self.drop_one(order)
    }

    fn drop_one(&mut self, order: u64) -> Option<KeptLeaver> {
        let leaver = self.by_order.remove(&order)?;
        self.callers.remove(&(leaver.queue, leaver.caller.clone()));
        self.ends.remove(&(leaver.until, order));
        self.touched.insert(order);
        Some(leaver)
    }

    /// This person is remembered no more.
    pub fn forget(&mut self, person: &Subscriber) {
        let theirs = self.by_order.iter().filter(|(_, leaver)| person.is_in(&leaver.caller));
        let theirs: Vec<u64> = theirs.map(|(&order, _)| order).collect();
        for order in theirs {
            self.drop_one(order);
        }
    }

    /// Who changed since this was asked last, by their order; none for who is remembered no more.
    pub fn take_touched(&mut self) -> impl Iterator<Item = (u64, Option<&KeptLeaver>)> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        let by_order = &self.by_order;
        touched.map(move |order| (order, by_order.get(&order)))
    }

    /// Who may still come back, in the order in which they left.
    pub fn all(&self, now: Moment) -> impl Iterator<Item = &KeptLeaver> {
        self.by_order.values().filter(move |leaver| !leaver.is_over(now))
    }

    /// One that the process before kept.
    pub fn restore(&mut self, order: u64, leaver: KeptLeaver) {
        self.last = self.last.max(order);
        self.put(order, leaver);
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
            let (queue, caller) = (visit.queue, caller.to_owned());
            let (since, until) = (visit.since, now + resume);
            self.left.note(now, KeptLeaver { queue, caller, since, until });
        }
    }

    /// Since when a caller who comes back has waited; none where nothing is remembered of them.
    pub fn resumes(&mut self, now: Moment, queue: QueueId, caller: &str) -> Option<Moment> {
        let leaver = self.left.take(queue, caller)?;
        (now <= leaver.until).then_some(leaver.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(left: &mut Left, now: u64, caller: &str, since: u64, until: u64) {
        let [since, until] = [since, until].map(Moment::from_secs);
        let (queue, caller) = (QueueId(1), caller.to_owned());
        left.note(Moment::from_secs(now), KeptLeaver { queue, caller, since, until });
    }

    fn since(left: &mut Left, queue: u64, caller: &str) -> Option<Moment> {
        left.take(QueueId(queue), caller).map(|leaver| leaver.since)
    }

    fn sizes(left: &Left) -> [usize; 3] {
        [left.callers.len(), left.ends.len(), left.by_order.len()]
    }

    #[test]
    fn at_most_so_many_are_remembered_and_those_whose_time_is_over_go_first() {
        let mut left = Left::default();
        for n in 0..=LEFT_MAX as u64 {
            leaves(&mut left, 1, &n.to_string(), 0, 100 + n);
        }
        assert_eq!(sizes(&left), [LEFT_MAX; 3]);
        assert_eq!(since(&mut left, 1, "0"), None);
        assert_eq!(since(&mut left, 2, "1"), None, "another queue");
        leaves(&mut left, 200, "last", 150, 300);
        assert_eq!(since(&mut left, 1, "7"), None, "its time is over");
        assert_eq!(since(&mut left, 1, "200"), Some(Moment::from_secs(0)));
        let [callers, ends, all] = sizes(&left);
        assert_eq!((callers, ends), (all, all));
    }

    #[test]
    fn each_has_one_record_until_they_are_back_or_forgotten() {
        let mut left = Left::default();
        let keep = |left: &mut Left, kept: &mut BTreeMap<u64, KeptLeaver>| {
            for (order, leaver) in left.take_touched() {
                match leaver {
                    Some(leaver) => kept.insert(order, leaver.clone()),
                    None => kept.remove(&order),
                };
            }
        };
        let mut kept = BTreeMap::new();
        for (caller, from) in [("13800138000", 5), ("13800138001", 6), ("13800138000", 7)] {
            leaves(&mut left, 10, caller, from, 40);
            keep(&mut left, &mut kept);
        }
        assert_eq!(kept.len(), 2);
        let mut next = Left::default();
        for (order, leaver) in kept.clone() {
            next.restore(order, leaver);
        }
        keep(&mut next, &mut kept);
        assert_eq!(since(&mut next, 1, "13800138000"), Some(Moment::from_secs(7)));
        keep(&mut next, &mut kept);
        assert_eq!(kept.len(), 1, "once, whatever happens to the process");
        leaves(&mut next, 11, "13800138002", 8, 40);
        keep(&mut next, &mut kept);
        assert_eq!(kept.len(), 2, "nobody's record is written over");
        next.forget(&Subscriber::parse("13800138001", "86").expect("a number"));
        keep(&mut next, &mut kept);
        let left: Vec<&str> = kept.values().map(|leaver| leaver.caller.as_str()).collect();
        assert_eq!(left, ["13800138002"]);
    }
}
