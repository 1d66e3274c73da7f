//! Lines with their limits, kept in the results file.

use anyhow::Result;
use benches::results::{self, Figure};
use std::path::PathBuf;

/// The most that is said of why a question has no figure.
const WHY_CHARACTERS_MAX: usize = 500;

/// What a figure may be.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Anything.
    None,
    /// At most this; of a figure beside a peer's, the ratio.
    Most(f64),
}

impl Limit {
    /// What is said behind a value.
    fn verdict(self, value: f64) -> (String, bool) {
        match self {
            Limit::None => (String::new(), true),
            Limit::Most(most) if value <= most => (format!("  (at most {most}: ok)"), true),
            Limit::Most(most) => (format!("  (at most {most}: EXCEEDED)"), false),
        }
    }
}

/// Where figures go.
pub struct Figures {
    /// The results file.
    pub file: PathBuf,
    /// Limits that were missed, and questions without a right answer.
    pub misses: u32,
    /// Those questions.
    wrong: Vec<String>,
}

impl Figures {
    /// None yet.
    ///
    /// # Errors
    /// When there is no target folder.
    pub fn new() -> Result<Figures> {
        Ok(Figures { file: results::file()?, misses: 0, wrong: Vec::new() })
    }

    /// One value.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn line(&mut self, what: &str, value: f64, unit: &str, limit: Limit) -> Result<()> {
        let (verdict, holds) = limit.verdict(value);
        self.misses += u32::from(!holds);
        println!("{}", format!("{what:<60} {value:>12.2} {unit}{verdict}").trim_end());
        Ok(results::append(&self.file, &Figure::new("warehouse", what, value, unit))?)
    }

    /// A time in ms beside DuckDB's.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn beside(&mut self, what: &str, ours: f64, theirs: f64, limit: Limit) -> Result<()> {
        self.beside_of(what, ours, ("duckdb", theirs), limit)
    }

    /// A time in ms beside a peer's.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn beside_of(
        &mut self,
        what: &str,
        ours: f64,
        (peer, theirs): (&str, f64),
        limit: Limit,
    ) -> Result<()> {
        let ratio = ours / theirs;
        let (verdict, holds) = limit.verdict(ratio);
        self.misses += u32::from(!holds);
        println!("{what:<60} {ours:>12.2} {theirs:>12.2} {ratio:>7.2}{verdict}");
        let figure = Figure::new("warehouse", what, ours, "ms").beside(peer, theirs);
        Ok(results::append(&self.file, &figure)?)
    }

    /// A question that has no figure, and why.
    pub fn wrong(&mut self, what: &str, why: &str) {
        self.misses += 1;
        self.wrong.push(what.to_owned());
        println!("{what:<60} EXCEEDED: {}", line(why));
    }

    /// The questions that have no figure are in no sum: says which.
    pub fn tell_wrong(&self) {
        if !self.wrong.is_empty() {
            println!("without a right answer and in no sum: {}", self.wrong.join("; "));
        }
    }
}

/// A text as one line that can be read.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(WHY_CHARACTERS_MAX).collect()
}

/// The one in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_at_its_edge_and_missed_beyond() {
        assert_eq!(Limit::Most(1.5).verdict(1.5), ("  (at most 1.5: ok)".to_owned(), true));
        assert_eq!(Limit::Most(1.5).verdict(1.6), ("  (at most 1.5: EXCEEDED)".to_owned(), false));
        assert!(Limit::None.verdict(f64::MAX).1);
        assert!(!Limit::Most(1.0).verdict(f64::NAN).1, "no time is no good time");
    }

    #[test]
    fn why_a_question_has_no_figure_is_one_line() {
        assert_eq!(line("no such table\n\nLINE 11:   FROM"), "no such table LINE 11: FROM");
        assert_eq!(line(&"x".repeat(9_000)).len(), WHY_CHARACTERS_MAX);
    }

    #[test]
    fn the_one_in_the_middle_counts() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(&mut []).is_nan());
    }
}
