//! `${name}` in texts of a flow. Values come from callers and from other people's servers: they are
//! data, put in once and never read again as a template.

use super::{VALUE_CHARS_MAX, VARIABLES_MAX};
use std::collections::BTreeMap;

/// What a value must not break out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Nothing: the text stays a value.
    None,
    /// A URL: everything but unreserved characters is percent-encoded, RFC 3986 §2.3.
    Percent,
}

/// Variables of one call, within [`VARIABLES_MAX`] and [`VALUE_CHARS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Sets `name`. Values are cut; a new name beyond the limit is not kept.
    pub fn set(&mut self, name: &str, value: &str) {
        if self.0.len() >= VARIABLES_MAX && !self.0.contains_key(name) {
            return;
        }
        self.0.insert(name.to_owned(), value.chars().take(VALUE_CHARS_MAX).collect());
    }

    /// The value of `name`, empty when it was never set.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `text` with every `${name}` replaced.
    pub fn expand(&self, text: &str, escape: Escape) -> String {
        let mut out = String::with_capacity(text.len());
        for part in parts(text) {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Variable(name) => match escape {
                    Escape::None => out.push_str(self.get(name)),
                    Escape::Percent => percent(self.get(name), &mut out),
                },
            }
        }
        out
    }

    /// A JSON value with every text in it expanded.
    pub fn expand_json(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.expand(text, Escape::None)),
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.expand_json(v)).collect())
            }
            Value::Object(fields) => Value::Object(
                fields.iter().map(|(k, v)| (k.clone(), self.expand_json(v))).collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

/// Names used in `text`.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Variable(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// True when every `${` is closed and names a variable.
pub fn is_sound(text: &str) -> bool {
    !text.match_indices("${").any(|(at, _)| {
        let rest = &text[at + 2..];
        rest.find('}').is_none_or(|end| !is_variable(&rest[..end]))
    })
}

/// A variable's name: a letter, then letters, digits and `_`.
pub fn is_variable(name: &str) -> bool {
    name.len() <= super::NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(body) = rest.strip_prefix("${")
            && let Some(end) = body.find('}')
        {
            rest = &body[end + 1..];
            return Some(Part::Variable(&body[..end]));
        }
        // An unclosed `${` is text; start looking after its first character.
        let from = usize::from(rest.starts_with("${"));
        let end = rest[from..].find("${").map_or(rest.len(), |at| at + from);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Part::Text(text))
    })
}

fn percent(value: &str, out: &mut String) {
    for &byte in value.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_in_once_and_never_read_again() {
        let mut variables = Variables::default();
        variables.set("a", "${b}");
        variables.set("b", "secret");
        assert_eq!(variables.expand("x${a}y${nothing}", Escape::None), "x${b}y");
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_url() {
        let mut variables = Variables::default();
        variables.set("caller", "+86 1&x=../?#客");
        assert_eq!(
            variables.expand("/c/${caller}", Escape::Percent),
            "/c/%2B86%201%26x%3D..%2F%3F%23%E5%AE%A2"
        );
    }

    #[test]
    fn broken_templates_are_told_apart() {
        for good in ["", "${a}", "$a", "${a_1}${b}", "{}"] {
            assert!(is_sound(good), "{good}");
        }
        for bad in ["${", "${a", "${}", "${a b}", "x${1}"] {
            assert!(!is_sound(bad), "{bad}");
        }
        assert_eq!(Variables::default().expand("${a", Escape::None), "${a");
    }

    #[test]
    fn variables_stay_within_their_limits() {
        let mut variables = Variables::default();
        for n in 0..VARIABLES_MAX + 10 {
            variables.set(&format!("v{n}"), &"x".repeat(VALUE_CHARS_MAX + 5));
        }
        assert_eq!(variables.0.len(), VARIABLES_MAX);
        assert_eq!(variables.get("v0").len(), VALUE_CHARS_MAX);
    }
}
