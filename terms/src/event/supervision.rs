//! Supervisors who take part in other people's conversations.

use crate::id::{AgentId, UserId};
use serde::{Deserialize, Serialize};

/// How a supervisor takes part in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionMode {
    /// 监听: hears all, nobody hears them.
    Listen,
    /// 督导: hears all, the agent alone hears them.
    Whisper,
    /// 强插: hears all, all hear them.
    Barge,
}

/// Why supervision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionEnd {
    /// The supervisor left, or was taken out.
    Left,
    /// The agent's part in the conversation is over.
    ConversationOver,
    /// The supervisor took the conversation over.
    TakenOver,
}

/// What a supervisor did to somebody else's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForcedAct {
    /// 强转: passed the customer on.
    Transfer,
    /// 强拆: ended the conversation.
    Release,
}

/// One supervision: who listens to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervised {
    /// Who asked for it.
    pub by: UserId,
    /// The supervisor as an agent; none at a phone outside. Written always, because live calls keep it
    /// in a form that has no names.
    #[serde(default)]
    pub supervisor: Option<AgentId>,
    /// Whom.
    pub agent: AgentId,
}
