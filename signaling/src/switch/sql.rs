//! Questions of flows to business databases: out with all that is needed to ask, back by their id.

use super::{Now, Switch};
use crate::ivr::run::{Fault, Found};
use std::time::Duration;
use terms::routing::Connector;
use terms::{CallId, TenantId};

/// A question of a SQL step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlAsk {
    /// Names the answer.
    pub id: u64,
    /// For the log.
    pub call: CallId,
    /// Whose connector it is.
    pub tenant: TenantId,
    /// Where and how.
    pub connector: Connector,
    /// With `$1`, `$2` … in the places of the values.
    pub statement: String,
    /// In that order. They are bound, whatever they are.
    pub values: Vec<String>,
    /// It may change something: once at most.
    pub writes: bool,
    /// Rows are wanted; else the number of those that were changed.
    pub wants_rows: bool,
    /// The edge gives up after this long.
    pub timeout: Duration,
}

/// The end of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlDone {
    /// Of the question.
    pub id: u64,
    /// What was found, or why nothing was.
    pub result: Result<Found, Fault>,
}

impl Switch {
    /// A call that has ended, or did not wait so long, hears nothing of it.
    pub(super) fn on_sql(&mut self, now: Now, done: SqlDone) {
        if let Some(id) = self.world.requests.remove(&done.id) {
            self.with_call(now, id, |call, cx| call.on_sql(cx, done));
        }
    }
}
