//! `record`: the caller says something after a tone, for the people of a queue, and the flow goes on.
//! It ends with a key, or when it is long enough; what is too short is no message.

use super::{Kind, one_way};
use crate::ivr::RECORD_S_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{self, Cx, Hand, Run};
use serde::{Deserialize, Serialize};
use terms::QueueId;

/// Records what the caller says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// For whose people.
    pub queue: QueueId,
    /// Said before the tone.
    pub prompts: Vec<String>,
    /// Longest message in seconds; the box has a limit of its own.
    #[serde(default = "max_s")]
    pub max_s: u32,
    /// What is shorter is no message, in ms.
    #[serde(default = "min_ms")]
    pub min_ms: u32,
    /// Key that ends it: `#`, `*` or none.
    #[serde(default = "terminator")]
    pub terminator: Option<char>,
    /// There is a message; the variables `recording_id` and `recording_ms` say which and how long.
    pub next: String,
    /// `error`: the prompts cannot be heard, or nothing is recorded; `timeout`: it was too short;
    /// `hangup`.
    #[serde(default)]
    pub on: On,
}

fn max_s() -> u32 {
    60
}

fn min_ms() -> u32 {
    1_000
}

fn terminator() -> Option<char> {
    Some('#')
}

impl Kind for Record {
    const KIND: &'static str = "record";
    const NEEDS: &'static [&'static str] = &["error", "timeout"];
    const MAY: &'static [&'static str] = &["hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.queue("queue", self.queue);
        report.prompts("prompts", &self.prompts);
        report.range("max_s", self.max_s, 1, RECORD_S_MAX);
        report.range("min_ms", self.min_ms, 0, self.max_s.saturating_mul(1_000));
        let is_key = self.terminator.is_none_or(|key| matches!(key, '#' | '*'));
        report.unless(is_key, || ("terminator".to_owned(), "\"#\", \"*\" or null".to_owned()));
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let sources = run.prompts(cx, &self.prompts);
        let Record { queue, max_s, min_ms, terminator, .. } = *self;
        run.hand(Hand::Record(run::Record { queue, sources, max_s, min_ms, terminator }));
    }
}
