//! What a run asks of whoever keeps the tenant's orders. The answer has the form of a database's: a row,
//! or none.

use super::{Cx, Doing, Effect, Run};
use std::time::Duration;

/// A question for the state of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderQuery {
    /// Digits of its number, as they were typed; empty is the latest one of the caller.
    pub number: String,
    /// It is told only to whose it is, by the number that they call from.
    pub own: bool,
    /// Longest wait.
    pub timeout: Duration,
}

impl Run {
    /// Asks for the state of an order. Nobody waits longer than the query says.
    pub(crate) fn ask_order(&mut self, cx: &Cx, query: OrderQuery) {
        let asked = cx.now.moment;
        self.doing = Doing::Fetching { left: 0, asked, until: asked + query.timeout };
        self.effects.push_back(Effect::Order(query));
    }
}
