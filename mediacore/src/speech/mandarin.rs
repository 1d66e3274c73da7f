//! Chinese text as numbered pinyin: 重庆银行 is `chong2 qing4 yin2 hang2`.
//!
//! Characters are read by the longest phrase of `phrases.txt` that stands there, else alone by
//! `characters.txt` (GB 2312, made by `scripts/make-pinyin`). Numbers are read as numbers, years,
//! rooms, houses, telephone numbers and accounts digit by digit (with 幺 for 一), and 不 changes its
//! tone before a falling one. Latin letters go through as they are; the voice reads them as pinyin.

use super::DIGITS_APART;
use std::collections::HashMap;
use std::sync::LazyLock;
use terms::numeral::{self, Numeral};

/// Characters of a phrase at most.
const PHRASE_CHARS_MAX: usize = 4;

static CHARACTERS: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let lines = include_str!("characters.txt").lines().filter_map(|line| line.split_once(' '));
    lines.flat_map(|(reading, all)| all.chars().map(move |c| (c, reading))).collect()
});

static PHRASES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    include_str!("phrases.txt").lines().filter_map(|line| line.split_once(' ')).collect()
});

/// The pinyin, and the characters that have none.
pub fn pinyin(text: &str) -> (String, Vec<char>) {
    let text = narrow(text);
    let mut out = Words::default();
    let mut rest = &text[..];
    while let Some(c) = rest.chars().next() {
        rest = if c.is_ascii_digit() || matches!(c, '¥' | '￥') {
            out.number(rest)
        } else if let Some((phrase, readings)) = phrase(rest) {
            readings.split(' ').for_each(|reading| out.push(reading));
            &rest[phrase.len()..]
        } else {
            out.character(c);
            &rest[c.len_utf8()..]
        };
    }
    (out.text.trim().to_owned(), out.unknown)
}

/// Full-width letters and digits as plain ones.
fn narrow(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        other => other,
    };
    text.chars().map(plain).collect()
}

/// The longest phrase that begins here.
fn phrase(text: &str) -> Option<(&str, &'static str)> {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(PHRASE_CHARS_MAX);
    let ends: Vec<usize> = ends.skip(1).collect();
    ends.into_iter().rev().find_map(|end| Some((&text[..end], *PHRASES.get(&text[..end])?)))
}

#[derive(Default)]
struct Words {
    text: String,
    /// A 不 of its own was the last syllable.
    negates: bool,
    unknown: Vec<char>,
}

impl Words {
    fn push(&mut self, reading: &str) {
        if std::mem::take(&mut self.negates) && reading.ends_with('4') {
            // 不 before a fourth tone rises: bu2 shi4.
            self.text.truncate(self.text.len() - 1);
            self.text.push('2');
        }
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
        self.text.push_str(reading);
    }

    fn pause(&mut self, mark: char) {
        self.negates = false;
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        if !self.text.is_empty() && !self.text.ends_with(['.', ',', '!', '?']) {
            self.text.push(mark);
        }
    }

    fn character(&mut self, c: char) {
        match c {
            '。' | '.' | '\n' | '…' => self.pause('.'),
            '!' | '?' => self.pause(c),
            '，' | ',' | '、' | '；' | ';' | '：' | ':' => self.pause(','),
            'a'..='z' | 'A'..='Z' => {
                let goes_on = self.text.ends_with(|c: char| c.is_ascii_alphabetic());
                if !goes_on && !self.text.is_empty() && !self.text.ends_with(' ') {
                    self.text.push(' ');
                }
                self.negates = false;
                self.text.push(c);
            }
            ' ' | '\t' | '\r' | '-' | '/' | '(' | ')' | '"' | '\'' | '《' | '》' | '“' | '”'
            | '‘' | '’' | '【' | '】' | '·' => {
                if self.text.ends_with(|c: char| c.is_ascii_alphabetic()) {
                    self.text.push(' ');
                }
            }
            '%' => ["bai3", "fen1", "zhi1"].iter().for_each(|reading| self.push(reading)),
            '+' => self.push("jia1"),
            _ => match CHARACTERS.get(&c) {
                Some(reading) => {
                    self.push(reading);
                    self.negates = c == '不';
                }
                None => self.unknown.push(c),
            },
        }
    }

