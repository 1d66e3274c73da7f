//! Speech from text: what an engine is, and the way of a text to what an engine reads well.
//!
//! An [`Engine`] turns an [`Utterance`] into an audio file; `edge::speech` runs one as a process and
//! keeps what it made. What an engine reads is prepared here, because none reads everything well:
//! Chinese goes to it as numbered pinyin (`speech/mandarin.rs`), and in every language long numbers are
//! told digit by digit, in English those of addresses in pairs (`speech/street.rs`). Promise: whatever a text holds, an utterance has only letters, digits,
//! spaces and the punctuation that makes pauses, and its length is bounded by that of the text.

mod mandarin;
mod street;

use std::fmt;
use terms::media::SPEECH_CHARS_MAX;

/// Digits in a row from which on a number is a telephone number or an account: told one by one.
const DIGITS_APART: usize = 7;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Voice {
    /// Standard Chinese; its words are numbered pinyin.
    Mandarin,
    /// English.
    English,
}

impl Voice {
    /// That of a language tag such as `zh-CN`.
    pub fn of(language: &str) -> Option<Voice> {
        match language.split('-').next() {
            Some("zh") => Some(Voice::Mandarin),
            Some("en") => Some(Voice::English),
            _ => None,
        }
    }

    /// A word for it in keys of caches.
    pub const fn name(self) -> &'static str {
        match self {
            Voice::Mandarin => "mandarin",
            Voice::English => "english",
        }
    }
}

/// What an engine reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Utterance {
    /// Who speaks.
    pub voice: Voice,
    /// Words in the voice's own writing: numbered pinyin, or English.
    pub words: String,
}

/// Why a text is not spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unspoken {
    /// No voice for it.
    #[error("there is no voice for the language \"{0}\"; zh and en are spoken")]
    Language(String),
    /// Longer than a text may be.
    #[error("{0} characters; a text that is spoken has at most {SPEECH_CHARS_MAX}")]
    Long(usize),
    /// Characters that the voice does not know.
    #[error("{0} cannot be read by this voice; write it in other characters")]
    Characters(String),
    /// Nothing to say.
    #[error("no word is in it")]
    Nothing,
}

/// Makes files of utterances.
pub trait Engine: Send {
    /// What it is, with its version: what one version made is not taken for another's.
    fn name(&self) -> &str;

    /// Speaks: the bytes of a file that [`crate::prompt`] reads.
    ///
    /// # Errors
    /// What failed, for the log.
    fn speak(&mut self, utterance: &Utterance) -> Result<Vec<u8>, String>;
}

/// Prepares a text. Characters that the voice does not know are left out: values come from callers.
///
/// # Errors
/// Another language, too long, or no word in it.
pub fn utterance(language: &str, text: &str) -> Result<Utterance, Unspoken> {
    Ok(prepare(language, text)?.0)
}

/// Whether a text that somebody wrote into a flow is spoken as it stands.
///
/// # Errors
/// As [`utterance`], and characters that the voice does not know.
pub fn check(language: &str, text: &str) -> Result<(), Unspoken> {
    let (_, unknown) = prepare(language, text)?;
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Unspoken::Characters(Listed(&unknown).to_string()))
    }
}

/// The first of these languages that a text can be read in.
pub fn readable<'a>(text: &str, languages: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    languages.into_iter().find(|language| utterance(language, text).is_ok())
}

fn prepare(language: &str, text: &str) -> Result<(Utterance, Vec<char>), Unspoken> {
    let tag = || language.chars().take(20).collect();
    let voice = Voice::of(language).ok_or_else(|| Unspoken::Language(tag()))?;
    let chars = text.chars().count();
    if chars > SPEECH_CHARS_MAX {
        return Err(Unspoken::Long(chars));
    }
    let (words, unknown) = match voice {
        Voice::Mandarin => mandarin::pinyin(text),
        Voice::English => english(&street::said(text)),
    };
    if !words.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Unspoken::Nothing);
    }
    Ok((Utterance { voice, words }, unknown))
}

