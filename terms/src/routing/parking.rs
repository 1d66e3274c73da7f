//! Who takes a parked caller, and where they go whom nobody takes.

use crate::id::{FlowId, QueueId};
use serde::{Deserialize, Serialize};

/// Shortest time on a slot that can be set, in seconds.
pub const PARK_WAIT_S_MIN: u32 = 10;
/// Longest time on a slot that can be set, in seconds.
pub const PARK_WAIT_S_MAX: u32 = 3_600;

/// What a tenant says of parked callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkRules {
    /// Only who parked them takes them, and who may pick up what rings at that agent's phone; else any
    /// agent.
    #[serde(default)]
    pub team_only: bool,
    /// Seconds on the slot, [`PARK_WAIT_S_MIN`] to [`PARK_WAIT_S_MAX`]; none for the switch's own time.
    #[serde(default)]
    pub wait_s: Option<u32>,
    /// Customers wait in this queue then, with their age; none rings at who parked them.
    #[serde(default)]
    pub queue: Option<QueueId>,
    /// Customers go into this flow then, where no queue is named.
    #[serde(default)]
    pub flow: Option<FlowId>,
}
