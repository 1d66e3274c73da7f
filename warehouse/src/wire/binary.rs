//! The binary form of `numeric`, and the text of a time.

use terms::Timestamp;

/// A decimal as `numeric_send` writes it: count of digits to the base 10,000, weight of the first,
/// sign, digits behind the point, the digits. False when the text is no plain decimal.
pub fn numeric(text: &str, out: &mut Vec<u8>) -> bool {
    let (sign, plain) = match text.strip_prefix('-') {
        Some(rest) => (0x4000_u16, rest),
        None => (0, text),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return false;
    }
    let whole = whole.trim_start_matches('0');
    let pad = |length: usize| (4 - length % 4) % 4;
    let padded = format!(
        "{}{whole}{fraction}{}",
        "0".repeat(pad(whole.len())),
        "0".repeat(pad(fraction.len()))
    );
    let groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|four| four.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        .collect();
    let weight = whole.len().div_ceil(4) as i16 - 1;
    for part in [groups.len() as u16, weight as u16, sign, fraction.len() as u16] {
        out.extend_from_slice(&part.to_be_bytes());
    }
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
    true
}

/// `2023-11-14 22:13:20.123` of microseconds since 1970.
pub fn time_text(micros: i64) -> String {
    let fraction = micros.rem_euclid(1_000_000);
    let whole = Timestamp(micros.saturating_sub(fraction)).to_string();
    let whole = whole.split('.').next().unwrap_or_default().replacen('T', " ", 1);
    match format!("{fraction:06}").trim_end_matches('0') {
        "" => whole,
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<Vec<i16>> {
        let mut out = Vec::new();
        let part = |two: &[u8]| i16::from_be_bytes([two[0], two[1]]);
        numeric(text, &mut out).then(|| out.chunks(2).map(part).collect())
    }

    #[test]
    fn a_decimal_is_digits_to_the_base_ten_thousand() {
        assert_eq!(parts("12345.678"), Some(vec![3, 1, 0, 3, 1, 2345, 6780]));
        assert_eq!(parts("-0.5"), Some(vec![1, -1, 0x4000, 1, 5000]));
        assert_eq!(parts("0"), Some(vec![0, -1, 0, 0]));
        for wrong in ["", "NaN", "1e5", ".5", "1.2.3"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_has_no_zeros_behind_it() {
        assert_eq!(time_text(0), "1970-01-01 00:00:00");
        assert_eq!(time_text(1_700_000_000_123_000), "2023-11-14 22:13:20.123");
        assert_eq!(time_text(1_700_000_000_000_001), "2023-11-14 22:13:20.000001");
        assert_eq!(time_text(-1), "1969-12-31 23:59:59.999999");
    }
}
