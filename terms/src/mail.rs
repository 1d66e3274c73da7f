//! One person's mail address: whole, and whatever the case of its letters. Another's longer address that
//! has it within is another's. A letter of a script without blanks that stands beside it in a text, as
//! in `请写zhang@example.com`, is no part of it.

use crate::subscriber::HIDDEN;
use std::ops::Range;

/// Longest address, RFC 5321 §4.5.3.1.3, without the angle brackets.
const BYTES_MAX: usize = 254;
/// Longest part before its sign, RFC 5321 §4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// What stands before the sign beside letters, digits and dots, RFC 5322 §3.2.3.
const LOCAL_SIGNS: &str = "!#$%&'*+/=?^_`{|}~-";
/// What stands behind it beside letters, digits and dots.
const HOME_SIGNS: &str = "-";

/// A mail address that is one person's, its ASCII letters small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress {
    normal: String,
    /// Where its `@` is.
    sign: usize,
}

impl MailAddress {
    /// Reads what somebody wrote: the address alone, without a name or brackets. `None` where it is
    /// none.
    pub fn parse(text: &str) -> Option<MailAddress> {
        let normal = text.trim().to_ascii_lowercase();
        let (local, home) = normal.split_once('@')?;
        let is_short = normal.len() <= BYTES_MAX && local.len() <= LOCAL_BYTES_MAX;
        let is_good = is_short && is_dotted(local, LOCAL_SIGNS) && is_dotted(home, HOME_SIGNS);
        let sign = local.len();
        is_good.then_some(MailAddress { normal, sign })
    }

    /// The address, its ASCII letters small.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// Whether the address stands in a text, whole.
    pub fn is_in(&self, text: &str) -> bool {
        self.is_in_bytes(text.as_bytes())
    }

    /// Whether the address stands in bytes, whole.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.found_in(bytes, 0).is_some()
    }

    /// A pattern of SQL's `LIKE`, in small letters and without quotes, for texts in small letters in
    /// which the address may stand; [`MailAddress::is_in`] says of those it finds whether it does.
    pub fn pattern(&self) -> String {
        self.pattern_with(|c| c.is_ascii_alphanumeric())
    }

    /// The same for what is compared byte by byte, great letters and small ones: it finds more.
    pub fn byte_pattern(&self) -> String {
        self.pattern_with(|c| c.is_ascii_digit())
    }

    /// Signs that `is_said` does not keep stand for any.
    fn pattern_with(&self, is_said: impl Fn(char) -> bool) -> String {
        let mut pattern = String::from("%");
        for c in self.normal.chars() {
            pattern.push(match c {
                '@' | '.' | '-' => c,
                c if is_said(c) => c,
                c if c.is_ascii() => '_',
                // Bytes are not counted as letters are.
                _ => '%',
            });
        }
        pattern.push('%');
        pattern
    }

    /// The text with the address made unreadable; `None` where it does not stand in it.
    pub fn hidden_in(&self, text: &str) -> Option<String> {
        let mut hidden = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(found) = self.found_in(text.as_bytes(), at) {
            hidden.push_str(text.get(at..found.start)?);
            hidden.push_str(HIDDEN);
            at = found.end;
        }
        hidden.push_str(text.get(at..)?);
        (at > 0).then_some(hidden)
    }

    /// Where it stands first in bytes from `from` on.
    fn found_in(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        (from..bytes.len())
            .filter(|at| bytes[*at] == b'@')
            .filter_map(|at| at.checked_sub(self.sign).filter(|begin| *begin >= from))
            .map(|begin| begin..begin + self.normal.len())
            .find(|place| self.is_at(bytes, place))
    }

    fn is_at(&self, bytes: &[u8], place: &Range<usize>) -> bool {
        let found = bytes.get(place.clone());
        found.is_some_and(|found| found.eq_ignore_ascii_case(self.normal.as_bytes()))
            && !begins_earlier(&bytes[..place.start])
            && !ends_later(&bytes[place.end..])
    }
}

