//! What is asked: every report of the catalogue, and the searches and questions of `detail.sql` and
//! `adhoc.sql`, which were written before anything was measured. A month is asked about where a
//! report counts, a day where it lists.

use crate::make::NOW;
use anyhow::{Context, Result, ensure};
use reports::{Period, Window, catalogue};
use std::fmt;
use warehouse::query::literal::{instant, text};

/// The month that is asked about, the one with the most calls before the year's end.
const MONTH: &str = "2026-11";
/// The day that is asked about, a Wednesday in it.
const DAY: &str = "2026-11-11";
/// Whose clock.
const ZONE: &str = "Asia/Shanghai";
/// Reports that have a row for each matter of their period.
const LISTS: [&str; 6] = [
    "abandoned_calls",
    "calls",
    "order_list",
    "recording_log",
    "repeat_callers",
    "satisfaction_list",
];

/// Where a question comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The catalogue.
    Report,
    /// `detail.sql`.
    Detail,
    /// `adhoc.sql`.
    AdHoc,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Group::Report => "report",
            Group::Detail => "detail",
            Group::AdHoc => "ad hoc",
        })
    }
}

/// One question in our SQL.
#[derive(Clone, Debug)]
pub struct Question {
    /// Where it comes from.
    pub group: Group,
    /// What it is called.
    pub name: String,
    /// Its text.
    pub sql: String,
    /// Of a report that reads roll-ups, its text over rows.
    pub without_rollups: Option<String>,
}

/// A call that there is, to be looked for.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its number.
    pub call: i64,
    /// Who called.
    pub caller: String,
    /// Who answered.
    pub agent: i64,
}

/// All questions, about `subject` where they are about one call.
///
/// # Errors
/// When a text has a place that nothing is put into.
pub fn all(subject: &Subject) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for report in catalogue() {
        let period = if LISTS.contains(&report.id) { DAY } else { MONTH };
        let period = Period::parse(period, ZONE, NOW)?;
        let window = Window::new(&period, NOW, 20, 5);
        let sql = (report.sql)(&window);
        let rows = (report.sql)(&Window { rollups: false, ..window });
        let without_rollups = (rows != sql).then_some(rows);
        let name = report.id.to_owned();
        questions.push(Question { group: Group::Report, name, sql, without_rollups });
    }
    for (group, texts) in
        [(Group::Detail, include_str!("detail.sql")), (Group::AdHoc, include_str!("adhoc.sql"))]
    {
        for text in texts.split("\n-- ").map(|text| text.trim_start_matches("-- ")) {
            let (name, sql) = text.split_once('\n').context("a name and a text")?;
            let sql = filled(sql.trim().trim_end_matches(';'), subject)?;
            ensure!(!sql.contains('{'), "nothing is put into {sql}");
            let name = name.to_owned();
            questions.push(Question { group, name, sql, without_rollups: None });
        }
    }
    Ok(questions)
}

fn filled(sql: &str, subject: &Subject) -> Result<String> {
    let period = |period: &str| Period::parse(period, ZONE, NOW);
    let (month, day) = (period(MONTH)?, period(DAY)?);
    let ending: String = subject.caller.chars().rev().take(4).collect();
    let ending: String = ending.chars().rev().collect();
    Ok(sql
        .replace("{call}", &subject.call.to_string())
        .replace("{caller}", &text(&subject.caller))
        .replace("{agent}", &subject.agent.to_string())
        .replace("{ending}", &ending)
        .replace("{month}", &instant(month.from))
        .replace("{next_month}", &instant(month.to))
        .replace("{day}", &instant(day.from))
        .replace("{next_day}", &instant(day.to)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn questions() -> Vec<Question> {
        let subject = Subject { call: 7, caller: "+8613000001234".to_owned(), agent: 10_001 };
        all(&subject).unwrap()
    }

    #[test]
    fn every_report_ten_searches_and_ten_questions_are_asked_each_by_its_name() {
        let questions = questions();
        let of = |group| questions.iter().filter(|question| question.group == group).count();
        assert_eq!(of(Group::Report), catalogue().len());
        assert_eq!((of(Group::Detail), of(Group::AdHoc)), (10, 10));
        let names: BTreeSet<(Group, &str)> =
            questions.iter().map(|question| (question.group, question.name.as_str())).collect();
        assert_eq!(names.len(), questions.len());
        assert!(questions.iter().any(|question| question.without_rollups.is_some()));
        assert!(LISTS.iter().all(|list| names.contains(&(Group::Report, *list))));
    }

    #[test]
    fn reports_that_read_counts_are_those_that_have_a_limit_in_the_document() {
        let questions = questions();
        let counting = questions.iter().filter(|question| question.without_rollups.is_some());
        let names: BTreeSet<&str> = counting.map(|question| question.name.as_str()).collect();
        let told = [
            "cost_per_contact",
            "quality",
            "queue_summary",
            "satisfaction",
            "satisfaction_by_queue",
            "service_level",
            "workload",
        ];
        assert_eq!(names, BTreeSet::from(told));
        let page = include_str!("../../docs/capacity.md");
        let line = page.lines().find(|line| line.contains("A month of the largest tenant has"));
        let line = line.expect("the document says which reports have the limit");
        assert!(told.iter().all(|name| line.contains(&format!("`{name}`"))), "{line}");
    }

    #[test]
    fn duckdb_is_asked_nothing_that_it_does_not_know() {
        for question in questions() {
            let (sql, _) = crate::dialect::shared(&question.sql);
            let sql = crate::dialect::duckdb(&sql);
            for ours in ["arrow_cast", "_at AS BIGINT", "agents_needed", "FIRST_VALUE"] {
                assert!(!sql.contains(ours), "{}: {ours} in {sql}", question.name);
            }
        }
    }

    #[test]
    fn a_search_looks_for_the_call_that_there_is() {
        let questions = questions();
        let named = |name: &str| {
            let found = questions.iter().find(|question| question.name == name);
            found.map(|question| question.sql.clone()).unwrap_or_default()
        };
        assert!(named("a call by its number").ends_with("call_id = 7"));
        assert!(named("numbers that end so, in a month").contains("LIKE '%1234'"));
    }
}
