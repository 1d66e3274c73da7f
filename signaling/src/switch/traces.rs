//! Whom agents called outside, for who calls back: by the customer's number and the one of the tenant
//! that they were shown. Each is remembered once, by the last call, for as long as the tenant's plan
//! says, and [`TRACES_MAX`] at most; of more, those of longest ago are forgotten.

use crate::kept::{Change, Key};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::event::Found;
use terms::{AgentId, CallId, Moment, QueueId, Subscriber, TenantId};

/// Calls out of a tenant that are remembered.
pub const TRACES_MAX: usize = 10_000;

/// One call out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trace {
    /// Who was called, normalised.
    pub customer: String,
    /// The number that they were shown, normalised.
    pub shown: String,
    pub agent: AgentId,
    /// The queue whose call it was.
    pub queue: Option<QueueId>,
    pub call: CallId,
    /// When it began, or ended.
    pub at: Moment,
    pub found: Found,
}

/// Calls out of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// In the order of their last news.
    by_order: BTreeMap<u64, Trace>,
    by_number: BTreeMap<(String, String), u64>,
    last: u64,
    touched: BTreeSet<u64>,
}

impl Traces {
    /// Somebody is called, or that call has ended.
    pub fn note(&mut self, trace: Trace) {
        self.last += 1;
        self.put(self.last, trace);
        while self.by_order.len() > TRACES_MAX {
            let Some(oldest) = self.by_order.keys().next().copied() else { return };
            self.drop_one(oldest);
        }
    }

    fn put(&mut self, order: u64, trace: Trace) {
        let number = (trace.customer.clone(), trace.shown.clone());
        if let Some(before) = self.by_number.insert(number, order) {
            self.by_order.remove(&before);
            self.touched.insert(before);
        }
        self.by_order.insert(order, trace);
        self.touched.insert(order);
    }

    fn drop_one(&mut self, order: u64) {
        let Some(trace) = self.by_order.remove(&order) else { return };
        self.by_number.remove(&(trace.customer, trace.shown));
        self.touched.insert(order);
    }

    /// The call out that this caller calls back for; `since` is how far one looks back.
    pub fn find(&self, customer: &str, shown: &str, since: Moment) -> Option<&Trace> {
        let number = (customer.to_owned(), shown.to_owned());
        let trace = self.by_order.get(self.by_number.get(&number)?)?;
        (trace.at >= since).then_some(trace)
    }

    /// The call to this customer was answered, or has ended; one that was answered stays so.
    pub fn news(&mut self, customer: &str, call: CallId, at: Moment, found: Found) {
        let from = (customer.to_owned(), String::new());
        let theirs = self.by_number.range(from..).take_while(|((who, _), _)| who == customer);
        let mut traces = theirs.filter_map(|(_, order)| self.by_order.get(order));
        let of_call = traces.find(|trace| trace.call == call).cloned();
        if let Some(trace) = of_call {
            let found = if trace.found == Found::Answered { Found::Answered } else { found };
            self.note(Trace { at, found, ..trace });
        }
    }

    /// Calls without news since then are remembered no longer. A call that goes on has news to come.
    pub fn forget_before(&mut self, since: Moment) {
        while let Some((&order, trace)) = self.by_order.first_key_value()
            && trace.at < since
        {
            self.drop_one(order);
        }
    }

    /// This person is remembered no more.
    pub fn forget(&mut self, person: &Subscriber) {
        let all = self.by_order.iter();
        let theirs = all.filter(|(_, trace)| person.is_in(&trace.customer));
        let theirs: Vec<u64> = theirs.map(|(&order, _)| order).collect();
        for order in theirs {
            self.drop_one(order);
        }
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self, tenant: TenantId) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        let change = |order| Change::of(Key::Trace(tenant, order), self.by_order.get(&order));
        touched.map(change).collect()
    }

    /// All of them, those of longest ago first.
    pub fn all(&self) -> Vec<Trace> {
        self.by_order.values().cloned().collect()
    }

    /// One that the process before kept.
    pub fn restore(&mut self, order: u64, trace: Trace) {
        self.last = self.last.max(order);
        self.put(order, trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(customer: &str, secs: u64, agent: u64) -> Trace {
        Trace {
            customer: customer.into(),
            shown: "95105688".into(),
            agent: AgentId(agent),
            queue: None,
            call: CallId(secs),
            at: Moment::from_secs(secs),
            found: Found::Open,
        }
    }

    fn found(traces: &Traces, customer: &str, since: u64) -> Option<u64> {
        let found = traces.find(customer, "95105688", Moment::from_secs(since));
        found.map(|trace| trace.agent.0)
    }

    #[test]
    fn the_last_call_counts_and_an_old_one_is_forgotten() {
        let mut traces = Traces::default();
        traces.note(trace("a", 10, 1));
        traces.note(trace("b", 20, 2));
        traces.note(trace("a", 30, 3));
        assert_eq!(found(&traces, "a", 0), Some(3));
        assert!(traces.find("a", "95105600", Moment::default()).is_none(), "another number");
        assert_eq!(found(&traces, "b", 21), None);
        assert_eq!(found(&traces, "b", 0), Some(2), "passed over: its end may be to come");
        traces.forget_before(Moment::from_secs(21));
        assert_eq!(found(&traces, "b", 0), None);
        assert_eq!(found(&traces, "a", 30), Some(3));
    }

    #[test]
    fn the_end_of_a_call_is_its_last_news_and_that_of_another_call_is_none() {
        let mut traces = Traces::default();
        traces.note(trace("a", 10, 1));
        traces.news("a", CallId(11), Moment::from_secs(40), Found::Busy);
        assert_eq!(found(&traces, "a", 0), Some(1));
        let mut news = |secs, found| {
            traces.news("a", CallId(10), Moment::from_secs(secs), found);
            let trace = traces.find("a", "95105688", Moment::from_secs(45));
            trace.map(|trace| trace.found)
        };
        assert_eq!(news(50, Found::Busy), Some(Found::Busy));
        assert_eq!(news(51, Found::Answered), Some(Found::Answered));
        assert_eq!(news(52, Found::NoAnswer), Some(Found::Answered));
    }

    #[test]
    fn so_many_are_remembered_and_each_has_one_record() {
        let mut traces = Traces::default();
        let mut kept = BTreeMap::new();
        for n in 0..TRACES_MAX as u64 + 3 {
            traces.note(trace(&n.to_string(), n, n));
            traces.note(trace(&n.to_string(), n, n));
            for change in traces.take_changes(TenantId(1)) {
                match change.value {
                    Some(_) => kept.insert(change.key, change),
                    None => kept.remove(&change.key),
                };
            }
        }
        assert_eq!((traces.by_order.len(), traces.by_number.len()), (TRACES_MAX, TRACES_MAX));
        assert_eq!(kept.len(), TRACES_MAX);
        assert_eq!((found(&traces, "2", 0), found(&traces, "3", 0)), (None, Some(3)));

        let mut again = Traces::default();
        for change in kept.values() {
            let Key::Trace(_, order) = change.key else { panic!("{:?}", change.key) };
            again.restore(order, change.read().expect("what was written is read"));
        }
        assert_eq!(found(&again, "3", 0), Some(3));
        assert_eq!(again.last, traces.last);
    }
}
