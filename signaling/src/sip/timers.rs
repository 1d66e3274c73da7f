//! One ordered set of everything that waits.

use crate::id_map::IdMap;
use std::collections::BTreeSet;
use terms::{LegId, Moment};

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Waiting {
    /// A client transaction.
    Client(u64),
    /// A server transaction.
    Server(u64),
    /// A leg.
    Leg(LegId),
    /// The registrar's next expiry.
    Registrar,
    /// The end of the next lamp's subscription.
    Lamps,
    /// Those who are to be asked whether they are there.
    Probes,
    /// A trunk's registration.
    Trunk(super::trunk::TrunkKey),
    /// The next OPTIONS to a trunk, or the end of its rest.
    Health(super::trunk::TrunkKey),
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeSet<(Moment, Waiting)>,
    at: IdMap<Waiting, Moment>,
}

impl Timers {
    /// Sets, moves or (with `None`) removes a wait.
    pub(crate) fn set(&mut self, who: Waiting, at: Option<Moment>) {
        if self.at.get(&who).copied() == at {
            return;
        }
        if let Some(old) = self.at.remove(&who) {
            self.set.remove(&(old, who));
        }
        if let Some(at) = at {
            self.at.insert(who, at);
            self.set.insert((at, who));
        }
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.set.first().map(|(at, _)| *at)
    }

    /// Takes the first whose time has come.
    pub(crate) fn take(&mut self, now: Moment) -> Option<Waiting> {
        let &(at, who) = self.set.first()?;
        if at > now {
            return None;
        }
        self.set.pop_first();
        self.at.remove(&who);
        Some(who)
    }
}
