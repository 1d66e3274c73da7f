//! Whether all that a row is made of was there. What a call's rows say needs its start and every event
//! of it in words; a stretch of an agent needs the events before and after it too.

use super::found::Found;
use super::source::Event;
use super::{Plan, around, date};
use crate::schema::Layout;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use terms::TenantId;
use terms::event::{Entry, Kind};

/// Stretches of agents: they are of no call.
const SPANS: &str = "agent_spans";

/// What was seen of the events.
pub struct Whole {
    over: BTreeSet<(i64, String, String)>,
    over_before: Vec<(TenantId, String, NaiveDate)>,
    /// Tenants, from one to another, and a day of which events are missing.
    holes: Vec<((i64, i64), NaiveDate)>,
    /// Calls of which every event was in words, by the day of their start.
    started: BTreeMap<NaiveDate, BTreeSet<(i64, i64)>>,
    /// Calls of which one was not.
    silent: BTreeSet<(i64, i64)>,
    /// Changes of agents that were in words, by tenant and number.
    changes: BTreeMap<NaiveDate, BTreeSet<(i64, i64)>>,
    /// First changes of agents in a log whose beginning is gone: the state may have been the same
    /// before.
    firsts: BTreeSet<(i64, i64)>,
    agents: BTreeSet<(i64, u64)>,
    /// Days of which changes of a tenant's agents are not in words, and those with gaps for all.
    silent_days: BTreeSet<(i64, NaiveDate)>,
    gaps: BTreeSet<NaiveDate>,
    last: Option<i64>,
    /// The events begin with the log's first.
    from_first: bool,
}

impl Whole {
    pub fn new(plan: &Plan, found: &Found) -> Self {
        let holes = found.aside.iter().filter_map(|(tenant, day)| {
            let day = date(day)?;
            Some(((*tenant, *tenant), day))
        });
        Whole {
            over: found.over.clone(),
            over_before: plan.over.clone(),
            holes: holes.collect(),
            started: BTreeMap::new(),
            silent: BTreeSet::new(),
            changes: BTreeMap::new(),
            firsts: BTreeSet::new(),
            agents: BTreeSet::new(),
            silent_days: BTreeSet::new(),
            gaps: BTreeSet::new(),
            last: None,
            from_first: false,
        }
    }

    /// Events of some tenants' day cannot be read.
    pub fn hole(&mut self, tenants: (i64, i64), day: NaiveDate) {
        if self.holes.last() != Some(&(tenants, day)) {
            self.holes.push((tenants, day));
        }
    }

    /// The next event has this number.
    pub fn number(&mut self, seq: i64, day: NaiveDate) {
        match self.last {
            None => self.from_first = seq <= 1,
            // The clock went back over midnight, or the log behind its end: days tell no order.
            Some(last) if seq <= last => self.hole((i64::MIN, i64::MAX), day),
            Some(last) if seq != last + 1 => self.gaps.extend(around(day)),
            Some(_) => {}
        }
        self.last = Some(seq);
    }

    /// An event that says nothing any more.
    pub fn unreadable(&mut self, event: &Event, day: NaiveDate) {
        if let Some(call) = event.call {
            self.silent.insert((event.tenant, call));
        }
        if event.call.is_none() || event.kind == "agent_changed" {
            self.silent_days.extend(around(day).into_iter().map(|day| (event.tenant, day)));
        }
    }

    /// An event in words.
    pub fn saw(&mut self, entry: &Entry, day: NaiveDate) {
        let (tenant, seq) = (entry.tenant.0 as i64, entry.seq as i64);
        match (&entry.kind, entry.call) {
            (Kind::CallStarted { .. }, Some(call)) => {
                self.started.entry(day).or_default().insert((tenant, call.0 as i64));
            }
            (Kind::AgentChanged { agent, .. }, _) => {
                self.changes.entry(day).or_default().insert((tenant, seq));
                if self.agents.insert((tenant, agent.0)) && !self.from_first {
                    self.firsts.insert((tenant, seq));
                }
            }
            _ => {}
        }
    }

    /// A day is done.
    pub fn forget(&mut self, day: NaiveDate) {
        self.started.remove(&day);
        self.changes.remove(&day);
    }

    /// Whether a row of a table's day can be made of what was seen.
    pub fn is_whole(
        &self,
        (layout, day): (&Layout, NaiveDate),
        batch: &RecordBatch,
        row: usize,
    ) -> bool {
        let number = |column: &dyn Array| {
            let column = column.as_primitive::<Int64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        let Some(tenant) = number(batch.column(0).as_ref()) else { return false };
        if self.is_over((layout.table.name, day), tenant) || self.is_holed(tenant, day) {
            return false;
        }
        if layout.table.name == SPANS {
            let span = number(batch.column(layout.id).as_ref()).map(|id| (tenant, id));
            return span.is_some_and(|span| self.is_whole_span(span, day));
        }
        let call = batch.column_by_name("call_id").and_then(|column| number(column.as_ref()));
        call.is_some_and(|call| {
            let call = (tenant, call);
            let started = self.started.get(&day).is_some_and(|calls| calls.contains(&call));
            started && !self.silent.contains(&call)
        })
    }

    fn is_whole_span(&self, (tenant, seq): (i64, i64), day: NaiveDate) -> bool {
        let began = self.changes.get(&day).is_some_and(|of| of.contains(&(tenant, seq)));
        began
            && !self.firsts.contains(&(tenant, seq))
            && !self.gaps.contains(&day)
            && !self.silent_days.contains(&(tenant, day))
    }

    fn is_over(&self, (table, day): (&str, NaiveDate), tenant: i64) -> bool {
        if self.over.is_empty() && self.over_before.is_empty() {
            return false;
        }
        let noted = (tenant, table.to_owned(), day.to_string());
        let before = |(of, name, before): &(TenantId, String, NaiveDate)| {
            of.0 as i64 == tenant && name == table && day < *before
        };
        self.over.contains(&noted) || self.over_before.iter().any(before)
    }

    fn is_holed(&self, tenant: i64, day: NaiveDate) -> bool {
        self.holes.iter().any(|((first, last), of)| {
            (*first..=*last).contains(&tenant) && around(*of).contains(&day)
        })
    }
}
