//! What the engine says, in words for the person who asked, with the place and what was meant.

use crate::query::Session;
use crate::query::names::nearest;
use crate::{Position, SqlError, SqlFault};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use std::sync::atomic::Ordering;

/// Days that are over lie in it; nothing is lost.
const AWAY: &str = "the files of days that are over lie in a bucket that does not answer right now; \
                    ask again when it does, or for what happened since";

/// The engine's error as ours.
pub fn explain(error: DataFusionError, sql: &str, session: &Session) -> SqlError {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let detail = error.strip_backtrace();
    let mut made = match error.find_root() {
        _ if may_be_damage(&error) && session.is_away.swap(false, Ordering::Relaxed) => {
            SqlError::new(SqlFault::Warehouse, AWAY)
        }
        DataFusionError::SchemaError(schema, _) => unknown_column(schema),
        DataFusionError::Plan(text) => planned(text, session),
        DataFusionError::ResourcesExhausted(_) => SqlError::new(
            SqlFault::OutOfMemory,
            "needs more memory than is allowed; ask for a shorter period or fewer groups",
        ),
        // These are about the reader's own rows: the engine sees no others.
        DataFusionError::Execution(text) => SqlError::new(SqlFault::Execution, text.clone()),
        DataFusionError::ArrowError(source, _) => {
            SqlError::new(SqlFault::Execution, source.to_string())
        }
        DataFusionError::NotImplemented(text) | DataFusionError::Configuration(text) => {
            SqlError::new(SqlFault::Syntax, format!("not available: {text}"))
        }
        DataFusionError::SQL(source, _) => SqlError::new(SqlFault::Syntax, source.to_string()),
        _ => SqlError::new(SqlFault::Warehouse, "the warehouse cannot answer this right now"),
    };
    made.position = span
        .and_then(|span| {
            let (line, column) = (span.start.line, span.start.column);
            Some(Position { line: line.try_into().ok()?, column: column.try_into().ok()? })
        })
        .or_else(|| made.word.as_deref().and_then(|word| find(word, sql)));
    made.detail = detail;
    made
}

/// True for what a reader's text cannot bring about and a damaged file can.
pub fn may_be_damage(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ParquetError(_)
        | DataFusionError::ObjectStore(_)
        | DataFusionError::IoError(_)
        | DataFusionError::Internal(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::External(_) => true,
        DataFusionError::ArrowError(source, _) => matches!(
            **source,
            ArrowError::ParquetError(_)
                | ArrowError::ExternalError(_)
                | ArrowError::IoError(..)
                | ArrowError::InvalidArgumentError(_)
        ),
        _ => false,
    }
}

fn unknown_column(schema: &SchemaError) -> SqlError {
    let SchemaError::FieldNotFound { field, valid_fields } = schema else {
        return SqlError::new(SqlFault::Syntax, schema.to_string());
    };
    let mut names: Vec<&str> = valid_fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let near = nearest(&field.name, names.iter().copied());
    let word = field.name.clone();
    let text = match near.first() {
        Some(near) => format!("there is no column \"{word}\"; did you mean \"{near}\"?"),
        None if names.is_empty() => format!("there is no column \"{word}\" here"),
        None => format!("there is no column \"{word}\"; there are {}", names.join(", ")),
    };
    let mut error = SqlError::new(SqlFault::UnknownColumn, text);
    error.word = Some(word);
    error.nearest = near;
    error
}

fn planned(text: &str, session: &Session) -> SqlError {
    let quoted = |prefix: &str| text.strip_prefix(prefix)?.split('\'').next();
    let Some(word) = quoted("Invalid function '") else {
        return SqlError::new(SqlFault::Syntax, text);
    };
    let state = session.context.state();
    let names = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
    let near = nearest(word, names.chain(state.window_functions().keys()).map(String::as_str));
    let text = match near.first() {
        Some(near) => format!("there is no function \"{word}\"; did you mean \"{near}\"?"),
        None => format!("there is no function \"{word}\""),
    };
    let mut error = SqlError::new(SqlFault::UnknownFunction, text);
    error.word = Some(word.to_owned());
    error.nearest = near;
    error
}

/// Where `word` stands in the text.
fn find(word: &str, sql: &str) -> Option<Position> {
    let at = sql.to_ascii_lowercase().find(&word.to_ascii_lowercase())?;
    let before = &sql[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Some(Position { line: line.try_into().ok()?, column: column.try_into().ok()? })
}
