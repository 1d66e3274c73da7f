//! Calls to an agent's extension that go elsewhere.

use serde::{Deserialize, Serialize};

/// When a call is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardWhen {
    /// 无条件转移: their phone does not ring.
    Always,
    /// 遇忙转移: they have another call, refuse this one, or do not want to be disturbed.
    Busy,
    /// 无应答转移: nobody answers in time, or no phone of theirs is registered.
    NoAnswer,
}

/// Where an agent forwards the calls to their extension: a short number, a published number, a number
/// outside, or `queue:<id>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarding {
    /// All of them.
    pub always: Option<String>,
    /// Those that find them busy.
    pub busy: Option<String>,
    /// Those that nobody answers.
    pub no_answer: Option<String>,
    /// Seconds that their phone rings before that.
    pub no_answer_s: u32,
}

impl Forwarding {
    /// The target; none where they are not forwarded then.
    pub fn target(&self, when: ForwardWhen) -> Option<&str> {
        match when {
            ForwardWhen::Always => self.always.as_deref(),
            ForwardWhen::Busy => self.busy.as_deref(),
            ForwardWhen::NoAnswer => self.no_answer.as_deref(),
        }
    }

    /// Another target, or none.
    pub fn set(&mut self, when: ForwardWhen, target: Option<String>) {
        match when {
            ForwardWhen::Always => self.always = target,
            ForwardWhen::Busy => self.busy = target,
            ForwardWhen::NoAnswer => self.no_answer = target,
        }
    }
}
