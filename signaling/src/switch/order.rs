//! Questions of flows for the state of an order: out to whoever keeps the orders. An answer comes back
//! as that of a database does ([`super::SqlDone`]), by its id.

use std::time::Duration;
use terms::{CallId, TenantId};

/// A question of an order step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderAsk {
    /// Names the answer.
    pub id: u64,
    /// For the log.
    pub call: CallId,
    /// Whose orders are looked at.
    pub tenant: TenantId,
    /// Digits of the order's number; empty is the latest one of the customer.
    pub number: String,
    /// The number of the customer whose order it must be; none is anybody's.
    pub of: Option<String>,
    /// The edge gives up after this long.
    pub timeout: Duration,
}
