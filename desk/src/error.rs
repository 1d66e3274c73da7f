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

    /// True when we or the world failed, not the one who asked.
    pub fn is_ours(&self) -> bool {
        matches!(self, Error::Database { .. } | Error::Open { .. } | Error::Stored { .. })
    }
}

/// Says what we were doing when the database failed.
pub(crate) trait During<T> {
    fn during(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| match source.as_database_error() {
            Some(error) if error.is_unique_violation() => Error::Taken { doing },
            Some(error) if error.is_foreign_key_violation() => Error::InUse { doing },
            _ => Error::Database { doing, source },
        })
    }
}
