//! `hours`: open or closed, by the tenant's opening hours.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::hours::is_open;
use crate::ivr::run::{Cx, Input, Run};
use serde::{Deserialize, Serialize};

/// Chooses by opening hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Name of the opening hours in the plan.
    pub hours: String,
    /// When open.
    pub open: String,
    /// When closed.
    pub closed: String,
    /// `error`: the hours are gone from the plan; `closed` when missing.
    #[serde(default)]
    pub on: On,
}

impl Kind for Hours {
    const KIND: &'static str = "hours";
    const MAY: &'static [&'static str] = &["error"];
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![("open".to_owned(), &self.open), ("closed".to_owned(), &self.closed)]
    }
    fn check(&self, report: &mut Report) {
        report.hours("hours", &self.hours);
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        match cx.hours.iter().find(|hours| hours.name == self.hours) {
            Some(hours) if is_open(hours, cx.zone, cx.now.wall) => {
                run.exit("open", Some(&self.open));
            }
            Some(_) => run.exit("closed", Some(&self.closed)),
            None => run.exit("error", self.on.get("error").or(Some(&self.closed))),
        }
    }
    fn handle(&self, _: &mut Run, _: &Cx, _: &Input) {}
}
