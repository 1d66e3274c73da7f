//! `survey`: 1 satisfied, 2 neutral, 3 dissatisfied. After an agent (the `released` edge of
//! `enqueue`) the answer is about that agent; before one it is only a step of the flow.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Run};
use serde::{Deserialize, Serialize};

/// Asks for satisfaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// After an answer; the variable `satisfaction` holds `1`, `2` or `3`.
    pub next: String,
    /// `timeout`: nothing valid was pressed; `error`: the question cannot be heard; `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Survey {
    const KIND: &'static str = "survey";
    const NEEDS: &'static [&'static str] = &["timeout"];
    const MAY: &'static [&'static str] = &["error", "hangup"];

    one_way!();

    fn check(&self, _: &mut Report) {}
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.hand(Hand::Survey);
    }
}
