//! `collect`: several digits into a variable. Silence, too few digits and an entry that is not what
//! the step asks for are asked again, `attempts` times in all.

use super::{Kind, one_way, yes};
use crate::ivr::check::Report;
use crate::ivr::collect::{Entered, Rules};
use crate::ivr::flow::On;
use crate::ivr::form::{self, CheckDigit};
use crate::ivr::run::{Cx, Input, Run};
use crate::ivr::{ATTEMPTS_MAX, DIGITS_MAX, LIST_MAX, WAIT_MS_MAX};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks for several digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// The question.
    pub prompts: Vec<String>,
    /// Said before the question after a wrong entry.
    #[serde(default)]
    pub invalid_prompts: Vec<String>,
    /// Keys may be pressed while the question runs.
    #[serde(default = "yes")]
    pub interruptible: bool,
    /// Gets the digits.
    pub variable: String,
    /// Fewest digits.
    #[serde(default = "digits_min")]
    pub digits_min: u8,
    /// Most digits; the entry is complete there.
    pub digits_max: u8,
    /// Key that completes the entry: `#`, `*` or none.
    #[serde(default = "terminator")]
    pub terminator: Option<char>,
    /// Longest wait for the first digit after the question.
    #[serde(default = "first_ms")]
    pub first_timeout_ms: u32,
    /// Longest pause between digits.
    #[serde(default = "next_ms")]
    pub next_timeout_ms: u32,
    /// Times the question is asked.
    #[serde(default = "attempts")]
    pub attempts: u8,
    /// The log shows `*` for each digit.
    #[serde(default)]
    pub secret: bool,
    /// What the entry must look like: one of these forms; with none, anything.
    #[serde(default)]
    pub forms: Vec<String>,
    /// Its last place follows from the others.
    #[serde(default)]
    pub check_digit: Option<CheckDigit>,
    /// As a number it is not below this.
    #[serde(default)]
    pub value_min: Option<u64>,
    /// As a number it is not above this.
    #[serde(default)]
    pub value_max: Option<u64>,
    /// Then.
    pub next: String,
    /// `timeout`, `invalid`; `error`: the question cannot be heard; `hangup`.
    #[serde(default)]
    pub on: On,
}

fn digits_min() -> u8 {
    1
}

fn terminator() -> Option<char> {
    Some('#')
}

fn first_ms() -> u32 {
    5_000
}

fn next_ms() -> u32 {
    3_000
}

fn attempts() -> u8 {
    3
}

impl Collect {
    /// True when the entry is what the step asks for.
    fn takes(&self, digits: &str) -> bool {
        let is_formed =
            self.forms.is_empty() || self.forms.iter().any(|form| form::fits(form, digits));
        let checks = self.check_digit.is_none_or(|check| check.holds(digits));
        let value = digits.parse::<u64>().ok();
        let is_enough = self.value_min.is_none_or(|min| value.is_some_and(|value| value >= min));
        let is_little = self.value_max.is_none_or(|max| value.is_some_and(|value| value <= max));
        digits.len() >= usize::from(self.digits_min)
            && is_formed
            && checks
            && is_enough
            && is_little
    }

    fn check_values(&self, report: &mut Report) {
        report.range("forms", self.forms.len() as u32, 0, LIST_MAX as u32);
        for text in &self.forms {
            report.unless(form::is_form(text), || {
                let right = "digits, *, ? for any digit and [3-9] for one of several";
                (format!("forms has \"{text:.64}\""), right.to_owned())
            });
        }
        let (min, max) = (self.value_min.unwrap_or(0), self.value_max.unwrap_or(u64::MAX));
        report.unless(min <= max, || {
            (format!("value_min is {min}"), format!("at most value_max, which is {max}"))
        });
    }

    fn ask(&self, run: &mut Run, cx: &Cx, attempt: u8, before: &[String]) {
        let names: Vec<String> = before.iter().chain(&self.prompts).cloned().collect();
        let sources = run.prompts(cx, &names);
        let rules = Rules {
            digits_max: self.digits_max,
            terminator: self.terminator,
            first_max: Duration::from_millis(self.first_timeout_ms.into()),
            next_max: Duration::from_millis(self.next_timeout_ms.into()),
        };
        run.ask(cx, sources, rules, self.interruptible, attempt);
    }
}

impl Kind for Collect {
    const KIND: &'static str = "collect";
    const NEEDS: &'static [&'static str] = &["timeout", "invalid"];
    const MAY: &'static [&'static str] = &["error", "hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.prompts("prompts", &self.prompts);
        report.prompts("invalid_prompts", &self.invalid_prompts);
        report.variable("variable", &self.variable);
        report.range("digits_max", self.digits_max.into(), 1, DIGITS_MAX.into());
        report.range("digits_min", self.digits_min.into(), 0, self.digits_max.into());
        report.range("first_timeout_ms", self.first_timeout_ms, 500, WAIT_MS_MAX);
        report.range("next_timeout_ms", self.next_timeout_ms, 500, WAIT_MS_MAX);
        report.range("attempts", self.attempts.into(), 1, ATTEMPTS_MAX.into());
        let is_key = self.terminator.is_none_or(|key| matches!(key, '#' | '*'));
        report.unless(is_key, || ("terminator".to_owned(), "\"#\", \"*\" or null".to_owned()));
        self.check_values(report);
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
            Entered::Digits(digits) if self.takes(digits) => {
                run.variables.set(&self.variable, digits);
                run.note_digits(digits, self.secret);
                return run.exit("next", Some(&self.next));
            }
            Entered::Digits(_) => ("invalid", &self.invalid_prompts),
            Entered::Nothing => ("timeout", &[]),
        };
        if attempt < self.attempts {
            self.ask(run, cx, attempt + 1, before);
        } else {
            run.exit(label, self.on.get(label));
        }
    }
}
