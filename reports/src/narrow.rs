//! Of what a report is asked: of some queues, of some agents, of the agents of a team.
//!
//! A definition says which of these it takes, and what each leaves of it. Mostly that is rows of its
//! main tables, left out where they are read, so that a report and whatever counts its rows narrow
//! alike. A table that only tells more of those rows is read whole: whether a caller was reached
//! later is so whoever reached them. Where the rows of a report are held against all others, as first
//! contacts are against every call of a customer, the report is made whole, and its own rows are left
//! out.
//!
//! Whoever asks sees no more than without: what is asked for is left of what is seen.

use crate::definition::{Parameter, Report};
use crate::given::{Given, Refused};
use crate::messages::{Words, words};
use crate::run::{Error, Fields, Names};
use crate::table::{Condition, clean};
use std::fmt::Display;
use terms::{AgentId, QueueId, TeamId};
use warehouse::schema::layouts;
use warehouse::{Only, Scope};

/// Columns that name who had a call first, and last.
pub(crate) const FIRST_OR_LAST: &[&str] = &["agent_id", "last_agent_id"];

pub(crate) const QUEUES: Parameter = Parameter {
    id: "queue",
    name: words("队列", "Queue"),
    help: words(
        "只统计这些队列：一个编号，或以逗号分隔的多个编号",
        "only these queues: an id, or several with commas between",
    ),
    default: Some("*"),
};

pub(crate) const AGENTS: Parameter = Parameter {
    id: "agent",
    name: words("坐席", "Agent"),
    help: words(
        "只统计这些坐席：一个编号，或以逗号分隔的多个编号",
        "only these agents: an id, or several with commas between",
    ),
    default: Some("*"),
};

pub(crate) const TEAM: Parameter = Parameter {
    id: "team",
    name: words("班组", "Team"),
    help: words(
        "只统计此编号的班组及其下级班组现有的坐席",
        "only the agents who belong now to the team with this id, or to a team below it",
    ),
    default: Some("*"),
};

const BY_QUEUE_ALONE: &str = "this report is not narrowed by agent or team, but by queue";
const BY_AGENT_ALONE: &str = "this report is not narrowed by queue, but by agent and team";
const BY_NOTHING: &str = "this report is narrowed by neither queue nor agent nor team";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Queue,
    Agent,
}

/// A way in which a report may be narrowed, and what that leaves of it. What is narrowed by agents is
/// by a team too.
#[derive(Clone, Copy, Debug)]
pub struct Narrowing {
    by: By,
    part: Part,
    silent: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// The rows of these tables that name one of them in one of the columns; all other tables whole.
    Tables { tables: &'static [&'static str], columns: &'static [&'static str] },
    /// The report's own rows of which this field names one of them.
    Rows(&'static str),
}

impl Narrowing {
    /// By the queues that rows of these tables name.
    pub(crate) const fn queues(tables: &'static [&'static str]) -> Self {
        let part = Part::Tables { tables, columns: &["queue_id"] };
        Narrowing { by: By::Queue, part, silent: &[] }
    }

    /// By the agents that rows of these tables name.
    pub(crate) const fn agents(tables: &'static [&'static str]) -> Self {
        Narrowing::agents_in(tables, &["agent_id"])
    }

    /// The same in any of these columns.
    pub(crate) const fn agents_in(
        tables: &'static [&'static str],
        columns: &'static [&'static str],
    ) -> Self {
        Narrowing { by: By::Agent, part: Part::Tables { tables, columns }, silent: &[] }
    }

    /// By the queue that a row of the report names in this field.
    pub(crate) const fn rows_of_queues(field: &'static str) -> Self {
        Narrowing { by: By::Queue, part: Part::Rows(field), silent: &[] }
    }

    /// By the agent that a row of the report names in this field.
    pub(crate) const fn rows_of_agents(field: &'static str) -> Self {
        Narrowing { by: By::Agent, part: Part::Rows(field), silent: &[] }
    }

    /// With these columns empty: they say nothing of a part.
    pub(crate) const fn without(self, silent: &'static [&'static str]) -> Self {
        Narrowing { silent, ..self }
    }
}

