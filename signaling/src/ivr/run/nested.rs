//! Flows within flows: a step `subflow` goes into another one, `return` comes back. All of them
//! share the variables, and the steps that the first one allows.

use super::{Cx, Hand, Run};
use crate::ivr::SUBFLOWS_DEEP_MAX;
use crate::ivr::flow::{Flow, look_up};
use crate::ivr::step::Match;
use std::collections::BTreeMap;
use std::sync::Arc;
use terms::FlowId;

/// Hangup cause of a `return` that nobody waits for: normal clearing, Q.850.
const NORMAL: u8 = 16;

/// Where a flow goes on that called another.
#[derive(Clone, Debug)]
pub(crate) struct Back {
    /// By what the other says.
    pub results: BTreeMap<String, String>,
    /// When it says something else, or nothing.
    pub next: String,
}

/// A flow that waits for the one that it called.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    flow: Arc<Flow>,
    of: Option<(FlowId, u32)>,
    step: String,
    back: Back,
}

impl Run {
    /// Goes into the flow `id`. False, and nothing happens, when there is none or too many stand
    /// within each other.
    pub(crate) fn go_into(&mut self, cx: &Cx, id: FlowId, back: Back) -> bool {
        let Some((version, flow)) = cx.flows.get(&id).cloned() else { return false };
        if self.callers.len() >= SUBFLOWS_DEEP_MAX {
            return false;
        }
        self.exit("enter", Some(&flow.start));
        for (name, value) in &flow.variables {
            if self.variables.get(name).is_empty() {
                self.variables.set(name, value);
            }
        }
        let flow = std::mem::replace(&mut self.flow, flow);
        let of = self.of.replace((id, version));
        self.callers.push(Frame { flow, of, step: self.step.clone(), back });
        true
    }

    /// Comes back to the flow that called this one, which chooses its way by `result`.
    pub(crate) fn come_back(&mut self, result: Option<&str>) {
        let Some(frame) = self.callers.pop() else {
            self.exit("return", None);
            return self.hand(Hand::Hangup { cause: NORMAL });
        };
        let to = result.and_then(|result| frame.back.results.get(result));
        self.exit(result.unwrap_or("return"), Some(to.unwrap_or(&frame.back.next)));
        (self.flow, self.of) = (frame.flow, frame.of);
    }

    /// The caller hung up in a flow that has no edge for it: the nearest flow that waits and has one
    /// goes on there.
    pub(super) fn hang_up_in_callers(&mut self) {
        while let Some(frame) = self.callers.pop() {
            let to = frame.flow.steps[&frame.step].on_edges().hangup.clone();
            (self.flow, self.of, self.step) = (frame.flow, frame.of, frame.step);
            if to.is_some() {
                self.next = to;
                return;
            }
        }
    }

    /// The row of a table of this flow that `key` finds, with its own key.
    pub(crate) fn look_up(
        &self,
        table: &str,
        key: &str,
        way: Match,
    ) -> Option<(String, BTreeMap<String, String>)> {
        look_up(self.flow.tables.get(table)?, key, way)
    }
}
