//! The words of an expression.

use super::super::number::Number;
use std::fmt;

/// Signs, the longer ones first.
const SIGNS: &[&str] =
    &["!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "&", "(", ")", ","];

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(Number),
    Text(String),
    Name(String),
    Sign(&'static str),
}

impl Token {
    /// True for this sign or name.
    pub fn is(&self, word: &str) -> bool {
        match self {
            Token::Name(name) => name == word,
            Token::Sign(sign) => *sign == word,
            Token::Number(_) | Token::Text(_) => false,
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Token::Number(number) => write!(f, "{number}"),
            Token::Text(text) => write!(f, "'{text}'"),
            Token::Name(name) => write!(f, "{name}"),
            Token::Sign(sign) => write!(f, "\"{sign}\""),
        }
    }
}

/// The words of `text`, or what cannot be read.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '0'..='9' => number(rest)?,
            '\'' | '"' => quoted(rest, first)?,
            'a'..='z' | 'A'..='Z' => {
                let (name, after) = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
                (Token::Name(name.to_owned()), after)
            }
            _ => sign(rest)?,
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// The characters at the beginning that `belongs` takes, and what follows.
fn run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c: char| !belongs(c)).unwrap_or(text.len()))
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let (written, after) = run(text, |c| c.is_ascii_digit() || c == '.');
    let number = Number::parse(written).ok_or_else(|| {
        format!("{written:.40} is no number: at most 12 digits, a point and 6 more are")
    })?;
    Ok((Token::Number(number), after))
}

/// A text ends at the sign that it began with; that sign cannot be in it.
fn quoted(text: &str, quote: char) -> Result<(Token, &str), String> {
    let inner = text.get(1..).unwrap_or_default();
    let (inner, after) =
        inner.split_once(quote).ok_or_else(|| format!("the text {text:.40} has no end"))?;
    Ok((Token::Text(inner.to_owned()), after))
}

fn sign(text: &str) -> Result<(Token, &str), String> {
    let found = SIGNS.iter().find_map(|sign| Some((*sign, text.strip_prefix(sign)?)));
    let (sign, after) = found.ok_or_else(|| {
        let first: String = text.chars().take(1).collect();
        format!("\"{first}\" has no meaning here; texts stand between ' and '")
    })?;
    Ok((Token::Sign(sign), after))
}
