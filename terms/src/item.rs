//! Items: pieces of work that are no call. How they come, how many of them an agent has at a time, and
//! what is told of them.

use crate::id::{AgentId, QueueId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Seconds that an agent has for an offer where the queue says nothing.
pub const OFFER_S_USUAL: u32 = 60;

/// How an item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A mail.
    Email,
    /// A short message.
    Sms,
    /// A form or a conversation of a website.
    Web,
    /// A fax that was received.
    Fax,
    /// A message that a caller left.
    Message,
}

impl Channel {
    /// All of them.
    pub const ALL: [Channel; 5] =
        [Channel::Email, Channel::Sms, Channel::Web, Channel::Fax, Channel::Message];

    /// Its name in settings, tables and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Web => "web",
            Channel::Fax => "fax",
            Channel::Message => "message",
        }
    }

    /// Items that an agent has at a time where nobody said anything else.
    pub const fn capacity_usual(self) -> u32 {
        match self {
            Channel::Email | Channel::Sms | Channel::Web => 3,
            Channel::Fax | Channel::Message => 1,
        }
    }

    /// Its place in [`Channel::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A text that names no channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no channel; there are email, sms, web, fax and message")]
pub struct NoChannel(pub String);

impl FromStr for Channel {
    type Err = NoChannel;

    fn from_str(text: &str) -> Result<Self, NoChannel> {
        let named = Channel::ALL.into_iter().find(|channel| channel.as_str() == text);
        named.ok_or_else(|| NoChannel(text.chars().take(40).collect()))
    }
}

/// A number for each channel that has one.
pub type ByChannel = BTreeMap<Channel, u32>;

/// What a tenant says of items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemRules {
    /// How many an agent has at a time; of a channel that is missing, the usual number.
    pub capacity: ByChannel,
    /// Agents with numbers of their own.
    pub own: BTreeMap<AgentId, ByChannel>,
    /// Channels of which one is offered to who has a call, too.
    pub while_talking: BTreeSet<Channel>,
    /// Seconds that an agent has for an offer, by queue; of a queue that is missing, [`OFFER_S_USUAL`].
    pub offer_s: BTreeMap<QueueId, u32>,
}

impl ItemRules {
    /// How many items of this channel an agent has at a time.
    pub fn capacity(&self, agent: AgentId, channel: Channel) -> u32 {
        let own = self.own.get(&agent).and_then(|own| own.get(&channel));
        let usual = || self.capacity.get(&channel).copied();
        own.copied().or_else(usual).unwrap_or(channel.capacity_usual())
    }

    /// How long an agent has for an offer of this queue, in seconds.
    pub fn offer_s(&self, queue: QueueId) -> u32 {
        self.offer_s.get(&queue).copied().unwrap_or(OFFER_S_USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_called_the_same_everywhere() {
        for (index, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(channel).expect("a name"), channel.as_str());
            assert_eq!(channel.as_str().parse(), Ok(channel));
            assert_eq!(channel.index(), index);
        }
        assert_eq!("pigeon".parse::<Channel>(), Err(NoChannel("pigeon".to_owned())));
    }

    #[test]
    fn an_agents_own_number_goes_before_the_tenants_and_that_before_the_usual_one() {
        let (agent, other) = (AgentId(1), AgentId(2));
        let rules = ItemRules {
            capacity: [(Channel::Web, 5)].into(),
            own: [(agent, [(Channel::Web, 0)].into())].into(),
            ..ItemRules::default()
        };
        assert_eq!(rules.capacity(agent, Channel::Web), 0);
        assert_eq!(rules.capacity(other, Channel::Web), 5);
        assert_eq!(rules.capacity(agent, Channel::Fax), 1);
    }
}
