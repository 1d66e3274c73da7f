//! What is counted of the doors for SQL ([`crate::pg`], [`crate::flight`]). A count is told apart by its
//! door and by how something ended, and by nothing that clients choose.

use crate::work::wire::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of both doors.
#[derive(Debug, Default)]
pub struct Doors {
    /// The door for clients of PostgreSQL.
    pub postgres: Arc<Counts>,
    /// The door for Flight SQL.
    pub flight: Arc<Counts>,
}

/// Of one door.
#[derive(Debug, Default)]
pub struct Counts {
    open: AtomicU64,
    signed_in: AtomicU64,
    turned_away: AtomicU64,
    full: AtomicU64,
    questions: [AtomicU64; 4],
    rows: AtomicU64,
    micros: AtomicU64,
}

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With all its rows.
    Answered,
    /// It cannot be answered as it was asked.
    Refused,
    /// We could not answer it.
    Failed,
    /// It was told to end, took too long, or its client left.
    Stopped,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 4] =
        [Outcome::Answered, Outcome::Refused, Outcome::Failed, Outcome::Stopped];

    /// By the class of its SQLSTATE (PostgreSQL 16, appendix A).
    pub fn of(refusal: &Refusal) -> Self {
        match (refusal.code.as_str(), refusal.code.get(..2)) {
            ("57014", _) => Outcome::Stopped,
            (_, Some("53" | "57" | "58" | "XX")) => Outcome::Failed,
            _ => Outcome::Refused,
        }
    }

    fn index(self) -> usize {
        match self {
            Outcome::Answered => 0,
            Outcome::Refused => 1,
            Outcome::Failed => 2,
            Outcome::Stopped => 3,
        }
    }
}

/// A connection of somebody who signed in, until it is dropped.
#[derive(Debug)]
pub struct Connected(Arc<Counts>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What was counted, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Connections that are open and signed in.
    pub open: u64,
    /// Connections that signed in.
    pub signed_in: u64,
    /// Sign-ins that were refused.
    pub turned_away: u64,
    /// Those for which there was no place.
    pub full: u64,
    /// Questions, in the order of [`Outcome::ALL`].
    pub questions: [u64; 4],
    /// Rows that were sent.
    pub rows: u64,
    /// Time that questions took, in microseconds.
    pub micros: u64,
}

impl Counts {
    /// Somebody signed in.
    pub fn connected(self: &Arc<Self>) -> Connected {
        add(&self.signed_in, 1);
        add(&self.open, 1);
        Connected(self.clone())
    }

    /// A sign-in was refused.
    pub fn turned_away(&self) {
        add(&self.turned_away, 1);
    }

    /// There was no place for somebody who signed in.
    pub fn full(&self) {
        add(&self.full, 1);
    }

    /// A question ended.
    pub fn asked(&self, outcome: Outcome, took: Duration) {
        add(&self.questions[outcome.index()], 1);
        add(&self.micros, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Rows were sent.
    pub fn sent(&self, rows: u64) {
        add(&self.rows, rows);
    }

    /// All of it.
    pub fn counted(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            open: of(&self.open),
            signed_in: of(&self.signed_in),
            turned_away: of(&self.turned_away),
            full: of(&self.full),
            questions: Outcome::ALL.map(|outcome| of(&self.questions[outcome.index()])),
            rows: of(&self.rows),
            micros: of(&self.micros),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_question_ended_is_told_by_the_class_of_its_code() {
        for (code, outcome) in [
            ("42601", Outcome::Refused),
            ("22000", Outcome::Refused),
            ("54000", Outcome::Refused),
            ("57014", Outcome::Stopped),
            ("57P03", Outcome::Failed),
            ("53200", Outcome::Failed),
            ("XX001", Outcome::Failed),
            ("", Outcome::Refused),
        ] {
            assert_eq!(Outcome::of(&crate::pg::refused(code, "")), outcome, "{code}");
        }
    }

    #[test]
    fn a_connection_is_open_until_it_is_dropped() {
        let counts = Arc::new(Counts::default());
        let connected = counts.connected();
        assert_eq!((counts.counted().open, counts.counted().signed_in), (1, 1));
        drop(connected);
        assert_eq!((counts.counted().open, counts.counted().signed_in), (0, 1));
    }
}
