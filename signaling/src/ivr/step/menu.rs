//! `menu`: one key out of several. Silence and wrong keys are asked again, `attempts` times in all;
//! then the edge of whatever came last is taken.

use super::{Kind, yes};
use crate::ivr::check::Report;
use crate::ivr::collect::{Entered, Rules};
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Input, Run};
use crate::ivr::{ATTEMPTS_MAX, LIST_MAX, WAIT_MS_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Asks for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// The question.
    pub prompts: Vec<String>,
    /// Said before the question after a wrong key.
    #[serde(default)]
    pub invalid_prompts: Vec<String>,
    /// Keys may be pressed while the question runs.
    #[serde(default = "yes")]
    pub interruptible: bool,
    /// Longest wait for a key after the question.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Times the question is asked.
    #[serde(default = "attempts")]
    pub attempts: u8,
    /// Key to step.
    pub keys: BTreeMap<String, String>,
    /// `timeout`, `invalid`; `error`: the question cannot be heard; `hangup`.
    #[serde(default)]
    pub on: On,
}

fn timeout_ms() -> u32 {
    5_000
}

fn attempts() -> u8 {
    3
}

impl Menu {
    fn ask(&self, run: &mut Run, cx: &Cx, attempt: u8, before: &[String]) {
        let names: Vec<String> = before.iter().chain(&self.prompts).cloned().collect();
        let sources = run.prompts(cx, &names);
        let wait = Duration::from_millis(self.timeout_ms.into());
        let rules = Rules { digits_max: 1, terminator: None, first_max: wait, next_max: wait };
        run.ask(cx, sources, rules, self.interruptible, attempt);
    }
}

impl Kind for Menu {
    const KIND: &'static str = "menu";
    const NEEDS: &'static [&'static str] = &["timeout", "invalid"];
    const MAY: &'static [&'static str] = &["error", "hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        self.keys.iter().map(|(key, to)| (format!("keys.{key}"), to.as_str())).collect()
    }
    fn check(&self, report: &mut Report) {
        report.prompts("prompts", &self.prompts);
        report.prompts("invalid_prompts", &self.invalid_prompts);
        report.range("timeout_ms", self.timeout_ms, 500, WAIT_MS_MAX);
        report.range("attempts", self.attempts.into(), 1, ATTEMPTS_MAX.into());
        report.range("keys", self.keys.len() as u32, 1, LIST_MAX as u32);
        for key in self.keys.keys() {
            let is_key = key.len() == 1 && key.chars().all(|c| "0123456789*#".contains(c));
            report.unless(is_key, || (format!("keys has \"{key}\""), "one of 0-9 * #".to_owned()));
        }
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        self.ask(run, cx, 1, &[]);
    }
    fn handle(&self, run: &mut Run, cx: &Cx, input: &Input) {
        if *input == Input::Unheard {
            return run.exit("error", self.on.get("error"));
        }
        let Some((entered, attempt)) = run.asked(cx, input) else { return };
        let (label, before): (&str, &[String]) = match &entered {
            Entered::Digits(key) => match self.keys.get(key) {
                Some(to) => {
                    run.note_digits(key, false);
                    return run.exit(key, Some(to));
                }
                None => ("invalid", &self.invalid_prompts),
            },
            Entered::Nothing => ("timeout", &[]),
        };
        if attempt < self.attempts {
            self.ask(run, cx, attempt + 1, before);
        } else {
            run.exit(label, self.on.get(label));
        }
    }
}
