//! Other sites of a tenant: boxes and telephone systems of its own behind a trunk, whose phones are
//! dialled from here by the short numbers that they have there.

use crate::id::{SiteId, TrunkId};
use serde::{Deserialize, Serialize};

/// Ranges of short numbers of a site.
pub const SITE_RANGES_MAX: usize = 20;
/// Longest short number of a site, in digits.
pub const SITE_DIGITS_MAX: u8 = 10;

/// A site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// The trunk that leads there, and to no other site.
    pub trunk: TrunkId,
    /// What is dialled there for the site itself, its front door; empty where it has none.
    pub number: String,
    /// Short numbers of its phones.
    pub ranges: Vec<SiteRange>,
    /// Who comes over its trunk reaches agents here by their short numbers; else published numbers
    /// alone, as everybody does.
    pub inward: bool,
}

/// All short numbers of one length that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRange {
    /// How they begin, in digits.
    pub prefix: String,
    /// How long they are, the prefix included.
    pub digits: u8,
}

impl Site {
    /// Whether this is a short number of a phone there.
    pub fn has(&self, number: &str) -> bool {
        self.ranges.iter().any(|range| range.has(number))
    }
}

impl SiteRange {
    /// Whether this number is one of these.
    pub fn has(&self, number: &str) -> bool {
        number.len() == usize::from(self.digits)
            && number.starts_with(&self.prefix)
            && number.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether there is a number in both.
    pub fn meets(&self, other: &SiteRange) -> bool {
        let begins = |one: &SiteRange, two: &SiteRange| one.prefix.starts_with(&two.prefix);
        self.digits == other.digits && (begins(self, other) || begins(other, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(prefix: &str, digits: u8) -> SiteRange {
        SiteRange { prefix: prefix.into(), digits }
    }

    #[test]
    fn a_range_has_the_digits_of_its_length_that_begin_so() {
        let own = range("82", 4);
        assert!(own.has("8200") && own.has("8299"));
        for other in ["820", "82000", "8300", "82a0", "+820", ""] {
            assert!(!own.has(other), "{other}");
        }
    }

    #[test]
    fn ranges_meet_where_a_number_is_in_both() {
        assert!(range("8", 4).meets(&range("82", 4)) && range("82", 4).meets(&range("8", 4)));
        assert!(range("82", 4).meets(&range("82", 4)));
        assert!(!range("82", 4).meets(&range("83", 4)));
        assert!(!range("82", 4).meets(&range("82", 5)), "numbers of two lengths are two numbers");
    }
}