    /// What begins with a digit or a sign of money; answers what follows it.
    fn number<'a>(&mut self, text: &'a str) -> &'a str {
        let (is_money, text) = match text.strip_prefix(['¥', '￥']) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, rest) = digits(text);
        if whole.is_empty() {
            return text;
        }
        if let Some(rest) = self.date(whole, rest).or_else(|| self.time(whole, rest)) {
            return rest;
        }
        let (behind, rest) = match rest.strip_prefix('.').map(digits) {
            Some((behind, rest)) if !behind.is_empty() => (behind, rest),
            _ => ("", rest),
        };
        let is_share = rest.starts_with('%');
        if is_share {
            ["bai3", "fen1", "zhi1"].iter().for_each(|reading| self.push(reading));
        }
        let is_year = whole.len() == 4 && rest.starts_with('年');
        if behind.is_empty()
            && (whole.len() >= DIGITS_APART
                || (whole.len() > 1 && whole.starts_with('0'))
                || (!is_money && is_address(whole, rest)))
        {
            self.apart(whole, "yao1");
        } else if is_year {
            self.apart(whole, "yi1");
        } else {
            self.value(whole);
        }
        if !behind.is_empty() {
            self.push("dian3");
            self.apart(behind, "yi1");
        }
        if is_money {
            self.push("yuan2");
        }
        if is_share { &rest[1..] } else { rest }
    }

    /// 2026-11-28.
    fn date<'a>(&mut self, year: &str, rest: &'a str) -> Option<&'a str> {
        let (month, rest) = digits(rest.strip_prefix('-')?);
        let (day, rest) = digits(rest.strip_prefix('-')?);
        let within = |text: &str, max: u64| {
            text.len() <= 2 && text.parse().is_ok_and(|n: u64| (1..=max).contains(&n))
        };
        if year.len() != 4 || !within(month, 12) || !within(day, 31) {
            return None;
        }
        self.apart(year, "yi1");
        self.push("nian2");
        self.value(month);
        self.push("yue4");
        self.value(day);
        self.push("ri4");
        Some(rest)
    }

    /// 14:05.
    fn time<'a>(&mut self, hour: &str, rest: &'a str) -> Option<&'a str> {
        let (minute, rest) = digits(rest.strip_prefix(':')?);
        let sound = hour.len() <= 2
            && minute.len() == 2
            && hour.parse().is_ok_and(|hour: u64| hour < 24)
            && minute.parse().is_ok_and(|minute: u64| minute < 60);
        if !sound {
            return None;
        }
        if hour.trim_start_matches('0') == "2" {
            self.push("liang3")
        } else {
            self.value(hour)
        }
        self.push("dian3");
        if minute != "00" {
            if minute.starts_with('0') {
                self.push("ling2");
            }
            self.value(minute);
            self.push("fen1");
        }
        Some(rest)
    }

    /// As a number.
    fn value(&mut self, digits: &str) {
        match digits.parse() {
            Ok(number) if number < numeral::END => {
                numeral::chinese(number).into_iter().for_each(|numeral| self.push(read(numeral)));
            }
            Ok(_) | Err(_) => self.apart(digits, "yi1"),
        }
    }

    /// One by one; `one` is how 1 is said.
    fn apart(&mut self, digits: &str, one: &str) {
        for digit in digits.bytes() {
            match digit {
                b'1' => self.push(one),
                _ => self.push(read(Numeral::Value(u64::from(digit - b'0')))),
            }
        }
    }
}

/// The number of a room or a house, said digit by digit: 501室, 1266号; but 100号 is a hundred.
fn is_address(digits: &str, rest: &str) -> bool {
    let is_room = rest.starts_with(['室', '房']);
    let is_house = rest.starts_with('号') && !digits.ends_with("00");
    digits.len() > 2 && (is_room || is_house)
}

