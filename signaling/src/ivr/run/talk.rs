//! What a run wants of a bot, and how the bot leaves the caller.

use super::{Cx, Doing, Effect, Fault, Input, Run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A talk between the caller and a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Name of its connector.
    pub connector: String,
    /// The bot hears 16 kHz, else 8 kHz.
    pub wide: bool,
    /// Of its samples the higher octet comes first.
    pub big_endian: bool,
    /// The language of the call.
    pub language: String,
    /// What it is told at the beginning, by name.
    pub tell: BTreeMap<String, String>,
    /// Longest talk.
    pub timeout: Duration,
}

/// How a bot leaves a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parting {
    /// What came out of it, in a word.
    pub outcome: String,
    /// To whom it would pass the call on; empty is nobody.
    pub transfer: String,
    /// What it says of the caller, by name.
    pub set: BTreeMap<String, String>,
}

impl Run {
    /// Lets a bot speak with the caller. Nobody waits longer than the talk may last.
    pub(crate) fn talk(&mut self, cx: &Cx, talk: Talk) {
        self.doing = Doing::Talking { until: cx.now.moment + talk.timeout };
        self.effects.push_back(Effect::Bot(talk));
    }

    /// A key is told to the bot.
    pub(crate) fn tell_bot(&mut self, key: char) {
        self.effects.push_back(Effect::BotKey(key));
    }

    /// The bot hears and says nothing more.
    pub(crate) fn part(&mut self) {
        self.effects.push_back(Effect::BotStop);
    }

    /// What the input makes of the talk: how it ended.
    pub(crate) fn talked(&self, cx: &Cx, input: &Input) -> Option<Result<Parting, Fault>> {
        let Doing::Talking { until } = &self.doing else { return None };
        match input {
            Input::Bot(answer) => Some(answer.clone()),
            Input::Timeout if cx.now.moment >= *until => Some(Err(Fault::Late)),
            Input::Timeout
            | Input::PlayDone
            | Input::Unheard
            | Input::Digit(_)
            | Input::Http(_)
            | Input::Sql(_)
            | Input::Load(_) => None,
        }
    }

    /// The language that the call is in.
    pub(crate) fn language(&self, cx: &Cx) -> String {
        self.language.as_deref().unwrap_or(cx.language).to_owned()
    }
}

/// What stands in for a bot where a flow is tried: `{"outcome": …, "transfer": …, "set": {…},
/// "says": […]}`, all of them where wanted. How it leaves, and what it says before.
pub(crate) fn stand_in(
    answer: Result<(u16, Value), String>,
) -> (Result<Parting, Fault>, Vec<String>) {
    let body = match answer {
        Ok((200..=299, body)) => body,
        Ok((status, _)) => return (Err(Fault::Failed(format!("status {status}"))), Vec::new()),
        Err(why) => return (Err(Fault::Failed(why)), Vec::new()),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let word = |name: &str| body.get(name).map(text).unwrap_or_default();
    let set = body["set"].as_object().into_iter().flatten();
    let set = set.map(|(name, value)| (name.clone(), text(value))).collect();
    let says = body["says"].as_array().into_iter().flatten().map(text).collect();
    let parting = Parting { outcome: word("outcome"), transfer: word("transfer"), set };
    (Ok(parting), says)
}
