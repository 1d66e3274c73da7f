//! One subscriber's number in every form in which rows hold it: as normalised, with the country code,
//! with 00, with the leading zero of a national number, and without any. It is the whole number or
//! none: digits that stand within a longer number are somebody else's.

use crate::PhoneNumber;
use serde::{Deserialize, Serialize};

/// Fewer digits are no person's number.
pub const DIGITS_MIN: usize = 6;
/// From so many digits on a number that came without `+` has an area code.
const NATIONAL_MIN: usize = 9;
/// What stands in place of a number that is hidden.
const HIDDEN: &str = "***";

/// A number that is one person's. `core` is in all of its forms; each of `prefixes` may stand before
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Whether the number stands in bytes, whole.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        bytes.split(|byte| !byte.is_ascii_digit()).any(|run| self.prefix_of(run).is_some())
    }

    /// The text with the number made unreadable; `None` where it does not stand in it.
    pub fn hidden_in(&self, text: &str) -> Option<String> {
        let mut hidden = String::with_capacity(text.len());
        let (mut rest, mut found) = (text, false);
        while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(begin);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (run, after) = from.split_at(end);
            hidden.push_str(before);
            match self.prefix_of(run.as_bytes()) {
                Some(length) => {
                    hidden.push_str(&run[..length]);
                    hidden.push_str(HIDDEN);
                    found = true;
                }
                None => hidden.push_str(run),
            }
            rest = after;
        }
        hidden.push_str(rest);
        found.then_some(hidden)
    }

    /// How long what stands before the core is in a run of digits that is the number.
    fn prefix_of(&self, run: &[u8]) -> Option<usize> {
        let prefix = run.strip_suffix(self.core.as_bytes())?;
        self.prefixes.iter().any(|of| of.as_bytes() == prefix).then_some(prefix.len())
    }
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
    fn a_number_is_hidden_where_it_stands_whole() {
        let mobile = person("13800138000");
        let text = "+8613800138000 and 138001380001, 13800138000";
        assert_eq!(mobile.hidden_in(text).as_deref(), Some("+86*** and 138001380001, ***"));
        assert_eq!(mobile.hidden_in("138001380001 说"), None);
        assert_eq!(mobile.hidden_in("请打13800138000。").as_deref(), Some("请打***。"));
    }
}
