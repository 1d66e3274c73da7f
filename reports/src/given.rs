//! What a report is asked with besides its period. Addresses, commands and saved reports have it as
//! names and texts; here it is read, and refused where the report does not look at it.

use crate::level::{LevelFormula, Thresholds};
use crate::narrow::Narrowed;
use crate::period::parse_zone;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::str::FromStr;
use terms::{AgentId, QueueId, TeamId, UserId};

/// Shortest and longest threshold of service level, in seconds.
pub const SERVICE_LEVEL_S: RangeInclusive<u32> = 1..=3_600;
/// Shortest and longest threshold of a short abandon, in seconds.
pub const SHORT_ABANDON_S: RangeInclusive<u32> = 0..=3_600;
/// Fewest and most days within which a customer who calls again was not helped.
pub const REPEAT_DAYS: RangeInclusive<u32> = 1..=90;
/// Shortest and longest target of items, in seconds: a minute and thirty days.
pub const ITEM_TARGET_S: RangeInclusive<u32> = 60..=2_592_000;
/// Queues, or agents, that one report is asked for.
const IDS_MAX: usize = 100;
/// Longest word.
const WORD_CHARS_MAX: usize = 64;
/// Characters of a name that a refusal quotes.
const NAME_CHARS_MAX: usize = 40;

/// What was given. For what was not, the tenant's own holds, or everything is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Only what this person did.
    pub user: Option<UserId>,
    /// Only this action, or those of this kind.
    pub action: Option<String>,
    /// Only these queues; a report that the tenant defined is asked for one.
    pub queues: Vec<QueueId>,
    /// Only these agents, in the same way.
    pub agents: Vec<AgentId>,
    /// Only the agents of this team.
    pub team: Option<TeamId>,
    /// Who they are, which knows who has the teams.
    pub members: Vec<AgentId>,
    /// Whose days, an IANA name.
    pub zone: Option<String>,
    /// Answered within this many seconds is in time.
    pub service_level_s: Option<u32>,
    /// Abandoned within this many seconds is short.
    pub short_abandon_s: Option<u32>,
    /// Who calls again within this many days has not been helped.
    pub repeat_days: Option<u32>,
    /// An item that is done within this many seconds after it came is in time.
    pub item_target_s: Option<u32>,
    /// The service level that stands first.
    pub level: Option<LevelFormula>,
}

/// Why a parameter is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {problem}")]
pub struct Refused {
    /// Which, shortened.
    pub parameter: String,
    /// Why, a sentence.
    pub problem: String,
}

impl Given {
    /// Reads parameters by name; `takes` says which the report looks at.
    ///
    /// # Errors
    /// [`Refused`] for the first that the report does not look at, or whose value cannot be.
    pub fn read<'a>(
        takes: impl Fn(&str) -> bool,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Given, Refused> {
        let mut read = Given::default();
        for (parameter, text) in given {
            let taken = match takes(parameter) {
                true => read.take(parameter, text),
                false => Err(not_looked_at()),
            };
            taken.map_err(|problem| {
                let kept = |c: &char| !c.is_control();
                let parameter = parameter.chars().filter(kept).take(NAME_CHARS_MAX).collect();
                Refused { parameter, problem }
            })?;
        }
        Ok(read)
    }

    fn take(&mut self, parameter: &str, text: &str) -> Result<(), String> {
        match parameter {
            "user" => self.user = Some(id(text)?),
            "action" => self.action = Some(word(text)?),
            "queue" => self.queues = ids(text)?,
            "agent" => self.agents = ids(text)?,
            "team" => self.team = Some(id(text)?),
            "zone" => {
                let zone = parse_zone(text).map_err(|error| error.to_string())?;
                self.zone = Some(zone.name().to_owned());
            }
            "service_level_s" => self.service_level_s = Some(number(text, SERVICE_LEVEL_S)?),
            "short_abandon_s" => self.short_abandon_s = Some(number(text, SHORT_ABANDON_S)?),
            "repeat_days" => self.repeat_days = Some(number(text, REPEAT_DAYS)?),
            "item_target_s" => self.item_target_s = Some(number(text, ITEM_TARGET_S)?),
            "service_level_formula" => {
                let level = text.parse::<LevelFormula>().map_err(|error| error.to_string())?;
                self.level = Some(level);
            }
            _ => return Err(not_looked_at()),
        }
        Ok(())
    }

    /// What the report is narrowed to.
    pub fn narrowed(&self) -> Narrowed {
        Narrowed {
            queues: self.queues.clone(),
            agents: self.agents.clone(),
            team: self.team,
            members: self.members.clone(),
        }
    }

    /// The numbers to count by, where `usual` are the tenant's.
    pub fn thresholds(&self, usual: Thresholds) -> Thresholds {
        Thresholds {
            service_level_s: self.service_level_s.unwrap_or(usual.service_level_s),
            short_abandon_s: self.short_abandon_s.unwrap_or(usual.short_abandon_s),
            repeat_days: self.repeat_days.unwrap_or(usual.repeat_days),
            item_target_s: self.item_target_s.unwrap_or(usual.item_target_s),
            level: self.level.unwrap_or(usual.level),
        }
    }
}

