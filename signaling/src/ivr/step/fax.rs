//! `fax`: a machine of ours takes a document from the caller's, or sends one. The flow goes on when
//! both machines are done, with the variables `fax_id`, `fax_pages`, `fax_station` and `fax_text`.
//!
//! With `to` it goes to another number in a call of its own, by the tenant's right to call out, and the
//! flow goes on at once. A caller has one such fax in a call: whoever rings a flow has no phone of the
//! tenant to have many machines called by.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{self, Cx, Hand, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};
use terms::QueueId;

/// Sends or receives a fax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fax {
    /// The name of the document that is sent, with variables. Without it one is received.
    #[serde(default)]
    pub send: Option<String>,
    /// The number of another machine that gets it, with variables; empty is the caller's, in this call.
    #[serde(default)]
    pub to: String,
    /// What the other machine shows of us; where it is empty, the dialled number, or with `to` the
    /// caller number.
    #[serde(default)]
    pub station: String,
    /// Error correction, where the other machine knows it.
    #[serde(default = "super::yes")]
    pub ecm: bool,
    /// What is received is work of this queue: an item of the channel `fax`.
    #[serde(default)]
    pub queue: Option<QueueId>,
    /// Every page is there, and both machines know; with `to`: it will be sent.
    pub next: String,
    /// `error`: nothing went over, or not all of it; with `to`: the number may not be called, or there
    /// was one in this call; `hangup`.
    #[serde(default)]
    pub on: On,
}

/// What [`is_outside_number`] takes, for people.
pub(crate) const OUTSIDE_NUMBER: &str = "3 to 20 digits, with a + before them or without";

/// True for what may be a number outside: digits, and nothing that a dial plan knows.
pub(crate) fn is_outside_number(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    (3..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl Kind for Fax {
    const KIND: &'static str = "fax";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.fax(self.send.as_deref(), &self.station);
        report.fax_to(self.send.as_deref(), &self.to);
        report.fax_queue(self.send.as_deref(), self.queue);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let name = self.send.as_deref();
        let document = name.map(|name| run.variables.expand(name, Escape::None));
        let station = self.station.clone();
        if !self.to.is_empty() {
            let number = run.variables.expand(&self.to, Escape::None);
            let document = document.unwrap_or_default();
            return run.hand(Hand::FaxTo(run::FaxTo { number, document, station }));
        }
        run.hand(Hand::Fax(run::Fax { document, station, ecm: self.ecm, queue: self.queue }));
    }
}
