//! One subscriber's number in every form in which rows hold it: as normalised, with the country code,
//! with 00, with the leading zero of a national number, and without any. It is the whole number or
//! none: digits that stand within a longer number are somebody else's. A long one is found in groups
//! too, as people write it into a remark: `138 0013-8000`.

use crate::PhoneNumber;
use serde::{Deserialize, Serialize};

/// Fewer digits are no person's number.
pub const DIGITS_MIN: usize = 6;
/// From so many digits on a number that came without `+` has an area code.
const NATIONAL_MIN: usize = 9;
/// From so many digits on a number is looked for in groups: fewer are as often a date.
const GROUPED_MIN: usize = 9;
/// Most signs between two groups.
const GAP_MAX: usize = 3;
/// Most digits of a country code, ITU-T E.164.
const COUNTRY_MAX: usize = 3;
/// What stands between the groups of a number: blanks (also of no break, narrow ones and those of
/// Chinese), hyphens and dashes, brackets, dots.
const GAPS: [&str; 17] = [
    " ", "\u{a0}", "\u{2009}", "\u{202f}", "\u{3000}", "-", "\u{2010}", "\u{2011}", "\u{2012}",
    "\u{2013}", "\u{2014}", "\u{2212}", "\u{ff0d}", "(", ")", ".", "\u{b7}",
];
/// What stands in place of a number or a mail address that is hidden.
pub(crate) const HIDDEN: &str = "***";

/// A number that is one person's. `core` is in all of its forms; each of `prefixes` may stand before
/// it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subscriber {
    normal: String,
    core: String,
    prefixes: Vec<String>,
}

impl Subscriber {
    /// Reads what somebody wrote, however it is written; blanks, hyphens, brackets and dots do not
    /// count. `country` is the tenant's country code without `+`. `None` where it is no number, or too
    /// short to be one person's.
    pub fn parse(text: &str, country: &str) -> Option<Subscriber> {
        let is_space = |c: char| c.is_whitespace() || matches!(c, '-' | '(' | ')' | '.');
        let number: String = text.chars().filter(|&c| !is_space(c)).collect();
        Subscriber::of_normal(&PhoneNumber::parse(&number, country).normal, country)
    }

    /// Whose number this is, normalised.
    pub fn of_normal(normal: &str, country: &str) -> Option<Subscriber> {
        let (core, is_home) = match normal.strip_prefix('+') {
            Some(rest) => match rest.strip_prefix(country).filter(|_| !country.is_empty()) {
                Some(national) => (national, true),
                None => (rest, false),
            },
            None => {
                let core = normal.trim_start_matches('0');
                (core, core.len() >= NATIONAL_MIN)
            }
        };
        if core.len() < DIGITS_MIN || !core.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut prefixes = vec![String::new()];
        match (is_home, normal.starts_with('+')) {
            (true, _) if country.is_empty() => prefixes.push("0".to_owned()),
            (true, _) => {
                prefixes.extend(["0".to_owned(), country.to_owned(), format!("00{country}")])
            }
            (false, true) => prefixes.push("00".to_owned()),
            (false, false) => {}
        }
        Some(Subscriber { normal: normal.to_owned(), core: core.to_owned(), prefixes })
    }

    /// A number that is too short to be one person's, as it is; `None` where it has no digit.
    pub fn short(normal: &str) -> Option<Subscriber> {
        let core: String = normal.chars().filter(char::is_ascii_digit).collect();
        let prefixes = vec![String::new()];
        (!core.is_empty()).then(|| Subscriber { normal: normal.to_owned(), core, prefixes })
    }

    /// The number, normalised.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// The digits that every form has in it: what does not have them has no form of the number.
    pub fn core(&self) -> &str {
        &self.core
    }

    /// Whether the number stands in a text, whole.
    pub fn is_in(&self, text: &str) -> bool {
        self.is_in_bytes(text.as_bytes())
    }

