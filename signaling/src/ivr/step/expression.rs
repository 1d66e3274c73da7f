//! `expression`: computes a value, and chooses by it where it is `true` or `false`.

use super::Kind;
use crate::ivr::check::Report;
use crate::ivr::expression::parse;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use serde::{Deserialize, Serialize};

/// Computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// What is computed.
    pub expression: String,
    /// Gets the value.
    #[serde(default)]
    pub variable: Option<String>,
    /// Then.
    pub next: String,
    /// When the value is `false`; `next` when missing.
    #[serde(default, rename = "else")]
    pub otherwise: Option<String>,
    /// `error`: a text where a number is needed, a division by zero, a result that is too large.
    #[serde(default)]
    pub on: On,
}

impl Kind for Expression {
    const KIND: &'static str = "expression";
    const NEEDS: &'static [&'static str] = &["error"];
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        let otherwise = self.otherwise.as_deref().map(|to| ("else".to_owned(), to));
        [("next".to_owned(), self.next.as_str())].into_iter().chain(otherwise).collect()
    }
    fn check(&self, report: &mut Report) {
        if let Err(problem) = parse(&self.expression) {
            report.add(
                &format!("expression: {problem}"),
                "an expression of docs/formats/ivr-flow.md",
            );
        }
        if let Some(variable) = &self.variable {
            report.variable("variable", variable);
        }
        report.unless(self.variable.is_some() || self.otherwise.is_some(), || {
            ("its value goes nowhere".to_owned(), "variable, else, or both".to_owned())
        });
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        // The checker has read it; what cannot be read comes to nothing.
        let value = parse(&self.expression).ok().and_then(|e| e.value(&run.variables).ok());
        let Some(value) = value else {
            return run.exit("error", self.on.get("error"));
        };
        if let Some(variable) = &self.variable {
            run.variables.set(variable, &value);
        }
        match &self.otherwise {
            Some(otherwise) if value == "false" => run.exit("else", Some(otherwise)),
            Some(_) | None => run.exit("next", Some(&self.next)),
        }
    }
}
