//! What can go wrong: the world (disk, database) as [`Error`], the text of a query as [`SqlError`].

use std::path::PathBuf;

/// The disk, the database or the data failed us.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What we were doing, such as `write`.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A statement of the warehouse's database.
    #[error("{action} in the database of the warehouse: {source}")]
    Database {
        /// What we were doing.
        action: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// A Parquet file.
    #[error("{action} {}: {source}", path.display())]
    Parquet {
        /// What we were doing.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: parquet::errors::ParquetError,
    },
    /// The bucket of published files does not answer, refuses, or has no such object.
    #[error("{action} {path}: {source}")]
    Bucket {
        /// What we were doing.
        action: &'static str,
        /// With which object.
        path: String,
        /// What it said.
        source: object_store::Error,
    },
    /// Published files cannot be where they are looked for.
    #[error("{0}")]
    Files(String),
    /// There is no warehouse to read.
    #[error("there is no warehouse in {}; the box makes it at its first start", .0.display())]
    Missing(PathBuf),
    /// Another process holds the writer's lock.
    #[error("{} is written by another process; open it for reading, or end that one", .0.display())]
    Busy(PathBuf),
    /// The manifest cannot be where it is looked for. A sentence without the address.
    #[error("{0}")]
    Manifest(String),
    /// The directory was made by a newer program.
    #[error(
        "{} has format {found}, this program reads up to {known}: use the newer program that wrote it",
        path.display()
    )]
    Newer {
        /// The warehouse.
        path: PathBuf,
        /// What was found.
        found: i64,
        /// What we know.
        known: i64,
    },
    /// There are files, and nothing that names them.
    #[error(
        "{} has Parquet files and no whole manifest that names them: `switchgrid warehouse verify \
         --repair` makes one of the files",
        .0.display()
    )]
    Unnamed(PathBuf),
    /// A table that is not made of the event log.
    #[error("\"{table}\" is not made of events; {tables} are")]
    NotRebuilt {
        /// The table.
        table: String,
        /// Those that are.
        tables: String,
    },
    /// The query engine could not be set up.
    #[error("prepare a session: {0}")]
    Session(String),
    /// A reader asked to write.
    #[error("{0} needs a warehouse that is open for writing")]
    ReadOnly(&'static str),
    /// Bytes that are not those that were written.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which row or file.
        what: String,
        /// How we know.
        why: String,
    },
}

/// Primary result codes of SQLite: the database's image is malformed, and it is no database at all.
const DAMAGED_DATABASE: [i32; 2] = [11, 26];

/// Codes of PostgreSQL (Appendix A): data corrupted, index corrupted, undefined table and column.
const DAMAGED_SCHEMA: [&str; 4] = ["XX001", "XX002", "42P01", "42703"];

impl Error {
    /// The bytes of the database are not its own, or tables of it are gone.
    pub fn is_damaged_database(&self) -> bool {
        let Error::Database { source: sqlx::Error::Database(source), .. } = self else {
            return false;
        };
        let Some(code) = source.code() else { return false };
        match code.parse::<i32>() {
            // The lower eight bits of an extended code are the primary one; PostgreSQL's have five letters.
            Ok(number) if code.len() < 5 => DAMAGED_DATABASE.contains(&(number & 0xFF)),
            _ => DAMAGED_SCHEMA.contains(&&*code),
        }
    }

    /// The bucket of published files does not answer, or refuses: nothing is known of what lies there.
    pub fn is_away(&self) -> bool {
        matches!(self, Error::Bucket { .. }) && !self.is_missing()
    }

    /// The bucket has no such object.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Error::Bucket { source: object_store::Error::NotFound { .. }, .. })
    }

    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }

    pub(crate) fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
        move |source| Error::Database { action, source }
    }

    pub(crate) fn parquet(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
        let path = path.into();
        move |source| Error::Parquet { action, path, source }
    }
}

/// A place in a query's text, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What kind of refusal a query met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SqlFault {
    /// Not SQL, or an expression that cannot be.
    Syntax,
    /// SQL that a reader may not say: a write, a setting, a file, two statements.
    Forbidden,
    /// A table that does not exist.
    UnknownTable,
    /// A column that does not exist.
    UnknownColumn,
    /// A function that does not exist, or not here.
    UnknownFunction,
    /// Fine in itself, but an operation on the data failed, such as a cast.
    Execution,
    /// Took longer than `time_max`.
    TimedOut,
    /// Needed more than `memory_max`.
    OutOfMemory,
    /// The warehouse itself failed.
    Warehouse,
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", position.map(|at| format!(" ({at})")).unwrap_or_default())]
pub struct SqlError {
    /// What kind.
    pub fault: SqlFault,
    /// For the person who asked.
    pub message: String,
    /// Where in the text.
    pub position: Option<Position>,
    /// The word that was not understood.
    pub word: Option<String>,
    /// Names that exist and look like it, best first.
    pub nearest: Vec<String>,
    /// For the log; not for the person.
    pub detail: String,
}

impl SqlError {
    pub(crate) fn new(fault: SqlFault, message: impl Into<String>) -> Self {
        let message = message.into();
        SqlError {
            fault,
            detail: message.clone(),
            message,
            position: None,
            word: None,
            nearest: Vec::new(),
        }
    }
}

impl From<Error> for SqlError {
    fn from(error: Error) -> Self {
        let mut made = SqlError::new(SqlFault::Warehouse, "the warehouse cannot be read right now");
        made.detail = error.to_string();
        made
    }
}
