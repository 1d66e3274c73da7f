//! The same calls as rows of PostgreSQL, in a server of the bench's own.

use anyhow::{Context, Result};
use benches::postgres;
use std::path::Path;

/// The columns that `duck.py` writes out.
const TABLE: &str = "CREATE TABLE calls (call_id bigint, direction text, outcome text, \
                     caller text, queue_id bigint, agent_id bigint, wait_ms bigint, \
                     talk_ms bigint, started_at bigint)";

/// A running server with the calls.
pub struct Postgres(postgres::Postgres);

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Postgres> {
        Ok(Postgres(postgres::Postgres::start()?))
    }

    /// Fills its table from a file of comma-separated values, indexed by number and time.
    ///
    /// # Errors
    /// What it says.
    pub fn load(&self, file: &Path) -> Result<()> {
        let copy = format!("\\copy calls FROM '{}' CSV", file.display());
        let steps = [
            TABLE,
            &copy,
            "CREATE UNIQUE INDEX calls_by_id ON calls (call_id)",
            "CREATE INDEX calls_by_time ON calls (started_at)",
            "VACUUM ANALYZE calls",
        ];
        self.0.psql(&steps).map(|_| ())
    }

    /// Asks, and says how many ms the answer took until psql had it.
    ///
    /// # Errors
    /// What it says.
    pub fn time(&self, sql: &str) -> Result<f64> {
        let said = self.0.psql(&["\\timing on", sql])?;
        timed(&said).with_context(|| format!("psql names no time for {sql}"))
    }
}

/// The last line `Time: 12.345 ms`.
fn timed(said: &str) -> Option<f64> {
    let last = said.lines().rev().find_map(|line| line.strip_prefix("Time: "))?;
    last.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_last_question_counts() {
        let said = "inbound|answered|7|8\nTime: 1.5 ms\n3\nTime: 1234.567 ms (00:01.235)\n";
        assert_eq!(timed(said), Some(1234.567));
        assert_eq!(timed("Time flies\n"), None);
    }
}
