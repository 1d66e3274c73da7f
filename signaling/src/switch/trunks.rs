//! How busy each trunk is: calls at a time and new calls per second, both directions together.

use std::collections::BTreeMap;
use terms::routing::Trunk;
use terms::{Moment, TrunkId};

/// Use of a tenant's trunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage(BTreeMap<TrunkId, One>);

#[derive(Clone, Copy, Debug, Default)]
struct One {
    calls: u32,
    /// The second that `new` counts in.
    second: u64,
    new: u32,
}

impl Usage {
    /// Takes one call on `trunk`. False when a limit is reached; nothing is taken then.
    pub fn take(&mut self, trunk: &Trunk, now: Moment) -> bool {
        let one = self.0.entry(trunk.id).or_default();
        let second = now.as_millis() / 1_000;
        if one.second != second {
            (one.second, one.new) = (second, 0);
        }
        if one.calls >= trunk.calls_max || one.new >= trunk.calls_per_s_max {
            return false;
        }
        one.calls += 1;
        one.new += 1;
        true
    }

    /// A call of before a restart goes on: it was let in.
    pub fn restore(&mut self, trunk: TrunkId) {
        self.0.entry(trunk).or_default().calls += 1;
    }

    /// Gives one call back.
    pub fn give(&mut self, trunk: TrunkId) {
        if let Some(one) = self.0.get_mut(&trunk) {
            one.calls = one.calls.saturating_sub(1);
        }
    }

    /// Calls on all trunks.
    pub fn calls(&self) -> u32 {
        self.0.values().map(|one| one.calls).sum()
    }
}