    /// A pattern of SQL's `LIKE` for texts in which the number may stand; [`Subscriber::is_in`] says of
    /// those it finds whether it does.
    pub fn pattern(&self) -> String {
        if !self.is_grouped() {
            return format!("%{}%", self.core);
        }
        let mut pattern = String::from("%");
        for digit in self.core.chars() {
            pattern.push(digit);
            pattern.push('%');
        }
        pattern
    }

    /// Whether the number stands in bytes, whole.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.found_in(bytes, 0).is_some()
    }

    /// The text with the number made unreadable; `None` where it does not stand in it.
    pub fn hidden_in(&self, text: &str) -> Option<String> {
        let mut hidden = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(found) = self.found_in(text.as_bytes(), at) {
            hidden.push_str(text.get(at..found.core)?);
            hidden.push_str(HIDDEN);
            at = found.end;
        }
        hidden.push_str(text.get(at..)?);
        (at > 0).then_some(hidden)
    }

    fn is_grouped(&self) -> bool {
        self.core.len() >= GROUPED_MIN
    }

    /// Where it stands first in bytes from `at` on, which is no place between two digits.
    fn found_in(&self, bytes: &[u8], at: usize) -> Option<Found> {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let begins = |&begin: &usize| is_digit(begin) && (begin == 0 || !is_digit(begin - 1));
        (at..bytes.len()).filter(begins).find_map(|begin| self.found_at(bytes, begin))
    }

    /// The number where its first digit is at `begin`, before which there is none.
    fn found_at(&self, bytes: &[u8], begin: usize) -> Option<Found> {
        let of = |prefix: &String| {
            let (mut at, mut core) = (begin, begin);
            for (nth, digit) in prefix.bytes().chain(self.core.bytes()).enumerate() {
                if nth > 0 && self.is_grouped() {
                    at += gap(&bytes[at..]);
                }
                if nth == prefix.len() {
                    core = at;
                }
                if bytes.get(at) != Some(&digit) {
                    return None;
                }
                at += 1;
            }
            let is_whole = !bytes.get(at).is_some_and(u8::is_ascii_digit);
            is_whole.then_some(Found { core, end: at })
        };
        let found = self.prefixes.iter().find_map(of)?;
        (!self.is_abroad(&bytes[..begin])).then_some(found)
    }

    /// Whether what stands before a number is the code of a country that is not its own.
    fn is_abroad(&self, before: &[u8]) -> bool {
        let Some(code) = code_before(before) else { return false };
        !self.prefixes.iter().any(|prefix| prefix.as_bytes() == code)
    }
}

/// Where a number was found in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    /// Where the digits begin that are in all of its forms.
    core: usize,
    /// Where it has ended.
    end: usize,
}

/// How many bytes the gap between two groups takes with which these begin; 0 where there is none.
fn gap(bytes: &[u8]) -> usize {
    let mut length = 0;
    for _ in 0..GAP_MAX {
        let rest = &bytes[length..];
        let sign = GAPS.iter().find(|sign| rest.starts_with(sign.as_bytes()));
        length += sign.map_or(0, |sign| sign.len());
    }
    length
}

