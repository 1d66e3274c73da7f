//! Decimal numbers of expressions: exact to millionths, below 10¹² on either side of zero. Sums of
//! money come out as they went in, and what does not fit is told instead of wrapping around.

use std::fmt;

/// Decimal places that are kept.
pub const PLACES: u32 = 6;
/// One, in millionths.
const ONE: i64 = 1_000_000;
/// Every number is nearer to zero than this, in millionths; the sum of two fits 64 bits.
const END: i64 = 1_000_000_000_000 * ONE;

/// A number in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(i64);

impl Number {
    /// A whole number, where it is small enough.
    pub fn whole(value: usize) -> Option<Self> {
        Number::of(i64::try_from(value).ok()?.checked_mul(ONE)?)
    }

    /// A whole number on either side of zero, where it is small enough.
    pub fn integer(value: i64) -> Option<Self> {
        Number::of(value.checked_mul(ONE)?)
    }

    /// In thousandths, what is below them cut off.
    pub fn thousandths(self) -> i64 {
        self.0 / 1_000
    }

    fn of(millionths: i64) -> Option<Self> {
        (-END < millionths && millionths < END).then_some(Number(millionths))
    }

    /// `12`, `-0.5`, `1234.56`: at most twelve digits before the point and six behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (below_zero, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, behind) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |text: &str, max: usize| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_digits(whole, 12) || !is_digits(behind, 6) {
            return None;
        }
        let millionths = format!("{whole}{behind:0<6}").parse::<i64>().ok()?;
        Number::of(if below_zero { -millionths } else { millionths })
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Option<Self> {
        Number::of(self.0 + other.0)
    }

    /// The difference.
    pub fn minus(self, other: Self) -> Option<Self> {
        Number::of(self.0 - other.0)
    }

    /// The product, rounded to millionths.
    pub fn times(self, other: Self) -> Option<Self> {
        // By a whole number nothing is rounded, and all of it fits 64 bits or is too large.
        if other.0 % ONE == 0 {
            return Number::of(self.0.checked_mul(other.0 / ONE)?);
        }
        rounded(i128::from(self.0) * i128::from(other.0), ONE)
    }

    /// The quotient, rounded to millionths; none for a division by zero.
    pub fn over(self, other: Self) -> Option<Self> {
        if other.0 == 0 {
            return None;
        }
        let sign = other.0.signum();
        // By a whole number: the same with both a million times smaller, which fits 64 bits.
        if other.0 % ONE == 0 {
            return rounded(i128::from(self.0 * sign), other.0.abs() / ONE);
        }
        rounded(i128::from(self.0) * i128::from(ONE) * i128::from(sign), other.0.abs())
    }

    /// What a division leaves, with the sign of the dividend; none for one by zero.
    pub fn rest(self, other: Self) -> Option<Self> {
        (other.0 != 0).then(|| Number(self.0 % other.0))
    }

    /// The same on the other side of zero.
    #[must_use]
    pub fn negated(self) -> Self {
        Number(-self.0)
    }

    /// To that many decimal places, a half away from zero.
    pub fn round(self, places: Number) -> Option<Self> {
        let places = u32::try_from(places.count()?).ok().filter(|places| *places <= PLACES)?;
        let step = 10_i64.pow(PLACES - places);
        let steps = rounded(self.0.into(), step)?;
        Number::of(steps.0 * step)
    }

    /// The next whole number below, or the number itself.
    pub fn floor(self) -> Option<Self> {
        Number::of(self.0.div_euclid(ONE) * ONE)
    }

    /// A whole number from zero on, as a count of characters.
    pub fn count(self) -> Option<usize> {
        (self.0 % ONE == 0).then(|| usize::try_from(self.0 / ONE).ok()).flatten()
    }
}

/// `value / by`, a half away from zero; `by` is above zero.
fn rounded(value: i128, by: i64) -> Option<Number> {
    let nudged = value + value.signum() * i128::from(by / 2);
    // Most fit a division of 64 bits, which is many times as fast.
    Number::of(match i64::try_from(nudged) {
        Ok(nudged) => nudged / by,
        Err(_) => i64::try_from(nudged / i128::from(by)).ok()?,
    })
}

/// As [`Number::parse`] reads it, without zeros at the end.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (whole, behind) = (self.0.abs() / ONE, self.0.abs() % ONE);
        let sign = if self.0 < 0 { "-" } else { "" };
        if behind == 0 {
            return write!(f, "{sign}{whole}");
        }
        let behind = format!("{behind:06}");
        write!(f, "{sign}{whole}.{}", behind.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn money_is_exact_and_a_half_goes_away_from_zero() {
        let told = |number: Option<Number>| number.map(|number| number.to_string());
        let two = Number::whole(2).expect("two is small");
        assert_eq!(told(number("0.1").plus(number("0.2"))).as_deref(), Some("0.3"));
        assert_eq!(told(number("86.40").times(number("1.05"))).as_deref(), Some("90.72"));
        assert_eq!(told(number("10").over(number("3"))).as_deref(), Some("3.333333"));
        assert_eq!(told(number("-2").over(number("-3"))).as_deref(), Some("0.666667"));
        assert_eq!(told(number("2.345").round(two)).as_deref(), Some("2.35"));
        assert_eq!(told(number("-2.345").round(two)).as_deref(), Some("-2.35"));
        assert_eq!(told(number("-0.5").floor()).as_deref(), Some("-1"));
        assert_eq!(told(number("7").rest(number("4"))).as_deref(), Some("3"));
    }

    #[test]
    fn whole_numbers_multiply_and_divide_as_all_others() {
        let whole = [1, -1, 2, 3, -7, 10, 1_000, 999_999_999_999];
        let most = number("999999999999.999999").0;
        for value in [0, 1, -1, 5, -15, 1_499_999, 1_500_000, -1_500_001, 7 * ONE, most, -most] {
            for by in whole {
                let (value, by) = (Number(value), Number(by * ONE));
                let (first, second) = (i128::from(value.0), i128::from(by.0));
                assert_eq!(value.times(by), rounded(first * second, ONE), "{value} * {by}");
                let scaled = first * i128::from(ONE) * second.signum();
                assert_eq!(value.over(by), rounded(scaled, by.0.abs()), "{value} / {by}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_no_number() {
        for bad in ["", "-", ".5", "5.", "1e3", "1 2", "１２", "1234567890123", "0.1234567", "--1"]
        {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
        let most = number("999999999999.999999");
        assert_eq!(most.plus(number("0.000001")), None);
        assert_eq!(most.times(most), None);
        assert_eq!(most.over(number("0.000001")), None);
        assert_eq!(most.over(number("0")), None);
        assert_eq!(most.rest(number("0")), None);
        assert_eq!(most.negated().minus(number("1")), None);
        assert_eq!(number("1.5").count(), None);
        assert_eq!(number("-1").count(), None);
    }
}
