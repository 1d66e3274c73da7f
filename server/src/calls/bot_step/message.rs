//! Messages to and from a bot, as `docs/formats/bot.md` has them.

use serde::Deserialize;
use serde_json::json;
use signaling::ivr::VALUE_CHARS_MAX;
use signaling::ivr::run::{Fault, Parting};
use signaling::switch::BotAsk;
use std::collections::BTreeMap;
use tokio_tungstenite::tungstenite::Message;

/// The format that we speak.
const FORMAT: u32 = 1;
/// Variables that a bot may name.
pub const SET_MAX: usize = 64;
/// Characters of a variable's name, an outcome and a wish to be passed on.
pub const WORD_CHARS_MAX: usize = 64;

/// What a bot says in words.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Said {
    /// What nobody has heard yet is taken back.
    Clear {},
    /// Something about the caller.
    Set {
        /// By name.
        values: BTreeMap<String, String>,
    },
    /// It has done, once all that it said was heard.
    Done {
        /// What came out of it.
        #[serde(default)]
        outcome: String,
        /// To whom it would pass the call on.
        #[serde(default)]
        transfer: String,
    },
}

/// Reads a text.
///
/// # Errors
/// A sentence that repeats nothing of the text: it may be about the caller.
pub fn read(text: &str) -> Result<Said, String> {
    let said: Said = serde_json::from_str(text).map_err(|error| {
        format!(
            "a text of {} octets is no message of format {FORMAT}: {}",
            text.len(),
            kind(&error)
        )
    })?;
    let words: Vec<&String> = match &said {
        Said::Clear {} => Vec::new(),
        Said::Set { values } => values.keys().collect(),
        Said::Done { outcome, transfer } => vec![outcome, transfer],
    };
    if words.iter().any(|word| word.chars().count() > WORD_CHARS_MAX) {
        return Err(format!("a name or a word is longer than {WORD_CHARS_MAX} characters"));
    }
    Ok(said)
}

fn kind(error: &serde_json::Error) -> &'static str {
    if error.is_data() { "not one of clear, set and done" } else { "not JSON" }
}

/// One line, without characters that steer a terminal or a page's text.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(VALUE_CHARS_MAX).collect()
}

/// The first message.
pub fn start(ask: &BotAsk) -> Message {
    let talk = &ask.talk;
    let audio = json!({
        "encoding": "L16",
        "sample_hz": if talk.wide { 16_000 } else { 8_000 },
        "channels": 1,
        "endian": if talk.big_endian { "big" } else { "little" },
        "frame_ms": 20,
    });
    let start = json!({
        "type": "start",
        "format": FORMAT,
        "call": ask.call.to_string(),
        "connector": ask.connector.name,
        "language": talk.language,
        "audio": audio,
        "data": talk.tell,
    });
    Message::text(start.to_string())
}

/// A key of the caller.
pub fn key(key: char) -> Message {
    Message::text(json!({"type": "key", "key": key.to_string()}).to_string())
}

/// All that was said has been heard.
pub fn heard() -> Message {
    Message::text(json!({"type": "heard"}).to_string())
}

/// The last message.
pub fn stop(end: &Result<Parting, Fault>) -> Message {
    let (why, detail) = match end {
        Ok(_) => ("done", ""),
        Err(Fault::Late) => ("timeout", ""),
        Err(Fault::Failed(detail)) if detail == super::talk::GONE => ("gone", ""),
        Err(Fault::Failed(detail)) => ("error", detail.as_str()),
    };
    Message::text(json!({"type": "stop", "why": why, "detail": detail}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_told_without_repeating_it() {
        assert_eq!(read(r#"{"type": "clear"}"#), Ok(Said::Clear {}));
        let done = Said::Done { outcome: "paid".into(), transfer: String::new() };
        assert_eq!(read(r#"{"type": "done", "outcome": "paid"}"#), Ok(done));
        let long = format!(r#"{{"type": "done", "outcome": "{}"}}"#, "x".repeat(65));
        for (bad, why) in [
            ("<html>4711</html>", "not JSON"),
            ("", "not JSON"),
            (r#"{"type": "shout", "secret": "4711"}"#, "not one of clear"),
            (r#"{"type": "set", "values": {"a": 4711}}"#, "not one of clear"),
            (r#"{"type": "done", "outcome": "a", "more": "4711"}"#, "not one of clear"),
            (long.as_str(), "longer than 64"),
        ] {
            let told = read(bad).unwrap_err();
            assert!(told.contains(why) && !told.contains("4711"), "{bad}: {told}");
        }
    }
}
