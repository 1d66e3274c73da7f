//! `bot`: a program of the tenant hears the caller and speaks with them, over a WebSocket that an
//! administrator named as a connector. It says how the talk came out, may set the variables that
//! the step allows it, and may ask for the call to be passed on, which the flow does or does not. A
//! bot that is not there, or that ends without a word, costs the caller the way of `error`.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Fault, Input, Parting, Run, Talk};
use crate::ivr::template::{Escape, is_variable};
use crate::ivr::{BOT_S_MAX, LIST_MAX, TOLD_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What an outcome cannot be called: edges that every such step has.
const EDGES: [&str; 4] = ["done", "error", "timeout", "hangup"];

/// Lets a bot speak with the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// Name of the connector.
    pub connector: String,
    /// Samples a second, in both directions: 8,000 or 16,000.
    #[serde(default = "sample_hz")]
    pub sample_hz: u32,
    /// Of each sample the higher octet comes first.
    #[serde(default)]
    pub big_endian: bool,
    /// Name to template: what the bot is told at the beginning.
    #[serde(default)]
    pub tell: BTreeMap<String, String>,
    /// Variables that it may set.
    #[serde(default)]
    pub set: Vec<String>,
    /// Longest talk, in seconds.
    #[serde(default = "timeout_s")]
    pub timeout_s: u32,
    /// Outcome to step.
    #[serde(default)]
    pub outcomes: BTreeMap<String, String>,
    /// When it came out otherwise; the variable `bot_outcome` holds how.
    pub done: String,
    /// `error`, `timeout`, `hangup`.
    #[serde(default)]
    pub on: On,
}

fn sample_hz() -> u32 {
    8_000
}

fn timeout_s() -> u32 {
    300
}

impl Bot {
    fn take(&self, run: &mut Run, parting: &Parting) {
        for name in &self.set {
            if let Some(value) = parting.set.get(name) {
                run.variables.set(name, value);
            }
        }
        run.variables.set("bot_outcome", &parting.outcome);
        run.variables.set("bot_transfer", &parting.transfer);
        match self.outcomes.get(&parting.outcome) {
            Some(to) => run.exit(&parting.outcome, Some(to)),
            None => run.exit("done", Some(&self.done)),
        }
    }
}

impl Kind for Bot {
    const KIND: &'static str = "bot";
    const NEEDS: &'static [&'static str] = &["error", "timeout"];
    const MAY: &'static [&'static str] = &["hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        let own = self.outcomes.iter().map(|(outcome, to)| (outcome.clone(), to.as_str()));
        own.chain([("done".to_owned(), self.done.as_str())]).collect()
    }
    fn check(&self, report: &mut Report) {
        report.bot("connector", &self.connector);
        report.unless(matches!(self.sample_hz, 8_000 | 16_000), || {
            (format!("sample_hz is {}", self.sample_hz), "8000 or 16000".to_owned())
        });
        report.range("timeout_s", self.timeout_s, 1, BOT_S_MAX);
        report.range("tell", self.tell.len() as u32, 0, TOLD_MAX as u32);
        for (name, value) in &self.tell {
            report.variable("tell", name);
            report.template(name, value);
        }
        report.range("set", self.set.len() as u32, 0, TOLD_MAX as u32);
        for name in &self.set {
            report.variable("set", name);
        }
        report.range("outcomes", self.outcomes.len() as u32, 0, LIST_MAX as u32);
        for outcome in self.outcomes.keys() {
            let is_good = is_variable(outcome) && !EDGES.contains(&outcome.as_str());
            report.unless(is_good, || {
                let right = "a letter, then letters, digits and _, and no name of another edge";
                (format!("outcomes: \"{outcome:.64}\""), right.to_owned())
            });
        }
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let value = |text: &String| run.variables.expand(text, Escape::None);
        let tell = self.tell.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        let talk = Talk {
            connector: self.connector.clone(),
            wide: self.sample_hz == 16_000,
            big_endian: self.big_endian,
            language: run.language(cx),
            tell,
            timeout: Duration::from_secs(self.timeout_s.into()),
        };
        run.talk(cx, talk);
    }
    fn handle(&self, run: &mut Run, cx: &Cx, input: &Input) {
        if let Input::Digit(key) = input {
            return run.tell_bot(*key);
        }
        let Some(answer) = run.talked(cx, input) else { return };
        run.part();
        match answer {
            Ok(parting) => self.take(run, &parting),
            Err(Fault::Late) => run.exit("timeout", self.on.get("timeout")),
            Err(Fault::Failed(_)) => run.exit("error", self.on.get("error")),
        }
    }
}
