//! A statement read word by word, without its comments: for those that are about the connection and
//! have a form of their own.

use super::message::refused;
use super::statement::{behind, escaped, is_escaped};
use crate::work::wire::Refusal;

/// Characters of a client's text that are repeated to them.
const CLIPPED_MAX: usize = 63;

/// A text with the place up to which it was read.
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A word or number without quotes, in lower case.
    Plain(String),
    /// A name in double quotes, without them.
    Named(String),
    /// A text in single quotes, without them.
    Text(String),
    /// Anything else.
    Sign(char),
}

impl<'a> Words<'a> {
    /// From the beginning.
    pub fn new(text: &'a str) -> Self {
        Words { text, at: 0 }
    }

    /// The byte where the next word begins.
    pub fn start(&mut self) -> usize {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            if !rest.starts_with("--") && !rest.starts_with("/*") {
                return self.at;
            }
            self.at = behind(self.text, self.at);
        }
    }

    /// The next word; `None` at the end.
    pub fn word(&mut self) -> Option<Word> {
        let start = self.start();
        let rest = &self.text[start..];
        let first = rest.chars().next()?;
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        if first == '"' {
            return Some(Word::Named(self.quoted('"')));
        }
        if first == '\'' {
            return Some(Word::Text(self.quoted('\'')));
        }
        if matches!(first, 'e' | 'E') && rest[1..].starts_with('\'') {
            return Some(Word::Text(self.escaped(start + 1)));
        }
        if !is_word(first) {
            self.at = start + first.len_utf8();
            return Some(Word::Sign(first));
        }
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        self.at = start + length;
        Some(Word::Plain(rest[..length].to_lowercase()))
    }

    /// Reads the next word where it is this one.
    pub fn takes(&mut self, word: &str) -> bool {
        self.takes_if(|found| matches!(found, Word::Plain(plain) if plain == word))
    }

    /// Reads the next character where it is this one.
    pub fn takes_sign(&mut self, sign: char) -> bool {
        self.takes_if(|found| *found == Word::Sign(sign))
    }

    fn takes_if(&mut self, is_it: impl Fn(&Word) -> bool) -> bool {
        let before = self.at;
        let taken = self.word().is_some_and(|word| is_it(&word));
        if !taken {
            self.at = before;
        }
        taken
    }

    /// A name, with or without quotes.
    pub fn name(&mut self) -> Option<String> {
        let before = self.at;
        match self.word() {
            Some(Word::Plain(name) | Word::Named(name)) => Some(name),
            _ => {
                self.at = before;
                None
            }
        }
    }

    /// What stands between the `(` that was read last and its `)`, with the byte where it begins.
    pub fn bracketed(&mut self) -> Option<(usize, &'a str)> {
        let (start, mut depth) = (self.at, 1_usize);
        while self.at < self.text.len() {
            let here = self.at;
            match self.text.as_bytes()[here] {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            self.at = behind(self.text, here);
            if depth == 0 {
                return Some((start, &self.text[start..here]));
            }
        }
        None
    }

    /// All that was not read, with the byte where it begins.
    pub fn rest(&mut self) -> (usize, &'a str) {
        let start = self.start();
        self.at = self.text.len();
        (start, &self.text[start..])
    }

    /// True when nothing else comes.
    pub fn is_done(&mut self) -> bool {
        self.start() == self.text.len()
    }

    /// Why the next word cannot stand there.
    pub fn unexpected(&mut self, wanted: &str) -> Refusal {
        let start = self.start();
        let found = match self.word() {
            Some(_) => format!("\"{}\"", clipped(&self.text[start..self.at])),
            None => "the end".to_owned(),
        };
        refused("42601", format!("{wanted} is needed here, not {found}"))
    }

    /// Between two quotes; a doubled one is one of the text.
    fn quoted(&mut self, quote: char) -> String {
        let mut out = String::new();
        let mut rest = self.text[self.at + 1..].chars().peekable();
        self.at += 1;
        while let Some(c) = rest.next() {
            self.at += c.len_utf8();
            if c == quote {
                if rest.next_if_eq(&quote).is_none() {
                    break;
                }
                self.at += quote.len_utf8();
            }
            out.push(c);
        }
        out
    }

    /// `E'…'`, whose first quote is at `open`.
    fn escaped(&mut self, open: usize) -> String {
        debug_assert!(is_escaped(self.text, open));
        self.at = open + escaped(&self.text.as_bytes()[open..]);
        let inside = &self.text[open + 1..self.at];
        let inside = inside.strip_suffix('\'').unwrap_or(inside);
        let (mut out, mut rest) = (String::new(), inside.chars());
        while let Some(c) = rest.next() {
            let c = if c == '\\' { rest.next().map_or('\\', meant) } else { c };
            out.push(c);
        }
        out
    }
}

/// As much of a client's text as has room in a sentence.
pub fn clipped(text: &str) -> String {
    match text.char_indices().nth(CLIPPED_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The character behind a backslash.
fn meant(letter: char) -> char {
    match letter {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Word> {
        let mut words = Words::new(text);
        std::iter::from_fn(|| words.word()).collect()
    }

    #[test]
    fn words_names_and_texts_are_told_apart() {
        let plain = |word: &str| Word::Plain(word.to_owned());
        assert_eq!(
            all("FETCH /* x */ 5 -- y\n \"A \"\"b\"\"\" 'it''s' E'\\t' (,王芳"),
            [
                plain("fetch"),
                plain("5"),
                Word::Named("A \"b\"".to_owned()),
                Word::Text("it's".to_owned()),
                Word::Text("\t".to_owned()),
                Word::Sign('('),
                Word::Sign(','),
                plain("王芳"),
            ]
        );
        for open in ["'", "\"", "E'", "E'\\", "'王", "E'\\王", "/*", "--"] {
            assert!(all(open).len() <= 1, "{open}");
        }
    }

    #[test]
    fn little_of_a_long_text_is_repeated() {
        let long = "王".repeat(1_000);
        let told = Words::new(&long).unexpected("CURSOR").message;
        assert_eq!(told.chars().filter(|c| *c == '王').count(), CLIPPED_MAX);
        assert!(told.contains('…'), "{told}");
        assert_eq!(clipped("calls"), "calls");
    }

    #[test]
    fn a_bracket_ends_at_its_own() {
        let mut words = Words::new("copy (SELECT ')' || (1) /* ) */) to");
        assert!(words.takes("copy") && words.takes_sign('('));
        assert_eq!(words.bracketed(), Some((6, "SELECT ')' || (1) /* ) */")));
        assert!(words.takes("to"));
        assert_eq!(Words::new("SELECT (1").bracketed(), None);
    }
}
