//! One queue, as items see it: what waits, by channel, and who may have one more.

use crate::acd::queue::Key;
use crate::acd::rings::Layout;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::item::Channel;
use terms::routing;
use terms::{AgentId, ItemId, Moment, Timestamp};

/// Who may have one more item of a channel; the first is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Free {
    /// How much of their capacity is taken.
    pub share: u64,
    /// When they were handed an item last; never is first.
    pub handed_at: Option<Moment>,
    pub agent: AgentId,
}

/// The items of one channel in one queue.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Waiting, by stage: how many rings of agents an item has come to reach.
    waiting: Vec<BTreeMap<Key, ItemId>>,
    /// Who may have one more, by ring.
    free: Vec<BTreeSet<Free>>,
}

/// A queue.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// None where the plan has no such queue: its items wait for somebody to transfer them.
    pub settings: Option<routing::Queue>,
    /// Its agents as they were laid out last.
    pub layout: Option<Layout>,
    pub ring_of: BTreeMap<AgentId, usize>,
    /// The stage at which each ring is reached.
    rings: Vec<usize>,
    /// Waits at which stages begin, the first at once.
    stages: Vec<Duration>,
    lanes: [Lane; super::CHANNELS],
}

impl Place {
    /// Agents stand in these rings from now on, and nobody is listed. Gives back what waits, which has
    /// to stand anew.
    pub fn lay_out(&mut self, layout: Option<Layout>) -> Vec<ItemId> {
        self.ring_of.clear();
        self.rings.clear();
        self.stages = vec![Duration::ZERO];
        let rings = layout.iter().flat_map(Layout::nearest_first);
        for (ring, (wait, agents)) in rings.enumerate() {
            if self.stages.last().is_none_or(|last| *last < wait) {
                self.stages.push(wait);
            }
            self.rings.push(self.stages.len() - 1);
            self.ring_of.extend(agents.iter().map(|&agent| (agent, ring)));
        }
        self.layout = layout;
        let mut waiting = Vec::new();
        for channel in Channel::ALL {
            let lane = std::mem::take(&mut self.lanes[channel.index()]);
            waiting.extend(lane.waiting.into_iter().flat_map(BTreeMap::into_values));
        }
        waiting
    }

    /// The place of an item of these points and this age.
    pub fn key(&self, own: i32, received_at: Timestamp, item: ItemId) -> Key {
        let queue = self.settings.as_ref();
        let of = queue.map_or((0, 0), |queue| (queue.priority, queue.matching.priority_step_s));
        Key::of(of, own, received_at.0.saturating_mul(1_000), item.0)
    }

    pub fn lane(&self, channel: Channel) -> &Lane {
        &self.lanes[channel.index()]
    }

    pub fn lane_mut(&mut self, channel: Channel) -> &mut Lane {
        &mut self.lanes[channel.index()]
    }

    /// The stage of an item that has waited so long.
    pub fn stage(&self, waited: Duration) -> usize {
        self.stages.iter().rposition(|wait| *wait <= waited).unwrap_or(0)
    }

    /// After which wait the next stage begins.
    pub fn next_stage(&self, stage: usize) -> Option<Duration> {
        self.stages.get(stage + 1).copied()
    }

    /// Whether an item of this stage may be offered to this ring.
    #[cfg(test)]
    pub fn reaches(&self, ring: usize, stage: usize) -> bool {
        self.rings.get(ring).is_some_and(|begins| *begins <= stage)
    }

    /// The first item of a channel that somebody may have: `is_passed` says who is not offered it.
    pub fn first(
        &self,
        channel: Channel,
        is_passed: impl Fn(ItemId, AgentId) -> bool,
    ) -> Option<Match> {
        let lane = self.lane(channel);
        let nearest = lane.free.iter().position(|free| !free.is_empty())?;
        let least = *self.rings.get(nearest)?;
        let lines = lane.waiting.iter().enumerate().skip(least);
        let heads = lines.filter_map(|(stage, line)| {
            line.iter().find_map(|(&key, &item)| {
                let (ring, agent) = self.pick(lane, stage, |agent| is_passed(item, agent))?;
                Some(Match { key, item, agent, ring, candidates: lane.free[ring].len() })
            })
        });
        heads.min_by_key(|found| found.key)
    }

    /// The next agent of the nearest ring that an item of this stage reaches.
    fn pick(
        &self,
        lane: &Lane,
        stage: usize,
        is_passed: impl Fn(AgentId) -> bool,
    ) -> Option<(usize, AgentId)> {
        let reached = lane.free.iter().enumerate().zip(&self.rings);
        let mut reached = reached.take_while(|(_, begins)| **begins <= stage);
        reached.find_map(|((ring, free), _)| {
            let found = free.iter().find(|free| !is_passed(free.agent))?;
            Some((ring, found.agent))
        })
    }
}

/// An item and who is next for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub key: Key,
    pub item: ItemId,
    pub agent: AgentId,
    /// 0 is the nearest.
    pub ring: usize,
    pub candidates: usize,
}

impl Lane {
    pub fn put(&mut self, key: Key, stage: usize, item: ItemId) {
        if self.waiting.len() <= stage {
            self.waiting.resize_with(stage + 1, BTreeMap::new);
        }
        self.waiting[stage].insert(key, item);
    }

    pub fn take(&mut self, key: Key, stage: usize) {
        if let Some(line) = self.waiting.get_mut(stage) {
            line.remove(&key);
        }
    }

    pub fn list(&mut self, ring: usize, free: Free) {
        if self.free.len() <= ring {
            self.free.resize_with(ring + 1, BTreeSet::new);
        }
        self.free[ring].insert(free);
    }

    pub fn unlist(&mut self, ring: usize, free: &Free) {
        if let Some(ring) = self.free.get_mut(ring) {
            ring.remove(free);
        }
    }

    pub fn len(&self) -> u32 {
        let items: usize = self.waiting.iter().map(BTreeMap::len).sum();
        u32::try_from(items).unwrap_or(u32::MAX)
    }

    /// The stages at which an item stands here.
    #[cfg(test)]
    pub fn stages_of(&self, item: ItemId) -> Vec<usize> {
        let lines = self.waiting.iter().enumerate();
        lines.filter(|(_, line)| line.values().any(|id| *id == item)).map(|(n, _)| n).collect()
    }

    /// What goes first.
    pub fn first(&self) -> Option<(Key, ItemId)> {
        let heads = self.waiting.iter().filter_map(|line| line.first_key_value());
        heads.map(|(key, item)| (*key, *item)).min_by_key(|(key, _)| *key)
    }
}
