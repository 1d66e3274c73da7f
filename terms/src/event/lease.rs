//! Calls to leased numbers.

use crate::id::LeaseId;
use serde::{Deserialize, Serialize};

/// Something about a call to a leased number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// The lease; none while it is not known which, because the code is not.
    pub lease: Option<LeaseId>,
    /// What.
    pub what: InLease,
}

/// What became of a call to a leased number, or of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InLease {
    /// The other side is called, and sees the leased number; the leg that follows says whom.
    Called,
    /// Nobody is called, and the caller is told why.
    Refused(LeaseRefusal),
    /// Codes of this lease's number are not heard for a while: too many were wrong, whoever keyed them
    /// in.
    Paused,
}

/// Why nobody is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseRefusal {
    /// The lease is of two, and the caller is none of them.
    Stranger,
    /// Nobody has called whom A could reach.
    NobodyCalled,
    /// The caller was one of them, and the lease is over.
    Over,
    /// The caller keyed in no code that is leased.
    Code,
    /// The tenant may not call such numbers, or no trunk shows the leased number.
    NotCallable,
    /// The lease has too many calls.
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_refusal_is_written_with_its_reason() {
        let what = InLease::Refused(LeaseRefusal::Stranger);
        let kind = Kind::Leased(Leased { lease: Some(LeaseId(7)), what });
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "leased", "lease": "7", "what": {"refused": "stranger"}});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }
}
