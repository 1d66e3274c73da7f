//! `play`: prompts, one after the other. A key skips them unless the step says otherwise, and is the
//! answer where the next step asks. Other keys may go back and forward in what is played.

use super::{Kind, one_way, yes};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Input, Manner, Run};
use crate::ivr::{PLAY_TIMES_MAX, SEEK_MS_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::media::Keys;

/// Plays prompts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// Names without language, and what is said of values: `number:${account}`.
    pub prompts: Vec<String>,
    /// A key skips them.
    #[serde(default = "yes")]
    pub interruptible: bool,
    /// Which keys skip them.
    #[serde(default = "keys")]
    pub keys: String,
    /// How many times they are played.
    #[serde(default = "once")]
    pub times: u16,
    /// Where the first time begins, in ms.
    #[serde(default)]
    pub start_ms: u32,
    /// Key to ms: forward, or back below zero.
    #[serde(default)]
    pub seek: BTreeMap<String, i32>,
    /// Then.
    pub next: String,
    /// `error`: it cannot be heard; `hangup`.
    #[serde(default)]
    pub on: On,
}

/// What a telephone has.
const KEYS: &str = "0123456789*#";

fn keys() -> String {
    KEYS.to_owned()
}

const fn once() -> u16 {
    1
}

impl Play {
    fn manner(&self) -> Manner {
        let seeks: Keys = self.seek.keys().flat_map(|key| key.chars()).collect();
        Manner {
            interruptible: self.interruptible,
            times: self.times,
            start_ms: self.start_ms,
            stop_keys: self.keys.chars().collect::<Keys>().without(seeks),
        }
    }
}

impl Kind for Play {
    const KIND: &'static str = "play";
    const MAY: &'static [&'static str] = &["error", "hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.prompts("prompts", &self.prompts);
        report.range("times", self.times.into(), 1, PLAY_TIMES_MAX.into());
        report.range("start_ms", self.start_ms, 0, SEEK_MS_MAX);
        let is_keys = self.keys.len() <= KEYS.len() && self.keys.chars().all(|c| KEYS.contains(c));
        report.unless(is_keys, || ("keys".to_owned(), format!("some of {KEYS}")));
        for (key, ms) in &self.seek {
            let is_key = key.len() == 1 && KEYS.contains(key.as_str());
            report.unless(is_key, || (format!("seek has \"{key}\""), "one of 0-9 * #".to_owned()));
            report.unless((1..=SEEK_MS_MAX).contains(&ms.unsigned_abs()), || {
                (
                    format!("seek.{key} is {ms}"),
                    format!("1 to {SEEK_MS_MAX}, or below zero to go back"),
                )
            });
        }
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let sources = run.prompts(cx, &self.prompts);
        if sources.is_empty() {
            run.exit("next", Some(&self.next));
        } else {
            run.say(sources, self.manner());
        }
    }
    fn handle(&self, run: &mut Run, _: &Cx, input: &Input) {
        match input {
            Input::PlayDone => run.exit("next", Some(&self.next)),
            Input::Unheard => run.exit("error", self.on.get("error")),
            Input::Digit(key) => {
                let manner = self.manner();
                if let Some(&ms) = self.seek.get(key.encode_utf8(&mut [0; 4]) as &str) {
                    run.seek(ms);
                } else if manner.interruptible && manner.stop_keys.contains(*key) {
                    run.hush();
                    run.pass_key(*key);
                    run.exit("next", Some(&self.next));
                }
            }
            Input::Timeout | Input::Http(_) | Input::Sql(_) | Input::Bot(_) | Input::Load(_) => {}
        }
    }
}
