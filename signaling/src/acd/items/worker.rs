//! An agent, as items see them: what they do, what they have, and where they stand.

use super::line::Free;
use super::{CHANNELS, UNANSWERED_MAX};
use std::collections::BTreeSet;
use terms::event::Activity;
use terms::item::Channel;
use terms::routing::Skill;
use terms::{ItemId, Moment, QueueId, SkillSetId};

/// The share of a capacity is counted in these: any two shares of capacities of a few thousand differ.
const SHARES: u64 = 1 << 32;

/// An agent.
#[derive(Debug)]
pub(super) struct Worker {
    pub in_plan: bool,
    pub skills: Vec<Skill>,
    /// Queues on whose lists they are.
    pub queues: BTreeSet<QueueId>,
    pub activity: Activity,
    pub skill_set: Option<SkillSetId>,
    /// Items that they are offered or have, by channel.
    pub open: [u32; CHANNELS],
    /// Those that they are offered.
    pub offers: BTreeSet<ItemId>,
    /// Offers in a row that they did not answer.
    pub unanswered: u32,
    /// When they were handed an item last.
    pub handed_at: Option<Moment>,
    /// Where they stand among those who may have one more.
    pub listed: Vec<(QueueId, Channel, usize, Free)>,
}

impl Default for Worker {
    fn default() -> Self {
        Worker {
            in_plan: false,
            skills: Vec::new(),
            queues: BTreeSet::new(),
            activity: Activity::SignedOut,
            skill_set: None,
            open: [0; CHANNELS],
            offers: BTreeSet::new(),
            unanswered: 0,
            handed_at: None,
            listed: Vec::new(),
        }
    }
}

impl Worker {
    pub fn leave_plan(&mut self) {
        self.in_plan = false;
        self.skills.clear();
        self.queues.clear();
    }

    pub fn join_plan(&mut self, skills: Vec<Skill>) {
        self.in_plan = true;
        self.skills = skills;
    }

    /// They are where an item can be put before them.
    pub fn is_there(&self, while_talking: bool) -> bool {
        let is_ready = match self.activity {
            Activity::SignedOut | Activity::Break => false,
            Activity::Idle => true,
            Activity::Ringing | Activity::Talking | Activity::Holding | Activity::WrapUp => {
                while_talking
            }
        };
        self.in_plan && is_ready
    }

    /// They answer what they are offered.
    pub fn answers(&self) -> bool {
        self.unanswered < UNANSWERED_MAX
    }

    /// How much of a capacity they have taken; none where nothing of it is left.
    pub fn share(&self, channel: Channel, capacity: u32) -> Option<u64> {
        let open = self.open[channel.index()];
        (open < capacity).then(|| u64::from(open) * SHARES / u64::from(capacity))
    }
}
