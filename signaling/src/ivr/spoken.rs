//! Values said as people say them, from prompts that are parts of speech: numbers, digits, money,
//! dates and times, in Chinese and in English words. Every other language takes the English order.
//! Promise: whatever a value holds, the result is a short list of parts of [`parts`]; a value that
//! is not what the step says it is has its digits read one by one.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};
use chrono_tz::Tz;
use terms::numeral::{self, Numeral};

/// Most digits that are read out one by one.
pub const READ_MAX: usize = 32;
/// Numbers below this are said as numbers; others are read digit by digit.
const NUMBER_END: u64 = numeral::END;
/// Digits behind the point that are read.
const DECIMALS_MAX: usize = 6;

/// How a value is said: the word before the colon in `number:${account}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One digit after the other.
    Digits,
    /// 123 is a hundred and twenty-three.
    Number,
    /// An amount of yuan with at most two decimals.
    Money,
    /// `2026-11-28`, `20261128`, an RFC 3339 time, or `today`.
    Date,
    /// `14:05`, an RFC 3339 time, or `now`.
    Time,
}

impl Way {
    /// All of them with their words.
    pub const ALL: [(&'static str, Way); 5] = [
        ("digits", Way::Digits),
        ("number", Way::Number),
        ("money", Way::Money),
        ("date", Way::Date),
        ("time", Way::Time),
    ];

    /// The way of a word.
    pub fn of(word: &str) -> Option<Way> {
        Way::ALL.iter().find(|(name, _)| *name == word).map(|&(_, way)| way)
    }

    /// What a value must look like.
    pub const fn right(self) -> &'static str {
        match self {
            Way::Digits => "digits",
            Way::Number => "a number below 1000000000000 such as 123, -4 or 5.25",
            Way::Money => "an amount such as 12, 12.5 or 12.50",
            Way::Date => "a date such as 2026-11-28, or today",
            Way::Time => "a time such as 14:05, or now",
        }
    }

    /// Whether a value that is written into a flow is what it should be.
    pub fn takes(self, value: &str) -> bool {
        match self {
            Way::Digits => value.chars().any(|c| c.is_ascii_digit()),
            Way::Number => Decimal::parse(value).is_some(),
            Way::Money => Decimal::parse(value).is_some_and(|amount| amount.behind.len() <= 2),
            Way::Date => value == "today" || date(value, Tz::UTC).is_some(),
            Way::Time => value == "now" || time(value, Tz::UTC).is_some(),
        }
    }
}

/// Where and when it is said.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The language, such as `zh-CN`.
    pub language: &'a str,
    /// The tenant's clock.
    pub now: DateTime<Tz>,
}

/// The parts that say a value, by name without the language.
pub fn say(scene: &Scene, way: Way, value: &str) -> Vec<String> {
    let value = value.trim();
    let zone = scene.now.timezone();
    let words = Words { chinese: scene.language.starts_with("zh") };
    let said = match way {
        Way::Digits => None,
        Way::Number => Decimal::parse(value).map(|number| words.decimal(&number)),
        Way::Money => Decimal::parse(value).map(|amount| words.money(&amount)),
        Way::Date if value == "today" => Some(words.date(scene.now.date_naive())),
        Way::Date => date(value, zone).map(|date| words.date(date)),
        Way::Time if value == "now" => Some(words.time(scene.now.time())),
        Way::Time => time(value, zone).map(|time| words.time(time)),
    };
    said.unwrap_or_else(|| read(value))
}

/// A whole number below [`NUMBER_END`] as it is said, in parts without the language.
pub fn number(language: &str, number: u64) -> Vec<String> {
    Words { chinese: language.starts_with("zh") }.number(number)
}

/// Every part that may be needed in `language`.
pub fn parts(language: &str) -> Vec<String> {
    let digit = |n: &u64| format!("digits/{n}");
    let word = |word: &&str| format!("words/{word}");
    if language.starts_with("zh") {
        let numbers = (0..=10).chain([100, 1_000, 10_000, 100_000_000]);
        let words = [
            "two", "point", "minus", "yuan", "jiao", "fen", "year", "month", "day", "oclock",
            "minute",
        ];
        return numbers.map(|n| digit(&n)).chain(words.iter().map(word)).collect();
    }
    let numbers = (0..=20).chain((30..=90).step_by(10));
    let numbers = numbers.chain([100, 1_000, 1_000_000, 1_000_000_000]);
    let words = ["point", "minus", "yuan", "oclock", "am", "pm"];
    let ordinals = (1..=20).chain([30]).map(|n| format!("ordinals/{n}"));
    let months = (1..=12).map(|n| format!("months/{n}"));
    numbers.map(|n| digit(&n)).chain(words.iter().map(word)).chain(ordinals).chain(months).collect()
}

/// The digits of a text, one by one.
fn read(text: &str) -> Vec<String> {
    let digits = text.chars().filter(char::is_ascii_digit).take(READ_MAX);
    digits.map(|digit| format!("digits/{digit}")).collect()
}

/// A number as it is written.
struct Decimal {
    below_zero: bool,
    whole: u64,
    /// Digits behind the point.
    behind: String,
}

