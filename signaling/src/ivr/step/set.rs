//! `set`: gives variables new values. All right sides are read before the first left side changes.

use super::{Kind, one_way};
use crate::ivr::LIST_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sets variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Variable to template.
    pub values: BTreeMap<String, String>,
    /// Then.
    pub next: String,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

impl Kind for Set {
    const KIND: &'static str = "set";
    const NEEDS_CALLER: bool = false;

    one_way!();

    fn check(&self, report: &mut Report) {
        report.range("values", self.values.len() as u32, 1, LIST_MAX as u32);
        for (name, value) in &self.values {
            report.variable("values", name);
            report.template(name, value);
        }
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let values: Vec<(&String, String)> = self
            .values
            .iter()
            .map(|(name, text)| (name, run.variables.expand(text, Escape::None)))
            .collect();
        for (name, value) in values {
            run.variables.set(name, &value);
        }
        run.exit("next", Some(&self.next));
    }
}
