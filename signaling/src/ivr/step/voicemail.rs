//! `voicemail`: the caller leaves a message for a queue's people; the call ends afterwards.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Input, Run};
use serde::{Deserialize, Serialize};
use terms::QueueId;

/// Takes a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicemail {
    /// For whose people.
    pub queue: QueueId,
    /// `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Voicemail {
    const KIND: &'static str = "voicemail";
    const MAY: &'static [&'static str] = &["hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        Vec::new()
    }
    fn check(&self, report: &mut Report) {
        report.queue("queue", self.queue);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.hand(Hand::Voicemail { queue: self.queue });
    }
    fn handle(&self, _: &mut Run, _: &Cx, _: &Input) {}
}
