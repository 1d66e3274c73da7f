//! By which numbers a report counts: the thresholds of service level, the days of a first contact,
//! the target of items, and which of the five formulas of service level stands first. A tenant sets
//! them; whoever asks for a report may give others.

use crate::cell::duration_text;
use crate::definition::{Report, Summary};
use crate::messages::{Language, Words, words};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

pub(crate) const USUAL: Words = words(
    "{service_level_s} 秒内接听 ÷ (接听 + 放弃 − {short_abandon_s} 秒内的短放弃)",
    "answered within {service_level_s} s ÷ (answered + abandoned − abandoned within {short_abandon_s} s)",
);
pub(crate) const F1: Words = words(
    "({service_level_s} 秒内接听 + {service_level_s} 秒内放弃) ÷ (接听 + 放弃)",
    "(answered within {service_level_s} s + abandoned within {service_level_s} s) ÷ (answered + abandoned)",
);
pub(crate) const F2: Words =
    words("{service_level_s} 秒内接听 ÷ 接听", "answered within {service_level_s} s ÷ answered");
pub(crate) const F3: Words = words(
    "{service_level_s} 秒内接听 ÷ (接听 + 放弃)",
    "answered within {service_level_s} s ÷ (answered + abandoned)",
);
pub(crate) const F4: Words = words(
    "{service_level_s} 秒内接听 ÷ (接听 + {service_level_s} 秒后放弃)",
    "answered within {service_level_s} s ÷ (answered + abandoned after {service_level_s} s)",
);

/// A formula of service level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LevelFormula {
    /// Short abandons are left out.
    #[default]
    #[serde(rename = "default")]
    Usual,
    /// Abandoned in time counts as served.
    #[serde(rename = "f1")]
    F1,
    /// Of the answered alone.
    #[serde(rename = "f2")]
    F2,
    /// Of all that were answered or gave up.
    #[serde(rename = "f3")]
    F3,
    /// Abandoned in time is left out.
    #[serde(rename = "f4")]
    F4,
}

/// A text that names no formula of service level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("default, f1, f2, f3 or f4 is needed")]
pub struct UnknownFormula;

impl FromStr for LevelFormula {
    type Err = UnknownFormula;

    fn from_str(text: &str) -> Result<Self, UnknownFormula> {
        Self::ALL.into_iter().find(|formula| formula.name() == text).ok_or(UnknownFormula)
    }
}

impl LevelFormula {
    /// All five.
    pub const ALL: [LevelFormula; 5] = {
        use LevelFormula::{F1, F2, F3, F4, Usual};
        [Usual, F1, F2, F3, F4]
    };

    /// Its name in parameters.
    pub const fn name(self) -> &'static str {
        match self {
            LevelFormula::Usual => "default",
            LevelFormula::F1 => "f1",
            LevelFormula::F2 => "f2",
            LevelFormula::F3 => "f3",
            LevelFormula::F4 => "f4",
        }
    }

    /// How it is made, for people.
    pub(crate) const fn text(self) -> Words {
        match self {
            LevelFormula::Usual => USUAL,
            LevelFormula::F1 => F1,
            LevelFormula::F2 => F2,
            LevelFormula::F3 => F3,
            LevelFormula::F4 => F4,
        }
    }

    /// What stands above the line and below it, of the fields `in_time`, `answered`, `abandoned`,
    /// `abandoned_in_time` and `short_abandoned`.
    pub(crate) const fn parts(self) -> (&'static str, &'static str) {
        match self {
            LevelFormula::Usual => ("in_time", "answered + abandoned - short_abandoned"),
            LevelFormula::F1 => ("in_time + abandoned_in_time", "answered + abandoned"),
            LevelFormula::F2 => ("in_time", "answered"),
            LevelFormula::F3 => ("in_time", "answered + abandoned"),
            LevelFormula::F4 => ("in_time", "answered + abandoned - abandoned_in_time"),
        }
    }

    /// Its column where a report has one for each formula.
    const fn column(self) -> &'static str {
        match self {
            LevelFormula::Usual => "level",
            LevelFormula::F1 => "level_f1",
            LevelFormula::F2 => "level_f2",
            LevelFormula::F3 => "level_f3",
            LevelFormula::F4 => "level_f4",
        }
    }

    /// The figures on top of `report`: of the levels by several formulas this one stands first.
    pub(crate) fn figures(self, report: &Report) -> Vec<&'static str> {
        let column = self.column();
        if !report.columns.iter().any(|known| known.id == column) {
            return report.figures.to_vec();
        }
        let mut figures = Vec::with_capacity(report.figures.len());
        for &figure in report.figures {
            let figure = if figure == LevelFormula::Usual.column() { column } else { figure };
            if !figures.contains(&figure) {
                figures.push(figure);
            }
        }
        figures
    }
}