/// The digits in front, and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn read(numeral: Numeral) -> &'static str {
    const DIGITS: [&str; 11] =
        ["ling2", "yi1", "er4", "san1", "si4", "wu3", "liu4", "qi1", "ba1", "jiu3", "shi2"];
    match numeral {
        Numeral::Pair => "liang3",
        Numeral::Value(100) => "bai3",
        Numeral::Value(1_000) => "qian1",
        Numeral::Value(10_000) => "wan4",
        Numeral::Value(100_000_000) => "yi4",
        Numeral::Value(value) => DIGITS.get(value as usize).copied().unwrap_or("ling2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let (said, unknown) = pinyin(text);
        assert!(unknown.is_empty(), "{unknown:?}");
        said
    }

    #[test]
    fn words_are_read_by_their_phrases() {
        for (text, pinyin) in [
            ("重庆银行", "chong2 qing4 yin2 hang2"),
            ("重量", "zhong4 liang4"),
            ("请重新输入", "qing3 chong2 xin1 shu1 ru4"),
            ("长春市", "chang2 chun1 shi4"),
            ("快递", "kuai4 di4"),
            ("您好，请稍候。", "nin2 hao3, qing3 shao1 hou4."),
            ("不是", "bu2 shi4"),
            ("不，是", "bu4, shi4"),
            ("请不要挂机", "qing3 bu2 yao4 gua4 ji1"),
            ("绿色", "lv4 se4"),
        ] {
            assert_eq!(said(text), pinyin, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_what_they_are() {
        for (text, pinyin) in [
            ("123件", "yi1 bai3 er4 shi2 san1 jian4"),
            ("２０元", "er4 shi2 yuan2"),
            ("¥12.50", "shi2 er4 dian3 wu3 ling2 yuan2"),
            ("30%", "bai3 fen1 zhi1 san1 shi2"),
            ("2026年", "er4 ling2 er4 liu4 nian2"),
            ("2026-11-28", "er4 ling2 er4 liu4 nian2 shi2 yi1 yue4 er4 shi2 ba1 ri4"),
            ("2026-13-28", "liang3 qian1 ling2 er4 shi2 liu4 shi2 san1 er4 shi2 ba1"),
            ("14:05", "shi2 si4 dian3 ling2 wu3 fen1"),
            ("2:00", "liang3 dian3"),
            ("25:00", "er4 shi2 wu3, ling2 ling2"),
            ("95105688", "jiu3 wu3 yao1 ling2 wu3 liu4 ba1 ba1"),
            ("0571", "ling2 wu3 qi1 yao1"),
            ("99999999999999999999", "jiu3 ".repeat(20).trim_end()),
        ] {
            assert_eq!(said(text), pinyin, "{text}");
        }
    }

    #[test]
    fn numbers_of_an_address_are_read_as_people_say_them() {
        for (text, pinyin) in [
            ("58号", "wu3 shi2 ba1 hao4"),
            ("1266号", "yao1 er4 liu4 liu4 hao4"),
            ("100号", "yi1 bai3 hao4"),
            ("3号楼501室", "san1 hao4 lou2 wu3 ling2 yao1 shi4"),
            ("110.5号", "yi1 bai3 yi1 shi2 dian3 wu3 hao4"),
        ] {
            assert_eq!(said(text), pinyin, "{text}");
        }
    }

    #[test]
    fn what_has_no_reading_is_left_out_and_told() {
        assert_eq!(pinyin("你\u{1F600}好"), ("ni3 hao3".to_owned(), vec!['\u{1F600}']));
        assert_eq!(pinyin("VIP 客户"), ("VIP ke4 hu4".to_owned(), vec![]));
    }

    #[test]
    fn every_line_of_the_tables_is_pinyin() {
        let sound = |reading: &str| {
            let (letters, tone) = reading.split_at(reading.len() - 1);
            letters.bytes().all(|byte| byte.is_ascii_lowercase()) && ("1"..="5").contains(&tone)
        };
        assert_eq!(CHARACTERS.len(), 6_763, "all of GB 2312");
        assert!(CHARACTERS.values().all(|reading| sound(reading)));
        assert!(PHRASES.len() > 3_000);
        for (phrase, readings) in PHRASES.iter() {
            assert_eq!(phrase.chars().count(), readings.split(' ').count(), "{phrase}");
            assert!(phrase.chars().count() <= PHRASE_CHARS_MAX);
            assert!(readings.split(' ').all(sound), "{phrase}");
        }
    }
}