/// Characters for a message.
struct Listed<'a>(&'a [char]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (n, c) in self.0.iter().take(10).enumerate() {
            write!(f, "{}\"{}\"", if n > 0 { ", " } else { "" }, c.escape_debug())?;
        }
        Ok(())
    }
}

/// English goes through; what an engine might take for markup or phonemes does not.
fn english(text: &str) -> (String, Vec<char>) {
    let (mut words, mut unknown) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits >= DIGITS_APART {
            for digit in rest[..digits].chars() {
                words.extend([' ', digit]);
            }
            rest = &rest[digits..];
            continue;
        }
        let step = digits.max(c.len_utf8());
        match c {
            _ if digits > 0 => words.push_str(&rest[..digits]),
            'a'..='z' | 'A'..='Z' | ' ' | '.' | ',' | '!' | '?' | ';' | ':' | '-' => words.push(c),
            '\'' | '\u{2019}' => words.push('\''),
            '%' => words.push_str(" percent"),
            '&' | '+' => words.push_str(if c == '&' { " and " } else { " plus " }),
            '$' | '/' => words.push(' '),
            '\n' | '\t' | '\r' | '"' | '(' | ')' | '\u{201C}' | '\u{201D}' => words.push(' '),
            other => unknown.push(other),
        }
        rest = &rest[step..];
    }
    (words.trim().to_owned(), unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_reads_has_no_markup_in_it() {
        let hostile = "Hi [[h@'loU]] <voice name=\"x\"> $(rm -rf /) `x` \\ \0 -f /etc/passwd";
        for language in ["en", "zh-CN"] {
            let said = utterance(language, hostile).unwrap().words;
            assert!(
                said.chars().all(|c| c.is_ascii_alphanumeric() || " .,!?;:-\'".contains(c)),
                "{said}"
            );
            assert!(!said.starts_with('-'));
        }
    }

    #[test]
    fn long_numbers_are_told_digit_by_digit() {
        let said = utterance("en", "Call 95105688, room 1204.").unwrap().words;
        assert_eq!(said, "Call  9 5 1 0 5 6 8 8, room 12 oh 4.");
    }

    #[test]
    fn what_cannot_be_spoken_says_why() {
        assert_eq!(utterance("de", "Hallo"), Err(Unspoken::Language("de".into())));
        assert_eq!(utterance("en", " ,. "), Err(Unspoken::Nothing));
        assert_eq!(utterance("zh-CN", "\u{1F600}"), Err(Unspoken::Nothing));
        assert_eq!(utterance("zh", &"好".repeat(501)), Err(Unspoken::Long(501)));
        let error = check("zh-CN", "您好\u{1F600}龘").unwrap_err().to_string();
        assert!(
            error.contains("\"\u{1F600}\", \"龘\"") && error.contains("other characters"),
            "{error}"
        );
        assert_eq!(check("zh-CN", "您好，请按1。"), Ok(()));
        assert_eq!(check("en", "Hello \u{201C}you\u{201D}"), Ok(()));
    }

    #[test]
    fn a_text_is_read_in_the_first_language_that_has_words_for_it() {
        assert_eq!(readable("Good bye", ["fr", "en", "zh-CN"]), Some("en"));
        assert_eq!(readable("您好", ["en", "zh-CN"]), Some("zh-CN"));
        assert_eq!(readable("bonjour", ["fr", "de"]), None);
        assert_eq!(readable(" ,. ", ["en", "zh-CN"]), None);
    }

    #[test]
    fn any_text_is_bounded() {
        for (text, language) in
            [("9".repeat(500), "zh"), ("9 ".repeat(250), "en"), ("不".repeat(500), "zh")]
        {
            assert!(utterance(language, &text).unwrap().words.len() <= 500 * 8, "{language}");
        }
    }
}
