//! `text`: a text (SMS) goes over a trunk to the caller, or to another number. The flow goes on at once,
//! and what comes of the text is told by its event.
//!
//! It is sent by the tenant's right to call out, once in a call: whoever rings a flow has no right of
//! their own.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{self, Cx, Hand, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};
use terms::TrunkId;

/// Sends a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// What it says, with variables.
    pub text: String,
    /// The number that gets it, with variables; empty is the one that they call from.
    #[serde(default)]
    pub to: String,
    /// Over this trunk, which the number has to lead over; without one, over the first of these.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
    /// It is on its way.
    pub next: String,
    /// `error`: the number may not be called or had too many, there was one in this call, or there is
    /// nothing to be read; `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Text {
    const KIND: &'static str = "text";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.words(&self.text);
        report.text_to(&self.to);
        report.trunk(self.trunk);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let number = run.variables.expand(&self.to, Escape::None);
        let text = run.variables.expand(&self.text, Escape::None);
        // A variable that holds nothing is no wish that the caller gets it.
        if number.trim().is_empty() && !self.to.is_empty() {
            return run.exit("error", self.on.get("error"));
        }
        run.hand(Hand::Text(run::TextTo { number, text, trunk: self.trunk }));
    }
}
