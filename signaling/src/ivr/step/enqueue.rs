//! `enqueue`: the call waits for an agent. The flow rests; it goes on at `released` when the agent
//! releases first, or at `error` when the queue is gone.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Input, Run};
use serde::{Deserialize, Serialize};
use terms::QueueId;

/// Puts the call into a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enqueue {
    /// The queue.
    pub queue: QueueId,
    /// Added to the queue's priority.
    #[serde(default)]
    pub priority: i32,
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
        Vec::new()
    }
    fn check(&self, report: &mut Report) {
        report.queue("queue", self.queue);
        let small = (-1_000..=1_000).contains(&self.priority);
        report.unless(small, || ("priority".to_owned(), "-1000 to 1000".to_owned()));
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.hand(Hand::Enqueue { queue: self.queue, priority: self.priority });
    }
    fn handle(&self, _: &mut Run, _: &Cx, _: &Input) {}
}
