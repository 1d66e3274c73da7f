//! `transfer`: to a short number, a number outside, `queue:<id>`, `flow:<id>`, `conference:<id>` or
//! `site:<id>`. The flow rests; it goes on at `error` when nobody answers there.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};

/// Passes the call on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// With variables.
    pub target: String,
    /// `error`, `released`, `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Transfer {
    const KIND: &'static str = "transfer";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["released", "hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        Vec::new()
    }
    fn check(&self, report: &mut Report) {
        report.template("target", &self.target);
        report.target("target", &self.target);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let target = run.variables.expand(&self.target, Escape::None);
        run.hand(Hand::Transfer { target });
    }
}
