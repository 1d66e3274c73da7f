//! `hours`: open or closed, by the tenant's opening hours; a day that their calendar closes may go
//! a way of its own.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::hours::{is_holiday, is_open};
use crate::ivr::run::{Cx, Run};
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
    /// On a date that the hours name as closed; `closed` when missing.
    #[serde(default)]
    pub holiday: Option<String>,
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
        let ways = [("open", Some(&self.open)), ("closed", Some(&self.closed))];
        let ways = ways.into_iter().chain([("holiday", self.holiday.as_ref())]);
        ways.filter_map(|(name, to)| Some((name.to_owned(), to?.as_str()))).collect()
    }
    fn check(&self, report: &mut Report) {
        report.hours("hours", &self.hours);
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        match cx.hours.iter().find(|hours| hours.name == self.hours) {
            Some(hours) if self.holiday.is_some() && is_holiday(hours, cx.zone, cx.now.wall) => {
                run.exit("holiday", self.holiday.as_deref());
            }
            Some(hours) if is_open(hours, cx.zone, cx.now.wall) => {
                run.exit("open", Some(&self.open));
            }
            Some(_) => run.exit("closed", Some(&self.closed)),
            None => run.exit("error", self.on.get("error").or(Some(&self.closed))),
        }
    }
}