/// Its numbers would be taken for others.
fn not_looked_at() -> String {
    "this report does not look at this condition".to_owned()
}

fn id<T: FromStr<Err = terms::BadId>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: terms::BadId| error.to_string())
}

/// Ids with commas between.
fn ids<T: FromStr<Err = terms::BadId>>(text: &str) -> Result<Vec<T>, String> {
    if text.split(',').count() > IDS_MAX {
        return Err(format!("at most {IDS_MAX} ids are taken"));
    }
    text.split(',').map(|one| id(one.trim())).collect()
}

fn word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > WORD_CHARS_MAX || !text.chars().all(|c| c.is_ascii_graphic())
    {
        return Err(format!("at most {WORD_CHARS_MAX} printable characters are taken"));
    }
    Ok(text.to_owned())
}

fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let read = is_plain.then(|| text.parse::<u32>().ok()).flatten();
    read.filter(|number| range.contains(number)).ok_or_else(|| {
        format!("a whole number from {} to {} is needed", range.start(), range.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn read(parameter: &str, text: &str) -> Result<Given, String> {
        Given::read(|_| true, [(parameter, text)]).map_err(|refused| refused.to_string())
    }

    #[test]
    fn every_parameter_of_the_catalogue_but_the_period_is_read() {
        for report in catalogue() {
            for parameter in report.asked_with().filter(|known| known.id != "period") {
                let text = match parameter.default {
                    Some("*") | None => "7",
                    Some(default) => default,
                };
                let given = read(parameter.id, text).expect(parameter.id);
                assert_ne!(given, Given::default(), "{}: {}", report.id, parameter.id);
            }
        }
    }

    #[test]
    fn what_is_given_stands_before_what_the_tenant_has() {
        let given = [("service_level_s", "30"), ("service_level_formula", "f3")];
        let given = Given::read(|_| true, given).unwrap();
        let usual = Thresholds { service_level_s: 15, short_abandon_s: 3, ..Thresholds::default() };
        assert_eq!(
            given.thresholds(usual),
            Thresholds { service_level_s: 30, level: LevelFormula::F3, ..usual }
        );
        assert_eq!(Given::default().thresholds(usual), usual);
    }

    #[test]
    fn each_number_that_is_given_takes_the_place_of_its_own_and_of_no_other() {
        let usual = Thresholds {
            service_level_s: 15,
            short_abandon_s: 3,
            repeat_days: 10,
            item_target_s: 3_600,
            level: LevelFormula::F2,
        };
        for (parameter, text, expected) in [
            ("service_level_s", "30", Thresholds { service_level_s: 30, ..usual }),
            ("short_abandon_s", "8", Thresholds { short_abandon_s: 8, ..usual }),
            ("repeat_days", "14", Thresholds { repeat_days: 14, ..usual }),
            ("item_target_s", "7200", Thresholds { item_target_s: 7_200, ..usual }),
            ("service_level_formula", "f4", Thresholds { level: LevelFormula::F4, ..usual }),
        ] {
            assert_eq!(read(parameter, text).unwrap().thresholds(usual), expected, "{parameter}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        for (parameter, texts, said) in [
            ("service_level_s", &["0", "3601", "-1", "+20", "20.0", "", "x"][..], "from 1 to 3600"),
            ("short_abandon_s", &["3601", " 5"][..], "from 0 to 3600"),
            ("repeat_days", &["0", "91"][..], "from 1 to 90"),
            ("item_target_s", &["59", "2592001", "4h"][..], "from 60 to 2592000"),
            ("service_level_formula", &["f5", "F1", ""][..], "default, f1, f2, f3 or f4 is needed"),
            ("zone", &["Mars/Olympus"][..], "is not a time zone: write an IANA name"),
            ("user", &["nobody", "-1"][..], "is not an id"),
            ("queue", &["", "3,", "3,x", "报修"][..], "is not an id"),
            ("agent", &["-7", "1;2"][..], "is not an id"),
            ("agent", &["7,".repeat(101).as_str()][..], "at most 100 ids are taken"),
            ("team", &["1,2"][..], "is not an id"),
            ("action", &["", "a b"][..], "printable characters"),
            ("period", &["today"][..], "does not look at this condition"),
            ("colour", &["red"][..], "does not look at this condition"),
        ] {
            for text in texts {
                let refused = read(parameter, text).unwrap_err();
                assert!(refused.starts_with(&format!("{parameter}: ")), "{refused}");
                assert!(refused.contains(said), "{refused}");
            }
        }
        let untaken = Given::read(|name| name == "zone", [("zone", "UTC"), ("queue", "3")]);
        assert_eq!(untaken.unwrap_err().parameter, "queue");
        let long = Given::read(|_| false, [("x\n".repeat(99).as_str(), "")]).unwrap_err();
        assert_eq!(long.parameter, "x".repeat(NAME_CHARS_MAX));
    }
}
