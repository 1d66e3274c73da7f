//! Names of prompts. A flow says `welcome`; the call hears `zh-CN/welcome`, in the plan's language.
//! Names under `music/` have no language.

use std::collections::BTreeSet;
use terms::media::Source;

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
    "survey",
    "thanks",
    "goodbye",
    "voicemail",
    "busy",
    "signed_in",
    "signed_out",
    "ready",
    "break",
    "number_unknown",
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

/// Most digits that are read out one by one.
const READ_MAX: usize = 32;

/// [`PROMPTS`] as a set, for the flow checker.
pub fn names() -> BTreeSet<String> {
    PROMPTS.iter().map(|&name| name.to_owned()).collect()
}

/// The prompt `name` in `language`.
pub fn prompt(language: &str, name: &str) -> Source {
    if name.starts_with("music/") {
        Source::Prompt(name.to_owned())
    } else {
        Source::Prompt(format!("{language}/{name}"))
    }
}

/// A list of prompts in `language`. `digits:42` reads `4`, `2`.
pub fn prompts(language: &str, names: &[String]) -> Vec<Source> {
    names
        .iter()
        .flat_map(|name| match name.strip_prefix("digits:") {
            Some(text) => read_digits(language, text),
            None => vec![prompt(language, name)],
        })
        .collect()
}

fn read_digits(language: &str, text: &str) -> Vec<Source> {
    text.chars()
        .filter(char::is_ascii_digit)
        .take(READ_MAX)
        .map(|digit| prompt(language, &format!("digits/{digit}")))
        .collect()
}

/// A count below one hundred, as it is said: 23 is 二十三 in Chinese, two-three elsewhere. Larger
/// counts are read digit by digit.
pub fn count(language: &str, count: u32) -> Vec<Source> {
    let say = |n: u32| prompt(language, &format!("digits/{n}"));
    if !language.starts_with("zh") || count > 99 {
        return if count == 10 { vec![say(10)] } else { read_digits(language, &count.to_string()) };
    }
    let (tens, ones) = (count / 10, count % 10);
    let mut said = Vec::new();
    if tens > 1 {
        said.push(say(tens));
    }
    if tens > 0 {
        said.push(say(10));
    }
    if ones > 0 || tens == 0 {
        said.push(say(ones));
    }
    said
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

    fn said(language: &str, n: u32) -> Vec<String> {
        count(language, n)
            .into_iter()
            .map(|source| match source {
                Source::Prompt(name) => name.rsplit('/').next().unwrap_or_default().to_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn counts_are_said_as_people_say_them() {
        assert_eq!(said("zh-CN", 0), ["0"]);
        assert_eq!(said("zh-CN", 7), ["7"]);
        assert_eq!(said("zh-CN", 10), ["10"]);
        assert_eq!(said("zh-CN", 14), ["10", "4"]);
        assert_eq!(said("zh-CN", 20), ["2", "10"]);
        assert_eq!(said("zh-CN", 23), ["2", "10", "3"]);
        assert_eq!(said("zh-CN", 123), ["1", "2", "3"]);
        assert_eq!(said("en", 23), ["2", "3"]);
    }

    #[test]
    fn a_prompt_name_cannot_leave_its_folder() {
        assert!(is_name("digits/3") && is_name("music/wait"));
        for bad in ["../etc/passwd", "/welcome", "a//b", "", "a b", "a.wav"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
