//! Side by side: each question goes to both engines in turns, the median of each counts, and what
//! they answer is compared row by row.

use crate::dialect;
use crate::duck::Duck;
use crate::figures::{Figures, Limit, median};
use crate::ours::Ours;
use crate::questions::{Group, Question};
use crate::rows::{difference, rows, rows_of_file};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Our time over theirs, all questions together.
const RATIO_MAX: f64 = 1.5;
/// What is meant to be reached.
const RATIO_GOAL: f64 = 1.0;
/// A call or a recording by its number, in ms.
const ONE_MS_MAX: f64 = 50.0;
/// A month of one tenant, in ms, in every report that reads counts of quarter-hours.
const MONTH_MS_MAX: f64 = 150.0;
/// How many calls the growth of a cost is drawn on to.
const DRAWN_TO: u64 = 100_000_000;
/// Searches for one call or recording.
const ONES: [&str; 3] =
    ["a call by its number", "the calls of a caller", "the recording of a call"];

/// The growth of the store that its limits are for.
const TIMES_LARGER: f64 = 20.0;

/// Times of one question, or of several, in ms.
#[derive(Clone, Copy, Debug, Default)]
struct Took {
    ours: f64,
    theirs: f64,
}

impl Took {
    fn add(&mut self, took: Took) {
        self.ours += took.ours;
        self.theirs += took.theirs;
    }
}

/// Asks both everything and prints a line for each question and for each sum.
///
/// # Errors
/// When a figure cannot be kept. A question that fails, or that the two answer differently, is a
/// line of its own and a limit missed.
pub async fn side_by_side(
    (ours, duck): (&mut Ours, &mut Duck),
    questions: &[Question],
    runs: usize,
    scratch: &Path,
    figures: &mut Figures,
) -> Result<()> {
    println!("{:<60} {:>12} {:>12} {:>7}", "", "ours, ms", "duckdb, ms", "ratio");
    let (mut with, mut without) = (BTreeMap::new(), Took::default());
    for question in questions {
        let what = format!("{}: {}", question.group, question.name);
        let engines = (&mut *ours, &mut *duck);
        let Some(took) = line(engines, (&what, &question.sql), runs, scratch, figures).await?
        else {
            continue;
        };
        if ONES.contains(&question.name.as_str()) {
            figures.line(&format!("{what}, alone"), took.ours, "ms", Limit::Most(ONE_MS_MAX))?;
        }
        if question.group == Group::Report && question.without_rollups.is_some() {
            let what = format!("a month of the largest tenant: {}", question.name);
            figures.line(&what, took.ours, "ms", Limit::Most(MONTH_MS_MAX))?;
        }
        let sum: &mut Took = with.entry(question.group).or_default();
        sum.add(took);
        let Some(rows) = &question.without_rollups else {
            without.add(took);
            continue;
        };
        let (what, engines) = (format!("{what}, without roll-ups"), (&mut *ours, &mut *duck));
        if let Some(took) = line(engines, (&what, rows), runs, scratch, figures).await? {
            without.add(took);
        }
    }
    let mut all = Took::default();
    for (group, sum) in &with {
        figures.beside(&format!("{group}: all together"), sum.ours, sum.theirs, Limit::None)?;
        all.add(*sum);
    }
    figures.tell_wrong();
    println!("of DuckDB's time {RATIO_GOAL} is the goal and {RATIO_MAX} the limit:");
    let limit = Limit::Most(RATIO_MAX);
    figures.beside("all questions together, with roll-ups", all.ours, all.theirs, limit)?;
    let what = "all questions together, without roll-ups";
    figures.beside(what, without.ours, without.theirs, limit)
}

/// One question and its line; `None` where there is no right answer.
async fn line(
    engines: (&mut Ours, &mut Duck),
    (what, sql): (&str, &str),
    runs: usize,
    scratch: &Path,
    figures: &mut Figures,
) -> Result<Option<Took>> {
    match both(engines, sql, runs, scratch).await {
        Ok(took) => {
            figures.beside(what, took.ours, took.theirs, Limit::None)?;
            Ok(Some(took))
        }
        Err(error) => {
            figures.wrong(what, &format!("{error:#}"));
            Ok(None)
        }
    }
}

