//! Wrong PINs, counted: a caller who goes on guessing is refused for a while, and so are strangers
//! where many of them guess, since a caller's number is whatever the network says.

use super::Key;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use terms::Moment;

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
#[derive(Debug)]
struct Door {
    since: Moment,
    wrong: u32,
    /// As many as wrong PINs, at most.
    callers: BTreeMap<String, u32>,
}

/// The doors at which somebody was wrong.
#[derive(Debug, Default)]
pub(crate) struct Doors(HashMap<Key, Door>);

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
        if self.0.get(&key).is_some_and(|door| now - door.since > p.within) {
            self.0.remove(&key);
        }
        let Some(door) = self.0.get(&key) else { return false };
        let own = door.callers.get(who).copied().unwrap_or(0);
        own >= p.caller_max || (!inside && door.wrong >= p.room_max)
    }

    /// A wrong PIN. Those of people inside, whom we know, do not shut out strangers.
    pub fn note(&mut self, now: Moment, key: Key, who: &str, inside: bool) {
        let fresh = || Door { since: now, wrong: 0, callers: BTreeMap::new() };
        let door = self.0.entry(key).or_insert_with(fresh);
        door.wrong += u32::from(!inside);
        *door.callers.entry(who.to_owned()).or_default() += 1;
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
        assert!(doors.0.is_empty());
    }
}
