//! `voicemail`: the caller leaves a message for a queue's people or for one agent; the call ends
//! afterwards, unless the message fails and the step has a way for that.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Run};
use serde::{Deserialize, Serialize};
use terms::{AgentId, QueueId};

/// Normal call clearing, ITU-T Q.850.
const NORMAL: u8 = 16;

/// Takes a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicemail {
    /// For whose people; or `agent`.
    #[serde(default)]
    pub queue: Option<QueueId>,
    /// For whom alone.
    #[serde(default)]
    pub agent: Option<AgentId>,
    /// `error`: the greeting cannot be heard, or nothing is recorded; `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Voicemail {
    const KIND: &'static str = "voicemail";
    const MAY: &'static [&'static str] = &["error", "hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        Vec::new()
    }
    fn check(&self, report: &mut Report) {
        match (self.queue, self.agent) {
            (Some(queue), None) => report.queue("queue", queue),
            (None, Some(agent)) => report.agent("agent", agent),
            (Some(_), Some(_)) | (None, None) => {
                report.add("it is not clear for whom the message is", "either queue or agent");
            }
        }
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        match (self.queue, self.agent) {
            (_, Some(agent)) => run.hand(Hand::Message { agent }),
            (Some(queue), None) => run.hand(Hand::Voicemail { queue }),
            // No flow without either is published.
            (None, None) => run.hand(Hand::Hangup { cause: NORMAL }),
        }
    }
}
