//! One queue: who waits, in order, and who could take them.

use super::Place;
use super::rings::{Layout, Rings};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::routing;
use terms::{Moment, VisitId};

const NANOS_PER_S: i64 = 1_000_000_000;
/// Handling time that is assumed before one was seen.
const HANDLING_FIRST: Duration = Duration::from_secs(180);
/// A new handling time counts one part in this many.
const HANDLING_WEIGHT: u32 = 8;

/// The order of waiting, in all queues of a tenant: tier, then age, then arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    tier: Reverse<i32>,
    /// When the wait began, in ns; earlier by what the contact's own priority is worth as waiting.
    since: i64,
    pub arrival: u64,
}

impl Key {
    /// The place of what has points of its own in a queue of this priority, where a point is worth so
    /// many seconds of waiting; `since` is in ns.
    pub fn of((of_queue, step_s): (i32, u32), own: i32, since: i64, arrival: u64) -> Self {
        let step = i64::from(step_s) * NANOS_PER_S;
        let (tier, since) = match step {
            0 => (of_queue.saturating_add(own), since),
            step => (of_queue, since.saturating_sub(step.saturating_mul(own.into()))),
        };
        Key { tier: Reverse(tier), since, arrival }
    }

    #[cfg(test)]
    pub fn rank(&self) -> (Reverse<i32>, i64) {
        (self.tier, self.since)
    }
}

/// A queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub settings: routing::Queue,
    /// Still in the plan; a removed queue only waits for its last conversations.
    pub open: bool,
    /// Without an offer, by stage: how many rings of agents a visit has come to reach.
    waiting: Vec<BTreeMap<Key, VisitId>>,
    /// For one agent alone.
    pub personal: BTreeMap<Key, VisitId>,
    /// With an offer; they keep their place.
    pub ringing: BTreeMap<Key, VisitId>,
    /// Nobody is found for them; they keep their place.
    pub absent: BTreeMap<Key, VisitId>,
    pub free: Rings,
    /// The head under which the queue stands among the matchable ones.
    pub listed: Option<Key>,
    /// Talk and wrap-up lately, smoothed.
    pub handling: Duration,
}

impl Queue {
    pub fn new(settings: routing::Queue, layout: Layout) -> Self {
        Queue {
            free: Rings::new(&settings, layout),
            settings,
            open: true,
            waiting: Vec::new(),
            personal: BTreeMap::new(),
            ringing: BTreeMap::new(),
            absent: BTreeMap::new(),
            listed: None,
            handling: HANDLING_FIRST,
        }
    }

    /// The place of a contact with a priority of its own. Where points are worth waiting time, a
    /// contact with fewer points overtakes once it has waited so much longer; the order of two does
    /// not change while both wait.
    pub fn key(&self, own: i32, since: Moment, arrival: u64) -> Key {
        let since = i64::try_from(since.0).unwrap_or(i64::MAX);
        let of = (self.settings.priority, self.settings.matching.priority_step_s);
        Key::of(of, own, since, arrival)
    }

    /// Its agents stand in these rings from now on, and nobody is free yet.
    pub fn lay_out(&mut self, layout: Layout) {
        let before = std::mem::replace(&mut self.free, Rings::new(&self.settings, layout));
        self.free.go_on(&before);
    }

    pub fn len(&self) -> u32 {
        self.lines().map(BTreeMap::len).sum::<usize>() as u32
    }

    pub fn visits(&self) -> impl Iterator<Item = VisitId> + '_ {
        self.lines().flat_map(BTreeMap::values).copied()
    }

    fn lines(&self) -> impl Iterator<Item = &BTreeMap<Key, VisitId>> {
        self.waiting.iter().chain([&self.personal, &self.ringing, &self.absent])
    }

    /// A visit waits, at this stage.
    pub fn put(&mut self, key: Key, stage: usize, visit: VisitId) {
        if self.waiting.len() <= stage {
            self.waiting.resize_with(stage + 1, BTreeMap::new);
        }
        self.waiting[stage].insert(key, visit);
    }

    /// A visit waits no more.
    pub fn take(&mut self, key: Key) -> Option<VisitId> {
        self.waiting.iter_mut().find_map(|line| line.remove(&key))
    }

    /// The first visit that somebody is free for.
    pub fn head(&self) -> Option<Key> {
        let lines = self.waiting.get(self.free.first_stage()?..)?;
        lines.iter().filter_map(|line| line.first_key_value()).map(|(key, _)| *key).min()
    }

    /// Puts the queue where it belongs among what is matchable.
    pub(super) fn relist(&mut self, matchable: &mut BTreeSet<(Key, Place)>) {
        let head = self.head();
        if self.listed == head {
            return;
        }
        let place = Place::Queue(self.settings.id);
        if let Some(old) = std::mem::replace(&mut self.listed, head) {
            matchable.remove(&(old, place));
        }
        if let Some(new) = head {
            matchable.insert((new, place));
        }
    }

    /// Whether this visit waits at this stage.
    pub fn waits(&self, key: Key, stage: usize, visit: VisitId) -> bool {
        self.waiting.get(stage).and_then(|line| line.get(&key)) == Some(&visit)
    }

    /// Nobody more may wait, and nobody is free to take one more at once.
    pub fn is_full(&self) -> bool {
        self.len() >= self.settings.waiting_max && self.free.first_stage() != Some(0)
    }

    /// Place of `key`, 1 is next. The usual case, a newcomer at the end, takes no search.
    pub fn position(&self, key: Key) -> u32 {
        let ahead = |map: &BTreeMap<Key, VisitId>| match map.last_key_value() {
            Some((last, _)) if *last < key => map.len(),
            _ => map.range(..key).count(),
        };
        self.lines().map(ahead).sum::<usize>() as u32 + 1
    }

    pub fn note_handling(&mut self, time: Duration) {
        self.handling = (self.handling * (HANDLING_WEIGHT - 1) + time) / HANDLING_WEIGHT;
    }
}
