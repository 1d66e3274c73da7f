//! Names of prompts. A flow says `welcome`; the call hears `zh-CN/welcome`, in the plan's language.
//! Names under `music/` have no language.

use super::run::Cx;
use super::spoken::{self, Way};
use super::template;
use chrono::DateTime;
use serde_json::Value;
use std::collections::BTreeSet;
use terms::media::{SPEECH_CHARS_MAX, Source};

/// Every prompt that the box itself asks for, without its language: a prompt set that has these is
/// complete. Music has no language.
pub const PROMPTS: &[&str] = &[
    "welcome",
    "menu",
    "invalid",
    "hours",
    "queue",
    "position",
    "wait",
    "minutes",
    "callback_offer",
    "callback_number",
    "callback_taken",
    "callback_not_possible",
    "survey",
    "thanks",
    "goodbye",
    "voicemail",
    "busy",
    "signed_in",
    "signed_out",
    "sign_in_pin",
    "ready",
    "break",
    "nothing_to_pick_up",
    "do_not_disturb_on",
    "do_not_disturb_off",
    "forwarding_on",
    "forwarding_off",
    "number_unknown",
    "caller_blocked",
    "call_not_allowed",
    "call_barred",
    "lease_stranger",
    "lease_nobody",
    "lease_over",
    "lease_code",
    "lease_busy",
    "lease_no_answer",
    "lease_unreachable",
    "conference_pin",
    "conference_pin_wrong",
    "conference_chair",
    "conference_barred",
    "conference_alone",
    "conference_no_chair",
    "conference_full",
    "conference_locked",
    "conference_unlocked",
    "conference_muted",
    "conference_unmuted",
    "conference_hushed",
    "conference_all_muted",
    "conference_all_unmuted",
    "conference_members",
    "conference_invite",
    "conference_removed",
    "conference_over",
    "digits/0",
    "digits/1",
    "digits/2",
    "digits/3",
    "digits/4",
    "digits/5",
    "digits/6",
    "digits/7",
    "digits/8",
    "digits/9",
    "digits/10",
    "music/wait",
    "music/hold",
];

/// Every prompt of a complete set for `language`, for the flow checker: [`PROMPTS`] and the parts of
/// numbers, amounts, dates and times.
pub fn names(language: &str) -> BTreeSet<String> {
    let parts = spoken::parts(language);
    PROMPTS.iter().map(|&name| name.to_owned()).chain(parts).collect()
}

/// The prompt `name` in `language`.
pub fn prompt(language: &str, name: &str) -> Source {
    if name.starts_with("music/") {
        Source::Prompt(name.to_owned())
    } else {
        Source::Prompt(format!("{language}/{name}"))
    }
}

