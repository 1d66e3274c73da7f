//! `consent`: the caller agrees to be recorded, or does not. The step stands behind the key by which
//! they say so; what they said is an entry of the event log, and good for the rest of the call.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use serde::{Deserialize, Serialize};

/// Notes whether the caller agrees to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// They agree.
    pub given: bool,
    /// Then.
    pub next: String,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

impl Kind for Consent {
    const KIND: &'static str = "consent";

    one_way!();

    fn check(&self, _: &mut Report) {}
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.agree(self.given);
        run.exit("next", Some(&self.next));
    }
}
