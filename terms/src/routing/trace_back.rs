//! Whom somebody reaches who calls back the number that they were shown.

use serde::{Deserialize, Serialize};

/// Longest time that a call out is remembered, in seconds: a week.
pub const TRACE_KEEP_S_MAX: u32 = 604_800;
/// Longest wait for a busy agent, in seconds.
pub const TRACE_WAIT_S_MAX: u32 = 120;

/// Whoever was called from one of the tenant's numbers and calls it back reaches the agent who called
/// them, before what answers the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceBack {
    /// Seconds from the end of the call out; 0 is never.
    pub keep_s: u32,
    /// Seconds that a busy agent is waited for; 0 waits for nobody.
    pub wait_s: u32,
    /// Numbers where what answers them always comes first, normalised.
    #[serde(default)]
    pub not_at: Vec<String>,
}

impl Default for TraceBack {
    fn default() -> Self {
        TraceBack { keep_s: 7_200, wait_s: 20, not_at: Vec::new() }
    }
}
