//! `subflow`: another published flow takes the call and gives it back at one of its `return` steps.
//! Both work on the same variables.

use super::Kind;
use crate::ivr::LIST_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Back, Cx, Run};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::FlowId;

/// Calls another flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subflow {
    /// Which, in the version that was live when the call began.
    pub flow: FlowId,
    /// What its `return` says, to step.
    #[serde(default)]
    pub results: BTreeMap<String, String>,
    /// When it says something else, or nothing.
    pub next: String,
    /// `error`: the flow is gone, or too many stand within each other; `hangup`: the caller hung up
    /// in it, where it has no such edge itself.
    #[serde(default)]
    pub on: On,
}

impl Kind for Subflow {
    const KIND: &'static str = "subflow";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        let results = self.results.iter();
        let results = results.map(|(result, to)| (format!("results.{result}"), to.as_str()));
        results.chain([("next".to_owned(), self.next.as_str())]).collect()
    }
    fn check(&self, report: &mut Report) {
        report.flow("flow", &self.flow.to_string());
        report.range("results", self.results.len() as u32, 0, LIST_MAX as u32);
        for result in self.results.keys() {
            report.variable("results", result);
        }
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let back = Back { results: self.results.clone(), next: self.next.clone() };
        if !run.go_into(cx, self.flow, back) {
            run.exit("error", self.on.get("error"));
        }
    }
}
