//! A flow asks a business database, or for the state of an order.

use super::Call;
use crate::ivr::run::{Fault, Found, Input, OrderQuery, Query};
use crate::switch::{Cx, OrderAsk, SqlAsk, SqlDone};
use std::time::Duration;

impl Call {
    /// Sends the question, within the time of its connector. Without that connector it has failed.
    pub(super) fn ask_database(&mut self, cx: &mut Cx, query: Query) {
        let mut connectors = self.plan.plan.connectors.iter();
        let Some(connector) = connectors.find(|of| of.name == query.connector).cloned() else {
            let fault = Fault::Failed("there is no such connector".to_owned());
            return self.feed_flow(cx, Input::Sql(Err(fault)));
        };
        let (call, tenant) = (self.id, self.tenant);
        let timeout = query.timeout.min(Duration::from_millis(connector.timeout_ms.into()));
        let Query { statement, values, writes, wants_rows, .. } = query;
        let id = cx.sql(call, |id| SqlAsk {
            id,
            call,
            tenant,
            connector,
            statement,
            values,
            writes,
            wants_rows,
            timeout,
        });
        self.await_request(id);
    }

    /// Asks whoever keeps the orders. Who withholds their number has no order of their own.
    pub(super) fn ask_order(&mut self, cx: &mut Cx, query: OrderQuery) {
        let OrderQuery { number, own, timeout } = query;
        let whose = self.customer();
        let of = Some(whose.normal.clone()).filter(|_| own || number.is_empty());
        if of.is_some() && whose.is_withheld() {
            return self.feed_flow(cx, Input::Sql(Ok(Found::default())));
        }
        let (call, tenant) = (self.id, self.tenant);
        let id = cx.order(call, |id| OrderAsk { id, call, tenant, number, of, timeout });
        self.await_request(id);
    }

    /// The question of a SQL or an order step ended.
    pub fn on_sql(&mut self, cx: &mut Cx, done: SqlDone) {
        if self.takes_request(done.id) {
            self.feed_flow(cx, Input::Sql(done.result));
        }
    }
}
