//! How busy a queue is: what a run asks whoever has the queues, and is told in the same moment.

use super::{Cx, Doing, Effect, Run};
use serde_json::Value;
use std::time::Duration;
use terms::QueueId;

/// How busy a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Contacts that wait in it, ringing ones included.
    pub waiting: u32,
    /// Its agents who could take one now.
    pub free: u32,
    /// Its agents who are signed in.
    pub agents: u32,
    /// How long who comes now will wait, by the queue's estimate; none while nobody is signed in.
    pub wait: Option<Duration>,
}

impl Run {
    /// Asks how busy a queue is.
    pub(crate) fn ask_load(&mut self, cx: &Cx, queue: QueueId) {
        let asked = cx.now.moment;
        self.doing = Doing::Fetching { left: 0, asked, until: asked + super::FETCH_GRACE };
        self.effects.push_back(Effect::Load(queue));
    }
}

/// What stands in for a queue where a flow is tried: `waiting`, `free`, `agents` and `wait_s`.
pub(crate) fn stand_in(body: &Value) -> Load {
    let count = |name: &str| {
        let count = body.get(name).and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let wait = body.get("wait_s").and_then(Value::as_u64).map(Duration::from_secs);
    Load { waiting: count("waiting"), free: count("free"), agents: count("agents"), wait }
}
