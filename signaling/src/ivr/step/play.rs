//! `play`: prompts, one after the other. A key skips them unless the step says otherwise; the key
//! itself is not kept.

use super::{Kind, yes};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::prompt::prompts;
use crate::ivr::run::{Cx, Input, Run};
use serde::{Deserialize, Serialize};

/// Plays prompts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// Names without language; `digits:${account}` reads digits.
    pub prompts: Vec<String>,
    /// A key skips them.
    #[serde(default = "yes")]
    pub interruptible: bool,
    /// Then.
    pub next: String,
    /// `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Play {
    const KIND: &'static str = "play";
    const MAY: &'static [&'static str] = &["hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![("next".to_owned(), &self.next)]
    }
    fn check(&self, report: &mut Report) {
        report.prompts("prompts", &self.prompts);
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let sources = prompts(cx.language, &run.expand_all(&self.prompts));
        if sources.is_empty() {
            run.exit("next", Some(&self.next));
        } else {
            run.say(sources, self.interruptible);
        }
    }
    fn handle(&self, run: &mut Run, _: &Cx, input: &Input) {
        match input {
            Input::PlayDone => run.exit("next", Some(&self.next)),
            Input::Digit(_) if self.interruptible => {
                run.hush();
                run.exit("next", Some(&self.next));
            }
            Input::Digit(_) | Input::Timeout | Input::Http(_) => {}
        }
    }
}
