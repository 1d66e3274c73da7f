//! What is done to items, which are no calls.

use crate::id::{AgentId, ItemId, QueueId, UserId};
use crate::item::Channel;
use serde::{Deserialize, Serialize};

/// Something was done to an item. Neither whom it came from nor what was written stands here: who may
/// know it asks for the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemTold {
    /// Which.
    pub item: ItemId,
    /// The step; told twice, it is the same one.
    pub step: i64,
    /// How it came.
    pub channel: Channel,
    /// Its queue from then on.
    pub queue: QueueId,
    /// Whose offer, or whose item it is or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Who did it; none for the box itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What was done.
    pub action: InItem,
}

/// What was done to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InItem {
    /// It came in.
    Create,
    /// It was offered to an agent.
    Offer,
    /// They took it.
    Take,
    /// They did not want it.
    Decline,
    /// They did not answer.
    Unanswered,
    /// They went away or had a call before they could answer, or the box started anew.
    Withdraw,
    /// Who had it gave it back.
    Release,
    /// It went to another queue.
    Transfer,
    /// A remark was made.
    Note,
    /// It was answered.
    Reply,
    /// It was done.
    Done,
    /// It was closed without an answer.
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_step_of_an_item_is_written_with_what_it_was_and_whose() {
        let kind = Kind::Item(ItemTold {
            item: ItemId(5),
            step: 9,
            channel: Channel::Email,
            queue: QueueId(1),
            agent: Some(AgentId(7)),
            by: None,
            action: InItem::Offer,
        });
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "item", "item": "5", "step": 9, "channel": "email",
            "queue": "1", "agent": "7", "action": "offer"});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