/// The numbers by which reports count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Answered within this many seconds is in time.
    pub service_level_s: u32,
    /// Abandoned within this many seconds is short.
    pub short_abandon_s: u32,
    /// Who calls again within this many days has not been helped.
    pub repeat_days: u32,
    /// An item that is done within this many seconds after it came is in time.
    pub item_target_s: u32,
    /// The service level that stands first.
    pub level: LevelFormula,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            service_level_s: 20,
            short_abandon_s: 5,
            repeat_days: 7,
            item_target_s: 4 * 3_600,
            level: LevelFormula::Usual,
        }
    }
}

impl Thresholds {
    /// A line about numbers with these in it.
    pub(crate) fn told(&self, line: &str, language: Language) -> String {
        line.replace("{service_level}", self.level.text().get(language))
            .replace("{service_level_s}", &self.service_level_s.to_string())
            .replace("{short_abandon_s}", &self.short_abandon_s.to_string())
            .replace("{repeat_days}", &self.repeat_days.to_string())
            .replace("{item_target}", &duration_text(i64::from(self.item_target_s)))
    }

    /// What holds for a parameter that is not given; `None` for one that is no threshold.
    fn of(&self, parameter: &str) -> Option<String> {
        match parameter {
            "service_level_s" => Some(self.service_level_s.to_string()),
            "short_abandon_s" => Some(self.short_abandon_s.to_string()),
            "repeat_days" => Some(self.repeat_days.to_string()),
            "item_target_s" => Some(self.item_target_s.to_string()),
            "service_level_formula" => Some(self.level.name().to_owned()),
            _ => None,
        }
    }
}

impl Summary {
    /// The same for a tenant: what holds there when nothing is given.
    pub fn of_tenant(&mut self, thresholds: &Thresholds, zone: &str, language: Language) {
        for parameter in &mut self.parameters {
            let own = thresholds.of(parameter.id);
            let own = own.or_else(|| (parameter.id == "zone").then(|| zone.to_owned()));
            if let Some(own) = own {
                parameter.default = Some(own.into());
            }
        }
        for formula in &mut self.formulas {
            *formula = thresholds.told(formula, language);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{QUEUE_SUMMARY, SERVICE_LEVELS, STAFFING};

    #[test]
    fn a_formula_is_found_by_its_name_and_no_other() {
        for formula in LevelFormula::ALL {
            assert_eq!(formula.name().parse(), Ok(formula));
        }
        for other in ["", "F1", "f5", "usual"] {
            assert_eq!(other.parse::<LevelFormula>(), Err(UnknownFormula), "{other}");
        }
    }

    #[test]
    fn the_chosen_level_stands_on_top_once_where_each_formula_has_a_column() {
        let of = |formula: LevelFormula| formula.figures(&SERVICE_LEVELS);
        assert_eq!(of(LevelFormula::Usual), SERVICE_LEVELS.figures);
        assert_eq!(of(LevelFormula::F1), ["offered", "level_f1", "level_f3", "abandon_rate"]);
        assert_eq!(
            of(LevelFormula::F2),
            ["offered", "level_f2", "level_f1", "level_f3", "abandon_rate"]
        );
        for report in [&QUEUE_SUMMARY, &STAFFING] {
            assert_eq!(LevelFormula::F2.figures(report), report.figures);
        }
    }

    #[test]
    fn a_summary_tells_a_tenants_own_numbers() {
        let mut summary = QUEUE_SUMMARY.summary(Language::En);
        let level = LevelFormula::F4;
        let thresholds = Thresholds { service_level_s: 30, level, ..Thresholds::default() };
        summary.of_tenant(&thresholds, "Europe/Berlin", Language::En);
        let defaults: Vec<_> = summary
            .parameters
            .iter()
            .map(|parameter| (parameter.id, parameter.default.as_deref()))
            .collect();
        assert_eq!(
            defaults,
            [
                ("period", None),
                ("zone", Some("Europe/Berlin")),
                ("service_level_s", Some("30")),
                ("short_abandon_s", Some("5")),
                ("service_level_formula", Some("f4")),
                ("queue", Some("*")),
            ]
        );
        let line = "Service level = answered within 30 s ÷ (answered + abandoned after 30 s)";
        assert!(summary.formulas.iter().any(|formula| formula == line), "{:?}", summary.formulas);
    }
}
