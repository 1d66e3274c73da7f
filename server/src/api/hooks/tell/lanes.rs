//! Which events of a hook may be sent now: those of a call one after the other, those of several calls
//! beside one another, and those of no call in a line of their own. Whoever is ahead of the oldest event
//! that was not acknowledged is at most [`AHEAD_MAX`] events ahead.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use terms::CallId;
use terms::event::Entry;

/// Events that are remembered: those that wait, and those that were acknowledged before an older one.
/// Of so many, the business store knows one by one what came of them.
pub const AHEAD_MAX: usize = 100;

/// Events that were read from the log.
#[derive(Default)]
pub struct Lanes {
    /// Not acknowledged, by their place in the log.
    open: BTreeMap<u64, Arc<Entry>>,
    /// Calls of which an event is being sent.
    busy: HashSet<Option<CallId>>,
    /// Acknowledged, or passed over, before one that is open.
    told: BTreeSet<u64>,
    /// The last entry of the log that was looked at.
    read: u64,
    /// Entries behind it, and whether they are for the hook: the log gives many at a time.
    unread: VecDeque<(Arc<Entry>, bool)>,
}

impl Lanes {
    /// Nothing was read; these were acknowledged before an older one was.
    pub fn new(through: u64, told: BTreeSet<u64>) -> Lanes {
        Lanes { read: through, told, ..Lanes::default() }
    }

    /// Whether more may be read.
    pub fn has_room(&self) -> bool {
        self.unread.is_empty() && self.may_be_open()
    }

    /// Whether one more may be open.
    fn may_be_open(&self) -> bool {
        self.open.len() + self.told.len() < AHEAD_MAX || self.open.is_empty()
    }

    /// An entry was read, which is for the hook or is not.
    pub fn on_read(&mut self, entry: Arc<Entry>, is_for: bool) {
        self.unread.push_back((entry, is_for));
        self.look();
    }

    /// Looks at what was read, as far as there is room.
    fn look(&mut self) {
        while let Some((entry, is_for)) = self.unread.front() {
            let opens = *is_for && !self.told.contains(&entry.seq);
            if opens && !self.may_be_open() {
                return;
            }
            let Some((entry, _)) = self.unread.pop_front() else { return };
            self.read = entry.seq;
            if opens {
                self.open.insert(entry.seq, entry);
            }
            self.forget_told();
        }
    }

    /// The oldest event that nothing of its call is before; it is being sent from now on.
    pub fn begin_next(&mut self) -> Option<Arc<Entry>> {
        let entry = self.open.values().find(|entry| !self.busy.contains(&entry.call))?.clone();
        self.busy.insert(entry.call);
        Some(entry)
    }

    /// An event was acknowledged.
    pub fn on_told(&mut self, entry: &Entry) {
        self.busy.remove(&entry.call);
        self.open.remove(&entry.seq);
        self.told.insert(entry.seq);
        self.forget_told();
        self.look();
    }

    /// Whether none before this one is open.
    pub fn is_oldest(&self, seq: u64) -> bool {
        self.open.first_key_value().is_some_and(|(oldest, _)| *oldest == seq)
    }

    /// Up to here nothing is left to be told.
    pub fn through(&self) -> u64 {
        match self.open.first_key_value() {
            Some((oldest, _)) => oldest.saturating_sub(1),
            None => self.read,
        }
    }

    fn forget_told(&mut self) {
        self.told = self.told.split_off(&(self.through() + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::event::{ENTRY_VERSION, Kind};
    use terms::{TenantId, Timestamp};

    fn entry(seq: u64, call: Option<u64>) -> Arc<Entry> {
        let (v, tenant, call) = (ENTRY_VERSION, TenantId(1), call.map(CallId));
        let (at, contact, leg, kind) = (Timestamp(0), None, None, Kind::Resumed);
        Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind })
    }

    fn next(lanes: &mut Lanes) -> Option<u64> {
        lanes.begin_next().map(|entry| entry.seq)
    }

    #[test]
    fn events_of_a_call_go_in_turn_and_those_of_others_beside_them() {
        let mut lanes = Lanes::new(0, BTreeSet::new());
        for (seq, call) in [(1, Some(7)), (2, Some(7)), (3, Some(8)), (4, None), (5, None)] {
            lanes.on_read(entry(seq, call), true);
        }
        lanes.on_read(entry(6, Some(9)), false);
        assert_eq!(
            [next(&mut lanes), next(&mut lanes), next(&mut lanes)],
            [Some(1), Some(3), Some(4)]
        );
        assert_eq!(next(&mut lanes), None, "2 and 5 wait for those before them");
        lanes.on_told(&entry(3, Some(8)));
        assert_eq!((lanes.through(), next(&mut lanes)), (0, None), "the oldest counts");
        lanes.on_told(&entry(1, Some(7)));
        assert_eq!((lanes.through(), next(&mut lanes)), (1, Some(2)));
        lanes.on_told(&entry(2, Some(7)));
        assert_eq!(lanes.through(), 3);
        lanes.on_told(&entry(4, None));
        assert_eq!(next(&mut lanes), Some(5));
        lanes.on_told(&entry(5, None));
        assert_eq!((lanes.through(), lanes.told.len()), (6, 0), "what was not for it is passed");
    }

    #[test]
    fn nobody_is_far_ahead_and_what_was_told_before_a_restart_is_not_told_again() {
        let mut lanes = Lanes::new(0, BTreeSet::new());
        for seq in 1..=AHEAD_MAX as u64 {
            assert!(lanes.has_room());
            lanes.on_read(entry(seq, Some(seq)), true);
        }
        assert!(!lanes.has_room());
        for seq in 2..=AHEAD_MAX as u64 {
            lanes.on_told(&entry(seq, Some(seq)));
        }
        assert!(!lanes.has_room(), "the first one holds them");
        let told = lanes.told.clone();
        lanes.on_told(&entry(1, Some(1)));
        assert!(lanes.has_room());

        let mut again = Lanes::new(0, told);
        assert!(again.has_room());
        for seq in 1..=AHEAD_MAX as u64 + 1 {
            again.on_read(entry(seq, Some(seq)), true);
        }
        assert_eq!([next(&mut again), next(&mut again)], [Some(1), None]);
        again.on_told(&entry(1, Some(1)));
        assert_eq!([next(&mut again), next(&mut again)], [Some(AHEAD_MAX as u64 + 1), None]);
    }

    #[test]
    fn what_the_log_gives_at_once_waits_where_nobody_may_be_further_ahead() {
        let mut lanes = Lanes::new(0, BTreeSet::new());
        let most = AHEAD_MAX as u64;
        for seq in 1..=3 * most {
            lanes.on_read(entry(seq, Some(seq)), true);
        }
        let begun: Vec<u64> = std::iter::from_fn(|| next(&mut lanes)).collect();
        assert_eq!(begun, (1..=most).collect::<Vec<_>>());
        for seq in 2..=most {
            lanes.on_told(&entry(seq, Some(seq)));
        }
        assert_eq!((next(&mut lanes), lanes.through()), (None, 0), "the first one holds them");
        lanes.on_told(&entry(1, Some(1)));
        assert_eq!((next(&mut lanes), lanes.through()), (Some(most + 1), most));
        assert!(!lanes.has_room(), "what was read before is looked at first");
    }
}
