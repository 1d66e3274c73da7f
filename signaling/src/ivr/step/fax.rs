//! `fax`: a machine of ours takes a document from the caller's, or sends one. The flow goes on when
//! both machines are done, with the variables `fax_id`, `fax_pages`, `fax_station` and `fax_text`.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{self, Cx, Hand, Input, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};

/// Sends or receives a fax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fax {
    /// The name of the document that is sent, with variables. Without it one is received.
    #[serde(default)]
    pub send: Option<String>,
    /// What the other machine shows of us; the dialled number, where it is empty.
    #[serde(default)]
    pub station: String,
    /// Error correction, where the other machine knows it.
    #[serde(default = "super::yes")]
    pub ecm: bool,
    /// Every page is there, and both machines know.
    pub next: String,
    /// `error`: nothing went over, or not all of it; `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Fax {
    const KIND: &'static str = "fax";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![("next".to_owned(), &self.next)]
    }
    fn check(&self, report: &mut Report) {
        report.fax(self.send.as_deref(), &self.station);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let name = self.send.as_deref();
        let document = name.map(|name| run.variables.expand(name, Escape::None));
        let station = self.station.clone();
        run.hand(Hand::Fax(run::Fax { document, station, ecm: self.ecm }));
    }
    fn handle(&self, _: &mut Run, _: &Cx, _: &Input) {}
}
