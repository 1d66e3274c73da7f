//! A SQLite file as a business database.

use super::{CONNECTIONS_MAX, IDLE_MAX, LIFETIME_MAX, ROW_BYTES_MAX, Trouble, fits};
use futures::TryStreamExt;
use signaling::ivr::run::Found;
use signaling::switch::SqlAsk;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Executor, Row, SqlSafeStr, Sqlite, SqliteConnection,
    Statement,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use terms::routing::Connector;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// Connections to a file that is there and below `folder`, links followed.
pub(super) async fn pool(
    connector: &Connector,
    folder: &Path,
    file: &str,
) -> Result<SqlitePool, Trouble> {
    let missing = |error: std::io::Error| Trouble::Lasting(format!("sqlite:{file}: {error}"));
    let folder = tokio::fs::canonicalize(folder).await.map_err(missing)?;
    let path = tokio::fs::canonicalize(folder.join(file)).await.map_err(missing)?;
    if !path.starts_with(&folder) {
        return Err(Trouble::Lasting(format!("sqlite:{file} leads out of its folder")));
    }
    let patience = Duration::from_millis(connector.timeout_ms.into());
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(false)
        .read_only(!connector.writes)
        .busy_timeout(patience)
        .disable_statement_logging();
    Ok(SqlitePoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(patience)
        .idle_timeout(IDLE_MAX)
        .max_lifetime(LIFETIME_MAX)
        .connect_lazy_with(options))
}

/// One statement. SQLite works on a thread of its own, which looks at the clock by itself: a statement
/// without end would hold it for ever.
pub(super) async fn ask(
    line: &mut SqliteConnection,
    ask: &SqlAsk,
    deadline: Instant,
) -> Result<Found, Trouble> {
    let goes_on = move || Instant::now() < deadline;
    line.lock_handle().await?.set_progress_handler(STEPS, goes_on);
    let only = if ask.writes { "PRAGMA query_only = off" } else { "PRAGMA query_only = on" };
    sqlx::query::<Sqlite>(only).execute(&mut *line).await?;
    let names = if ask.wants_rows { names(line, &ask.statement).await? } else { Vec::new() };
    let is_measured = !ask.writes && !names.is_empty();
    let text = if is_measured { measured(ask, names.len()) } else { ask.statement.clone() };
    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(text));
    for value in &ask.values {
        query = query.bind(value.clone());
    }
    if !ask.wants_rows {
        let done = query.execute(&mut *line).await?;
        return Ok(Found { rows: done.rows_affected(), first: BTreeMap::new() });
    }
    let mut found = Found::default();
    let mut rows = query.fetch(&mut *line);
    while let Some(row) = rows.try_next().await? {
        let first = columns(&row, &names, usize::from(is_measured));
        let bytes = match is_measured {
            true => row.try_get_unchecked::<Option<i64>, _>(0)?,
            false => i64::try_from(first.values().map(String::len).sum::<usize>()).ok(),
        };
        fits(bytes)?;
        if found.rows == 0 {
            found.first = first;
        }
        found.rows += 1;
        // What changes something is brought to its end, however many rows of it are read.
        if !ask.writes && found.rows >= u64::from(ask.connector.rows_max) {
            break;
        }
    }
    Ok(found)
}

/// The names of the columns that a statement gives, in their order; none where it gives no rows.
async fn names(line: &mut SqliteConnection, statement: &str) -> Result<Vec<String>, sqlx::Error> {
    let text = AssertSqlSafe(statement.to_owned()).into_sql_str();
    let prepared = line.prepare(text).await?;
    Ok(prepared.columns().iter().map(|column| column.name().to_owned()).collect())
}

/// The statement inside of one that puts the length of each row before it, and gives no row that is too
/// long.
fn measured(ask: &SqlAsk, columns: usize) -> String {
    let list = |of: fn(usize) -> String, between: &str| {
        (1..=columns).map(of).collect::<Vec<_>>().join(between)
    };
    let names = list(|n| format!("c{n}"), ", ");
    let bytes = list(|n| format!("ifnull(octet_length(c{n}), 0)"), " + ");
    let cells = list(|n| format!("iif(bytes <= {ROW_BYTES_MAX}, c{n}, NULL)"), ", ");
    let statement = ask.statement.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    // A comment at its end goes no further than its line.
    format!(
        "WITH switchgrid_row ({names}) AS ({statement}\n) \
         SELECT bytes, {cells} FROM (SELECT {bytes} AS bytes, * FROM switchgrid_row)"
    )
}

/// SQLite says every value as text; what is no text is empty. The columns begin at `from`.
fn columns(row: &SqliteRow, names: &[String], from: usize) -> BTreeMap<String, String> {
    let text = |at: usize| row.try_get_unchecked::<Option<String>, _>(at).ok().flatten();
    let named = (from..).zip(names);
    named.map(|(at, name)| (name.clone(), text(at).unwrap_or_default())).collect()
}