/// What an entry of a list of prompts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A prompt by name.
    Name(&'a str),
    /// A value, said in this way.
    Value(Way, &'a str),
    /// A text for the voice.
    Text(&'a str),
    /// A word before a colon that means nothing.
    Unknown(&'a str),
}

impl<'a> Entry<'a> {
    /// `welcome`, `number:42`, `say:Hello`.
    pub fn of(text: &'a str) -> Self {
        match text.split_once(':') {
            None => Entry::Name(text),
            Some(("say", text)) => Entry::Text(text),
            Some((word, value)) => {
                Way::of(word).map_or(Entry::Unknown(word), |way| Entry::Value(way, value))
            }
        }
    }
}

/// A list of prompts as it is heard. `digits:42` reads `4`, `2`; `number:42` says 四十二.
pub fn prompts(cx: &Cx, entries: &[String]) -> Vec<Source> {
    let language = cx.language;
    let now = DateTime::from_timestamp_micros(cx.now.wall.0).unwrap_or_default();
    let now = now.with_timezone(&cx.zone);
    let scene = spoken::Scene { language, now };
    let source = |entry: &String| match Entry::of(entry) {
        Entry::Name(name) => vec![prompt(language, name)],
        Entry::Value(way, value) => {
            spoken::say(&scene, way, value).iter().map(|part| prompt(language, part)).collect()
        }
        Entry::Text(text) => speech(language, text).into_iter().collect(),
        Entry::Unknown(_) => Vec::new(),
    };
    entries.iter().flat_map(source).collect()
}

/// The texts without variables that a flow says, each with its step: what can be made before a call.
pub fn texts(document: &Value) -> Vec<(String, String)> {
    let texts = entries(document).filter_map(|(step, entry)| match entry {
        Entry::Text(text) if template::names(text).next().is_none() => {
            Some((step.to_owned(), text.trim().to_owned()))
        }
        Entry::Text(_) | Entry::Name(_) | Entry::Value(..) | Entry::Unknown(_) => None,
    });
    texts.collect()
}

/// Whether a flow says any text.
pub fn speaks(document: &Value) -> bool {
    entries(document).any(|(_, entry)| matches!(entry, Entry::Text(_)))
}

/// The prompts that a flow names, without their language.
pub fn named(document: &Value) -> BTreeSet<&str> {
    let names = entries(document).filter_map(|(_, entry)| match entry {
        Entry::Name(name) => Some(name),
        Entry::Text(_) | Entry::Value(..) | Entry::Unknown(_) => None,
    });
    names.collect()
}

/// The languages that a flow may be heard in: the tenant's, and those of its steps.
pub fn languages<'a>(document: &'a Value, tenants: &'a str) -> BTreeSet<&'a str> {
    let chosen = steps(document).filter(|(_, step)| step["kind"] == "language");
    chosen.filter_map(|(_, step)| step["language"].as_str()).chain([tenants]).collect()
}

fn steps(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let steps = document.get("steps").and_then(Value::as_object);
    steps.into_iter().flatten().map(|(name, step)| (name.as_str(), step))
}

/// What a flow plays, each with its step.
fn entries(document: &Value) -> impl Iterator<Item = (&str, Entry<'_>)> {
    steps(document).flat_map(|(name, step)| {
        let lists = ["prompts", "invalid_prompts"].map(|field| step.get(field));
        let entries = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
        entries.filter_map(Value::as_str).map(move |entry| (name, Entry::of(entry)))
    })
}

/// A text that is spoken, cut to what a voice takes; none where nothing is in it.
fn speech(language: &str, text: &str) -> Option<Source> {
    let text: String = text.trim().chars().take(SPEECH_CHARS_MAX).collect();
    (!text.is_empty()).then(|| Source::Speech { language: language.to_owned(), text })
}

/// A count as it is said: 23 is 二十三 in Chinese, twenty three elsewhere.
pub fn count(language: &str, count: u32) -> Vec<Source> {
    let parts = spoken::number(language, count.into());
    parts.iter().map(|part| prompt(language, part)).collect()
}

/// True for a text that can name a prompt: letters, digits, `-`, `_` and `/`, no empty part.
pub fn is_name(name: &str) -> bool {
    name.len() <= super::NAME_CHARS_MAX
        && name.split('/').all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ivr::flow::Library;
    use crate::switch::Now;
    use std::path::Path;
    use terms::{Moment, Timestamp};

    fn cx(language: &str) -> Cx<'_> {
        let now = Now { moment: Moment::from_secs(1), wall: Timestamp::from_secs(1_800_000_000) };
        static FLOWS: Library = Library::new();
        Cx { now, hours: &[], zone: chrono_tz::Asia::Shanghai, language, flows: &FLOWS }
    }

    #[test]
    fn names_values_and_texts_follow_each_other() {
        let entries = ["welcome", "music/wait", "number:23", "say: 您好 ", "say:", "what:1"];
        let sources = prompts(&cx("zh-CN"), &entries.map(str::to_owned));
        let prompt = |name: &str| Source::Prompt(name.to_owned());
        let text = "您好".to_owned();
        assert_eq!(
            sources,
            [
                prompt("zh-CN/welcome"),
                prompt("music/wait"),
                prompt("zh-CN/digits/2"),
                prompt("zh-CN/digits/10"),
                prompt("zh-CN/digits/3"),
                Source::Speech { language: "zh-CN".to_owned(), text },
            ]
        );
        let long = format!("say:{}", "好".repeat(2_000));
        let [Source::Speech { text, .. }] = &prompts(&cx("zh-CN"), &[long])[..] else { panic!() };
        assert_eq!(text.chars().count(), SPEECH_CHARS_MAX);
    }

    #[test]
    fn the_texts_of_a_flow_are_told_with_their_steps() {
        let document = serde_json::json!({"steps": {
            "a": {"kind": "play", "prompts": ["welcome", "say: one ", "say:${x}", "number:1"]},
            "b": {"kind": "menu", "prompts": ["say:two"], "invalid_prompts": ["say:three"]},
            "c": {"kind": "set", "values": {"prompts": "say:four"}}}});
        let told = texts(&document);
        let told: Vec<_> = told.iter().map(|(step, text)| (&step[..], &text[..])).collect();
        assert_eq!(told, [("a", "one"), ("b", "two"), ("b", "three")]);
    }

    #[test]
    fn a_flow_tells_its_prompts_and_the_languages_it_may_be_heard_in() {
        let document = serde_json::json!({"steps": {
            "a": {"kind": "play", "prompts": ["welcome", "say: one ", "number:1"]},
            "b": {"kind": "menu", "prompts": ["menu"], "invalid_prompts": ["wrong", "welcome"]},
            "c": {"kind": "language", "language": "en"},
            "d": {"kind": "set", "language": "fr", "values": {"prompts": "none"}}}});
        assert_eq!(named(&document).into_iter().collect::<Vec<_>>(), ["menu", "welcome", "wrong"]);
        let languages = languages(&document, "zh-CN");
        assert_eq!(languages.into_iter().collect::<Vec<_>>(), ["en", "zh-CN"]);
        assert!(named(&serde_json::json!([1])).is_empty(), "whatever is sent");
        assert!(speaks(&document));
        let silent = serde_json::json!({"steps": {"a": {"prompts": ["welcome", "number:1"]}}});
        assert!(!speaks(&silent));
    }

    #[test]
    fn counts_are_said_as_numbers() {
        let said = |language, n| count(language, n).len();
        assert_eq!((said("zh-CN", 7), said("zh-CN", 123), said("en", 23)), (1, 5, 2));
    }

    #[test]
    fn the_shipped_prompts_are_a_complete_set() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prompts");
        for language in ["zh-CN", "en"] {
            for name in names(language) {
                let Source::Prompt(file) = prompt(language, &name) else { panic!() };
                let file = folder.join(format!("{file}.wav"));
                assert!(file.is_file(), "{} is missing", file.display());
            }
        }
    }

    #[test]
    fn a_prompt_name_cannot_leave_its_folder() {
        assert!(is_name("digits/3") && is_name("music/wait"));
        for bad in ["../etc/passwd", "/welcome", "a//b", "", "a b", "a.wav"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
