//! `callback`: the caller is called back by the people of a queue, without waiting in it first. Their
//! place counts from now on; how they are called is what the queue says of callbacks.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};
use terms::QueueId;

/// Has the caller called back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// By whose people.
    pub queue: QueueId,
    /// At which number, with variables; empty is the one that they call from.
    #[serde(default)]
    pub number: String,
    /// They will be.
    pub next: String,
    /// `error`: the queue calls nobody back or is full, or the number may not be called; `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Callback {
    const KIND: &'static str = "callback";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.queue("queue", self.queue);
        report.template("number", &self.number);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let number = run.variables.expand(&self.number, Escape::None);
        run.hand(Hand::Callback { queue: self.queue, number });
    }
}
