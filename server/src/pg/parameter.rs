//! Values of parameters as clients send them, in text or in binary, as text.

use super::message::refused;
use crate::work::wire::Refusal;
use warehouse::wire::{Kind, time_text};

/// Microseconds from 1970 to 2000, where PostgreSQL counts from.
const MICROS: i64 = 10_957 * DAY;
const DAY: i64 = 86_400_000_000;

/// The text of a value of `kind`.
pub fn text(kind: Kind, bytes: &[u8], binary: bool) -> Result<String, Refusal> {
    let wrong = || {
        let size = bytes.len();
        refused("22P03", format!("{size} bytes are no value of the type {}", kind.name()))
    };
    if !binary || kind == Kind::Text {
        let text = std::str::from_utf8(bytes);
        return text.map(str::to_owned).map_err(|_| refused("22021", "texts are UTF-8 here"));
    }
    let micros = || int::<8>(bytes).map(i64::from_be_bytes);
    let text = match kind {
        Kind::Bool => int::<1>(bytes).map(|[byte]| if byte == 0 { "f" } else { "t" }.to_owned()),
        Kind::Int2 => int::<2>(bytes).map(|bytes| i16::from_be_bytes(bytes).to_string()),
        Kind::Int4 => int::<4>(bytes).map(|bytes| i32::from_be_bytes(bytes).to_string()),
        // `oid` has four bytes and is a number for us.
        Kind::Int8 if bytes.len() == 4 => {
            int::<4>(bytes).map(|bytes| u32::from_be_bytes(bytes).to_string())
        }
        Kind::Int8 => micros().map(|number| number.to_string()),
        Kind::Float4 => int::<4>(bytes).map(|bytes| f32::from_be_bytes(bytes).to_string()),
        Kind::Float8 => int::<8>(bytes).map(|bytes| f64::from_be_bytes(bytes).to_string()),
        Kind::Date => int::<4>(bytes).map(|bytes| {
            let days = i64::from(i32::from_be_bytes(bytes));
            let text = time_text(days.saturating_mul(DAY).saturating_add(MICROS));
            text.split(' ').next().unwrap_or_default().to_owned()
        }),
        Kind::Time => micros().map(|micros| {
            let text = time_text(micros.rem_euclid(DAY));
            text.split(' ').nth(1).unwrap_or_default().to_owned()
        }),
        Kind::Timestamp => micros().map(|micros| time_text(micros.saturating_add(MICROS))),
        Kind::TimestampTz => {
            micros().map(|micros| format!("{}+00:00", time_text(micros.saturating_add(MICROS))))
        }
        Kind::Numeric => numeric(bytes),
        Kind::Bytes | Kind::Text => None,
    };
    text.ok_or_else(wrong)
}

fn int<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// `numeric_recv`: count of digits to the base 10,000, weight of the first, sign, digits behind the
/// point, the digits.
fn numeric(bytes: &[u8]) -> Option<String> {
    let parts: Vec<i16> = bytes
        .chunks(2)
        .map(|two| Some(i16::from_be_bytes(two.try_into().ok()?)))
        .collect::<Option<_>>()?;
    let [count, weight, sign, behind, digits @ ..] = parts.as_slice() else { return None };
    if usize::try_from(*count).ok()? != digits.len() || !(0..=100).contains(behind) {
        return None;
    }
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        _ => return None,
    };
    let at = |place: i16| -> String {
        let index = usize::try_from(i32::from(*weight) - i32::from(place)).ok();
        let digit = index.and_then(|index| digits.get(index)).copied().unwrap_or_default();
        format!("{digit:04}")
    };
    if *weight > 100 || digits.iter().any(|digit| !(0..10_000).contains(digit)) {
        return None;
    }
    let whole: String = (0..=*weight).rev().map(at).collect();
    let whole = whole.trim_start_matches('0');
    let fraction: String = (1..=(*behind + 3) / 4).map(|place| at(-place)).collect();
    let fraction = fraction.get(..usize::try_from(*behind).ok()?)?;
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(kind: Kind, bytes: &[u8]) -> String {
        text(kind, bytes, true).unwrap()
    }

    #[test]
    fn binary_values_are_read_as_drivers_write_them() {
        assert_eq!(binary(Kind::Bool, &[1]), "t");
        assert_eq!(binary(Kind::Int2, &(-2_i16).to_be_bytes()), "-2");
        assert_eq!(binary(Kind::Int8, &7_i64.to_be_bytes()), "7");
        assert_eq!(binary(Kind::Int8, &[0xff; 4]), "4294967295", "an oid");
        assert_eq!(binary(Kind::Float8, &1.5_f64.to_be_bytes()), "1.5");
        assert_eq!(binary(Kind::Date, &0_i32.to_be_bytes()), "2000-01-01");
        assert_eq!(binary(Kind::TimestampTz, &0_i64.to_be_bytes()), "2000-01-01 00:00:00+00:00");
        assert_eq!(binary(Kind::Timestamp, &1_i64.to_be_bytes()), "2000-01-01 00:00:00.000001");
        assert_eq!(binary(Kind::Time, &3_600_000_000_i64.to_be_bytes()), "01:00:00");
        assert_eq!(binary(Kind::Text, "王芳".as_bytes()), "王芳");
    }

    #[test]
    fn a_numeric_is_read_back() {
        let bytes = |parts: &[i16]| -> Vec<u8> {
            parts.iter().flat_map(|part| part.to_be_bytes()).collect()
        };
        let read = |parts: &[i16]| text(Kind::Numeric, &bytes(parts), true);
        assert_eq!(read(&[3, 1, 0, 3, 1, 2345, 6780]).unwrap(), "12345.678");
        assert_eq!(read(&[1, -1, 0x4000, 1, 5000]).unwrap(), "-0.5");
        assert_eq!(read(&[0, 0, 0, 0]).unwrap(), "0");
        assert_eq!(read(&[1, 1, 0, 0, 3]).unwrap(), "30000");
        for wrong in [&[2, 0, 0, 0, 1][..], &[1, 0, 0, 0, 10_000], &[1, 200, 0, 0, 1], &[0, 0]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_value_of_another_size_is_refused() {
        assert_eq!(text(Kind::Int4, &[0; 3], true).unwrap_err().code, "22P03");
        assert_eq!(text(Kind::Bytes, &[0; 3], true).unwrap_err().code, "22P03");
        assert_eq!(text(Kind::Int4, b"\xff", false).unwrap_err().code, "22021");
        assert_eq!(text(Kind::Int4, b"12", false).unwrap(), "12");
    }
}
