//! Each line is a sentence that a person would say.

use super::*;
use chrono::TimeZone;
use std::collections::BTreeSet;

fn scene(language: &str) -> Scene<'_> {
    let now = chrono_tz::Asia::Shanghai.with_ymd_and_hms(2026, 11, 28, 14, 5, 9).unwrap();
    Scene { language, now }
}

/// The sentence in letters, from the parts.
fn heard(language: &str, way: Way, value: &str) -> String {
    let said = say(&scene(language), way, value);
    let known: BTreeSet<String> = parts(language).into_iter().collect();
    let letters = said.iter().map(|part| {
        assert!(known.contains(part), "{part} of {value} is no part of {language}");
        let (kind, name) = part.split_once('/').unwrap();
        if !language.starts_with("zh") {
            return match kind {
                "months" => format!("m{name} "),
                "ordinals" => format!("{name}th "),
                _ => format!("{name} "),
            };
        }
        let letter = match name {
            "0" => "零",
            "1" => "一",
            "2" => "二",
            "3" => "三",
            "4" => "四",
            "5" => "五",
            "6" => "六",
            "7" => "七",
            "8" => "八",
            "9" => "九",
            "10" => "十",
            "100" => "百",
            "1000" => "千",
            "10000" => "万",
            "100000000" => "亿",
            "two" => "两",
            "point" => "点",
            "minus" => "负",
            "yuan" => "元",
            "jiao" => "角",
            "fen" | "minute" => "分",
            "year" => "年",
            "month" => "月",
            "day" => "日",
            "oclock" => "点",
            other => panic!("{other}"),
        };
        letter.to_owned()
    });
    letters.collect::<String>().trim_end().to_owned()
}

#[test]
fn chinese_numbers_are_said_as_people_say_them() {
    for (value, sentence) in [
        ("0", "零"),
        ("2", "二"),
        ("10", "十"),
        ("14", "十四"),
        ("20", "二十"),
        ("23", "二十三"),
        ("100", "一百"),
        ("105", "一百零五"),
        ("110", "一百一十"),
        ("123", "一百二十三"),
        ("212", "二百一十二"),
        ("1000", "一千"),
        ("1005", "一千零五"),
        ("1050", "一千零五十"),
        ("2002", "两千零二"),
        ("10000", "一万"),
        ("10010", "一万零一十"),
        ("20000", "两万"),
        ("22222", "两万两千二百二十二"),
        ("100000", "十万"),
        ("110000", "十一万"),
        ("120000", "十二万"),
        ("205000", "二十万五千"),
        ("1020304", "一百零二万零三百零四"),
        ("100000000", "一亿"),
        ("100001000", "一亿零一千"),
        ("100000004", "一亿零四"),
        ("200200000", "两亿零二十万"),
        ("999999999999", "九千九百九十九亿九千九百九十九万九千九百九十九"),
        ("1,234", "一千二百三十四"),
        ("-12.05", "负十二点零五"),
        ("+7", "七"),
    ] {
        assert_eq!(heard("zh-CN", Way::Number, value), sentence, "{value}");
    }
}

#[test]
fn english_numbers_are_said_as_people_say_them() {
    for (value, sentence) in [
        ("0", "0"),
        ("7", "7"),
        ("20", "20"),
        ("23", "20 3"),
        ("123", "1 100 20 3"),
        ("119", "1 100 19"),
        ("4005", "4 1000 5"),
        ("1234567", "1 1000000 2 100 30 4 1000 5 100 60 7"),
        ("999999999999", "9 100 90 9 1000000000 9 100 90 9 1000000 9 100 90 9 1000 9 100 90 9"),
        ("-3.50", "minus 3 point 5 0"),
    ] {
        assert_eq!(heard("en", Way::Number, value), sentence, "{value}");
    }
}

#[test]
fn money_dates_and_times_are_said_in_both_languages() {
    for (way, value, chinese, english) in [
        (Way::Money, "0", "零元", "0 yuan"),
        (Way::Money, "2", "两元", "2 yuan"),
        (Way::Money, "12.5", "十二元五角", "12 yuan 50"),
        (Way::Money, "12.05", "十二元零五分", "12 yuan 0 5"),
        (Way::Money, "1234.56", "一千二百三十四元五角六分", "1 1000 2 100 30 4 yuan 50 6"),
        (Way::Money, "0.07", "七分", "0 yuan 0 7"),
        (Way::Money, "-3", "负三元", "minus 3 yuan"),
        (Way::Date, "2026-11-28", "二零二六年十一月二十八日", "m11 20 8th 20 20 6"),
        (Way::Date, "19990101", "一九九九年一月一日", "m1 1th 19 90 9"),
        (Way::Date, "2005-02-20", "二零零五年二月二十日", "m2 20th 2 1000 5"),
        (Way::Date, "1905-02-30", "一九零五零二三零", "1 9 0 5 0 2 3 0"),
        (Way::Date, "today", "二零二六年十一月二十八日", "m11 20 8th 20 20 6"),
        (Way::Date, "2026-11-28T17:30:00Z", "二零二六年十一月二十九日", "m11 20 9th 20 20 6"),
        (Way::Time, "00:00", "零点", "12 oclock am"),
        (Way::Time, "02:05", "两点零五分", "2 0 5 am"),
        (Way::Time, "14:30", "十四点三十分", "2 30 pm"),
        (Way::Time, "12:00:59", "十二点", "12 oclock pm"),
        (Way::Time, "now", "十四点零五分", "2 0 5 pm"),
        (Way::Time, "2026-11-28T17:30:00Z", "一点三十分", "1 30 am"),
    ] {
        assert_eq!(heard("zh-CN", way, value), chinese, "{value}");
        assert_eq!(heard("en", way, value), english, "{value}");
    }
}

#[test]
fn what_is_not_what_it_should_be_has_its_digits_read() {
    for (way, value, sentence) in [
        (Way::Digits, "4-7 1x1", "四七一一"),
        (Way::Number, "12a", "一二"),
        (Way::Number, "1,23", "一二三"),
        (Way::Number, "1000000000000", "一零零零零零零零零零零零零"),
        (Way::Number, "1.", "一"),
        (Way::Date, "28.11.2026", "二八一一二零二六"),
        (Way::Time, "25:00", "二五零零"),
        (Way::Money, "free", ""),
    ] {
        assert_eq!(heard("zh-CN", way, value), sentence, "{value}");
        assert!(way == Way::Digits || !way.takes(value), "{value} is refused in a flow");
    }
    let long = "9".repeat(5_000);
    assert_eq!(say(&scene("en"), Way::Digits, &long).len(), READ_MAX);
}

#[test]
fn every_number_is_said_in_parts_that_exist() {
    for language in ["zh-CN", "en", "de"] {
        let known: BTreeSet<String> = parts(language).into_iter().collect();
        // Every seventh up to a hundred thousand, then wide steps.
        let numbers = (0..100_000).step_by(7).chain((0..NUMBER_END).step_by(987_654_321));
        let mut sentences = BTreeSet::new();
        let mut count = 0;
        for n in numbers {
            let said = number(language, n);
            assert!(!said.is_empty() && said.iter().all(|part| known.contains(part)), "{n}");
            count += usize::from(sentences.insert(said));
        }
        let all = 100_000_usize.div_ceil(7) + (NUMBER_END as usize).div_ceil(987_654_321) - 1;
        assert_eq!(count, all, "no two numbers are said alike");
    }
}
