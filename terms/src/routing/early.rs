//! What a trunk says before it answers and right after it: who hears it, and what it is listened to for.

use crate::media::TonePlan;
use serde::{Deserialize, Serialize};

/// What who waits is given of the description that a trunk sends before its answer (early media, RFC
/// 3960): a network's own ring tone, or what it says of a number that cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMedia {
    /// They hear it.
    #[default]
    Pass,
    /// They hear ringing: their phone's, or ours where they were answered already.
    Ring,
    /// It is no sign of anything: only what is said without a description rings.
    None,
}

/// What the far end of calls out over a trunk is listened to for. Nothing by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listening {
    /// Busy, congestion and special information in the tones of this network, before the answer and
    /// shortly after it: they end the attempt. For gateways that answer first, and networks that refuse
    /// in sound alone.
    #[serde(default)]
    pub tones: Option<TonePlan>,
    /// Answering machines.
    #[serde(default)]
    pub machines: Machines,
}

/// What is done about an answering machine that a call of ours reaches: a callback, or a call whose
/// other side is rung before the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Machines {
    /// Nobody listens for one.
    #[default]
    Ignore,
    /// It is told in the event log.
    Tell,
    /// It is told, and the call ends unless an agent is connected.
    End,
}
