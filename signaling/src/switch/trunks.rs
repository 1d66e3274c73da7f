//! Which trunk a call goes out over: the order in which those that fit its number are tried, which of
//! them are down, and how busy each is (calls at a time and new calls per second, both directions
//! together).

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;
use terms::routing::Trunk;
use terms::{Moment, TrunkId};

/// Where all trunks that fit are down one of them is tried so often, and every other call fails at once.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// Use of a tenant's trunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    used: BTreeMap<TrunkId, One>,
    /// No call goes out over these, but for one that tries.
    down: BTreeMap<TrunkId, Down>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Down {
    /// It asked to be left alone.
    rests: bool,
    tried_at: Option<Moment>,
}

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
        let one = self.used.entry(trunk.id).or_default();
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

    /// The same for a call of ours: none goes out over a trunk that is down.
    pub fn take_out(&mut self, trunk: &Trunk, now: Moment) -> bool {
        !self.is_down(trunk.id) && self.take(trunk, now)
    }

    /// A call of before a restart goes on: it was let in.
    pub fn restore(&mut self, trunk: TrunkId) {
        self.used.entry(trunk).or_default().calls += 1;
    }

    /// Gives one call back.
    pub fn give(&mut self, trunk: TrunkId) {
        if let Some(one) = self.used.get_mut(&trunk) {
            one.calls = one.calls.saturating_sub(1);
        }
    }

    /// Calls on all trunks.
    pub fn calls(&self) -> u32 {
        self.used.values().map(|one| one.calls).sum()
    }

    /// Calls on one trunk.
    pub fn calls_on(&self, trunk: TrunkId) -> u32 {
        self.used.get(&trunk).map_or(0, |one| one.calls)
    }

    /// Calls may go out over a trunk from now on, or no longer.
    pub fn set_down(&mut self, trunk: TrunkId, down: bool, rests: bool) {
        if down {
            self.down.entry(trunk).or_default().rests = rests;
        } else {
            self.down.remove(&trunk);
        }
    }

    pub fn is_down(&self, trunk: TrunkId) -> bool {
        self.down.contains_key(&trunk)
    }

    /// Where all that fit are down: the first one that a call is tried over all the same, now. What we
    /// know of a trunk may be old, and a call that would fail anyway finds out. One that asked for a rest
    /// has it (RFC 3261 §21.5.4).
    pub fn probe<'a>(
        &mut self,
        fits: impl Iterator<Item = &'a TrunkId> + Clone,
        now: Moment,
    ) -> Option<TrunkId> {
        if !fits.clone().all(|&trunk| self.is_down(trunk)) {
            return None;
        }
        for trunk in fits {
            let Some(down) = self.down.get_mut(trunk).filter(|down| !down.rests) else { continue };
            if down.tried_at.is_none_or(|at| now >= at + PROBE_EVERY) {
                down.tried_at = Some(now);
                return Some(*trunk);
            }
        }
        None
    }
}

/// A trunk that a number may go out over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    pub trunk: TrunkId,
    /// Length of the prefix that fits.
    pub prefix: usize,
    pub order: u32,
    pub weight: u32,
}

/// The order in which trunks are tried: the longest prefix first, then the lowest order. Among equals
/// each is first as often as its weight says; those without weight follow as they are written. The
/// same `pick` gives the same order.
pub(crate) fn in_turn(mut fits: Vec<Fit>, pick: u64) -> Vec<TrunkId> {
    fits.sort_by_key(|fit| (Reverse(fit.prefix), fit.order));
    let mut dice = SmallRng::seed_from_u64(pick);
    let mut turn = Vec::with_capacity(fits.len());
    for equals in fits.chunk_by(|a, b| (a.prefix, a.order) == (b.prefix, b.order)) {
        let (mut sharing, rest): (Vec<Fit>, Vec<Fit>) =
            equals.iter().copied().partition(|fit| fit.weight > 0);
        while !sharing.is_empty() {
            let drawn = draw(&sharing, &mut dice);
            turn.push(sharing.remove(drawn).trunk);
        }
        turn.extend(rest.into_iter().map(|fit| fit.trunk));
    }
    turn
}

/// Which of these is next: each has a chance by its weight.
fn draw(sharing: &[Fit], dice: &mut SmallRng) -> usize {
    let all: u64 = sharing.iter().map(|fit| u64::from(fit.weight)).sum();
    let mut left = if sharing.len() > 1 { dice.random_range(0..all) } else { 0 };
    for (n, fit) in sharing.iter().enumerate() {
        let weight = u64::from(fit.weight);
        if left < weight {
            return n;
        }
        left -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(trunk: u64, prefix: usize, order: u32, weight: u32) -> Fit {
        Fit { trunk: TrunkId(trunk), prefix, order, weight }
    }

    fn turn(fits: &[Fit], pick: u64) -> Vec<u64> {
        in_turn(fits.to_vec(), pick).into_iter().map(|trunk| trunk.0).collect()
    }

    #[test]
    fn the_longest_prefix_goes_before_the_order_and_the_order_before_what_is_written() {
        let fits = [fit(1, 1, 2, 0), fit(2, 1, 1, 0), fit(3, 1, 2, 0), fit(4, 2, 9, 0)];
        for pick in 0..50 {
            assert_eq!(turn(&fits, pick), [4, 2, 1, 3], "without weights nothing is drawn");
        }
    }

    #[test]
    fn equals_share_by_weight_and_who_has_none_comes_last() {
        let fits = [fit(1, 1, 0, 0), fit(2, 1, 0, 3), fit(3, 1, 0, 1)];
        let mut first = BTreeMap::new();
        for pick in 0..4_000 {
            let turn = turn(&fits, pick);
            assert_eq!(turn.len(), 3, "each is tried once");
            assert_eq!(turn[2], 1);
            *first.entry(turn[0]).or_insert(0) += 1;
        }
        assert!((2_850..=3_150).contains(&first[&2]), "three of four: {first:?}");
        assert_eq!(first[&2] + first[&3], 4_000);
    }

    #[test]
    fn the_same_call_is_given_the_same_order() {
        let fits: Vec<Fit> = (1..=8).map(|trunk| fit(trunk, 1, 0, 10)).collect();
        assert_eq!(turn(&fits, 77), turn(&fits, 77));
        assert_ne!(turn(&fits, 77), turn(&fits, 78));
    }
}
