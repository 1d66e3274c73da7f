//! What reports are asked with, between the business store and the reports, which know nothing of
//! each other.

use super::own_report::OwnReport;
use desk::report_setting::{ReportSettings, ServiceLevelFormula};
use reports::{Given, LevelFormula, Refused, Thresholds};

/// The parameters `given` of `report`, which is `own` where the tenant defined it.
///
/// # Errors
/// [`Refused`] for the first that the report does not look at, or whose value cannot be.
pub fn read<'a>(
    report: &str,
    own: Option<&OwnReport>,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Given, Refused> {
    let known = reports::find(report).map_or(&[][..], |report| report.parameters);
    let takes = |parameter: &str| match own {
        Some(own) => match parameter {
            "zone" => true,
            "queue" | "agent" => own.draft.asks(parameter),
            _ => false,
        },
        None => known.iter().any(|known| known.id == parameter),
    };
    Given::read(takes, given)
}

/// The numbers of a tenant, as reports know them.
pub fn thresholds(settings: &ReportSettings) -> Thresholds {
    Thresholds {
        service_level_s: settings.service_level_s,
        short_abandon_s: settings.short_abandon_s,
        repeat_days: settings.repeat_days,
        item_target_s: settings.item_target_s,
        level: match settings.service_level_formula {
            ServiceLevelFormula::Usual => LevelFormula::Usual,
            ServiceLevelFormula::F1 => LevelFormula::F1,
            ServiceLevelFormula::F2 => LevelFormula::F2,
            ServiceLevelFormula::F3 => LevelFormula::F3,
            ServiceLevelFormula::F4 => LevelFormula::F4,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_at_first_is_the_same_on_both_sides() {
        assert_eq!(thresholds(&ReportSettings::default()), Thresholds::default());
        for formula in ServiceLevelFormula::ALL {
            let settings =
                ReportSettings { service_level_formula: *formula, ..ReportSettings::default() };
            assert_eq!(thresholds(&settings).level.name(), formula.as_str());
        }
    }

    #[test]
    fn a_report_takes_what_it_looks_at() {
        let read = |report, parameter| read(report, None, [(parameter, "9")]);
        assert_eq!(read("queue_summary", "service_level_s").unwrap().service_level_s, Some(9));
        assert_eq!(read("workload", "service_level_s").unwrap_err().parameter, "service_level_s");
        assert_eq!(read("gossip", "zone").unwrap_err().parameter, "zone");
    }
}
