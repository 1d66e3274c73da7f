//! All at once, as far as so many may ring ([`RUNG_MAX`]): those idle longest before the others.
//!
//! [`RUNG_MAX`]: crate::acd::RUNG_MAX

use super::Rule;
use super::longest_idle;

pub(super) const RULE: Rule = longest_idle::RULE;
