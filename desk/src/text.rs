//! Checks of the texts that people type: length, and no characters that forge a line or hide.

use crate::{Error, Result};

/// Longest name of anything.
pub(crate) const NAME_CHARS_MAX: usize = 80;
/// Longest one-line text: titles, addresses, reasons.
pub(crate) const LINE_CHARS_MAX: usize = 400;
/// Longest running text: contents and notes.
pub(crate) const PROSE_CHARS_MAX: usize = 10_000;

/// A name: not empty, one line.
pub(crate) fn name(field: &'static str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(field, "a text is needed, at least one character"));
    }
    limited(field, text, NAME_CHARS_MAX, false)
}

/// One line, may be empty.
pub(crate) fn line(field: &'static str, text: &str) -> Result<String> {
    limited(field, text.trim(), LINE_CHARS_MAX, false)
}

/// The address of a program that is asked or told something.
pub(crate) fn web_address(field: &'static str, text: &str) -> Result<String> {
    let url = line(field, text)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    if host.is_empty() || host.contains('@') || url.contains([' ', '#']) {
        let problem = "an address such as https://crm.example.com/events is needed, without a \
                       name and password";
        return Err(Error::invalid(field, problem));
    }
    Ok(url)
}

/// Several lines, may be empty.
pub(crate) fn prose(field: &'static str, text: &str) -> Result<String> {
    limited(field, text.trim(), PROSE_CHARS_MAX, true)
}

/// The text of a mail or of what somebody sent from a website, may be empty.
pub(crate) fn content(field: &'static str, text: &str) -> Result<String> {
    limited(field, text.trim(), crate::item::CONTENT_CHARS_MAX, true)
}

fn limited(field: &'static str, text: &str, max: usize, lines: bool) -> Result<String> {
    if text.chars().count() > max {
        return Err(Error::invalid(field, format!("at most {max} characters are kept")));
    }
    match text.chars().find(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t' | '\r'))) {
        Some(c) => Err(Error::invalid(
            field,
            format!("the control character U+{:04X} is not allowed", c as u32),
        )),
        None => Ok(text.to_owned()),
    }
}

/// A short technical name: letters, digits, `.`, `_`, `-`.
pub(crate) fn token(field: &'static str, text: &str, max: usize) -> Result<String> {
    let fits = !text.is_empty()
        && text.len() <= max
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid(
            field,
            format!("1-{max} letters, digits, \".\", \"_\" or \"-\" are needed"),
        ))
    }
}

/// The pattern for `LOWER(…) LIKE … ESCAPE '\'` that finds `text` anywhere, taken literally, whatever
/// the case of its letters A to Z.
pub(crate) fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars().take(LINE_CHARS_MAX) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        // A pattern ends at NUL for some databases; no stored text has one.
        pattern.push(if c.is_control() { '\u{fffd}' } else { c.to_ascii_lowercase() });
    }
    pattern.push('%');
    pattern
}

/// An enum whose values have one stable text, in the store and in JSON alike.
macro_rules! text_enum {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal { $( $(#[doc = $vdoc:literal])+ $variant:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        pub enum $name {
            $( $(#[doc = $vdoc])+ #[serde(rename = $text)] #[schema(rename = $text)] $variant, )+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$( $name::$variant ),+];

            /// Its text in the store and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text, )+ }
            }

            /// The one with this text.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $( $text => Some($name::$variant), )+ _ => None }
            }

            #[allow(dead_code, reason = "some enums are never stored")]
            pub(crate) fn stored(doing: &'static str, text: &str) -> $crate::Result<Self> {
                Self::from_text(text).ok_or_else(|| $crate::Error::Stored {
                    doing,
                    what: $what,
                    problem: format!("\"{text}\" is none of the known values"),
                })
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> std::result::Result<Self, String> {
                Self::from_text(text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    format!(concat!("there is no ", $what, " of this name; there are {}"), known.join(", "))
                })
            }
        }
    };
}
pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_log_line() {
        assert!(name("name", "客服\r\nadmin signed in").is_err());
        assert!(name("name", "\u{1b}[2J").is_err());
        assert!(name("name", "  ").is_err());
        assert_eq!(name("name", " 客服 ").unwrap(), "客服");
    }

    #[test]
    fn a_search_text_is_taken_literally() {
        assert_eq!(contains("50%_\\"), "%50\\%\\_\\\\%");
        assert_eq!(contains("Ärger B"), "%Ärger b%");
    }
}
