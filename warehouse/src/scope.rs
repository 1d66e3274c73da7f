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
    /// Of what is seen, what is asked for: all of these hold, beside the limits, so that less is read
    /// and never more. A table that none of them names is read as far as it is seen.
    pub only: Vec<Only>,
}

/// Which rows of a table are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// The table. The counts of its rows are those of the rows that are left; what is said of `orders`
    /// holds for `orders_latest`.
    pub table: &'static str,
    /// Columns of it that name a queue or an agent: in one of them a row has to hold one of the ids.
    pub columns: &'static [&'static str],
    /// The ids; a row passes by none of no ids.
    pub ids: Vec<u64>,
}

impl Only {
    /// The same as a condition in SQL on rows of the table.
    pub fn sql(&self) -> String {
        if self.ids.is_empty() || self.columns.is_empty() {
            return "FALSE".to_owned();
        }
        let ids = self.ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let holds = self.columns.iter().map(|column| format!("{column} IN ({ids})"));
        format!("({})", holds.collect::<Vec<_>>().join(" OR "))
    }
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
            only: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_a_condition() {
        let only = |columns: &'static [&'static str], ids: &[u64]| {
            Only { table: "calls", columns, ids: ids.to_vec() }.sql()
        };
        assert_eq!(only(&["queue_id"], &[3, 5]), "(queue_id IN (3, 5))");
        assert_eq!(
            only(&["agent_id", "last_agent_id"], &[7]),
            "(agent_id IN (7) OR last_agent_id IN (7))"
        );
        assert_eq!(only(&["queue_id"], &[]), "FALSE");
    }
}
