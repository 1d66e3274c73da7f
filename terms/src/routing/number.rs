//! What answers a published number instead of its usual target, by trunk and time.

use super::Target;
use crate::id::{NumberId, TrunkId};
use serde::{Deserialize, Serialize};

/// Rules of one number.
pub const NUMBER_RULES_MAX: usize = 20;

/// One way that calls from outside go instead. A rule without trunk and hours fits every call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRule {
    /// Calls that come over this trunk; none is any.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
    /// Calls while these opening hours are open; none is always. Hours that are gone fit nothing.
    #[serde(default)]
    pub hours: Option<String>,
    /// While they are closed instead.
    #[serde(default)]
    pub closed: bool,
    /// What answers.
    pub target: Target,
}

/// The rules of one number, the first that fits decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberRules {
    /// Whose.
    pub number: NumberId,
    /// In order.
    pub rules: Vec<NumberRule>,
}

impl NumberRule {
    /// True for a call over `trunk`. `is_open` knows the tenant's hours at that time.
    pub fn fits(&self, trunk: TrunkId, is_open: impl Fn(&str) -> Option<bool>) -> bool {
        self.trunk.is_none_or(|own| own == trunk)
            && self
                .hours
                .as_deref()
                .is_none_or(|name| is_open(name).is_some_and(|open| open != self.closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_by_trunk_and_by_hours_that_are_open_or_closed() {
        let rule = |trunk: Option<u64>, hours: Option<&str>, closed| NumberRule {
            trunk: trunk.map(TrunkId),
            hours: hours.map(str::to_owned),
            closed,
            target: Target::Hangup,
        };
        let known = |name: &str| (name != "gone").then_some(name == "day");
        let fits = |rule: NumberRule| rule.fits(TrunkId(1), known);
        assert!(fits(rule(None, None, false)));
        assert!(fits(rule(Some(1), None, false)) && !fits(rule(Some(2), None, false)));
        assert!(fits(rule(None, Some("day"), false)) && !fits(rule(None, Some("day"), true)));
        assert!(!fits(rule(None, Some("night"), false)) && fits(rule(None, Some("night"), true)));
        assert!(!fits(rule(None, Some("gone"), false)) && !fits(rule(None, Some("gone"), true)));
        assert!(!fits(rule(Some(2), Some("day"), false)), "both have to fit");
    }
}
