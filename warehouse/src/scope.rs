//! Whose rows a session reads, and how much of the box it may use.

use std::time::Duration;
use terms::{AgentId, QueueId, TenantId};

/// Whose rows a session reads. Everything else does not exist for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The tenant.
    pub tenant: TenantId,
    /// Only rows of these queues; `None` is no limit.
    pub queues: Option<Vec<QueueId>>,
    /// Only rows of these agents; `None` is no limit. With both limits a row of either is read;
    /// a table with neither column then has no rows.
    pub agents: Option<Vec<AgentId>>,
    /// Show telephone numbers as `+86138****8000`.
    pub mask_numbers: bool,
    /// Show who did what (the table `audit`); else it has no rows.
    pub audit: bool,
    /// IANA zone for `current_date`, `date_trunc` of zoned times and the like.
    pub time_zone: String,
}

impl Scope {
    /// All rows of `tenant`, numbers shown, in the house's default zone.
    pub fn of(tenant: TenantId) -> Self {
        Scope {
            tenant,
            queues: None,
            agents: None,
            mask_numbers: false,
            audit: false,
            time_zone: "Asia/Shanghai".to_owned(),
        }
    }
}

/// How much of the box one query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of an answer; the rest is cut and the answer says so.
    pub rows_max: usize,
    /// From the text to the last row.
    pub time_max: Duration,
    /// Memory of sorts, joins and aggregates in bytes. Softer than it sounds: not every operator
    /// asks before it takes, so heavy work belongs into a process with a hard limit.
    pub memory_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { rows_max: 100_000, time_max: Duration::from_secs(30), memory_max: 512 << 20 }
    }
}
