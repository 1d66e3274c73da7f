//! Telephone numbers, kept as received, as normalised (E.164 with `+`, or a short number as it is)
//! and as shown. What a caller sends is data: it is never split, evaluated or made part of a path.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Longest dialled string that is kept; the rest is cut.
pub const NUMBER_CHARS_MAX: usize = 64;

/// A number in its three forms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// The user part as it came, hostile characters replaced by `?`.
    pub received: String,
    /// E.164 with `+` where it could be told, else the digits.
    pub normal: String,
    /// What people see.
    pub shown: String,
}

impl PhoneNumber {
    /// Parses what a caller sent, [`NUMBER_CHARS_MAX`] characters of it. `country` is the tenant's
    /// country code without `+`; without one, national numbers stay as they were dialled.
    ///
    /// Characters outside `[0-9*#+A-Za-z._-]` become `?`, so the result is safe in logs and lists.
    pub fn parse(received: &str, country: &str) -> Self {
        let received: String = received
            .chars()
            .take(NUMBER_CHARS_MAX)
            .map(|c| if is_dialable(c) { c } else { '?' })
            .collect();
        let normal = normalise(&received, country);
        PhoneNumber { shown: normal.clone(), received, normal }
    }

    /// True when no caller number came (anonymous or withheld).
    pub fn is_withheld(&self) -> bool {
        matches!(self.normal.to_ascii_lowercase().as_str(), "" | "anonymous" | "unavailable")
    }
}

/// Characters that a dialled user part may hold.
pub fn is_dialable(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '*' | '#' | '+' | '.' | '_' | '-')
}

/// A number as people may see it from whom numbers are hidden: `+86138****8000`. Four characters before
/// the last four are hidden; of a short number all but the last two.
pub fn masked(number: &str) -> String {
    let length = number.chars().count();
    let hidden = if length >= 8 { length - 8..length - 4 } else { 0..length.saturating_sub(2) };
    number.chars().enumerate().map(|(at, c)| if hidden.contains(&at) { '*' } else { c }).collect()
}

/// An address as the same people may see it: of a mail address the first letter and its home,
/// `z***@example.com`; anything else as [`masked`] shows it, an address of SIP too.
pub fn masked_address(address: &str) -> String {
    let is_sip = address.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sip:"))
        || address.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("sips:"));
    match address.rsplit_once('@').filter(|_| !is_sip) {
        Some((local, home)) => {
            // Of one or two letters the first would tell too much; what was hidden before stays so.
            let first = local.chars().next().filter(|c| *c != '*' && local.chars().count() > 2);
            format!("{}***@{home}", first.map_or(String::new(), String::from))
        }
        None => masked(address),
    }
}

/// Fewest and most digits of what may be a telephone number in a text, an international prefix
/// included. Ids of calls, contacts and legs are longer.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=16;
/// Fewest digits of one that is written in groups: dates have eight.
const GROUPED_DIGITS_MIN: usize = 11;

/// A text with the middle of every telephone number in it hidden, whether its digits stand together
/// (`13800138000`) or in groups (`138-0013 8000`, `(138) 0013.8000`). An IPv4 address is left as it is.
pub fn masked_within(text: &str) -> String {
    let mut shown: Vec<char> = text.chars().collect();
    let mut group: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < shown.len() {
        let run = shown[at..].iter().take_while(|c| is_digit(**c)).count();
        // What stars stand behind was hidden before.
        if run < *DIGITS.start() && !shown[at + run..].starts_with(&['*'; 4]) {
            group.extend(at..at + run);
        }
        if DIGITS.contains(&run) {
            let hidden = if run >= 8 { run - 8..run - 4 } else { 0..run - 2 };
            shown[at + hidden.start..at + hidden.end].fill('*');
        }
        at += run;
        let is_short = (1..*DIGITS.start()).contains(&run);
        let gap = if is_short { gap(&shown[at..]) } else { 0 };
        if gap == 0 {
            hide_group(&mut shown, &std::mem::take(&mut group));
        }
        // What stands behind a run is no digit.
        at += gap.max(1);
    }
    hide_group(&mut shown, &group);
    shown.into_iter().collect()
}

/// How many characters stand between the group of digits that has ended here and the next one: 0 where
/// none follows.
fn gap(rest: &[char]) -> usize {
    let is_parenthesis = |c: &char| matches!(c, '(' | ')');
    match rest {
        [joint, digit, ..] if is_joint(*joint) && is_digit(*digit) => 1,
        [one, other, digit, ..]
            if [one, other].into_iter().all(|c| is_joint(*c))
                && [one, other].into_iter().any(is_parenthesis)
                && is_digit(*digit) =>
        {
            2
        }
        _ => 0,
    }
}

/// What groups of digits are written with: visual separators, RFC 3966 §5.1.1, and what people and
/// [`PhoneNumber::parse`] put in their place.
fn is_joint(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '?' | '/' | '(' | ')')
}

