//! `load`: how busy a queue is, as variables that a `branch` or an `expression` goes by. The answer is
//! there in the same moment, and nobody waits for it.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Input, Run};
use serde::{Deserialize, Serialize};
use terms::QueueId;

/// Looks at a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Which; the variables `queue_waiting`, `queue_free`, `queue_agents` and `queue_wait_s` are of it.
    pub queue: QueueId,
    /// With the variables set.
    pub next: String,
    /// `error`: there is no such queue any more.
    #[serde(default)]
    pub on: On,
}

impl Kind for Load {
    const KIND: &'static str = "load";
    const NEEDS: &'static [&'static str] = &["error"];
    const NEEDS_CALLER: bool = false;

    one_way!();

    fn check(&self, report: &mut Report) {
        report.queue("queue", self.queue);
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        run.ask_load(cx, self.queue);
    }
    fn handle(&self, run: &mut Run, _: &Cx, input: &Input) {
        let load = match input {
            Input::Load(Some(load)) => load,
            Input::Load(None) | Input::Timeout => {
                return run.exit("error", self.on.get("error"));
            }
            Input::PlayDone
            | Input::Unheard
            | Input::Digit(_)
            | Input::Http(_)
            | Input::Sql(_)
            | Input::Bot(_) => return,
        };
        let wait = load.wait.map_or(String::new(), |wait| {
            // Rounded up, as it is said to who waits.
            wait.as_millis().div_ceil(1_000).to_string()
        });
        for (name, value) in [
            ("queue_waiting", load.waiting.to_string()),
            ("queue_free", load.free.to_string()),
            ("queue_agents", load.agents.to_string()),
            ("queue_wait_s", wait),
        ] {
            run.variables.set(name, &value);
        }
        run.exit("next", Some(&self.next));
    }
}
