//! `return`: gives the call back to the flow that called this one. In a flow that was not called by
//! another the call ends.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use serde::{Deserialize, Serialize};

/// Ends a called flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// What the calling flow chooses by; none goes on at its `next`.
    #[serde(default)]
    pub result: Option<String>,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

impl Kind for Return {
    const KIND: &'static str = "return";
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        Vec::new()
    }
    fn check(&self, report: &mut Report) {
        if let Some(result) = &self.result {
            report.variable("result", result);
        }
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.come_back(self.result.as_deref());
    }
}