/// Words of letters, digits and `signs` between dots.
fn is_dotted(text: &str, signs: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || signs.contains(c);
    text.split('.').all(|word| !word.is_empty() && word.chars().all(is_plain))
}

/// What stands before an address is the beginning of a longer one. Signs that part words in addresses
/// of the web and in remarks (`to=`, `/`, `*`) begin none.
fn begins_earlier(before: &[u8]) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    match before {
        // The end of a line, as JSON writes it.
        [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] => false,
        [.., part, b'.' | b'\''] => is_part(*part),
        [.., part] => is_part(*part),
        [] => false,
    }
}

/// What stands behind an address is the end of a longer one.
fn ends_later(after: &[u8]) -> bool {
    match after {
        [b'.' | b'-', part, ..] => part.is_ascii_alphanumeric(),
        [part, ..] => part.is_ascii_alphanumeric() || *part == b'_',
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zhang() -> MailAddress {
        MailAddress::parse("Zhang.Wei@Example.com").expect("an address")
    }

    #[test]
    fn a_whole_address_is_read_and_nothing_else() {
        assert_eq!(zhang().normal(), "zhang.wei@example.com");
        for good in ["o'neil+box@mail.example.com", " a@b ", "138@139.com", "张伟@例子.中国"]
        {
            assert!(MailAddress::parse(good).is_some(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "zhang",
            "@example.com",
            "zhang@",
            "zhang.@example.com",
            "zhang@example..com",
            "zhang@exam ple.com",
            "a@b@example.com",
            "Zhang <zhang@example.com>",
            "sip:1001@box",
            "zhang@example_com",
            "\"a b\"@example.com",
            &long,
        ] {
            assert_eq!(MailAddress::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_is_found_whole_whatever_its_case() {
        for text in [
            "zhang.wei@example.com",
            "ZHANG.WEI@EXAMPLE.COM",
            "Zhang Wei <Zhang.Wei@example.com>",
            "mailto:zhang.wei@example.com?subject=x",
            "to=zhang.wei@example.com",
            "write to zhang.wei@example.com.",
            "请写zhang.wei@example.com的客户",
            "li@example.com, zhang.wei@example.com",
            "{\"text\":\"bye\\nzhang.wei@example.com\"}",
            "'zhang.wei@example.com'",
            "...zhang.wei@example.com",
            "zhang.wei@example.com- he said",
        ] {
            assert!(zhang().is_in(text), "{text}");
        }
    }

    #[test]
    fn a_longer_address_is_somebody_elses() {
        for text in [
            "li.zhang.wei@example.com",
            "lizhang.wei@example.com",
            "li-zhang.wei@example.com",
            "li+zhang.wei@example.com",
            "o'zhang.wei@example.com",
            "zhang.wei@example.com.cn",
            "zhang.wei@example.community",
            "zhang.wei@example.com-shop.cn",
            "zhang.wei@mail.example.com",
            "wei@example.com",
            "zhang_wei@example.com",
            "zhang.wei at example.com",
            "",
        ] {
            assert!(!zhang().is_in(text), "{text}");
        }
    }

    #[test]
    fn an_address_is_hidden_where_it_stands_whole() {
        let text = "Zhang.Wei@example.com, li.zhang.wei@example.com和zhang.wei@example.com。";
        let hidden = "***, li.zhang.wei@example.com和***。";
        assert_eq!(zhang().hidden_in(text).as_deref(), Some(hidden));
        assert_eq!(zhang().hidden_in("li@example.com 说"), None);
    }

    #[test]
    fn a_pattern_finds_what_may_have_the_address_in_it_and_has_no_quotes() {
        let oneil = MailAddress::parse("O'Neil_1@a-b.cn").expect("an address");
        assert_eq!(oneil.pattern(), "%o_neil_1@a-b.cn%");
        assert_eq!(oneil.byte_pattern(), "%_______1@_-_.__%");
        let wei = MailAddress::parse("张a@例.cn").expect("an address");
        assert_eq!(
            (wei.pattern().as_str(), wei.byte_pattern().as_str()),
            ("%%a@%.cn%", "%%_@%.__%")
        );
    }
}
