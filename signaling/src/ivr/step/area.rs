//! `area`: the people of an area are called, one after the other: its field workers at their own
//! phones, their substitutes, its team, its queue, and in the end the caller is asked for a message.
//! The flow rests; it goes on at `unknown` where there is no such area, and at `released` when an agent
//! of a queue releases first.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Hand, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};

/// The edge of who belongs to no area.
pub const UNKNOWN_AREA: &str = "unknown";

/// How an area is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaBy {
    /// By its code, which the flow knows.
    Code,
    /// By the published number that was dialled.
    Called,
    /// By the number of who calls.
    Caller,
    /// By an address, which the flow knows.
    Address,
}

impl AreaBy {
    /// Whose number tells it, or what else, in words.
    pub const fn whose(self) -> &'static str {
        match self {
            AreaBy::Code => "code",
            AreaBy::Called => "dialled number",
            AreaBy::Caller => "caller's number",
            AreaBy::Address => "address",
        }
    }
}

/// Calls the people of an area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// How it is found.
    pub by: AreaBy,
    /// Its code, with variables; with `by` `code` alone.
    #[serde(default)]
    pub code: String,
    /// The address, with variables; with `by` `address` alone.
    #[serde(default)]
    pub address: String,
    /// Where those go who belong to no area.
    pub unknown: String,
    /// `released`, `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Area {
    const KIND: &'static str = "area";
    const MAY: &'static [&'static str] = &["released", "hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![(UNKNOWN_AREA.to_owned(), self.unknown.as_str())]
    }
    fn check(&self, report: &mut Report) {
        report.template("code", &self.code);
        let fits = self.code.is_empty() != (self.by == AreaBy::Code);
        report.unless(fits, || {
            let what = format!("code is \"{}\"", self.code.chars().take(40).collect::<String>());
            let right = "a code such as ${area} with \"by\": \"code\", and none with other ways";
            (what, right.to_owned())
        });
        report.template("address", &self.address);
        let fits = self.address.is_empty() != (self.by == AreaBy::Address);
        report.unless(fits, || {
            let written = self.address.chars().take(40).collect::<String>();
            let right =
                "an address such as ${address} with \"by\": \"address\", and none with other ways";
            (format!("address is \"{written}\""), right.to_owned())
        });
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let known = if self.by == AreaBy::Address { &self.address } else { &self.code };
        let code = run.variables.expand(known, Escape::None).trim().to_owned();
        run.hand(Hand::Area { by: self.by, code });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ivr::Known;
    use crate::ivr::check::check;
    use crate::ivr::simulate::{Scene, script, simulate};
    use serde_json::{Value, json};

    fn flow(step: &Value) -> Value {
        json!({"format": 1, "start": "a", "variables": {"zone": "020"},
            "steps": {"a": step, "z": {"kind": "hangup"}}})
    }

    #[test]
    fn an_area_is_found_by_one_thing_and_has_a_way_for_who_belongs_to_none() {
        let step = json!({"kind": "area", "by": "code", "code": "${zone}", "unknown": "z"});
        let known = check(&flow(&step), &Known::default()).expect("nothing is wrong");
        let told = simulate(known, &Scene::default(), script(""));
        let end = Hand::Area { by: AreaBy::Code, code: "020".into() };
        assert_eq!(told.end, Some(end), "the variable is filled in");
        assert_eq!(told.lines.last().map(String::as_str), Some("goes to the people of area 020"));
        for (step, what) in [
            (json!({"kind": "area", "by": "code", "unknown": "z"}), "code is \"\""),
            (json!({"kind": "area", "by": "caller", "code": "1", "unknown": "z"}), "code is \"1\""),
            (json!({"kind": "area", "by": "address", "unknown": "z"}), "address is \"\""),
            (
                json!({"kind": "area", "by": "called", "address": "1", "unknown": "z"}),
                "address is \"1\"",
            ),
            (json!({"kind": "area", "by": "called"}), "missing field `unknown`"),
            (json!({"kind": "area", "by": "name", "unknown": "z"}), "unknown variant `name`"),
            (
                json!({"kind": "area", "by": "called", "unknown": "z", "on": {"error": "z"}}),
                "never takes on.error",
            ),
        ] {
            let problems = check(&flow(&step), &Known::default()).expect_err("it is refused");
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(text.join("; ").contains(what), "{text:?}");
        }
    }
}
