//! What can go wrong in the business store: what we were doing, and what would be right.

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such row, or it is another tenant's: the two look alike on purpose.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A field says something that cannot be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Another row has this name, number or login already.
    #[error("{doing}: another one has this name, number or login already; choose another")]
    Taken {
        /// What we were doing.
        doing: &'static str,
    },
    /// A row still leans on this one, or this one on a row that is not there.
    #[error("{doing}: something else still refers to it, or what it refers to is gone")]
    InUse {
        /// What we were doing.
        doing: &'static str,
    },
    /// The state does not allow it: a closed order, a draft that somebody else changed.
    #[error("{0}")]
    Refused(String),
    /// Too much of this is going on.
    #[error("{0}; try again in a moment")]
    Busy(&'static str),
    /// The database failed.
    #[error("{doing}: {source}")]
    Database {
        /// What we were doing.
        doing: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// The database went away while a change was made for good: it may be there, or not.
    #[error("{doing}: whether it was kept is not known: {source}")]
    Unsure {
        /// What we were doing.
        doing: &'static str,
        /// How it went away.
        source: sqlx::Error,
    },
    /// The store cannot be opened.
    #[error("open the store {store}: {problem}")]
    Open {
        /// Which.
        store: String,
        /// Why, and what would be right.
        problem: String,
    },
    /// A row holds what this program cannot read.
    #[error("{doing}: a stored {what} cannot be read: {problem}")]
    Stored {
        /// What we were doing.
        doing: &'static str,
        /// What kind of thing.
        what: &'static str,
        /// Why.
        problem: String,
    },
}

impl Error {
    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Error::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Error::Invalid { field, problem: problem.into() }
    }

    /// What it means that a commit failed.
    pub(crate) fn at_commit(doing: &'static str, source: sqlx::Error) -> Self {
        match is_cut_off(&source) {
            true => Error::Unsure { doing, source },
            false => in_words(doing, source),
        }
    }

    /// True when the same may be done in a moment: the database is away, starts, ends, is full or is
    /// held by somebody else.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Busy(_) => true,
            Error::Database { source, .. } => is_passing(source),
            _ => false,
        }
    }

    /// True when we or the world failed, not the one who asked.
    pub fn is_ours(&self) -> bool {
        use Error::{Database, Open, Stored, Unsure};
        matches!(self, Database { .. } | Unsure { .. } | Open { .. } | Stored { .. })
    }
}

/// Classes and codes of PostgreSQL (Appendix A): connection exceptions, insufficient resources, a lock
/// that is not available, a statement that was ended, a server that stops, crashed or starts.
const PASSING: [&str; 7] = ["08", "53", "55P03", "57014", "57P01", "57P02", "57P03"];
/// Primary result codes of SQLite: the database is busy, a table is locked.
const PASSING_SQLITE: [i32; 2] = [5, 6];

fn is_passing(source: &sqlx::Error) -> bool {
    use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Tls, WorkerCrashed};
    let error = match source {
        Io(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed => return true,
        Database(error) => error,
        _ => return false,
    };
    let Some(code) = error.code() else { return false };
    match code.parse::<i32>() {
        // The lower eight bits of an extended code are the primary one; PostgreSQL's have five letters.
        Ok(number) if code.len() < 5 => PASSING_SQLITE.contains(&(number & 0xFF)),
        _ => PASSING.iter().any(|passing| code.starts_with(passing)),
    }
}

/// Of these the connection that was answered with them has ended: a server that stops, crashed or starts.
const ENDING: &str = "57P0";

/// True when the last statement may have been carried out and its answer was lost.
fn is_cut_off(source: &sqlx::Error) -> bool {
    use sqlx::Error::{Database, Io, Tls, WorkerCrashed};
    match source {
        Io(_) | Tls(_) | WorkerCrashed => true,
        Database(error) => error.code().is_some_and(|code| code.starts_with(ENDING)),
        _ => false,
    }
}

/// Primary result codes of SQLite: the database's image is malformed, and it is no database at all.
const DAMAGED_SQLITE: [i32; 2] = [11, 26];

/// True when the bytes of a file are not those of a database.
pub(crate) fn is_damage(source: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = source else { return false };
    let Some(code) = error.code().filter(|code| code.len() < 5) else { return false };
    code.parse::<i32>().is_ok_and(|number| DAMAGED_SQLITE.contains(&(number & 0xFF)))
}

/// Says what we were doing when the database failed.
pub(crate) trait During<T> {
    fn during(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| in_words(doing, source))
    }
}

fn in_words(doing: &'static str, source: sqlx::Error) -> Error {
    match source.as_database_error() {
        Some(error) if error.is_unique_violation() => Error::Taken { doing },
        Some(error) if error.is_foreign_key_violation() => Error::InUse { doing },
        _ => Error::Database { doing, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::error::{DatabaseError, ErrorKind};
    use std::borrow::Cow;
    use std::error::Error as StdError;
    use std::io;

    /// What a database says beside its words.
    #[derive(Debug, thiserror::Error)]
    #[error("said {0}")]
    struct Said(&'static str);

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            self.0
        }
        fn code(&self) -> Option<Cow<'_, str>> {
            Some(Cow::Borrowed(self.0))
        }
        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }
        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn failed(source: sqlx::Error) -> Error {
        Err::<(), _>(source).during("read").unwrap_err()
    }

    fn said(code: &'static str) -> Error {
        failed(sqlx::Error::Database(Box::new(Said(code))))
    }

    #[test]
    fn a_database_that_is_away_or_held_passes() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let away = [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::Io(reset)];
        for error in away.map(failed) {
            assert!(error.is_passing(), "{error}");
        }
        // 517 is SQLITE_BUSY_SNAPSHOT, an extended code.
        for code in ["08006", "53300", "55P03", "57014", "57P01", "57P03", "5", "6", "517"] {
            assert!(said(code).is_passing(), "{code}");
        }
        assert!(Error::Busy("too many people sign in at once").is_passing());
    }

    #[test]
    fn a_commit_whose_answer_was_lost_may_have_been_kept() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let by = |code| sqlx::Error::Database(Box::new(Said(code)));
        for source in [sqlx::Error::Io(reset), sqlx::Error::WorkerCrashed, by("57P01")] {
            let error = Error::at_commit("make a queue", source);
            assert!(matches!(error, Error::Unsure { .. }), "{error}");
            assert!(error.is_ours() && !error.is_passing(), "{error}");
        }
        // A full disk, a statement that was ended, a busy file: nothing was kept.
        for code in ["53100", "57014", "5"] {
            let error = Error::at_commit("make a queue", by(code));
            assert!(matches!(error, Error::Database { .. }), "{error}");
        }
    }

    #[test]
    fn what_fails_again_the_next_time_does_not() {
        // 11 is SQLITE_CORRUPT; 42P01 an undefined table, 22012 a division by zero.
        for code in ["11", "26", "42P01", "22012", "XX001"] {
            assert!(!said(code).is_passing(), "{code}");
        }
        assert!(!failed(sqlx::Error::RowNotFound).is_passing());
        assert!(!Error::Refused("it is closed".into()).is_passing());
    }
}
