//! Chinese numerals: how a number is read aloud, character by character. Promise: no two numbers are
//! read alike, and what is read is what a person says: 一十二 only after something, 零 once for any
//! gap, 两 before 千, 万 and 亿.

/// Numbers below this are read as numbers.
pub const END: u64 = 1_000_000_000_000;

/// One character of a numeral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numeral {
    /// 0–10 (零 to 十), 100 (百), 1,000 (千), 10,000 (万), 100,000,000 (亿).
    Value(u64),
    /// 两: two of what follows.
    Pair,
}

/// Reads a number below [`END`]; of a larger one the last twelve digits.
pub fn chinese(number: u64) -> Vec<Numeral> {
    let number = number % END;
    if number == 0 {
        return vec![Numeral::Value(0)];
    }
    let mut out = Vec::new();
    let groups = [(100_000_000, number / 100_000_000), (10_000, number / 10_000 % 10_000)];
    let mut gap = false;
    for (unit, group) in groups {
        if group == 0 {
            gap = gap || !out.is_empty();
            continue;
        }
        group_of_four(group, gap, true, &mut out);
        out.push(Numeral::Value(unit));
        gap = false;
    }
    if !number.is_multiple_of(10_000) {
        group_of_four(number % 10_000, gap, false, &mut out);
    }
    out
}

/// `gap`: a whole group of zeros is before it. `counts`: a unit follows, before which 2 is 两.
fn group_of_four(group: u64, gap: bool, counts: bool, out: &mut Vec<Numeral>) {
    let is_first = out.is_empty();
    if counts && is_first && group == 2 {
        return out.push(Numeral::Pair);
    }
    let mut zero = gap || (!is_first && group < 1_000);
    let mut begun = false;
    for unit in [1_000, 100, 10, 1] {
        let digit = group / unit % 10;
        if digit == 0 {
            zero = zero || begun;
            continue;
        }
        if std::mem::take(&mut zero) {
            out.push(Numeral::Value(0));
        }
        match (digit, unit) {
            // 十二 at the very beginning, 一十二 after something.
            (1, 10) if is_first && !begun => {}
            (2, 1_000) => out.push(Numeral::Pair),
            _ => out.push(Numeral::Value(digit)),
        }
        if unit > 1 {
            out.push(Numeral::Value(unit));
        }
        begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_are_read_as_people_read_them() {
        let read = |number| -> String {
            let letter = |numeral| match numeral {
                Numeral::Pair => '两',
                Numeral::Value(value @ 0..=10) => {
                    "零一二三四五六七八九十".chars().nth(value as usize).expect("eleven of them")
                }
                Numeral::Value(100) => '百',
                Numeral::Value(1_000) => '千',
                Numeral::Value(10_000) => '万',
                Numeral::Value(_) => '亿',
            };
            chinese(number).into_iter().map(letter).collect()
        };
        for (number, text) in [
            (0, "零"),
            (2, "二"),
            (12, "十二"),
            (112, "一百一十二"),
            (2_002, "两千零二"),
            (20_000, "两万"),
            (120_012, "十二万零一十二"),
            (100_000_004, "一亿零四"),
            (200_200_000, "两亿零二十万"),
            (999_999_999_999, "九千九百九十九亿九千九百九十九万九千九百九十九"),
        ] {
            assert_eq!(read(number), text, "{number}");
        }
    }
}
