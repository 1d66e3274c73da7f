//! From what happened to rows: a pure fold over the event log.
//!
//! The same entries always give the same rows, and every row has a *finishing entry*, the one that
//! completed it. A reader that starts again before the oldest thing still open makes the same rows
//! again and drops those whose finishing entry it had applied already: exactly once, without ever
//! saving the state in between.
//!
//! Terms and formulas are those of the metrics page: offered counts stays put into a queue, a stay
//! ends exactly one way, hold is not talk.

mod agent;
mod area_try;
mod call;
mod consent;
mod ended;
mod entry;
mod leg;
mod quality;
mod survey;
mod visit;

pub use ended::{Ended, REMEMBERED_MAX, REMEMBERED_MS_MAX};
pub use entry::event_row;

use crate::derive::agent::Spans;
use crate::derive::call::OpenCall;
use crate::derive::ended::Remembered;
use std::collections::BTreeMap;
use terms::event::{Entry, Kind, Outcome, Party};
use terms::record::Row;
use terms::{CallId, Timestamp};

/// Q.850 cause 41, temporary failure: what a call gets that ended with the box.
const CAUSE_INTERRUPTED: u8 = 41;

/// The fold: open calls, open stretches of agents, and a memory of calls that ended lately.
#[derive(Debug, Default)]
pub struct Fold {
    calls: BTreeMap<CallId, OpenCall>,
    spans: Spans,
    lingering: survey::Lingering,
    remembered: Remembered,
    newly_ended: Vec<Ended>,
    last_at: Timestamp,
    strays: u64,
}

impl Fold {
    /// A fold that has seen nothing.
    pub fn new() -> Self {
        Fold::default()
    }

    /// Puts a call that ended before the first entry into the memory.
    pub fn remember(&mut self, ended: Ended) {
        self.remembered.insert(ended);
    }

    /// Applies the next entry; appends the rows that it finished.
    pub fn apply(&mut self, entry: &Entry, rows: &mut Vec<Row>) {
        rows.push(Row::Event(entry::event_row(entry)));
        self.lingering.expire(entry.at, rows);
        match &entry.kind {
            Kind::Started { kept, .. } => self.interrupt(entry, kept, rows),
            Kind::AgentChanged { .. } => self.spans.change(entry, rows),
            Kind::CallStarted { .. } => self.start_call(entry),
            // About the room, the agent or the contact, and no call.
            Kind::Conference { .. }
            | Kind::Calling(_)
            | Kind::Callback(_)
            | Kind::VoicemailHeard { .. }
            | Kind::Mailbox(_)
            | Kind::Item(_)
                if entry.call.is_none() => {}
            // Texts are in `events` as they were told.
            Kind::TextReceived(_) | Kind::TextSent(_) => {}
            _ => self.apply_to_call(entry, rows),
        }
        self.last_at = self.last_at.max(entry.at);
    }

    /// The oldest entry that something still open began with.
    pub fn open_from(&self) -> Option<u64> {
        self.open_seqs().min()
    }

    /// The entries that everything still open began with, in no order.
    pub fn open_seqs(&self) -> impl Iterator<Item = u64> {
        let calls = self.calls.values().map(|call| call.first_seq);
        calls.chain(self.spans.open_seqs()).chain(self.lingering.open_seqs())
    }

    /// Calls that ended since the last time this was asked, to be kept beside the rows.
    pub fn take_newly_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.newly_ended)
    }

    /// Entries about calls that never started: their start was lost with a damaged file.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Calls that are open.
    pub fn calls_open(&self) -> usize {
        self.calls.len()
    }

    fn start_call(&mut self, entry: &Entry) {
        if let Some((id, call)) = OpenCall::start(entry) {
            self.calls.entry(id).or_insert(call);
        }
    }

    fn apply_to_call(&mut self, entry: &Entry, rows: &mut Vec<Row>) {
        let id = match &entry.kind {
            Kind::Recorded { ledger, .. } => Some(ledger.call),
            _ => entry.call,
        };
        let open = id.and_then(|id| self.calls.get_mut(&id));
        match (&entry.kind, open) {
            (Kind::CallEnded { outcome, cause, by }, Some(_)) => {
                self.end_call(entry, entry.at, (*outcome, *cause, *by), rows);
            }
            (_, Some(call)) => call.apply(entry, rows),
            (Kind::Recorded { ledger, agent, queue, .. }, None) => {
                let ended = self.remembered.get(ledger.call);
                rows.push(Row::Recording(ended::recording_row(
                    entry, ledger, *agent, *queue, ended,
                )));
            }
            (Kind::SurveyAnswered { survey, answer, .. }, None) => {
                self.strays += u64::from(!self.lingering.answer(*survey, *answer, entry.at, rows));
            }
            // Its machine is done when the call may have ended.
            (Kind::FaxDone { document, outcome, .. }, None) => {
                let ended = entry.call.and_then(|call| self.remembered.get(call));
                let ended = ended.filter(|ended| ended.tenant == entry.tenant);
                let of_call = ended.map(|ended| (ended.started_at, ended.caller.clone()));
                rows.push(Row::Fax(ended::fax(entry, document.as_deref(), outcome, of_call)));
            }
            (_, None) => self.strays += 1,
        }
    }

    fn end_call(
        &mut self,
        entry: &Entry,
        at: Timestamp,
        (outcome, cause, by): (Outcome, u8, Party),
        rows: &mut Vec<Row>,
    ) {
        let Some(call) = entry.call.and_then(|id| self.calls.remove(&id)) else { return };
        let (ended, unanswered) = call.end(at, outcome, cause, by, rows);
        self.lingering.keep(unanswered, at);
        self.remembered.insert(ended.clone());
        self.newly_ended.push(ended);
    }

    /// The call path started: what it left open ended with the last sign of life before it, but for
    /// the calls that it has kept. Agents who are still there are told anew.
    fn interrupt(&mut self, entry: &Entry, kept: &[CallId], rows: &mut Vec<Row>) {
        let at = if self.last_at == Timestamp::default() { entry.at } else { self.last_at };
        let lost = self.calls.keys().filter(|id| !kept.contains(id)).copied();
        for id in lost.collect::<Vec<_>>() {
            let entry = Entry { call: Some(id), ..entry.clone() };
            let how = (Outcome::Interrupted, CAUSE_INTERRUPTED, Party::System);
            self.end_call(&entry, at, how, rows);
        }
        self.lingering.close_all(rows);
        self.spans.close_all(at, rows);
    }
}

/// Whole milliseconds from `from` to `to`: never negative when a clock stepped back, never more
/// than the column holds (24 days).
fn ms(from: Timestamp, to: Timestamp) -> i32 {
    i32::try_from(to.millis_since(from).max(0)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
