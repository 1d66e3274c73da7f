//! What an entry of digits must look like: its form, and its check digit. Pure arithmetic on what
//! a caller typed; nothing here searches or backtracks.

use serde::{Deserialize, Serialize};

/// Longest form in characters.
pub const FORM_CHARS_MAX: usize = 128;
/// What a telephone can send into an entry.
const DIGITS: &str = "0123456789";

/// True for a text that is a form: a digit or `*` stands for itself, `?` for any digit, `[3-9]`
/// and `[13]` for one of those.
pub fn is_form(form: &str) -> bool {
    form.len() <= FORM_CHARS_MAX && places(form).is_some()
}

/// True when `digits` has the form. A text that is no form has no entry.
pub fn fits(form: &str, digits: &str) -> bool {
    places(form).is_some_and(|places| {
        places.len() == digits.chars().count()
            && places.iter().zip(digits.chars()).all(|(place, digit)| place.contains(digit))
    })
}

/// For each place of the form the keys that may stand there; a form has one place at least.
fn places(form: &str) -> Option<Vec<String>> {
    let mut places = Vec::new();
    let mut chars = form.chars();
    while let Some(c) = chars.next() {
        places.push(match c {
            '?' => DIGITS.to_owned(),
            '0'..='9' | '*' => c.to_string(),
            '[' => {
                let (inner, after) = chars.as_str().split_once(']')?;
                chars = after.chars();
                one_of(inner)?
            }
            _ => return None,
        });
    }
    (!places.is_empty()).then_some(places)
}

/// `13-5*` is 1, 3, 4, 5 or the star.
fn one_of(inner: &str) -> Option<String> {
    let chars: Vec<char> = inner.chars().collect();
    let mut keys = String::new();
    let mut at = 0;
    while let Some(&first) = chars.get(at) {
        if !first.is_ascii_digit() && first != '*' {
            return None;
        }
        match chars.get(at + 1..at + 3) {
            Some(&['-', last]) if first.is_ascii_digit() && last.is_ascii_digit() => {
                keys.extend(first..=last);
                at += 3;
            }
            _ => {
                keys.push(first);
                at += 1;
            }
        }
    }
    (!keys.is_empty()).then_some(keys)
}

/// How the last place of an entry follows from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckDigit {
    /// Cards and many customer numbers: ISO/IEC 7812-1, annex B.
    Luhn,
    /// Identity cards 居民身份证: ISO/IEC 7064, MOD 11-2, as GB 11643-1999 uses it. The key `*`
    /// stands for the X.
    #[serde(rename = "mod_11_2")]
    Mod112,
}

impl CheckDigit {
    /// True when the last place is right.
    pub fn holds(self, digits: &str) -> bool {
        match self {
            CheckDigit::Luhn => luhn(digits),
            CheckDigit::Mod112 => mod_11_2(digits),
        }
    }
}

fn luhn(digits: &str) -> bool {
    let values: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(10)).collect();
    values.is_some_and(|values| {
        let every_second = values.iter().rev().enumerate().map(|(place, &value)| {
            let value = if place % 2 == 1 { value * 2 } else { value };
            value / 10 + value % 10
        });
        values.len() > 1 && every_second.sum::<u32>().is_multiple_of(10)
    })
}

/// Each place has the weight 2^n, counted from the last; the sum leaves 1 when divided by 11.
fn mod_11_2(digits: &str) -> bool {
    let last = digits.chars().count().saturating_sub(1);
    let sum = digits.chars().enumerate().try_fold(0_u32, |sum, (place, c)| {
        let value = match c {
            '*' if place == last => 10,
            _ => c.to_digit(10)?,
        };
        // Doubling what came before gives it its weight.
        Some((sum * 2 + value) % 11)
    });
    last > 0 && sum == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_fits_its_form_place_by_place() {
        for (form, good, bad) in [
            ("1[3-9]?????????", "13800138000", "12800138000"),
            ("20??0[1-9]", "202609", "202600"),
            ("20??1[0-2]", "202612", "202613"),
            ("[13-5*]", "*", "2"),
            ("95*1", "95*1", "9501"),
            ("???", "123", "1234"),
        ] {
            assert!(is_form(form) && fits(form, good), "{form} {good}");
            assert!(!fits(form, bad), "{form} {bad}");
        }
    }

    #[test]
    fn what_is_no_form_is_told_apart_and_fits_nothing() {
        for bad in ["", "[", "[12", "[12][12", "[]", "[a]", "[1-]", "a", "1]", "+86"] {
            assert!(!is_form(bad), "{bad}");
            assert!(!fits(bad, "1") && !fits(bad, ""), "{bad}");
        }
        assert!(!is_form(&"?".repeat(FORM_CHARS_MAX + 1)));
    }

    #[test]
    fn a_wrong_or_swapped_digit_breaks_the_check() {
        let luhn = |digits| CheckDigit::Luhn.holds(digits);
        assert!(luhn("79927398713") && luhn("4111111111111111"));
        assert!(!luhn("79927398710") && !luhn("97927398713") && !luhn("0") && !luhn("7a"));
        let card = |digits| CheckDigit::Mod112.holds(digits);
        // The sample of GB 11643-1999, and one that ends with X.
        assert!(card("11010519491231002*") && card("440524188001010014"));
        assert!(!card("440524188001010015") && !card("440524180801010014"));
        assert!(!card("*") && !card("1*1") && !card(""));
    }
}