/// Hides digits that are written in groups, where they may be a number: all but the first three and the
/// last four, because a date may stand beside it.
fn hide_group(shown: &mut [char], digits: &[usize]) {
    if digits.len() >= GROUPED_DIGITS_MIN {
        let text: String = shown[digits[0]..=digits[digits.len() - 1]].iter().collect();
        if text.parse::<Ipv4Addr>().is_ok() {
            return;
        }
        for at in &digits[3..digits.len() - 4] {
            shown[*at] = '*';
        }
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ('０'..='９').contains(&c)
}

/// The pattern for SQL's `LIKE` with `\` as escape that a text with wildcards means: `*` stands for
/// any characters, `?` for one, and the whole number has to fit. `None` where it has none: then it is
/// a part of the number.
pub fn like(text: &str) -> Option<String> {
    if !text.contains(['*', '?']) {
        return None;
    }
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    Some(pattern)
}

fn normalise(received: &str, country: &str) -> String {
    let is_number = received.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && received.chars().any(|c| c.is_ascii_digit());
    if !is_number {
        return received.to_owned();
    }
    let digits: String = received.chars().filter(char::is_ascii_digit).collect();
    if received.starts_with('+') {
        return format!("+{digits}");
    }
    if let Some(rest) = digits.strip_prefix("00").filter(|rest| rest.len() >= 8) {
        return format!("+{rest}");
    }
    // A national number starts with the trunk prefix 0, or is a Chinese mobile number: 11 digits
    // from 13 to 19. Short numbers and service numbers (95xxx, 110) stay as they are.
    if let Some(rest) = digits.strip_prefix('0').filter(|rest| rest.len() >= 9)
        && !country.is_empty()
    {
        return format!("+{country}{rest}");
    }
    if country == "86" && digits.len() == 11 && digits.starts_with('1') {
        return format!("+86{digits}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_number_keeps_its_shape() {
        for (number, shown) in [
            ("+8613800138000", "+86138****8000"),
            ("13800138000", "138****8000"),
            ("95105688", "****5688"),
            ("8001", "**01"),
            ("1", "1"),
            ("", ""),
        ] {
            assert_eq!(masked(number), shown);
        }
    }

    #[test]
    fn of_a_mail_address_its_first_letter_and_its_home_are_shown() {
        for (address, shown) in [
            ("zhang.wei@example.com", "z***@example.com"),
            ("13800138000@139.com", "1***@139.com"),
            ("张伟明@例子.中国", "张***@例子.中国"),
            ("ab@example.com", "***@example.com"),
            ("@example.com", "***@example.com"),
            ("\"a@b\"@example.com", "\"***@example.com"),
            ("+8613800138000", "+86138****8000"),
            ("", ""),
        ] {
            assert_eq!(masked_address(address), shown, "{address}");
            let again = masked_address(shown);
            assert!(!shown.contains("***@") || again == shown, "what is hidden stays as it is");
        }
        for sip in ["sip:1001@box", "SIPS:1001@box"] {
            assert_eq!(masked_address(sip), masked(sip));
        }
    }

    #[test]
    fn a_number_within_a_text_is_masked_and_nothing_else_is() {
        for (text, shown) in [
            ("+8613800138000", "+86138****8000"),
            ("call 13800138000, or 62345678.", "call 138****8000, or ****5678."),
            ("1380013 8", "*****13 8"),
            ("138-0013-8000", "138-****-8000"),
            ("138 0013 8000 2026-11-23", "138 **** **** ****-11-23"),
            ("138.0013.8000", "138.****.8000"),
            ("(138)0013-8000", "(138)****-8000"),
            ("+86 (138) 0013-8000", "+86 (1**) ****-8000"),
            ("138?0013?8000", "138?****?8000"),
            ("138/0013/8000", "138/****/8000"),
            ("192.168.100.200:5060", "192.168.100.200:5060"),
            ("2026-11-23 13800138000", "2026-11-23 138****8000"),
            ("sip:+8613800138000@gw", "sip:+86138****8000@gw"),
            ("１３８００１３８０００", "１３８****８０００"),
            ("1001", "1001"),
            ("2026-11-23T04:00:00.123456Z", "2026-11-23T04:00:00.123456Z"),
            ("2026-11-01..2026-11-15", "2026-11-01..2026-11-15"),
            ("123456789012345678", "123456789012345678"),
            ("阳光小区8号楼101", "阳光小区8号楼101"),
            ("", ""),
        ] {
            assert_eq!(masked_within(text), shown, "{text}");
            assert_eq!(masked_within(shown), shown, "what is hidden stays as it is");
        }
    }

    #[test]
    fn one_subscriber_has_one_normal_form() {
        for text in ["+8613800138000", "008613800138000", "13800138000", "+86-138-0013-8000"] {
            assert_eq!(PhoneNumber::parse(text, "86").normal, "+8613800138000", "{text}");
        }
        assert_eq!(PhoneNumber::parse("02087654321", "86").normal, "+862087654321");
    }

    #[test]
    fn wildcards_become_a_pattern_and_nothing_else_of_the_text_does() {
        assert_eq!(like("+86138*7?").as_deref(), Some("+86138%7_"));
        assert_eq!(like("*a_b%c\\").as_deref(), Some("%a\\_b\\%c\\\\"));
        assert_eq!(like("13800"), None);
    }

    #[test]
    fn short_and_service_numbers_stay() {
        for text in ["95105688", "1001", "110", "*45", "alice"] {
            assert_eq!(PhoneNumber::parse(text, "86").normal, text);
        }
    }

    #[test]
    fn hostile_text_is_defused() {
        let number = PhoneNumber::parse("300&Zap/g1/'; DROP\r\n<b>", "86");
        assert!(number.received.chars().all(|c| is_dialable(c) || c == '?'));
    }
}
