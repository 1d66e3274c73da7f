//! `branch`: the first case whose condition holds, else `else`.

use super::Kind;
use crate::ivr::LIST_MAX;
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use crate::ivr::template::{Escape, Variables};
use serde::{Deserialize, Serialize};

/// Chooses by variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// Looked at in order.
    pub cases: Vec<Case>,
    /// When none holds.
    #[serde(rename = "else")]
    pub otherwise: String,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// When this holds.
    #[serde(rename = "if")]
    pub condition: Condition,
    /// Go there.
    pub go: String,
}

/// A comparison of two texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// With variables.
    pub left: String,
    /// How.
    pub op: Op,
    /// With variables; not used by `is_empty`.
    #[serde(default)]
    pub right: String,
}

/// How two texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// The same text.
    Equals,
    /// Another text.
    NotEquals,
    /// Left begins with right.
    StartsWith,
    /// Right is somewhere in left.
    Contains,
    /// Left has no characters.
    IsEmpty,
    /// Left is one of right's words, parted by commas.
    OneOf,
    /// As numbers; false when one is none.
    Less,
    /// As numbers; false when one is none.
    Greater,
}

impl Condition {
    /// True when it holds.
    pub fn holds(&self, variables: &Variables) -> bool {
        let left = variables.expand(&self.left, Escape::None);
        let right = variables.expand(&self.right, Escape::None);
        let numbers =
            || Some((left.trim().parse::<f64>().ok()?, right.trim().parse::<f64>().ok()?));
        match self.op {
            Op::Equals => left == right,
            Op::NotEquals => left != right,
            Op::StartsWith => left.starts_with(&right),
            Op::Contains => left.contains(&right),
            Op::IsEmpty => left.is_empty(),
            Op::OneOf => right.split(',').any(|word| word.trim() == left),
            Op::Less => numbers().is_some_and(|(left, right)| left < right),
            Op::Greater => numbers().is_some_and(|(left, right)| left > right),
        }
    }
}

impl Kind for Branch {
    const KIND: &'static str = "branch";
    const NEEDS_CALLER: bool = false;

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        let cases = self.cases.iter().enumerate();
        cases
            .map(|(n, case)| (format!("cases.{n}"), case.go.as_str()))
            .chain([("else".to_owned(), self.otherwise.as_str())])
            .collect()
    }
    fn check(&self, report: &mut Report) {
        report.range("cases", self.cases.len() as u32, 1, LIST_MAX as u32);
        for case in &self.cases {
            report.template("left", &case.condition.left);
            report.template("right", &case.condition.right);
        }
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let mut cases = self.cases.iter().enumerate();
        match cases.find(|(_, case)| case.condition.holds(&run.variables)) {
            Some((n, case)) => run.exit(&format!("case {n}"), Some(&case.go)),
            None => run.exit("else", Some(&self.otherwise)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers_and_words_never_do() {
        let mut variables = Variables::default();
        variables.set("age", "9");
        let holds = |left: &str, op, right: &str| {
            Condition { left: left.into(), op, right: right.into() }.holds(&variables)
        };
        assert!(holds("${age}", Op::Less, "10"));
        assert!(!holds("nine", Op::Less, "10"));
        assert!(holds("${age}", Op::OneOf, "7, 9"));
        assert!(holds("${none}", Op::IsEmpty, ""));
        assert!(holds("+8620", Op::StartsWith, "+86"));
    }
}