/// The country code, as `44` of `+44 (0)`, with which these bytes end, but for what parts it from the
/// number.
fn code_before(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..GAP_MAX {
        let sign = GAPS.iter().find(|sign| rest.ends_with(sign.as_bytes()));
        rest = &rest[..rest.len() - sign.map_or(0, |sign| sign.len())];
    }
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, code) = rest.split_at(rest.len() - digits);
    (1..=COUNTRY_MAX).contains(&digits).then_some(code).filter(|_| before.ends_with(b"+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(text: &str) -> Subscriber {
        Subscriber::parse(text, "86").expect("a number")
    }

    #[test]
    fn every_form_of_a_number_is_one_subscribers_and_no_longer_number_is() {
        for written in ["138 0013-8000", "+86 138 0013 8000", "008613800138000", "(0)13800138000"] {
            let mobile = person(written);
            for form in ["13800138000", "+8613800138000", "008613800138000", "013800138000"] {
                assert!(mobile.is_in(form), "{written}: {form}");
                assert!(mobile.is_in(&format!("ring {form}, then wait")), "{form}");
            }
            for other in
                ["913800138000", "138001380001", "+4413800138000", "1380013800", "138001380"]
            {
                assert!(!mobile.is_in(other), "{written}: {other}");
            }
        }
        let line = person("020 8765 4321");
        assert_eq!((line.normal(), line.core()), ("+862087654321", "2087654321"));
        assert!(line.is_in("02087654321") && line.is_in("tel:+862087654321;ext=8001"));
        assert!(!line.is_in("+8612087654321") && !line.is_in("020876543210"));
        assert!(!line.is_in("87654321"), "that is a number of any area");
    }

    #[test]
    fn a_number_of_another_country_or_of_none_has_fewer_forms() {
        let abroad = person("+44 20 7123 4567");
        assert!(abroad.is_in("00442071234567") && abroad.is_in("+442071234567"));
        assert!(!abroad.is_in("2071234567") && !abroad.is_in("86442071234567"));
        let service = person("95105688");
        assert!(service.is_in("95105688") && !service.is_in("095105688"));
        let nowhere = Subscriber::parse("01088881234", "").expect("a number");
        assert!(nowhere.is_in("01088881234") && nowhere.is_in("1088881234"));
        // As it was put down before the whole number was.
        assert!(person("2087654321").is_in("+862087654321"));
    }

    #[test]
    fn what_is_no_persons_number_is_nobodys() {
        for bad in ["", "12345", "withheld", "138%0013", "abc123456", "95105", "+8612345"] {
            assert_eq!(Subscriber::parse(bad, "86"), None, "{bad}");
        }
    }

    #[test]
    fn a_number_in_groups_is_found_and_what_is_near_it_is_not() {
        let mobile = person("13800138000");
        for written in [
            "138 0013 8000",
            "138-0013-8000",
            "+86 138 0013 8000",
            "+86 (0)138-0013.8000",
            "(0) 138 - 0013 - 8000",
            "138\u{a0}0013\u{3000}8000",
            "0086 1380013 8000",
            "3 times 138 0013 8000, 2 rings",
        ] {
            assert!(mobile.is_in(written), "{written}");
        }
        for other in [
            "138 0013 80001",
            "9138 0013 8000",
            "+44 138 0013 8000",
            "138 0013, 8000",
            "138     0013 8000",
            "138 0013 800",
            "138/0013/8000",
        ] {
            assert!(!mobile.is_in(other), "{other}");
        }
        let line = person("020 8765 4321");
        assert!(line.is_in("+86-20-8765 4321") && line.is_in("(020) 8765-4321"));
        // Eight digits in groups are as often a date.
        let service = person("20261123");
        assert!(service.is_in("20261123") && !service.is_in("2026-11-23"));
    }

    #[test]
    fn a_pattern_finds_what_may_have_the_number_in_it() {
        assert_eq!(person("95105688").pattern(), "%95105688%");
        assert_eq!(person("020 8765 4321").pattern(), "%2%0%8%7%6%5%4%3%2%1%");
    }

    #[test]
    fn a_short_number_is_found_as_it_is() {
        let short = Subscriber::short("110").expect("digits");
        assert!(short.is_in("110") && short.is_in("rang 110."));
        assert!(!short.is_in("1100") && !short.is_in("0110") && !short.is_in("11 0"));
        assert_eq!(Subscriber::short("withheld"), None);
    }

    #[test]
    fn a_number_is_hidden_where_it_stands_whole() {
        let mobile = person("13800138000");
        let text = "+8613800138000 and 138001380001, 13800138000";
        assert_eq!(mobile.hidden_in(text).as_deref(), Some("+86*** and 138001380001, ***"));
        assert_eq!(mobile.hidden_in("138001380001 说"), None);
        assert_eq!(mobile.hidden_in("请打13800138000。").as_deref(), Some("请打***。"));
        let text = "+86 138 0013 8000 或 (0)138-0013-8000。";
        assert_eq!(mobile.hidden_in(text).as_deref(), Some("+86 *** 或 (0)***。"));
    }
}
