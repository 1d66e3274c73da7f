//! What reports are asked with, between the business store and the reports, which know nothing of
//! each other.

use super::own_report::OwnReport;
use desk::Store;
use desk::report_setting::{ReportSettings, ServiceLevelFormula};
use reports::{Given, LevelFormula, Refused, Thresholds};
use terms::TenantId;

/// The parameters `given` of `report`, which is `own` where the tenant defined it.
///
/// # Errors
/// [`Refused`] for the first that the report does not look at, or whose value cannot be.
pub fn read<'a>(
    report: &str,
    own: Option<&OwnReport>,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Given, Refused> {
    let Some(own) = own else {
        return match reports::find(report) {
            Some(report) => report.given(given),
            None => Given::read(|_| false, given),
        };
    };
    let takes = |parameter: &str| match parameter {
        "zone" => true,
        "queue" | "agent" => own.draft.asks(parameter),
        _ => false,
    };
    let given = Given::read(takes, given)?;
    // Its question has one value for each.
    for (parameter, ids) in [("queue", given.queues.len()), ("agent", given.agents.len())] {
        if ids > 1 {
            let problem = "this report is asked with one id".to_owned();
            return Err(Refused { parameter: parameter.to_owned(), problem });
        }
    }
    Ok(given)
}

/// The same with those who belong now to the team that it is asked for, or to a team below it.
///
/// # Errors
/// When the store does not answer; within, [`Refused`] for a team that there is not, or not any more.
pub async fn placed(
    store: &Store,
    tenant: TenantId,
    given: Given,
) -> Result<Result<Given, Refused>, desk::Error> {
    let Some(team) = given.team else { return Ok(Ok(given)) };
    match store.team_agents(tenant, team).await {
        Ok(members) => Ok(Ok(Given { members, ..given })),
        Err(desk::Error::NotFound { .. }) => {
            let problem = "there is no such team".to_owned();
            Ok(Err(Refused { parameter: "team".to_owned(), problem }))
        }
        Err(error) => Err(error),
    }
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