/// What a report is narrowed to; what is empty is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Only these queues.
    pub queues: Vec<QueueId>,
    /// Only these agents.
    pub agents: Vec<AgentId>,
    /// Only the agents of this team.
    pub team: Option<TeamId>,
    /// Who they are.
    pub members: Vec<AgentId>,
}

impl Narrowed {
    /// The lists of which a row has to be, each of them.
    fn lists(&self, by: By) -> Vec<Vec<u64>> {
        let ids = |agents: &[AgentId]| agents.iter().map(|id| id.0).collect::<Vec<u64>>();
        match by {
            By::Queue if self.queues.is_empty() => Vec::new(),
            By::Queue => vec![self.queues.iter().map(|id| id.0).collect()],
            By::Agent => {
                let named = (!self.agents.is_empty()).then(|| ids(&self.agents));
                let of_team = self.team.map(|_| ids(&self.members));
                named.into_iter().chain(of_team).collect()
            }
        }
    }

    /// The same by the names that people know, as far as the reader sees whom they are of.
    pub(crate) fn told(&self, names: &Names, seen: &Scope) -> Vec<(Words, String)> {
        let sees = |id: &AgentId| seen.agents.as_ref().is_none_or(|seen| seen.contains(id));
        let is_seen = |id: &QueueId| seen.queues.as_ref().is_none_or(|seen| seen.contains(id));
        let queue = |id: &QueueId| named(names.queues.get(id).filter(|_| is_seen(id)), id);
        let agent = |id: &AgentId| {
            let known = names.agents.get(id).filter(|_| sees(id));
            named(known.map(|agent| format!("{} {}", agent.number, agent.name)).as_ref(), id)
        };
        let sees_team = seen.agents.is_none() || self.members.iter().any(sees);
        let team = |id: &TeamId| named(names.teams.get(id).filter(|_| sees_team), id);
        let told = [
            (QUEUES.name, self.queues.iter().map(queue).collect::<Vec<_>>()),
            (AGENTS.name, self.agents.iter().map(agent).collect()),
            (TEAM.name, self.team.iter().map(team).collect()),
        ];
        let given = told.into_iter().filter(|(_, which)| !which.is_empty());
        given.map(|(what, which)| (what, clean(&which.join(", ")))).collect()
    }
}

fn named(name: Option<&String>, id: impl Display) -> String {
    name.map_or_else(|| format!("#{id}"), |name| clean(name))
}

impl Report {
    fn is_narrowed(&self, by: By) -> bool {
        self.narrows.iter().any(|narrowing| narrowing.by == by)
    }

    /// All that it is asked with: its parameters, and by what it is narrowed.
    pub fn asked_with(&self) -> impl Iterator<Item = Parameter> {
        let by_queue = self.is_narrowed(By::Queue).then_some(QUEUES);
        let by_agent = self.is_narrowed(By::Agent).then_some([AGENTS, TEAM]);
        let narrowing = by_queue.into_iter().chain(by_agent.into_iter().flatten());
        self.parameters.iter().copied().chain(narrowing)
    }

    /// Reads what it is asked with besides its period.
    ///
    /// # Errors
    /// [`Refused`] for the first that it does not look at, or whose value cannot be.
    pub fn given<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Given, Refused> {
        let takes = |parameter: &str| self.asked_with().any(|known| known.id == parameter);
        Given::read(takes, given).map_err(|refused| {
            let is_narrowing =
                [QUEUES, AGENTS, TEAM].iter().any(|known| known.id == refused.parameter);
            if !is_narrowing || takes(&refused.parameter) {
                return refused;
            }
            Refused { problem: self.not_narrowed().to_owned(), ..refused }
        })
    }

