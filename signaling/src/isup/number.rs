//! Numbers of parties, Q.763 §3.9 (called), §3.10 (calling), §3.39 (original called) and §3.44
//! (redirecting): what kind of number it is, who may see it, and its digits, two an octet.

use super::Unreadable;

/// Most digits: E.164 has 15, and networks put prefixes before them.
const DIGITS_MAX: usize = 32;
/// The number has an odd count of digits: the last half octet is empty.
const ODD: u8 = 0x80;
/// Numbering plan of telephony, E.164.
const PLAN: u8 = 0x10;
/// Half octets that are no digits: code 11, code 12, the end of dialling.
const CODE_11: u8 = 0x0B;
const CODE_12: u8 = 0x0C;
const ENDED: u8 = 0x0F;

/// What kind of number it is (nature of address).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Of a subscriber in the same area.
    Subscriber,
    /// As it was dialled.
    Unknown,
    /// With the area, without the country.
    National,
    /// With the country.
    International,
    /// Something of a network's own.
    Other(u8),
}

impl Nature {
    fn of(octet: u8) -> Self {
        match octet {
            1 => Nature::Subscriber,
            2 => Nature::Unknown,
            3 => Nature::National,
            4 => Nature::International,
            other => Nature::Other(other),
        }
    }

    fn octet(self) -> u8 {
        match self {
            Nature::Subscriber => 1,
            Nature::Unknown => 2,
            Nature::National => 3,
            Nature::International => 4,
            Nature::Other(other) => other & !ODD,
        }
    }
}

/// Who may see it (address presentation restricted indicator).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// Everybody.
    Allowed,
    /// The networks alone.
    Restricted,
    /// It is not known.
    Unavailable,
    /// The networks alone, as one of them wants it.
    RestrictedByNetwork,
}

impl Presentation {
    fn of(octet: u8) -> Self {
        match (octet >> 2) & 0x03 {
            0 => Presentation::Allowed,
            1 => Presentation::Restricted,
            2 => Presentation::Unavailable,
            _ => Presentation::RestrictedByNetwork,
        }
    }
}

/// A number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// What kind.
    pub nature: Nature,
    /// `0-9`, `*` for code 11 and `#` for code 12; empty where it is not available.
    pub digits: String,
    /// Who may see it. A called number has none, which reads as allowed.
    pub presentation: Presentation,
    /// Who says so: 1 the user, and it was checked; 3 the network. A called number has 0.
    pub screening: u8,
}

impl Number {
    /// One that everybody may see.
    pub fn shown(nature: Nature, digits: &str, screening: u8) -> Self {
        let digits = digits.to_owned();
        Number { nature, digits, presentation: Presentation::Allowed, screening }
    }

    /// Nobody says who it is: all else is coded 0, and the network says so (Q.763 §3.10).
    pub const fn unavailable() -> Self {
        let presentation = Presentation::Unavailable;
        Number { nature: Nature::Other(0), digits: String::new(), presentation, screening: 3 }
    }

    /// The other party is not to know it.
    pub fn is_restricted(&self) -> bool {
        matches!(self.presentation, Presentation::Restricted | Presentation::RestrictedByNetwork)
    }

    /// As a person of this country (its code, without `+`) would write it.
    pub fn dialled(&self, country: &str) -> String {
        match self.nature {
            Nature::International => format!("+{}", self.digits),
            Nature::National if !country.is_empty() => format!("+{country}{}", self.digits),
            _ => self.digits.clone(),
        }
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, Unreadable> {
        let [first, second, pairs @ ..] = value else {
            return Err(Unreadable("a number that ends too early"));
        };
        let mut halves: Vec<u8> = pairs.iter().flat_map(|pair| [pair & 0x0F, pair >> 4]).collect();
        if first & ODD != 0 {
            halves.pop();
        }
        if halves.last() == Some(&ENDED) {
            halves.pop();
        }
        if halves.len() > DIGITS_MAX {
            return Err(Unreadable("a number of too many digits"));
        }
        let digits: Option<String> = halves.into_iter().map(digit).collect();
        Ok(Number {
            nature: Nature::of(first & !ODD),
            digits: digits.ok_or(Unreadable("a digit that is none"))?,
            presentation: Presentation::of(*second),
            screening: second & 0x03,
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let halves: Vec<u8> = self.digits.chars().filter_map(half).take(DIGITS_MAX).collect();
        let odd = if halves.len() % 2 == 1 { ODD } else { 0 };
        let plan = if halves.is_empty() { 0 } else { PLAN };
        let presentation = match self.presentation {
            Presentation::Allowed => 0,
            Presentation::Restricted => 1,
            Presentation::Unavailable => 2,
            Presentation::RestrictedByNetwork => 3,
        };
        let second = plan | (presentation << 2) | (self.screening & 0x03);
        let mut bytes = vec![odd | self.nature.octet(), second];
        let pair = |pair: &[u8]| pair[0] | (pair.get(1).copied().unwrap_or(0) << 4);
        bytes.extend(halves.chunks(2).map(pair));
        bytes
    }
}

fn digit(half: u8) -> Option<char> {
    match half {
        0..=9 => Some(char::from(b'0' + half)),
        CODE_11 => Some('*'),
        CODE_12 => Some('#'),
        _ => None,
    }
}

fn half(digit: char) -> Option<u8> {
    match digit {
        '0'..='9' => digit.to_digit(10).and_then(|digit| u8::try_from(digit).ok()),
        '*' => Some(CODE_11),
        '#' => Some(CODE_12),
        _ => None,
    }
}
