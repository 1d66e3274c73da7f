//! `webhook`: tells programs of the tenant that the call came here, with what it knows. It waits for
//! nobody: the event is an entry of the event log, and the tenant's hooks are told of it signed, in
//! order, and again when they fail.

use super::{Kind, one_way};
use crate::ivr::TOLD_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use crate::ivr::template::{Escape, is_variable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tells programs of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What it is about, for those who are told: a letter, then letters, digits and `_`.
    pub event: String,
    /// Field to template.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// Then.
    pub next: String,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

impl Kind for Webhook {
    const KIND: &'static str = "webhook";
    const NEEDS_CALLER: bool = false;

    one_way!();

    fn check(&self, report: &mut Report) {
        report.unless(is_variable(&self.event), || {
            let right = "a letter, then letters, digits and _, 64 in all";
            (format!("event \"{:.64}\"", self.event), right.to_owned())
        });
        report.range("data", self.data.len() as u32, 0, TOLD_MAX as u32);
        for (name, value) in &self.data {
            report.variable("data", name);
            report.template(name, value);
        }
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let value = |text: &String| run.variables.expand(text, Escape::None);
        let data = self.data.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        run.tell(self.event.clone(), data);
        run.exit("next", Some(&self.next));
    }
}
