//! Wrong PINs, counted: a caller who goes on guessing is refused for a while, and so are strangers
//! where many of them guess, since a caller's number is whatever the network says. A kill of the
//! process begins no count anew: each door is kept like a meeting.

use super::Key;
use crate::kept::{self, Change};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::Moment;

/// Doors at which somebody was wrong; beyond it the one that is open longest is forgotten.
const DOORS_MAX: usize = 4_096;
/// Callers who were wrong at one door; beyond it who was wrong least is forgotten.
const CALLERS_MAX: usize = 1_000;

/// How many wrong PINs are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Of one caller.
    pub caller_max: u32,
    /// Of all callers from outside, at one room.
    pub room_max: u32,
    /// From the first one on; then counting begins anew.
    pub within: Duration,
}

/// One room's door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Door {
    since: Moment,
    wrong: u32,
    callers: BTreeMap<String, u32>,
}

impl Door {
    fn is_over(&self, now: Moment, within: Duration) -> bool {
        now - self.since > within
    }

    fn note(&mut self, who: &str, inside: bool) {
        self.wrong = self.wrong.saturating_add(u32::from(!inside));
        let is_new = !self.callers.contains_key(who);
        if is_new && self.callers.len() >= CALLERS_MAX {
            let least = self.callers.iter().min_by_key(|&(_, wrong)| *wrong);
            if let Some(least) = least.map(|(caller, _)| caller.clone()) {
                self.callers.remove(&least);
            }
        }
        let own = self.callers.entry(who.to_owned()).or_default();
        *own = own.saturating_add(1);
    }
}

/// The doors at which somebody was wrong.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    doors: BTreeMap<Key, Door>,
    /// Those that may have changed, for those who keep them.
    touched: BTreeSet<Key>,
}

impl Doors {
    /// Whether this caller is heard no more.
    pub fn is_barred(
        &mut self,
        now: Moment,
        key: Key,
        who: &str,
        inside: bool,
        p: Patience,
    ) -> bool {
        self.forget_old(now, p.within);
        let Some(door) = self.doors.get(&key) else { return false };
        let own = door.callers.get(who).copied().unwrap_or(0);
        own >= p.caller_max || (!inside && door.wrong >= p.room_max)
    }

    /// A wrong PIN. Those of people inside, whom we know, do not shut out strangers.
    pub fn note(&mut self, now: Moment, key: Key, who: &str, inside: bool) {
        if !self.doors.contains_key(&key) && self.doors.len() >= DOORS_MAX {
            let oldest = self.doors.iter().min_by_key(|(_, door)| door.since).map(|(&key, _)| key);
            oldest.into_iter().for_each(|key| self.forget(key));
        }
        let fresh = || Door { since: now, wrong: 0, callers: BTreeMap::new() };
        self.doors.entry(key).or_insert_with(fresh).note(who, inside);
        self.touched.insert(key);
    }

    /// A door that the process before kept.
    pub fn restore(&mut self, key: Key, door: Door) {
        self.doors.insert(key, door);
        self.touched.insert(key);
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        touched.map(|key| Change::of(kept::Key::Door(key.0, key.1), self.doors.get(&key))).collect()
    }

    fn forget_old(&mut self, now: Moment, within: Duration) {
        let old = self.doors.iter().filter(|(_, door)| door.is_over(now, within));
        let old: Vec<Key> = old.map(|(&key, _)| key).collect();
        old.into_iter().for_each(|key| self.forget(key));
    }

    fn forget(&mut self, key: Key) {
        self.doors.remove(&key);
        self.touched.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::{ConferenceId, TenantId};

    const PATIENCE: Patience =
        Patience { caller_max: 3, room_max: 5, within: Duration::from_secs(900) };
    const KEY: Key = (TenantId(1), ConferenceId(1));

    #[test]
    fn who_guesses_is_barred_for_a_while_and_many_strangers_bar_strangers_only() {
        let mut doors = Doors::default();
        let at = Moment::from_secs;
        let barred = |doors: &mut Doors, secs, who, inside| {
            doors.is_barred(at(secs), KEY, who, inside, PATIENCE)
        };
        (0..3).for_each(|n| doors.note(at(n), KEY, "1", false));
        assert!(barred(&mut doors, 3, "1", false));
        assert!(!barred(&mut doors, 3, "2", false));
        let other = (TenantId(2), ConferenceId(1));
        assert!(!doors.is_barred(at(3), other, "1", false, PATIENCE), "another tenant's room");
        (0..2).for_each(|n| doors.note(at(n), KEY, "2", false));
        assert!(barred(&mut doors, 5, "3", false), "five strangers' guesses are enough");
        assert!(!barred(&mut doors, 5, "1001", true), "people inside are not strangers");
        (0..3).for_each(|n| doors.note(at(n), KEY, "1001", true));
        assert!(barred(&mut doors, 5, "1001", true), "but not endlessly patient either");
        assert!(!barred(&mut doors, 901, "1", false), "it is over");
        assert!(doors.doors.is_empty());
    }

    #[test]
    fn what_was_counted_is_kept_and_goes_when_it_is_over() {
        let mut doors = Doors::default();
        let at = Moment::from_secs;
        (0..3).for_each(|n| doors.note(at(n), KEY, "1", false));
        let kept = doors.take_changes();
        assert!(kept.len() == 1 && doors.take_changes().is_empty(), "once, however often");
        let mut next = Doors::default();
        next.restore(KEY, kept[0].read().expect("it is read"));
        assert_eq!(next.doors, doors.doors);
        assert!(next.is_barred(at(900), KEY, "1", false, PATIENCE), "a kill begins nothing anew");
        next.take_changes();
        assert!(!next.is_barred(at(901), KEY, "1", false, PATIENCE));
        let gone = next.take_changes();
        assert!(gone.len() == 1 && gone[0].value.is_none(), "and its record goes with it");
    }

    #[test]
    fn neither_doors_nor_callers_grow_for_ever_and_who_guessed_most_is_remembered() {
        let mut doors = Doors::default();
        let at = Moment::from_millis;
        let patience = Patience { room_max: u32::MAX, ..PATIENCE };
        (0..3).for_each(|n| doors.note(at(n), KEY, "guesser", true));
        for n in 0..2 * CALLERS_MAX as u64 {
            doors.note(at(n), KEY, &format!("agent {n}"), true);
        }
        assert_eq!(doors.doors[&KEY].callers.len(), CALLERS_MAX);
        assert!(doors.is_barred(at(9_000), KEY, "guesser", true, patience));
        for n in 1..2 * DOORS_MAX as u64 {
            doors.note(at(n), (TenantId(2), ConferenceId(n)), "1", false);
        }
        assert_eq!(doors.doors.len(), DOORS_MAX);
        let newest = (TenantId(2), ConferenceId(2 * DOORS_MAX as u64 - 1));
        assert!(doors.doors.contains_key(&newest) && !doors.doors.contains_key(&KEY));
    }
}
