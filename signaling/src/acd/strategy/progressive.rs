//! One more phone at a time: those idle longest before the others. Who rings already rings on
//! (`acd/progressive.rs`).

use super::Rule;
use super::longest_idle;

pub(super) const RULE: Rule = longest_idle::RULE;
