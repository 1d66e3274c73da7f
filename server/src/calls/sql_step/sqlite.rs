//! A SQLite file as a business database.

use super::{CONNECTIONS_MAX, IDLE_MAX, LIFETIME_MAX, Trouble};
use futures::TryStreamExt;
use signaling::ivr::run::Found;
use signaling::switch::SqlAsk;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, Sqlite, SqliteConnection};
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
) -> Result<Found, sqlx::Error> {
    let goes_on = move || Instant::now() < deadline;
    line.lock_handle().await?.set_progress_handler(STEPS, goes_on);
    let only = if ask.writes { "PRAGMA query_only = off" } else { "PRAGMA query_only = on" };
    sqlx::query::<Sqlite>(only).execute(&mut *line).await?;
    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(ask.statement.clone()));
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
        if found.rows == 0 {
            found.first = columns(&row);
        }
        found.rows += 1;
        // What changes something is brought to its end, however many rows of it are read.
        if !ask.writes && found.rows >= u64::from(ask.connector.rows_max) {
            break;
        }
    }
    Ok(found)
}

/// SQLite says every value as text; what is no text is empty.
fn columns(row: &SqliteRow) -> BTreeMap<String, String> {
    let text = |at: usize| row.try_get_unchecked::<Option<String>, _>(at).ok().flatten();
    let columns = row.columns().iter();
    columns
        .map(|column| (column.name().to_owned(), text(column.ordinal()).unwrap_or_default()))
        .collect()
}
