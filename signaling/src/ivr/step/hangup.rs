//! `hangup`: the end, after a last prompt if there is one.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Input, Manner, Run};
use serde::{Deserialize, Serialize};

/// Ends the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hangup {
    /// Said before.
    #[serde(default)]
    pub prompts: Vec<String>,
    /// Hangup cause, ITU-T Q.850.
    #[serde(default = "normal")]
    pub cause: u8,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

fn normal() -> u8 {
    16
}

impl Hangup {
    fn end(&self, run: &mut Run) {
        run.exit("hangup", None);
        run.hand(Hand::Hangup { cause: self.cause });
    }
}

impl Kind for Hangup {
    const KIND: &'static str = "hangup";

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        Vec::new()
    }
    fn check(&self, report: &mut Report) {
        report.prompts("prompts", &self.prompts);
        report.range("cause", self.cause.into(), 1, 127);
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let sources = run.prompts(cx, &self.prompts);
        if sources.is_empty() {
            self.end(run);
        } else {
            run.say(sources, Manner::once(false));
        }
    }
    fn handle(&self, run: &mut Run, _: &Cx, input: &Input) {
        if matches!(input, Input::PlayDone) {
            self.end(run);
        }
    }
}