impl Decimal {
    /// Digits, a sign before them, commas between groups of three and a point.
    fn parse(text: &str) -> Option<Decimal> {
        let (below_zero, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
        let mut groups = whole.split(',').rev().peekable();
        while let Some(group) = groups.next() {
            let is_first = groups.peek().is_none();
            if !is_first && group.len() != 3 {
                return None;
            }
        }
        let whole = whole.replace(',', "");
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let sound = !whole.is_empty() && all_digits(&whole) && all_digits(behind);
        if !sound || behind.len() > DECIMALS_MAX || (digits.ends_with('.')) {
            return None;
        }
        let whole = whole.parse().ok().filter(|&whole: &u64| whole < NUMBER_END)?;
        Some(Decimal { below_zero, whole, behind: behind.to_owned() })
    }
}

fn date(text: &str, zone: Tz) -> Option<NaiveDate> {
    let written = |form| NaiveDate::parse_from_str(text, form).ok();
    let date = written("%Y-%m-%d").or_else(|| written("%Y%m%d")).or_else(|| {
        Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&zone).date_naive())
    });
    date.filter(|date| (1..=9_999).contains(&date.year()))
}

fn time(text: &str, zone: Tz) -> Option<NaiveTime> {
    let written = |form| NaiveTime::parse_from_str(text, form).ok();
    written("%H:%M")
        .or_else(|| written("%H:%M:%S"))
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&zone).time()))
}

/// One language's order of words.
#[derive(Clone, Copy)]
struct Words {
    chinese: bool,
}

fn part(n: u64) -> String {
    format!("digits/{n}")
}

fn word(word: &str) -> String {
    format!("words/{word}")
}

impl Words {
    fn number(self, number: u64) -> Vec<String> {
        let mut out = Vec::new();
        if number >= NUMBER_END {
            return read(&number.to_string());
        }
        if self.chinese {
            out.extend(numeral::chinese(number).into_iter().map(|numeral| match numeral {
                Numeral::Value(value) => part(value),
                Numeral::Pair => word("two"),
            }));
        } else {
            english(number, &mut out);
        }
        out
    }

    /// A count before a measure word: 2 is 两 there.
    fn count(self, number: u64) -> Vec<String> {
        if self.chinese && number == 2 { vec![word("two")] } else { self.number(number) }
    }

    fn decimal(self, decimal: &Decimal) -> Vec<String> {
        let mut out = Vec::new();
        out.extend(decimal.below_zero.then(|| word("minus")));
        out.extend(self.number(decimal.whole));
        if !decimal.behind.is_empty() {
            out.push(word("point"));
            out.extend(read(&decimal.behind));
        }
        out
    }

    fn money(self, amount: &Decimal) -> Vec<String> {
        let hundredths: u64 = format!("{:0<2.2}", amount.behind).parse().unwrap_or(0);
        let (tenths, ones) = (hundredths / 10, hundredths % 10);
        let mut out = Vec::new();
        out.extend(amount.below_zero.then(|| word("minus")));
        if !self.chinese {
            out.extend(self.number(amount.whole));
            out.push(word("yuan"));
            if hundredths > 0 {
                out.extend((tenths == 0).then(|| part(0)));
                out.extend(self.number(hundredths));
            }
            return out;
        }
        if amount.whole > 0 || hundredths == 0 {
            out.extend(self.count(amount.whole));
            out.push(word("yuan"));
        }
        if tenths > 0 {
            out.extend([part(tenths), word("jiao")]);
        }
        if ones > 0 {
            out.extend((tenths == 0 && amount.whole > 0).then(|| part(0)));
            out.extend([part(ones), word("fen")]);
        }
        out
    }

    fn date(self, date: NaiveDate) -> Vec<String> {
        let (year, month, day) = (date.year() as u64, u64::from(date.month()), date.day());
        if self.chinese {
            let mut out = read(&year.to_string());
            out.push(word("year"));
            out.extend(self.number(month));
            out.push(word("month"));
            out.extend(self.number(day.into()));
            out.push(word("day"));
            return out;
        }
        let mut out = vec![format!("months/{month}")];
        if day > 20 && !day.is_multiple_of(10) {
            out.push(part(u64::from(day) / 10 * 10));
            out.push(format!("ordinals/{}", day % 10));
        } else {
            out.push(format!("ordinals/{day}"));
        }
        // 1999 is nineteen ninety-nine, 2026 twenty twenty-six, 2005 two thousand five.
        let (century, rest) = (year / 100, year % 100);
        if year < 1_000 || (century.is_multiple_of(10) && rest < 10) {
            out.extend(self.number(year));
        } else {
            out.extend(self.number(century));
            match rest {
                0 => out.push(part(100)),
                1..=9 => out.extend([part(0), part(rest)]),
                _ => out.extend(self.number(rest)),
            }
        }
        out
    }

    fn time(self, time: NaiveTime) -> Vec<String> {
        let (hour, minute) = (u64::from(time.hour()), u64::from(time.minute()));
        let oh = (1..=9).contains(&minute).then(|| part(0));
        if self.chinese {
            let mut out = self.count(hour);
            out.push(word("oclock"));
            if minute > 0 {
                out.extend(oh);
                out.extend(self.number(minute));
                out.push(word("minute"));
            }
            return out;
        }
        let mut out = self.number(if hour % 12 == 0 { 12 } else { hour % 12 });
        match minute {
            0 => out.push(word("oclock")),
            _ => {
                out.extend(oh);
                out.extend(self.number(minute));
            }
        }
        out.push(word(if hour < 12 { "am" } else { "pm" }));
        out
    }
}

/// One hundred twenty three thousand four.
fn english(number: u64, out: &mut Vec<String>) {
    let mut rest = number;
    for unit in [1_000_000_000, 1_000_000, 1_000, 100] {
        if rest >= unit {
            english(rest / unit, out);
            out.push(part(unit));
            rest %= unit;
        }
    }
    if rest > 20 {
        out.push(part(rest / 10 * 10));
        rest %= 10;
    }
    if rest > 0 || number == 0 {
        out.push(part(rest));
    }
}

#[cfg(test)]
mod tests;
