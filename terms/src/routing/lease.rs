//! Leases of numbers: for a time a number of the tenant stands for somebody whose own number nobody
//! is told. They come and go by the thousand, so they are no part of the plan: the call path is told
//! what changed since the version that it has.

use crate::id::{LeaseId, TenantId};
use crate::number::PhoneNumber;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Leases of one tenant that have not ended.
pub const LEASES_MAX: usize = 50_000;
/// Fewest and most digits of a code.
pub const LEASE_CODE_DIGITS: std::ops::RangeInclusive<usize> = 2..=8;

/// Whom a leased number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseKind {
    /// For A: whoever calls it reaches A, and A reaches who called last.
    Ax,
    /// For both A and B: each reaches the other, and nobody else anybody.
    Axb,
    /// For several A, each with a code that the caller keys in.
    Axe,
}

/// A number of the tenant that stands for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id.
    pub id: LeaseId,
    /// Rises with every change of any lease of the tenant.
    pub version: u64,
    /// Whom it stands for.
    pub kind: LeaseKind,
    /// The number, normalised: one of the tenant's.
    pub number: String,
    /// Whose own number nobody is told, as it is dialled.
    pub a: String,
    /// The other one, as they are dialled; with [`LeaseKind::Axb`] only.
    pub b: Option<String>,
    /// What the caller keys in; with [`LeaseKind::Axe`] only.
    pub code: Option<String>,
    /// It counts from then on,
    pub from: Timestamp,
    /// and no longer at this time.
    pub until: Timestamp,
    /// Conversations are recorded; else they never are.
    pub record: bool,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseChanges {
    /// Whose.
    pub tenant: TenantId,
    /// These are all changes after that version; none for all leases that there are.
    pub since: Option<u64>,
    /// The version after them.
    pub version: u64,
    /// As they are from now on. One that was ended has its end in the past.
    pub leases: Vec<Lease>,
}

impl Lease {
    /// It counts at this time.
    pub fn counts(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether this number is A's or B's. `country` is the tenant's.
    pub fn is_party(&self, number: &PhoneNumber, country: &str) -> bool {
        let parties = [Some(&self.a), self.b.as_ref()].into_iter().flatten();
        parties.map(|party| PhoneNumber::parse(party, country)).any(|p| p.normal == number.normal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_its_beginning_up_to_its_end() {
        let at = Timestamp::from_secs;
        let lease = Lease {
            id: LeaseId(1),
            version: 1,
            kind: LeaseKind::Axb,
            number: "95105688".into(),
            a: "13800138000".into(),
            b: Some("+8613900139000".into()),
            code: None,
            from: at(100),
            until: at(200),
            record: false,
        };
        let counts: Vec<bool> = [99, 100, 199, 200].map(|n| lease.counts(at(n))).into();
        assert_eq!(counts, [false, true, true, false]);
        let is_party = |text| lease.is_party(&PhoneNumber::parse(text, "86"), "86");
        assert!(is_party("+8613800138000") && is_party("13900139000") && !is_party("95105688"));
        let written = serde_json::to_value(&lease).unwrap();
        assert_eq!(written["kind"], "axb");
        assert_eq!(serde_json::from_value::<Lease>(written).unwrap(), lease);
    }
}
