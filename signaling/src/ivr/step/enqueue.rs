//! `enqueue`: the call waits for an agent. The flow rests; it goes on at `released` when the agent
//! releases first, at the step of a key that the caller presses while they wait, or at `error` when
//! the queue is gone. A key of `asides` leads to other steps while the place is kept: a step that puts
//! the call into the same queue brings it back there. Who may not come in, or would wait too long, does
//! not come into the queue.

use super::Kind;
use crate::ivr::LIST_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Run};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::QueueId;

/// The edge of who would wait too long.
pub const LONG_WAIT: &str = "long_wait";
/// The edge of who may not come in.
pub const REFUSED: &str = "refused";
/// The field of keys that lead aside, and what their edges begin with.
pub const ASIDES: &str = "asides";
/// The longest wait that a step may name, in seconds.
const ESTIMATE_MAX_S: u32 = 7_200;

/// Puts the call into a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enqueue {
    /// The queue.
    pub queue: QueueId,
    /// Added to the queue's priority.
    #[serde(default)]
    pub priority: i32,
    /// Keys that lead out of the queue, each to a step.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
    /// Keys that lead to another step while the place is kept.
    #[serde(default)]
    pub asides: BTreeMap<String, String>,
    /// Where those go who may not come in: it is full or closed, or nobody is there. Without it they
    /// come in and go to the queue's overflow at once.
    #[serde(default)]
    pub refused: Option<String>,
    /// Estimated waits that are longer go to `long_wait`.
    #[serde(default)]
    pub estimate_max_s: Option<u32>,
    /// Where those go who would wait longer.
    #[serde(default)]
    pub long_wait: Option<String>,
    /// `error`, `released`, `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Enqueue {
    const KIND: &'static str = "enqueue";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["released", "hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        let keys = self.keys.iter().map(|(key, to)| (format!("keys.{key}"), to.as_str()));
        let long_wait = self.long_wait.as_deref().map(|to| (LONG_WAIT.to_owned(), to));
        let asides = self.asides.iter().map(|(key, to)| (format!("{ASIDES}.{key}"), to.as_str()));
        let refused = self.refused.as_deref().map(|to| (REFUSED.to_owned(), to));
        keys.chain(asides).chain(refused).chain(long_wait).collect()
    }
    fn check(&self, report: &mut Report) {
        report.queue("queue", self.queue);
        let small = (-1_000..=1_000).contains(&self.priority);
        report.unless(small, || ("priority".to_owned(), "-1000 to 1000".to_owned()));
        for (field, keys) in [("keys", &self.keys), (ASIDES, &self.asides)] {
            report.range(field, keys.len() as u32, 0, LIST_MAX as u32);
            for key in keys.keys() {
                let is_key = key.len() == 1 && key.chars().all(|c| "0123456789*#".contains(c));
                let right = || (format!("{field} has \"{key}\""), "one of 0-9 * #".to_owned());
                report.unless(is_key, right);
            }
        }
        for key in self.asides.keys() {
            let right = "a key of one of the two";
            let once = !self.keys.contains_key(key);
            report.unless(once, || (format!("keys and asides have \"{key}\""), right.to_owned()));
        }
        if let Some(seconds) = self.estimate_max_s {
            report.range("estimate_max_s", seconds, 1, ESTIMATE_MAX_S);
        }
        let both = self.estimate_max_s.is_some() == self.long_wait.is_some();
        let right = "estimate_max_s and long_wait together, or neither";
        report.unless(both, || ("one of two fields".to_owned(), right.to_owned()));
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.hand(Hand::Enqueue { queue: self.queue, priority: self.priority });
    }
}