/// The medians of one question, which both answer alike.
async fn both(
    (ours, duck): (&mut Ours, &mut Duck),
    sql: &str,
    runs: usize,
    scratch: &Path,
) -> Result<Took> {
    let (shared, _) = dialect::shared(sql);
    let theirs = dialect::duckdb(&shared);
    let file = scratch.join("answer.arrows");
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for run in 0..runs {
        // Who comes first finds colder pages: that is the one's luck in one run, the other's in the
        // next.
        if run % 2 == 1 {
            their_times.push(duck.time(&theirs, None).context("DuckDB")?);
        }
        let (ms, answer) = ours.time(&shared).await.context("ours")?;
        our_times.push(ms);
        if run % 2 == 0 {
            let out = (run == 0).then_some(file.as_path());
            their_times.push(duck.time(&theirs, out).context("DuckDB")?);
        }
        if run == 0 {
            let (a, b) = (rows(&answer.batches)?, rows_of_file(&file)?);
            if let Some(differ) = difference(&a, &b) {
                anyhow::bail!("ours and DuckDB's rows differ: {differ}");
            }
        }
    }
    Ok(Took { ours: median(&mut our_times), theirs: median(&mut their_times) })
}

/// Reports that compute with functions of ours after what both answer: the whole of them, ours alone.
///
/// # Errors
/// When a figure cannot be kept, or our engine refuses.
pub async fn whole_reports(
    ours: &mut Ours,
    questions: &[Question],
    runs: usize,
    figures: &mut Figures,
) -> Result<()> {
    for question in questions.iter().filter(|question| dialect::shared(&question.sql).1) {
        let mut times = Vec::new();
        for _ in 0..runs {
            times.push(ours.time(&question.sql).await?.0);
        }
        let what =
            format!("{}: {}, with the functions of the trade", question.group, question.name);
        figures.line(&what, median(&mut times), "ms", Limit::None)?;
    }
    Ok(())
}

/// The median of a question at two sizes of the store, how much of the growth of the store it follows
/// (at most `most` times as long for twenty times the calls, and beyond that in proportion), and where
/// a straight line through both leads.
///
/// # Errors
/// When a figure cannot be kept, or our engine refuses.
pub async fn growth(
    (small, large): (&mut Ours, &mut Ours),
    (small_sql, large_sql): (&str, &str),
    (name, calls, most): (&str, (u64, u64), f64),
    runs: usize,
    figures: &mut Figures,
) -> Result<()> {
    let (mut at_small, mut at_large) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        at_small.push(small.time(small_sql).await?.0);
        at_large.push(large.time(large_sql).await?.0);
    }
    let (at_small, at_large) = (median(&mut at_small), median(&mut at_large));
    let times_larger = calls.1 as f64 / calls.0 as f64;
    figures.line(&format!("growth: {name}, at the small size"), at_small, "ms", Limit::None)?;
    let what = format!("growth: {name}, times as long for {times_larger} times the calls");
    let limit = Limit::Most(most * (times_larger / TIMES_LARGER).max(1.0));
    figures.line(&what, at_large / at_small, "", limit)?;
    if calls.1 >= DRAWN_TO {
        return Ok(());
    }
    let what = format!("growth: {name}, drawn on to {} million calls", DRAWN_TO / 1_000_000);
    figures.line(&what, drawn_on(calls, (at_small, at_large)), "ms", Limit::None)
}

/// The time at [`DRAWN_TO`] calls, where what is added takes as long for each call as between the two
/// sizes.
fn drawn_on((few, many): (u64, u64), (at_few, at_many): (f64, f64)) -> f64 {
    let of_each = (at_many - at_few) / (many - few) as f64;
    at_many + of_each * (DRAWN_TO - many) as f64
}

/// The same calls as rows of SQLite or PostgreSQL, which `theirs` asks: what the files are for.
///
/// # Errors
/// When a figure cannot be kept, or somebody refuses.
pub async fn rows_of(
    peer: &str,
    ours: &mut Ours,
    (questions, runs): (&[Question], usize),
    mut theirs: impl FnMut(&str) -> Result<f64>,
    figures: &mut Figures,
) -> Result<()> {
    const PORTABLE: [&str; 3] =
        ["outcomes of a year", "customers of a year", "who called most in a year"];
    for question in questions.iter().filter(|of| PORTABLE.contains(&of.name.as_str())) {
        let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            our_times.push(ours.time(&question.sql).await?.0);
            their_times.push(theirs(&question.sql)?);
        }
        let what = format!("rows of {peer}, the small size: {}", question.name);
        let peer = (peer, median(&mut their_times));
        figures.beside_of(&what, median(&mut our_times), peer, Limit::None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_two_sizes_leads_on_to_a_hundred_million_calls() {
        let of = drawn_on((1_000_000, 20_000_000), (100.0, 290.0));
        assert!((of - 1_090.0).abs() < 1e-6, "{of}");
        let constant = drawn_on((1_000_000, 20_000_000), (30.0, 30.0));
        assert!((constant - 30.0).abs() < 1e-6, "{constant}");
    }
}