    /// Why it is not narrowed by what it does not take, and by what it is.
    fn not_narrowed(&self) -> &'static str {
        match (self.is_narrowed(By::Queue), self.is_narrowed(By::Agent)) {
            (true, _) => BY_QUEUE_ALONE,
            (false, true) => BY_AGENT_ALONE,
            (false, false) => BY_NOTHING,
        }
    }

    /// Which rows of the warehouse are left of it, for the scope of the session that it is run on.
    pub fn only(&self, narrowed: &Narrowed) -> Vec<Only> {
        let mut only = Vec::new();
        for narrowing in self.narrows {
            let Part::Tables { tables, columns } = narrowing.part else { continue };
            for ids in narrowed.lists(narrowing.by) {
                only.extend(tables.iter().map(|&table| Only { table, columns, ids: ids.clone() }));
            }
        }
        only
    }

    /// Whether one of its own rows is left.
    ///
    /// # Errors
    /// When the row lacks the field that says so.
    pub(crate) fn keeps(&self, narrowed: &Narrowed, row: &Fields) -> Result<bool, Error> {
        for narrowing in self.narrows {
            let Part::Rows(field) = narrowing.part else { continue };
            for ids in narrowed.lists(narrowing.by) {
                if !row.int(field)?.is_some_and(|id| ids.contains(&id.unsigned_abs())) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The columns that say nothing of what is left.
    pub(crate) fn silent(&self, narrowed: &Narrowed) -> Vec<&'static str> {
        let asked =
            self.narrows.iter().filter(|narrowing| !narrowed.lists(narrowing.by).is_empty());
        asked.flat_map(|narrowing| narrowing.silent).copied().collect()
    }

    /// What is behind a row, as far as it is left: whoever asks for it in SQL finds no more than the row
    /// counts. One row of a table, named by its id, is one that is left.
    pub(crate) fn left_of(&self, condition: Condition, narrowed: &Narrowed) -> Condition {
        let only = self.only(narrowed).into_iter().filter(|only| only.table == condition.table);
        let parts: Vec<String> = only.map(|only| only.sql()).collect();
        if parts.is_empty() || is_one_row(&condition) {
            return condition;
        }
        let predicate = format!("({}) AND {}", condition.predicate, parts.join(" AND "));
        Condition { predicate, ..condition }
    }
}

fn is_one_row(condition: &Condition) -> bool {
    let Some(layout) = layouts().get(condition.table) else { return false };
    let is = format!("{} = ", layout.table.columns[layout.id].name);
    let id = condition.predicate.strip_prefix(&is);
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{
        CALLS, CAPACITY, FIRST_CONTACT, QUEUE_SUMMARY, TIME_SHEET, WORKLOAD, catalogue,
    };
    use crate::run::AgentName;
    use std::collections::BTreeMap;
    use terms::TenantId;

    fn narrowed(queues: &[u64], agents: &[u64], team: Option<u64>) -> Narrowed {
        Narrowed {
            queues: queues.iter().copied().map(QueueId).collect(),
            agents: agents.iter().copied().map(AgentId).collect(),
            team: team.map(TeamId),
            members: team.map_or(Vec::new(), |_| vec![AgentId(7), AgentId(9)]),
        }
    }

    #[test]
    fn a_report_takes_what_it_is_narrowed_by_and_says_by_what_it_is() {
        let told = |report: &Report, parameter: &str| {
            let read = report.given([(parameter, "3")]);
            read.map_err(|refused| refused.to_string())
        };
        assert_eq!(told(&QUEUE_SUMMARY, "queue").unwrap().queues, [QueueId(3)]);
        assert_eq!(told(&WORKLOAD, "agent").unwrap().agents, [AgentId(3)]);
        assert_eq!(told(&WORKLOAD, "team").unwrap().team, Some(TeamId(3)));
        for (report, parameter, problem) in [
            (&QUEUE_SUMMARY, "agent", BY_QUEUE_ALONE),
            (&QUEUE_SUMMARY, "team", BY_QUEUE_ALONE),
            (&TIME_SHEET, "queue", BY_AGENT_ALONE),
            (&CAPACITY, "queue", BY_NOTHING),
            (&CAPACITY, "team", BY_NOTHING),
            (&CAPACITY, "user", "this report does not look at this condition"),
        ] {
            let refused = told(report, parameter).unwrap_err();
            assert_eq!(refused, format!("{parameter}: {problem}"), "{}", report.id);
        }
        let several = QUEUE_SUMMARY.given([("queue", "3,5")]).unwrap();
        assert_eq!(several.queues, [QueueId(3), QueueId(5)]);
    }

    #[test]
    fn every_table_that_is_narrowed_has_the_column_and_every_silent_column_is_one() {
        for report in catalogue() {
            for narrowing in report.narrows {
                for column in narrowing.silent {
                    assert!(report.columns.iter().any(|of| of.id == *column), "{}", report.id);
                }
                let Part::Tables { tables, columns } = narrowing.part else { continue };
                for table in tables {
                    let layout = layouts().get(table).expect("a table of the warehouse");
                    for column in columns {
                        let has = layout.table.columns.iter().any(|of| of.name == *column);
                        assert!(has, "{}: {table} has no {column}", report.id);
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_is_left_with_the_rows_of_each_list() {
        let only = CALLS.only(&narrowed(&[3, 5], &[], Some(1)));
        let told: Vec<_> = only.iter().map(|only| (only.table, only.sql())).collect();
        assert_eq!(
            told,
            [
                ("calls", "(queue_id IN (3, 5))".to_owned()),
                ("calls", "(agent_id IN (7, 9) OR last_agent_id IN (7, 9))".to_owned()),
            ]
        );
        assert!(CALLS.only(&Narrowed::default()).is_empty());
        assert!(FIRST_CONTACT.only(&narrowed(&[3], &[7], None)).is_empty(), "its rows are");
        let nobody = Narrowed { team: Some(TeamId(1)), ..Narrowed::default() };
        assert_eq!(CALLS.only(&nobody)[0].sql(), "FALSE");
    }

    #[test]
    fn what_is_behind_a_row_is_what_is_left_and_a_single_row_is_itself() {
        let condition = |table, predicate: &str| Condition {
            table,
            key: "contact_id",
            predicate: predicate.to_owned(),
        };
        let left = |table, predicate: &str| {
            CALLS.left_of(condition(table, predicate), &narrowed(&[3], &[], None)).predicate
        };
        assert_eq!(left("calls", "a OR b"), "(a OR b) AND (queue_id IN (3))");
        assert_eq!(left("calls", "call_id = 7"), "call_id = 7");
        assert_eq!(
            left("calls", "call_id = 7 OR TRUE"),
            "(call_id = 7 OR TRUE) AND (queue_id IN (3))"
        );
        assert_eq!(left("legs", "TRUE"), "TRUE");
    }

    #[test]
    fn what_it_is_narrowed_to_is_told_by_names_as_far_as_its_reader_sees_them() {
        let names = Names {
            agents: BTreeMap::from([(
                AgentId(7),
                AgentName { number: "1001".to_owned(), name: "王芳".to_owned() },
            )]),
            queues: BTreeMap::from([(QueueId(3), "报修".to_owned())]),
            teams: BTreeMap::from([(TeamId(1), "客服部 / 一班".to_owned())]),
            ..Names::default()
        };
        let asked = narrowed(&[3, 5], &[7, 8], Some(1));
        let told = |scope: &Scope| {
            let told = asked.told(&names, scope);
            told.into_iter()
                .map(|(what, which)| format!("{}: {which}", what.en))
                .collect::<Vec<_>>()
        };
        let whole = Scope::of(TenantId(1));
        assert_eq!(
            told(&whole),
            ["Queue: 报修, #5", "Agent: 1001 王芳, #8", "Team: 客服部 / 一班"]
        );
        let (agents, queues) = (Some(vec![AgentId(8)]), Some(vec![QueueId(5)]));
        let limited = Scope { agents, queues, ..whole };
        assert_eq!(told(&limited), ["Queue: #3, #5", "Agent: #7, #8", "Team: #1"]);
    }
}
